"""What a request to Qdrant means, whichever interface it came by: a `Form` as Operations.

A request is one operation, or one for each query or change that it holds. A query that takes its points' vectors from another
collection, or puts the records of another beside its groups, reads that collection by itself, so that is an operation of its
own: decided by itself, under terms of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from extproc.errors import Malformed
from extproc.operation import Batch, Condition, FieldCondition, Operation, Returns, rounded_size, tested_fields
from extproc.protocols import qdrant_filters as filters
from extproc.protocols import qdrant_names as names
from extproc.protocols import qdrant_queries as queries
from extproc.protocols.qdrant_form import Form, Kind

MOST_PARTS: Final = 256
"""Operations that one request may hold: each is decided by itself."""

LIMIT: Final = 10
"""Qdrant's limit of records where none is named."""

GROUPS: Final = 3
"""Qdrant's number of groups, and of records in one, where none is named."""

SAMPLE: Final = 10
"""How many records a matrix is made of where no number is named."""

ACTIONS: Final[Mapping[str, str]] = {
    "upsert": "upsert",
    "delete": "delete_records",
    "set_payload": "update_payload",
    "overwrite_payload": "update_payload",
    "delete_payload": "update_payload",
    "clear_payload": "update_payload",
    "update_vectors": "update_vectors",
    "delete_vectors": "update_vectors",
}
"""The actions of the changes that a batch holds."""

_PAYLOAD: Final[Mapping[Kind, bool]] = {"get": True, "scroll": True}
"""Whether payloads come where nothing is said of them; kinds that are not named bring none."""

_ALL: Final = "*"

