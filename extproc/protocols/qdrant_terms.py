"""The obligations on a request to Qdrant: a `Form` made narrower, whichever interface it came by.

A row filter is joined to the client's own wherever a request chooses records: in a query, in every prefetch, in the corpus that
statistics are made of, in the selection of what is changed. A get, which takes no filter, becomes a scroll of the ids. Points
that must be there, to start from or to get vectors, are asked for first, under the same filter. What is written gets the stamp,
and takes effect on records alone that are new or the caller's own (`update_filter`). It asks nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from extproc.decision import Terms
from extproc.errors import Denied, Malformed, NotFound, Unfulfillable, UpstreamError
from extproc.operation import Condition, Value, tested_fields
from extproc.protocols import ownership, qdrant_payload
from extproc.protocols import qdrant_filters as filters
from extproc.protocols.adapter import Facts, Question
from extproc.protocols.qdrant_dialect import checked_name, checked_value, clause, conjoined
from extproc.protocols.qdrant_form import WRITES, Form, Kind
from extproc.protocols.qdrant_operations import GROUPS, LIMIT, SAMPLE, Part
from extproc.protocols.qdrant_queries import prefetches
from extproc.protocols.qdrant_scores import blunted
from extproc.protocols.routes import Target

NEEDED: Final = "needed_records"
"""The topic of the questions about points that must be there."""

_LEAST_SAMPLE: Final = 2
_UNMASKABLE: Final = frozenset({"expose", "whole"})
"""Kinds of requests that show or copy records past every mask."""

_UNDIVIDED: Final = _UNMASKABLE | {"measure", "drop", "repartition"}
"""Kinds of requests that touch all records of a collection, or tell how many there are."""

Body = Mapping[str, Any]


def narrowed(form: Form, parts: Sequence[Part], terms: Sequence[Terms]) -> Form:
    """Return `form` as each operation's terms allow it. Raises `Unfulfillable`, `Denied`."""
    for term in terms:
        if form.kind in _UNDIVIDED and term.where is not None:
            raise Unfulfillable("a row filter cannot be fulfilled on what touches all records of a collection")
        if form.kind in _UNMASKABLE and (term.masks or term.detects or term.stamp is not None or not term.vectors):
            raise Unfulfillable("what is shown or copied whole cannot be masked or stamped")
    own = [term for part, term in zip(parts, terms, strict=True) if part.role == "own"]
    if form.kind == "describe" and own[0].where is not None:
        return msgspec.structs.replace(form, recast="describe")
    beside = next((term for part, term in zip(parts, terms, strict=True) if part.role == "beside"), None)
    return form if form.body is None else _narrowed(form, form.body, own, beside)


def _narrowed(form: Form, body: Body, own: Sequence[Terms], beside: Terms | None) -> Form:
    kind = form.kind
    match kind:
        case "get":
            return _got(form, body, own[0])
        case "scroll" | "count" | "facet" | "matrix":
            body = _chosen(body, kind, own[0])
        case "query" | "groups":
            body = _queried(body, kind, own[0], beside)
            form = form if beside is None else msgspec.structs.replace(form, beside=beside.where)
        case "queries":
            searches = [_queried(each, "query", term, None) for each, term in zip(body["searches"], own, strict=True)]
            body = _with(body, "searches", searches)
        case "batch":
            changes = [_changed_in_batch(each, term) for each, term in zip(body["operations"], own, strict=True)]
            body = _with(body, "operations", changes)
        case _ if kind in WRITES:
            kind, body = _changed(body, kind, own[0])
        case _:
            pass
    return msgspec.structs.replace(form, kind=kind, body=body, recast=form.kind if kind != form.kind else form.recast)


def _with(body: Body, member: str, parts: list[Any]) -> Body:
    """Return `body` with other `parts`; itself where each is the one that it had."""
    return body if all(new is old for new, old in zip(parts, body[member], strict=True)) else {**body, member: parts}


# --- points that must be there ------------------------------------------------------------------------------------------


def needed(parts: Sequence[Part], terms: Sequence[Terms]) -> dict[Question, frozenset[str | int]]:
    """Return what must be asked before a query starts from points, or points get vectors, and which must be in the answer.

    Qdrant itself says of a point that gets vectors whether it is there, whomsoever it belongs to.
    """
    found: dict[Question, frozenset[str | int]] = {}
    for part, term in zip(parts, terms, strict=True):
        where = ownership.owned(term) if part.operation.writes else term.where
        if part.needs and where is not None:
            found[_question(part, where)] = frozenset(part.needs)
    return found


