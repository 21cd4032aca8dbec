"""Row filters and stamps on Chroma's requests: what is the caller's own is read, counted and changed, and nothing else.

Whatever chooses records gets the policy's condition joined to the client's. A count, which takes no filter, becomes a `get` of
the ids, which are counted here. What is written gets the stamp. Chroma's writes take no condition, so the database is asked
which of the ids are there and which of them are the caller's own, while nobody else may write them (`adapter.Reservation`).
It knows no policy and asks nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from extproc.decision import Terms
from extproc.errors import Denied, Malformed, NotFound, Unfulfillable, UpstreamError
from extproc.operation import Condition, Value, tested_fields
from extproc.protocols import ownership
from extproc.protocols.adapter import Facts, Question, Reservation
from extproc.protocols.chroma_dialect import Where, checked_name, checked_value, conjoined, where
from extproc.protocols.chroma_forms import Form
from extproc.protocols.routes import Target

OWN: Final = "own_records"
"""The topic of the questions about whose records are written."""

_WRITES: Final = frozenset({"add", "update", "delete"})
_DEFAULT_LEVEL: Final = ("read_level", "index_and_wal")
_NOT_PLAIN: Final = frozenset(b"[{")
"""How a list or an object begins."""

_Record = dict[str, msgspec.Raw]
_entries: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def bound(terms: tuple[Terms, ...]) -> bool:
    """Return whether it matters whose the records are."""
    for each in terms:  # noqa: SIM110 - every request passes here, and a generator costs as much again
        if each.where is not None or each.stamp is not None:
            return True
    return False


def reservation(form: Form, terms: Terms) -> Reservation | None:
    """Return what a request reserves: the records that it writes or deletes."""
    if form.kind not in _WRITES:
        return None
    ids = (form.body or {}).get("ids")
    return Reservation(
        collection=form.parameters["collection_id"],
        ids=None if ids is None else tuple(ids),
        checked=terms.where is not None or terms.stamp is not None,
    )


def narrowed(form: Form, terms: tuple[Terms, ...]) -> Form:
    """Return `form`, whose `terms` are bound, so that it reads, counts, deletes and writes none but the caller's own records.

    Raises `Unfulfillable` for a condition or stamp that Chroma cannot have, `Denied` for a record that would be nobody's own,
    `Malformed`.
    """
    match form.kind:
        case "search":
            searches = [_searched(*each) for each in zip((form.body or {})["searches"], terms, strict=True)]
            return msgspec.structs.replace(form, body={**(form.body or {}), "searches": searches})
        case "add" | "update":
            return _written(form, terms[0])
        case "get" | "query" | "count" | "delete":
            condition = terms[0].where
            return form if condition is None else _filtered(form, where(condition))
        case _ if form.scope == "records":
            raise Unfulfillable("a row filter or a stamp cannot be fulfilled on this operation")
        case _:
            return form


def questions(form: Form, terms: Terms) -> tuple[Question, ...]:
    """Return what must be asked before records are written: which of the ids are the caller's own, then which are there."""
    condition = ownership.owned(terms) if form.kind in {"add", "update"} else None
    if condition is None:
        return ()
    named = {"ids": (form.body or {})["ids"], "include": []}
    target = str(_beside(form, "get"))
    return tuple(
        Question(topic=OWN, method="POST", target=target, body=msgspec.json.encode(asked), kept=False)
        for asked in ({**named, "where": where(condition)}, named)
    )


def settled(form: Form, asked: tuple[Question, ...], facts: Facts) -> Form:
    """Return a write as it may go on now that it is known whose the records are.

    An update leaves out what is not there. Chroma says that it ignores it, but keeps it in its log, and may give its vector to
    a record of that id that is added later, by whomever. Raises `Denied` (``record_foreign``) where a record that is there is
    not among the caller's own, `Malformed`.
    """
    own, there = (_ids(facts[question]) for question in asked)
    if not there <= own:
        raise Denied("a record that the request writes is there already, and not the caller's own", code="record_foreign")
    body = form.body or {}
    kept = [index for index, each in enumerate(body["ids"]) if each in there]
    if form.kind != "update" or len(kept) == len(body["ids"]):
        return form
    columns = {name: _selected(name, column, kept, len(body["ids"])) for name, column in body.items()}
    return msgspec.structs.replace(form, body=columns)


