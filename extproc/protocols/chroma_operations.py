"""Chroma's requests as Operations, and the obligations on a request: a `Form` made narrower.

A collection that is named by its id stands as `UNNAMED` in an Operation until the database has told its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from extproc.decision import Terms
from extproc.errors import Unfulfillable
from extproc.operation import Batch, Operation, Returns, rounded_size, tested_fields
from extproc.protocols.chroma_forms import Form
from extproc.protocols.chroma_search import Search
from extproc.protocols.chroma_where import DOCUMENT, URI, conjoined

UNNAMED: Final = ""

_COPIES: Final = frozenset({"fork", "attach"})
"""Requests that have the database copy records, past every mask."""
_WHOLE: Final = _COPIES | {"drop", "clear", "progress"}
"""Requests that touch all records of a collection, or tell how many there are, although they name none."""

_ALL_METADATA: Final = "*"
_COLUMNS: Final = {"documents": DOCUMENT, "metadatas": _ALL_METADATA, "uris": URI}
"""Columns of an answer that hold fields of the records."""

_INCLUDED: Final = {"get": ("documents", "metadatas"), "query": ("documents", "metadatas", "distances")}
"""The columns of an answer when `include` is absent."""

_RESULTS: Final = 10
"""Chroma's `n_results` when it is absent."""


def operations(form: Form, database: str) -> tuple[Operation, ...]:
    """Return what `form` asks for, one Operation for each search it holds. Raises `Malformed`, `Unrecognised`."""
    collection = UNNAMED if form.names == "uuid" else form.parameters.get("collection_id")
    body = form.body or {}
    made = body["name"] if form.kind == "establish" else None
    places = (form.parameters.get("tenant", form.parameters.get("tenant_name")), form.parameters.get("database"), made)
    operation = Operation(
        database=database,
        engine="chroma",
        action=form.action,
        scope=form.scope,
        collection=collection,
        namespace="/".join(place for place in places if place is not None) or None,
        size=rounded_size(form.size),
    )
    asked = msgspec.structs.replace(operation, **_asked(form, () if collection is None else (collection,)))
    count = len(form.searches)
    if not count:
        return (asked,)
    return tuple(
        msgspec.structs.replace(asked, batch=Batch(index=index, count=count), **_searched(search))
        for index, search in enumerate(form.searches)
    )


def _asked(form: Form, touched: tuple[str, ...]) -> dict[str, Any]:
    """Return the members of an Operation that are `form`'s own; `touched` is the collection in the path, if there is one."""
    body = form.body or {}
    asked: dict[str, Any] = {}
    match form.kind:
        case "list" | "databases":
            asked = {name: int(value) for name, value in form.target.query}
        case "create":
            created = (body["name"],)
            asked = {"collection": body["name"], "writes": created, "reads": created if body.get("get_or_create") else ()}
        case "alter" | "drop" | "detach":
            new = body.get("new_name")
            asked = {"writes": touched if new is None else (*touched, new)}
        case "fork":
            asked = {"reads": touched, "writes": (body["new_name"],)}
        case "attach":
            asked = {"reads": touched, "writes": (*touched, body["output_collection"])}
        case "describe" | "progress" | "search":
            asked = {"reads": touched}
        case "count":
            asked = {"reads": touched, "selector": "all"}
        case "add" | "update":
            count = len(body["ids"])
            asked = {"writes": touched, "selector": "ids", "ids": count, "records": count}
        case "delete":
            asked = {"writes": touched, "limit": body.get("limit"), **_selection(body)}
        case "get":
            page = {"limit": body.get("limit"), "offset": body.get("offset")}
            asked = {"reads": touched, **page, **_selection(body), **_included(form)}
        case "query":
            limit = _RESULTS if body.get("n_results") is None else body["n_results"]
            # Each vector is answered by up to `limit` records, so their number is part of what is asked.
            batch = Batch(count=max(1, form.queries))
            asked = {"reads": touched, "limit": limit, "probe": "vector", "batch": batch, **_selection(body), **_included(form)}
        case _:  # the service, a tenant or a database: nothing but its name, also where all that is in it goes
            pass
    return asked