def _question(part: Part, where: Condition) -> Question:
    ids = list(dict.fromkeys(part.needs))
    condition = conjoined(clause(where), {"must": [{"has_id": ids}]})
    asked = {"filter": condition, "limit": len(ids), "with_payload": False, "with_vector": False}
    target = Target(segments=("collections", part.operation.collection or "", "points", "scroll"))
    return Question(topic=NEEDED, method="POST", target=str(target), body=msgspec.json.encode(asked), kept=False)


def refuse_missing(asked: Mapping[Question, frozenset[str | int]], facts: Facts) -> None:
    """Raise `NotFound` where a point that must be there is not, or is hidden from its caller, which reads the same."""
    for question, wanted in asked.items():
        if not _ids(facts[question]) >= wanted:
            raise NotFound("there is no such point")


def _ids(answer: object) -> set[str | int]:
    match answer:
        case None:
            return set()
        case {"result": {"points": list(points)}} if all(isinstance(each, dict) and "id" in each for each in points):
            return {each["id"] for each in points}
        case _:
            raise UpstreamError("the database does not say which records are there", code="answer_unrecognised")


# --- reads --------------------------------------------------------------------------------------------------------------


def _got(form: Form, body: Body, terms: Terms) -> Form:
    """Return a get of no more than is allowed; under a row filter, the scroll of the same points."""
    ids = body["ids"]
    if terms.limit is not None and len(ids) > terms.limit:
        if "id" in form.names:
            raise Unfulfillable("one record is asked for, and the policy's limit is none")
        ids = ids[: terms.limit]
    shown = _without_vectors({**body, "ids": ids}, terms) if ids is not body["ids"] else _without_vectors(body, terms)
    if terms.where is None:
        return msgspec.structs.replace(form, body=shown)
    kept = {name: value for name, value in shown.items() if name != "ids" and value is not None}
    # A scroll brings payloads where nothing is said of them; a get brings none.
    scroll = {
        "with_payload": False,
        **kept,
        "filter": conjoined(clause(terms.where), {"must": [{"has_id": ids}]}),
        "limit": max(1, len(ids)),
    }
    return msgspec.structs.replace(form, kind="scroll", recast="get", body=scroll)


def _chosen(body: Body, kind: Kind, terms: Terms) -> Body:
    found = _filtered(body, terms)
    match kind:
        case "scroll":
            return _without_vectors(_clamped(found, "limit", LIMIT, terms), terms)
        case "facet":
            return _clamped(found, "limit", LIMIT, terms)
        case "matrix":
            return _clamped(found, "sample", SAMPLE, terms, least=_LEAST_SAMPLE)
        case _:
            return found


