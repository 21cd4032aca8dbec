"""The part of the story about answers: the same question by two people, embeddings, and more records than are allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from extproc.demo import drawing
from extproc.demo.scene import Check, Scene, equal
from extproc.demo.stage import FOUND, PERSONAL, Stage, leaks, written
from extproc.demo.tickets import Ticket
from extproc.demo.vectors import DIMENSIONS, embed

QUESTIONS: Final = ("customer was charged twice for the same order", "our live API key leaked, please revoke it")
_HITS: Final = 3
_MANY: Final = 200
_READER_LIMIT: Final = 50


def search(stage: Stage) -> Scene:
    """Search as a reader and as an admin, and compare with the tickets themselves."""
    asked = question()
    reader, admin = (stage.collection(token).query(**asked) for token in (stage.tokens.reader, stage.tokens.admin))
    wire = stage.post(f"/collections/{stage.behind().id}/query", asked, {"x-chroma-token": stage.tokens.reader})
    came = (wire.text, json.dumps(reader, default=str, ensure_ascii=False))
    leaked = [leak for text in came for leak in leaks(text, stage.tickets, FOUND)]
    known = {ticket.id: ticket for ticket in stage.tickets}
    hits = [known[name] for found in admin["ids"] for name in found]
    return Scene(
        shown=(drawing.questions(QUESTIONS), drawing.side_by_side(reader, admin)),
        checks=(
            equal("both find the same tickets in the same order", admin["ids"], reader["ids"]),
            Check(
                what="what was found is about the questions",
                held=[ticket.metadata["product"] for ticket in hits] == ["payments"] * _HITS + ["api"] * _HITS,
                found="a ticket about something else",
            ),
            Check(
                what="the admin sees the tickets as they are",
                held=_flat(admin["documents"]) == [ticket.text for ticket in hits]
                and _flat(admin["metadatas"]) == [ticket.metadata for ticket in hits],
                found="a value differs from the ticket's",
            ),
            Check(
                what="no address, phone, card or key is anywhere in the reader's answer, nor in its bytes on the wire",
                held=wire.is_success and not leaked,
                found=f"HTTP {wire.status_code}; " + ", ".join(sorted(set(leaked))[:6]),
            ),
            *_masked(hits, _flat(reader["metadatas"]), _flat(reader["documents"])),
        ),
    )


def _masked(hits: list[Ticket], fields: list[Any], texts: list[Any]) -> Iterator[Check]:
    """Compare what the reader got with the tickets, field by field."""
    personal = [
        (name, ticket.metadata[name], shown.get(name))
        for ticket, shown in _pairs(hits, fields)
        for name in PERSONAL
        if name in ticket.metadata
    ]
    clear = sorted({name for name, value, shown in personal if value == shown})
    yield Check(
        what=f"each of {', '.join(PERSONAL)} is masked",
        held={name for name, _, _ in personal} == set(PERSONAL) and not clear,
        found=f"as it is: {', '.join(clear)}" if clear else "not every field was there to be masked",
    )
    yield Check(
        what="in the ticket texts each address, phone, card and key is masked, and nothing else is changed",
        held=texts == [_without_found(ticket) for ticket in hits],
        found="a text is not the ticket's with its values masked",
    )
    changed = [ticket.id for ticket, shown in _pairs(hits, fields) if _open(ticket.metadata) != _open(shown)]
    yield Check(
        what="everything else is as it was", held=len(fields) == len(hits) and not changed, found=f"changed in {changed}"
    )


def _without_found(ticket: Ticket) -> str:
    """Return the ticket's text as it reads with the values of its own fields masked."""
    text = ticket.text
    for field, mask in FOUND.items():
        for value in written(field, str(ticket.metadata.get(field, ""))):
            text = text.replace(value, mask)
    return text


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
    """Ask for more than a reader may have at once, in every way that there is."""
    reader, admin = stage.collection(stage.tokens.reader), stage.collection(stage.tokens.admin)
    vector = embed(QUESTIONS[0])
    came = {
        f"get(limit={_MANY})": len(reader.get(limit=_MANY)["ids"]),
        "get()": len(reader.get()["ids"]),
        f"query(n_results={_MANY})": len(reader.query(query_embeddings=[vector], n_results=_MANY)["ids"][0]),
    }
    more = len(admin.get(limit=_MANY)["ids"])
    return Scene(
        shown=(
            drawing.pairs(
                *((f"reader: {asked}", f"{count} records") for asked, count in came.items()),
                (f"admin: get(limit={_MANY})", f"{more} records"),
            ),
        ),
        checks=(
            equal(f"the reader gets {_READER_LIMIT} records, however asked", {_READER_LIMIT}, set(came.values())),
            equal("the admin gets what was asked for", _MANY, more),
        ),
    )


def question() -> dict[str, Any]:
    """Return the questions as clients put them, in one request."""
    return {
        "query_embeddings": [embed(one) for one in QUESTIONS],
        "n_results": _HITS,
        "include": ["documents", "metadatas", "distances"],
    }


def _flat(columns: list[list[Any]]) -> list[Any]:
    return [value for column in columns for value in column]


def _pairs(hits: list[Ticket], fields: list[Any]) -> Iterator[tuple[Ticket, dict[str, Any]]]:
    return ((ticket, shown or {}) for ticket, shown in zip(hits, fields, strict=False))


def _open(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that nobody asked to mask."""
    return {name: value for name, value in metadata.items() if name not in PERSONAL}