def named(operation: Operation, name: str) -> Operation:
    """Return `operation` with `name` for the collection that was `UNNAMED`."""
    return msgspec.structs.replace(
        operation,
        collection=name,
        reads=tuple(name if read == UNNAMED else read for read in operation.reads),
        writes=tuple(name if written == UNNAMED else written for written in operation.writes),
    )


def _selection(body: Any) -> dict[str, Any]:
    """Return how a get, query or delete chooses its records."""
    condition = conjoined(body.get("where"), body.get("where_document"))
    ids = body.get("ids")
    selector: Literal["ids", "filter", "all"] = "ids" if ids is not None else "all" if condition is None else "filter"
    return {
        "selector": selector,
        "ids": len(ids or ()),
        "filter": condition,
        "tests": tuple(sorted(tested_fields(condition))),
    }


def _included(form: Form) -> dict[str, Any]:
    """Return what the answer to a get or query would hold; a get has no distances, whatever it includes."""
    columns = set((form.body or {}).get("include", _INCLUDED[form.kind]))
    return _returned(
        {_COLUMNS[column] for column in columns & _COLUMNS.keys()},
        vectors="embeddings" in columns,
        scores="distances" in columns and form.kind == "query",
    )


def _searched(search: Search) -> dict[str, Any]:
    return {
        "selector": "all" if search.filter is None else "filter",
        "limit": search.limit,
        "offset": search.offset,
        "filter": search.filter,
        "tests": tuple(sorted(search.tests)),
        "probe": search.probe,
        **_returned(search.selection.fields, vectors=search.selection.vectors, scores=search.selection.scores),
    }


def _returned(fields: set[str] | frozenset[str], *, vectors: bool, scores: bool) -> dict[str, Any]:
    return {
        "fields": _ALL_METADATA if _ALL_METADATA in fields else tuple(sorted(fields)),
        "returns": Returns(payload=bool(fields), vectors=vectors, scores=scores),
    }


# --- terms --------------------------------------------------------------------------------------------------------------


def narrowed(form: Form, terms: Sequence[Terms]) -> Form:
    """Return `form` as each operation's terms allow it but for the records it is about. Raises `Unfulfillable`.

    Limits, vectors and scores bear on answers that hold records, and mean nothing elsewhere; a filter and a stamp on whatever
    touches records (`chroma_records`), which the operations refused here do without naming any.
    """
    for term in terms:
        if form.kind in _WHOLE and term.where is not None:
            raise Unfulfillable("a row filter cannot be fulfilled on what touches all records of a collection")
        if form.kind in _COPIES and (term.masks or term.detects or term.stamp is not None or not term.vectors):
            raise Unfulfillable("what is copied inside the database cannot be masked or stamped")
    if form.body is None:
        return form
    match form.kind:
        case "get":
            return msgspec.structs.replace(form, body=_narrowed(form, terms[0], "limit", None))
        case "query":
            return msgspec.structs.replace(form, body=_narrowed(form, terms[0], "n_results", _RESULTS))
        case "search":
            searches = [_narrowed_search(*each) for each in zip(form.body["searches"], terms, strict=True)]
            return msgspec.structs.replace(form, body={**form.body, "searches": searches})
        case _:
            return form


def _narrowed(form: Form, terms: Terms, limit: str, default: int | None) -> dict[str, Any]:
    body = dict(form.body or {})
    sent = default if body.get(limit) is None else body[limit]
    if terms.limit is not None and (sent is None or sent > terms.limit):
        body[limit] = terms.limit
    withheld = _withheld(terms, "embeddings", "distances")
    columns = body.get("include", _INCLUDED[form.kind])
    if not withheld.isdisjoint(columns):
        body["include"] = [column for column in columns if column not in withheld]
    return body


def _narrowed_search(search: dict[str, Any], terms: Terms) -> dict[str, Any]:
    search = dict(search)
    limit = search.get("limit", {})
    if terms.limit is not None and (limit.get("limit") is None or limit["limit"] > terms.limit):
        search["limit"] = {**limit, "limit": terms.limit}
    withheld = _withheld(terms, "#embedding", "#score")
    keys = search.get("select", {}).get("keys", [])
    if not withheld.isdisjoint(keys):
        search["select"] = {"keys": [key for key in keys if key not in withheld]}
    return search


def _withheld(terms: Terms, vectors: str, scores: str) -> set[str]:
    return ({vectors} if not terms.vectors else set()) | ({scores} if terms.scores_dropped else set())
