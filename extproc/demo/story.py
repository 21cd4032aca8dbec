"""The story: what a gateway before a knowledge base does, step by step, each held against the answers that really came back.

No step looks at the policy: with a mask taken out of it, or a role widened, the answers differ and the step does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from extproc.demo import drawing
from extproc.demo.aftermath import trace_and_entries
from extproc.demo.answers import limit_clamped, search, vectors_withheld
from extproc.demo.refusals import delete_refused, masked_filter_refused, strangers_refused
from extproc.demo.scene import Check, Scene, Step, equal
from extproc.demo.stage import COLLECTION, Stage
from extproc.demo.vectors import embed

_BATCH: Final = 50


def load(stage: Stage, advance: Callable[[int], None]) -> Scene:
    """Create the collection and write every ticket, through the gateway; `advance` is told how many were written."""
    stage.client(stage.tokens.admin).create_collection(COLLECTION, embedding_function=None)
    collection = stage.collection(stage.tokens.writer)
    for start in range(0, len(stage.tickets), _BATCH):
        batch = stage.tickets[start : start + _BATCH]
        collection.add(
            ids=[ticket.id for ticket in batch],
            documents=[ticket.text for ticket in batch],
            metadatas=[ticket.metadata for ticket in batch],
            embeddings=[embed(ticket.text) for ticket in batch],
        )
        advance(len(batch))
    ticket = stage.tickets[0]
    stored = stage.behind().get(ids=[ticket.id])
    return Scene(
        shown=(drawing.ticket(ticket),),
        checks=(
            equal(f"{len(stage.tickets)} tickets are in the database", len(stage.tickets), stage.behind().count()),
            Check(
                what="the database holds them as they are: nothing is masked at rest",
                held=stored["documents"] == [ticket.text] and stored["metadatas"] == [ticket.metadata],
                found="a stored ticket differs from the one that was written",
            ),
        ),
    )


STEPS: Final = (
    Step(title="A search, as a reader and as an admin", play=search),
    Step(title="Vectors are withheld", play=vectors_withheld),
    Step(title="A limit is clamped", play=limit_clamped),
    Step(title="A filter on a masked field is refused", play=masked_filter_refused),
    Step(title="A delete is refused", play=delete_refused),
    Step(title="Forged, expired and missing tokens are refused, and so is the database's own key", play=strangers_refused),
    Step(title="The trace, and the entries of what just happened", play=trace_and_entries),
)
"""What follows once the tickets are loaded."""