Role = Literal["own", "probe", "beside"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of a request, and where it stands.

    `place` is the number of its query or change in the body. `role` says what it does there: the query's or change's `own`
    work; reading points of another collection to start from (`probe`); reading another's records `beside` the groups.
    `needs` are the ids of points that must be there for it: to start from, or to put vectors into.
    """

    operation: Operation
    place: int = 0
    role: Role = "own"
    needs: tuple[str | int, ...] = ()


def parts(form: Form, database: str, known: Mapping[str, str]) -> tuple[Part, ...]:
    """Return what `form` asks for; `known` are the database's aliases. Raises `Malformed`, `Unrecognised`."""
    blank = Operation(
        database=database,
        engine="qdrant",
        action=form.action,
        scope=form.scope,
        collection=form.collection,
        size=rounded_size(form.size),
    )
    found = tuple(_parts(form, blank, known))
    if not 1 <= len(found) <= MOST_PARTS:
        raise Malformed(f"a request holds 1 to {MOST_PARTS} operations")
    return found


def _parts(form: Form, blank: Operation, known: Mapping[str, str]) -> Iterator[Part]:
    body = form.body or {}
    match form.kind:
        case "aliases":
            found = list(names.changes(body, known))
            for index, (collection, reads, writes) in enumerate(found):
                batch = Batch(index=index, count=len(found))
                about = _of(blank, collection=collection, reads=reads, writes=writes, batch=batch)
                yield Part(operation=about, place=index)
        case "query" | "groups":
            yield from _query(body, form.kind, blank, 0)
        case "queries":
            searches = body["searches"]
            for index, search in enumerate(searches[: MOST_PARTS + 1]):
                yield from _query(search, "query", _of(blank, batch=Batch(index=index, count=len(searches))), index)
        case "batch":
            changes = body["operations"]
            for index, change in enumerate(changes[: MOST_PARTS + 1]):
                ((kind, inner),) = change.items()
                base = _of(blank, action=ACTIONS[kind], batch=Batch(index=index, count=len(changes)))
                yield Part(operation=_change(inner, kind, base), place=index, needs=_needed(inner, kind))
        case kind if kind in ACTIONS:
            yield Part(operation=_change(body, kind, blank), needs=_needed(body, kind))
        case "get" | "scroll" | "count" | "facet" | "matrix":
            yield Part(operation=_read(body, form.kind, blank))
        case _:
            yield Part(operation=_whole(form, blank))


def _of(operation: Operation, **changes: Any) -> Operation:
    return msgspec.structs.replace(operation, **changes)


def _touched(operation: Operation) -> tuple[str, ...]:
    return () if operation.collection is None else (operation.collection,)


def _whole(form: Form, blank: Operation) -> Operation:
    """Return the operation of a request that names no records."""
    touched = _touched(blank)
    match form.kind:
        case "describe" | "measure":
            return _of(blank, reads=touched)
        case "whole" if form.action == "snapshot_create":
            return _of(blank, reads=touched, selector="all" if touched else "none")
        case "partition":
            return _of(blank, writes=touched, namespace=namespace((form.body or {})["shard_key"]))
        case "repartition":
            return _of(blank, writes=touched, namespace=namespace((form.body or {})["shard_key"]), selector="all")
        case _:
            return _of(blank, writes=touched)


def namespace(shard_key: Any) -> str | None:
    """Return the shards of a request as one word: several keys are joined by commas, of which none is left in a key.

    Raises `Malformed`.
    """
    keys = shard_key if isinstance(shard_key, list) else [*shard_key.values()] if isinstance(shard_key, dict) else [shard_key]
    if shard_key is None or not keys:
        return None
    if any(isinstance(key, bool) or not isinstance(key, (int, str)) for key in keys):
        raise Malformed("a shard key is text or a whole number")
    return ",".join(_shard(str(key)) for key in keys)


def _shard(key: str) -> str:
    return key.replace("%", "%25").replace(",", quote(","))


# --- records, read ------------------------------------------------------------------------------------------------------


def _read(body: Mapping[str, Any], kind: Kind, blank: Operation) -> Operation:
    condition = filters.condition(body.get("filter"))
    chosen = _of(blank, reads=_touched(blank), namespace=namespace(body.get("shard_key")), **_selected(condition))
    match kind:
        case "get":
            ids = body["ids"]
            return _of(chosen, selector="ids", ids=len(ids), **_returned(body, kind))
        case "scroll":
            order = body.get("order_by")
            tests = () if order is None else (queries.order_field(order),)
            asked = {**_selected(condition, tests), **_returned(body, kind)}
            return _of(chosen, limit=_given(body.get("limit"), LIMIT), **asked)
        case "facet":
            key = filters.field(body["key"])
            asked = {**_selected(condition, (key,)), "fields": (key,), "returns": Returns(payload=True)}
            return _of(chosen, limit=_given(body.get("limit"), LIMIT), **asked)
        case "matrix":
            return _of(chosen, limit=_given(body.get("sample"), SAMPLE), returns=Returns(scores=True))
        case _:
            return chosen


def _query(query: Mapping[str, Any], kind: Kind, blank: Operation, place: int) -> Iterator[Part]:
    """Give the operations of one query: its own, and what it reads of other collections."""
    found = queries.read(query)
    limit, offset = _given(query.get("limit"), LIMIT), query.get("offset")
    if kind == "groups":
        limit = _given(query.get("limit"), GROUPS) * _given(query.get("group_size"), GROUPS)
    others = [name for name in found.ids if name is not None]
    lookup = query.get("with_lookup")
    starts = tuple(found.ids.get(None, ()))
    own = _of(
        blank,
        reads=names_once(*_touched(blank), *others, *([] if lookup is None else [lookup["collection"]])),
        namespace=namespace(query.get("shard_key")),
        limit=limit,
        offset=offset,
        probe=found.probe,
        ids=len(starts),
        **_selected(found.condition, found.tests),
        **_returned(query, kind, scores=True),
    )
    yield Part(operation=own, place=place, needs=starts)
    for name in others:
        ids = tuple(found.ids[name])
        read = _of(
            blank, action="get", collection=name, reads=(name,), selector="ids", ids=len(ids), probe="id" if ids else "none"
        )
        yield Part(operation=read, place=place, role="probe", needs=ids)
    if lookup is not None:
        name = names.check(lookup["collection"])
        most = _given(query.get("limit"), GROUPS)
        shown = _returned({"with_payload": lookup.get("with_payload"), "with_vector": lookup.get("with_vectors")}, "get")
        beside = _of(blank, action="get", collection=name, reads=(name,), selector="ids", limit=most, **shown)
        yield Part(operation=beside, place=place, role="beside")


def names_once(*found: str) -> tuple[str, ...]:
    """Return names in their order, each once."""
    return tuple(dict.fromkeys(found))


def _selected(condition: Condition | None, tests: Collection[str] = ()) -> dict[str, Any]:
    """Return how records are chosen; `tests` are fields that are looked at beside the condition's."""
    return {
        "selector": "all" if condition is None else "filter",
        "filter": condition,
        "tests": tuple(sorted({*tested_fields(condition), *tests})),
    }


def _returned(body: Mapping[str, Any], kind: Kind, *, scores: bool = False) -> dict[str, Any]:
    """Return what the answer would hold of each record."""
    match _given(body.get("with_payload"), _PAYLOAD.get(kind, False)):
        case bool(every):
            fields: Any = _ALL if every else ()
        case {"include": list(paths)} | list(paths):
            fields = tuple(sorted({filters.field(path) for path in paths}))
        case _:
            fields = _ALL
    vectors = bool(_given(body.get("with_vector"), False))
    return {"fields": fields, "returns": Returns(payload=bool(fields), vectors=vectors, scores=scores)}


def _given(value: Any, default: Any) -> Any:
    return default if value is None else value


# --- records, written ---------------------------------------------------------------------------------------------------


def _needed(body: Mapping[str, Any], kind: str) -> tuple[str | int, ...]:
    """Return the ids of points without which Qdrant fails a change; what selects records takes those that are there."""
    return tuple(body["points"].ids) if kind == "update_vectors" else ()


def _change(body: Mapping[str, Any], kind: str, blank: Operation) -> Operation:
    written = _of(blank, writes=_touched(blank), namespace=namespace(body.get("shard_key")))
    if kind in {"upsert", "update_vectors"}:
        records = len(body["points"] if body.get("points") is not None else body["batch"])
        condition = filters.condition(body.get("update_filter"))
        tests = tuple(sorted(tested_fields(condition)))
        return _of(written, selector="ids", ids=records, records=records, filter=condition, tests=tests)
    ids = body.get("points")
    if ids is not None:
        return _of(written, selector="ids", ids=len(ids))
    chosen = _of(written, **_selected(filters.condition(body.get("filter"))))
    match chosen.filter:
        case FieldCondition(operator="in", field=filters.ID, value=tuple(named)):  # ids, said as a filter
            return _of(chosen, selector="ids", ids=len(named))
        case _:
            return chosen