def _selected(name: str, column: Any, kept: list[int], count: int) -> Any:
    """Return the entries of a column of records that are `kept`, of `count`."""
    if column is None:
        return None
    found = _entries(column) if isinstance(column, msgspec.Raw) else column
    if len(found) != count:
        raise Malformed(f"'{name}' and 'ids' are not of one length")
    return [found[index] for index in kept]


def _ids(answer: object) -> set[str]:
    match answer:
        case None:
            raise NotFound("the collection does not exist in this tenant and database")
        case {"ids": list(ids)} if all(isinstance(each, str) for each in ids):
            return set(ids)
        case _:
            raise UpstreamError("the database does not say which records are there", code="answer_unrecognised")


def _beside(form: Form, operation: str) -> Target:
    """Return the target of another operation on the same collection."""
    return Target(segments=(*form.target.segments[:-1], operation))


# --- reads and deletions ------------------------------------------------------------------------------------------------


def _filtered(form: Form, clause: Where) -> Form:
    if form.kind == "count":
        return _counted(form, clause)
    body = dict(form.body or {})
    if form.kind == "delete" and body.get("limit") is not None and not (body.get("where") or body.get("where_document")):
        # Chroma refuses it; with the policy's filter in it, it would delete some records or other.
        raise Malformed("a 'limit' on a deletion needs a filter")
    body["where"] = conjoined(clause, body.get("where"))
    return msgspec.structs.replace(form, body=body)


def _counted(form: Form, clause: Where) -> Form:
    """Return the `get` whose ids are the records that count."""
    if form.method != "GET":
        raise Unfulfillable("an answer without a body cannot be counted anew")
    if not {_DEFAULT_LEVEL}.issuperset(form.target.query):
        raise Unfulfillable("a row filter can be fulfilled on a count of what is in the log as well, and on no other")
    return msgspec.structs.replace(form, method="POST", target=_beside(form, "get"), body={"where": clause, "include": []})


def _searched(search: dict[str, Any], terms: Terms) -> dict[str, Any]:
    return search if terms.where is None else {**search, "filter": conjoined(where(terms.where), search.get("filter"))}


# --- writes -------------------------------------------------------------------------------------------------------------


def _written(form: Form, terms: Terms) -> Form:
    body = form.body or {}
    stamp = {name: msgspec.Raw(msgspec.json.encode(checked_value(value))) for name, value in (terms.stamp or {}).items()}
    records = _stamped(body, {checked_name(name): raw for name, raw in stamp.items()})
    if terms.where is not None:
        _refuse_unowned(form, terms.where, records)
    return msgspec.structs.replace(form, body={**body, "metadatas": records}) if stamp else form


def _stamped(body: Mapping[str, Any], stamp: _Record) -> list[_Record]:
    """Return the metadata of each record with the stamp in it."""
    sent = body.get("metadatas")
    count = len(body["ids"])
    if sent is None:
        return [stamp] * count
    if len(sent) != count:
        raise Malformed("'metadatas' and 'ids' are not of one length")
    return [{**(record or {}), **stamp} for record in sent]


def _refuse_unowned(form: Form, condition: Condition, records: list[_Record]) -> None:
    """Raise `Denied` (``record_outside_filter``) where a record would, or might, not meet the policy's filter once written."""
    fields = tested_fields(condition)
    # An upsert may make a record or find one, so what it writes must do in both cases.
    cases = (False,) if form.kind == "update" else (True, False)
    for record in records:
        written = {field: _value(record[field]) for field in fields if field in record}
        if not all(ownership.admits(condition, written, new=new) for new in cases):
            raise Denied("what is written would not meet the row filter of the policy", code="record_outside_filter")


def _value(raw: msgspec.Raw) -> Value | ownership.Unread:
    if bytes(raw)[0] in _NOT_PLAIN:
        return ownership.UNREAD
    value: Value = msgspec.json.decode(raw)
    return value