def _queried(query: Body, kind: Kind, terms: Terms, beside: Terms | None) -> Body:
    found = _without_vectors(_filtered_deep(blunted(query, terms), terms), terms)
    if kind != "groups":
        return _clamped(found, "limit", LIMIT, terms)
    if terms.limit is not None:
        found = _clamped(found, "group_size", GROUPS, terms)
        size = GROUPS if found.get("group_size") is None else found["group_size"]
        found = _clamped(found, "limit", GROUPS, msgspec.structs.replace(terms, limit=max(1, terms.limit // max(1, size))))
    if beside is not None:
        found = _looked_up(found, beside)
    return found


def _looked_up(query: Body, terms: Terms) -> Body:
    """Return a query whose records beside the groups are as their own terms allow, but for the row filter.

    Which records these will be shows in the answer alone, so that is where the row filter is held to.
    """
    lookup = query["with_lookup"]
    if terms.where is not None:
        if not (lookup.get("with_payload") is None or lookup["with_payload"] is True):
            raise Unfulfillable("a row filter is fulfilled on records beside groups where their whole payload comes")
        lookup = {**lookup, "with_payload": True}
        query = {**query, "with_lookup": lookup}
    if not terms.vectors and lookup.get("with_vectors"):
        query = {**query, "with_lookup": {**lookup, "with_vectors": False}}
    return _clamped(query, "limit", GROUPS, terms)


def _filtered(body: Body, terms: Terms, member: str = "filter") -> Body:
    if terms.where is None:
        return body
    return {**body, member: conjoined(clause(terms.where), body.get(member))}


def _filtered_deep(query: Body, terms: Terms) -> Body:
    """Return a query, or a prefetch, with the row filter wherever it chooses records."""
    if terms.where is None:
        return query
    found = dict(_filtered(query, terms))
    inner = list(prefetches(query))
    if inner:
        found["prefetch"] = [_filtered_deep(each, terms) for each in inner]
    corpus = (query.get("params") or {}).get("idf")
    if isinstance(corpus, dict):
        found["params"] = {**query["params"], "idf": {"corpus": conjoined(clause(terms.where), corpus["corpus"])}}
    return found


def _clamped(body: Body, member: str, default: int, terms: Terms, *, least: int = 1) -> Body:
    sent = default if body.get(member) is None else body[member]
    if terms.limit is None or sent <= terms.limit:
        return body
    if terms.limit < least:
        raise Unfulfillable(f"Qdrant takes no {member} of less than {least}")
    return {**body, member: terms.limit}


def _without_vectors(body: Body, terms: Terms) -> Body:
    return {**body, "with_vector": False} if not terms.vectors and body.get("with_vector") else body


# --- writes -------------------------------------------------------------------------------------------------------------


def _changed_in_batch(change: Body, terms: Terms) -> Body:
    ((kind, body),) = change.items()
    changed_kind, changed = _changed(body, kind, terms)
    return change if changed is body else {changed_kind: changed}


def _changed(body: Body, kind: Any, terms: Terms) -> tuple[Any, Body]:
    """Return the kind and the body of a change that makes or finds nothing but the caller's own records."""
    owned = ownership.owned(terms)
    if owned is None:
        return kind, body
    stamp = {checked_name(name): checked_value(value) for name, value in (terms.stamp or {}).items()}
    match kind:
        case "upsert" | "update_vectors":
            written = _upserted(body, terms, stamp) if kind == "upsert" else body
            body = {**written, "update_filter": conjoined(clause(owned), body.get("update_filter"))}
        case "delete" | "delete_vectors":
            body = body if terms.where is None else _selected(body, terms.where)
        case "set_payload" | "overwrite_payload":
            body = _selected(_set(body, kind, terms, stamp), owned)
        case "delete_payload":
            _refuse_touched(body["keys"], terms, stamp)
            body = _selected(body, owned)
        case _:
            return _cleared(body, terms, stamp, owned)
    return kind, body


def _upserted(body: Body, terms: Terms, stamp: Mapping[str, Value]) -> Body:
    member = "points" if body.get("points") is not None else "batch"
    records = body[member].stamped(stamp) if stamp else body[member]
    if terms.where is not None:
        for written in records.written(tested_fields(terms.where)):
            _refuse_unowned(terms.where, written, new=True)
    return {**body, member: records}


def _set(body: Body, kind: Kind, terms: Terms, stamp: Mapping[str, Value]) -> Body:
    """Return a change of payloads that leaves what the stamp and the row filter look at as they must be."""
    key = body.get("key")
    if key is not None:
        _refuse_touched([key], terms, stamp)
        if kind == "overwrite_payload":
            raise Unfulfillable("a row filter or stamp cannot be fulfilled where a part of a payload is overwritten")
        return body
    payload = body["payload"].stamped(stamp) if stamp else body["payload"]
    if terms.where is not None:
        for written in payload.written(tested_fields(terms.where)):
            _refuse_unowned(terms.where, written, new=kind == "overwrite_payload")
    return {**body, "payload": payload}


def _cleared(body: Body, terms: Terms, stamp: Mapping[str, Value], owned: Condition) -> tuple[Kind, Body]:
    """Return what takes all from a payload but the stamp."""
    payload = qdrant_payload.stamped(None, stamp)
    if terms.where is not None:
        _refuse_unowned(terms.where, qdrant_payload.written(payload, tested_fields(terms.where)), new=True)
    chosen = _selected(body, owned)
    return ("overwrite_payload", {**chosen, "payload": payload}) if stamp else ("clear_payload", chosen)


def _selected(body: Body, owned: Condition) -> Body:
    """Return a change of the records that are the caller's own, among those that it selects."""
    ids = body.get("points")
    clients = body.get("filter") if ids is None else {"must": [{"has_id": ids}]}
    kept = {name: value for name, value in body.items() if name != "points"}
    return {**kept, "filter": conjoined(clause(owned), clients)}


def _refuse_unowned(where: Condition, written: ownership.Written, *, new: bool) -> None:
    if not ownership.admits(where, written, new=new):
        raise Denied("what is written would not meet the row filter of the policy", code="record_outside_filter")


def _refuse_touched(paths: Sequence[str], terms: Terms, stamp: Mapping[str, Value]) -> None:
    """Refuse to change or take away a field that the stamp or the row filter looks at, or a part of one."""
    if not isinstance(paths, list):
        raise Malformed("keys are a list of paths")
    for touched in map(filters.field, paths):
        for name in {*stamp, *tested_fields(terms.where)}:
            if touched == name or touched.startswith(f"{name}.") or name.startswith(f"{touched}."):
                raise Denied("the request changes a field that the policy's row filter or stamp holds", code="field_held")
