"""The part of the story about answers: the same question by two people, embeddings, and more records than are allowed."""

from __future__ import annotations

import json
from typing import Any, Final

from extproc.demo import drawing
from extproc.demo.scene import Check, Scene, equal
from extproc.demo.stage import PERSONAL, Stage, leaks
from extproc.demo.vectors import DIMENSIONS, embed

QUESTION: Final = "customer was charged twice for the same order"
_HITS: Final = 3
_MANY: Final = 200
_READER_LIMIT: Final = 50


def search(stage: Stage) -> Scene:
    """Search as a reader and as an admin, and compare with the tickets themselves."""
    asked = question()
    seen = {role: stage.collection(token).query(**asked) for role, token in _roles(stage).items()}
    reader, admin = seen["reader"], seen["admin"]
    known = {ticket.id: ticket for ticket in stage.tickets}
    hits = [known[name] for name in admin["ids"][0]]
    wire = stage.post(f"/collections/{stage.behind().id}/query", asked, {"x-chroma-token": stage.tokens.reader})
    leaked = leaks(wire.text, stage.tickets) + leaks(json.dumps(reader, default=str, ensure_ascii=False), stage.tickets)
    clear = [
        {name: value for name, value in ticket.metadata.items() if name not in PERSONAL} == _without_personal(shown)
        for ticket, shown in zip(hits, reader["metadatas"][0], strict=False)
    ]
    masked = [
        shown.get(name) != ticket.metadata[name]
        for ticket, shown in zip(hits, reader["metadatas"][0], strict=False)
        for name in PERSONAL
        if name in ticket.metadata
    ]
    texts = [ticket.text for ticket in hits]
    return Scene(
        shown=(drawing.question(QUESTION), drawing.side_by_side(reader, admin)),
        checks=(
            equal("both find the same tickets in the same order", admin["ids"], reader["ids"]),
            Check(
                what="what was found is about the question",
                held=all(ticket.metadata["product"] == "payments" for ticket in hits) and len(hits) == _HITS,
                found="a ticket about something else",
            ),
            Check(
                what="the admin sees the tickets as they are",
                held=admin["documents"][0] == texts and admin["metadatas"][0] == [ticket.metadata for ticket in hits],
                found="a value differs from the ticket's",
            ),
            Check(
                what="no name, address, phone, card or key is anywhere in the reader's answer, nor in its bytes on the wire",
                held=wire.is_success and not leaked,
                found=f"HTTP {wire.status_code}; " + ", ".join(sorted(set(leaked))[:6]),
            ),
            Check(
                what="each personal field of the reader's answer is masked",
                held=bool(masked) and all(masked),
                found="a field has its own value",
            ),
            Check(
                what="the ticket texts are masked whole (until values can be found inside texts)",
                held=not set(reader["documents"][0]) & set(texts) and len(reader["documents"][0]) == len(texts),
                found="a text came through",
            ),
            Check(
                what="everything else is as it was",
                held=bool(clear) and all(clear),
                found="a field that nobody asked to mask has changed",
            ),
        ),
    )


def vectors_withheld(stage: Stage) -> Scene:
    """Ask for embeddings as both."""
    ticket = stage.tickets[0]
    asked: dict[str, Any] = {"ids": [ticket.id], "include": ["embeddings", "metadatas"]}
    admin = stage.collection(stage.tokens.admin).get(**asked)["embeddings"]
    reader = stage.collection(stage.tokens.reader).get(**asked)
    wire = stage.post(f"/collections/{stage.behind().id}/get", asked, {"x-chroma-token": stage.tokens.reader}).json()
    withheld = wire.get("embeddings") is None
    return Scene(
        shown=(
            drawing.pairs(
                ("reader asks for embeddings", "none came back" if withheld else "they came back"),
                ("admin asks for embeddings", f"{len(admin[0])} numbers: {drawing.numbers(admin[0])}"),
            ),
        ),
        checks=(
            Check(what="no embedding leaves for the reader", held=withheld, found="the answer holds embeddings"),
            equal("the record itself does, and the official client can read it", [ticket.id], reader["ids"]),
            equal("the admin gets every number", (1, DIMENSIONS), (len(admin), len(admin[0]))),
        ),
    )


def limit_clamped(stage: Stage) -> Scene:
    """Ask for more than a reader may have at once."""
    seen = {role: len(stage.collection(token).get(limit=_MANY)["ids"]) for role, token in _roles(stage).items()}
    unlimited = len(stage.collection(stage.tokens.reader).get()["ids"])
    return Scene(
        shown=(
            drawing.pairs(
                (f"reader asks for {_MANY} records", f"{seen['reader']} came back"),
                ("reader asks without a limit", f"{unlimited} came back"),
                (f"admin asks for {_MANY} records", f"{seen['admin']} came back"),
            ),
        ),
        checks=(
            equal(f"the reader gets {_READER_LIMIT} records at most", _READER_LIMIT, seen["reader"]),
            equal("asking without a limit gives no more", _READER_LIMIT, unlimited),
            equal("the admin gets what was asked for", _MANY, seen["admin"]),
        ),
    )


def question() -> dict[str, Any]:
    """Return the question as clients put it."""
    return {"query_embeddings": [embed(QUESTION)], "n_results": _HITS, "include": ["documents", "metadatas", "distances"]}


def _roles(stage: Stage) -> dict[str, str]:
    return {"reader": stage.tokens.reader, "admin": stage.tokens.admin}


def _without_personal(metadata: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name not in PERSONAL}
