"""Chroma's requests become Operations that tell all of what is asked, and terms make the requests narrower."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from extproc.decision import Terms
from extproc.errors import Unfulfillable
from extproc.operation import Batch, FieldCondition, OpaqueCondition, Operation, Returns
from extproc.protocols.adapter import Adapter, Reading

Ask = Callable[..., Reading]

_BASE = Operation(database="kb", engine="chroma", action="", scope="", namespace="acme/main")
_FILTER = FieldCondition(operator="eq", field="tenant", value="t1")


def _operation(**members: Any) -> Operation:
    return msgspec.structs.replace(_BASE, **members)


def _records(**members: Any) -> Operation:
    return _operation(**{"scope": "records", "collection": "notes", **members})


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        (
            "get",
            {},
            {"action": "scroll", "selector": "all", "fields": "*", "returns": Returns(payload=True), "size": 2},
        ),
        (
            "get",
            {"ids": ["a", "b"], "where": {"t": "x"}, "limit": 5, "offset": 2, "include": ["documents", "embeddings"]},
            {
                "action": "scroll",
                "selector": "ids",
                "ids": 2,
                "limit": 5,
                "offset": 2,
                "filter": FieldCondition(operator="eq", field="t", value="x"),
                "tests": ("t",),
                "fields": ("document",),
                "returns": Returns(payload=True, vectors=True),
                "size": 128,
            },
        ),
        (
            "get",
            {"where_document": {"$contains": "x"}, "include": ["uris", "distances"]},
            {
                "action": "scroll",
                "selector": "filter",
                "filter": OpaqueCondition(operator="contains", field="document"),
                "tests": ("document",),
                "fields": ("uri",),
                "returns": Returns(payload=True),
                "size": 128,
            },
        ),
        ("get", {"ids": [], "include": []}, {"action": "scroll", "selector": "ids", "fields": (), "size": 32}),
        (
            "query",
            {"query_embeddings": [[1, 2], [3, 4]]},
            {
                "action": "search",
                "selector": "all",
                "limit": 10,
                "fields": "*",
                "returns": Returns(payload=True, scores=True),
                "probe": "vector",
                "size": 64,
                "batch": Batch(count=2),
            },
        ),
        (
            "query",
            {"query_embeddings": [[1]], "n_results": 3, "ids": ["a"], "include": ["embeddings"]},
            {
                "action": "search",
                "selector": "ids",
                "ids": 1,
                "limit": 3,
                "returns": Returns(vectors=True),
                "probe": "vector",
                "size": 128,
            },
        ),
        (
            "search",
            {"searches": [{"filter": {"t": "x"}, "limit": {"limit": 2}, "select": {"keys": ["a", "#embedding"]}}]},
            {
                "action": "search",
                "selector": "filter",
                "limit": 2,
                "filter": FieldCondition(operator="eq", field="t", value="x"),
                "tests": ("t",),
                "fields": ("a",),
                "returns": Returns(payload=True, vectors=True),
                "size": 128,
            },
        ),
    ],
)
def test_what_reads_records(operation: str, body: Any, expected: dict[str, Any], ask: Ask, records: str) -> None:
    """A read tells how records are chosen, how many, what is tested and what comes back."""
    assert (_records(reads=("notes",), **expected),) == ask("POST", f"{records}/{operation}", body).operations


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        (
            "add",
            {"ids": ["a", "b"], "embeddings": [[1], [2]]},
            {"action": "upsert", "selector": "ids", "ids": 2, "records": 2, "size": 64},
        ),
        (
            "upsert",
            {"ids": ["a"], "embeddings": ["AACAPw=="]},
            {"action": "upsert", "selector": "ids", "ids": 1, "records": 1, "size": 64},
        ),
        (
            "update",
            {"ids": ["a"], "documents": ["x"]},
            {"action": "update_payload", "selector": "ids", "ids": 1, "records": 1, "size": 32},
        ),
        ("delete", {"ids": ["a"]}, {"action": "delete_records", "selector": "ids", "ids": 1, "size": 16}),
        (
            "delete",
            {"where": {"t": "x"}, "limit": 4},
            {
                "action": "delete_records",
                "selector": "filter",
                "limit": 4,
                "filter": FieldCondition(operator="eq", field="t", value="x"),
                "tests": ("t",),
                "size": 32,
            },
        ),
        ("delete", {}, {"action": "delete_records", "selector": "all", "size": 2}),
    ],
)
def test_what_writes_records(operation: str, body: Any, expected: dict[str, Any], ask: Ask, records: str) -> None:
    """A write tells the collection that it changes and how many records it names."""
    assert (_records(writes=("notes",), **expected),) == ask("POST", f"{records}/{operation}", body).operations


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/api/v2/version", None, {"action": "meta", "scope": "cluster", "namespace": None}),
        ("GET", "/api/v2/tenants/acme", None, {"action": "database_read", "scope": "cluster", "namespace": "acme"}),
        (
            "GET",
            "/api/v2/tenants/acme/databases?limit=3",
            None,
            {"action": "database_read", "scope": "database", "namespace": "acme", "limit": 3},
        ),
        ("GET", "{}_count", None, {"action": "count", "scope": "database"}),
        ("GET", "{}?limit=2&offset=1", None, {"action": "list_collections", "scope": "database", "limit": 2, "offset": 1}),
        (
            "POST",
            "{}",
            {"name": "notes"},
            {"action": "create_collection", "scope": "collection", "collection": "notes", "writes": ("notes",), "size": 16},
        ),
        (
            "POST",
            "{}",
            {"name": "notes", "get_or_create": True},
            {"action": "describe_collection", "scope": "collection", "collection": "notes", "reads": ("notes",)},
        ),
        (
            "GET",
            "{}/notes",
            None,
            {"action": "describe_collection", "scope": "collection", "collection": "notes", "reads": ("notes",)},
        ),
        (
            "DELETE",
            "{}/notes",
            None,
            {"action": "delete_collection", "scope": "collection", "collection": "notes", "writes": ("notes",)},
        ),
        (
            "GET",
            "{}/by-id/0953c020-14d8-44fc-af67-7dfb545a9d9a",
            None,
            {"action": "describe_collection", "scope": "collection", "collection": "notes", "reads": ("notes",)},
        ),
        (
            "PUT",
            "{}/0953c020-14d8-44fc-af67-7dfb545a9d9a",
            {"new_name": "other"},
            {
                "action": "alter_collection",
                "scope": "collection",
                "collection": "notes",
                "writes": ("notes", "other"),
                "size": 32,
            },
        ),
        (
            "PUT",
            "{}/0953c020-14d8-44fc-af67-7dfb545a9d9a",
            {"new_name": None},
            {"action": "alter_collection", "scope": "collection", "collection": "notes", "writes": ("notes",), "size": 32},
        ),
        (
            "GET",
            "{}/0953c020-14d8-44fc-af67-7dfb545a9d9a/count?read_level=index_only",
            None,
            {"action": "count", "scope": "records", "collection": "notes", "reads": ("notes",), "selector": "all"},
        ),
        (
            "POST",
            "{}/0953c020-14d8-44fc-af67-7dfb545a9d9a/fork",
            {"new_name": "copy"},
            {
                "action": "copy_collection",
                "scope": "collection",
                "collection": "notes",
                "reads": ("notes",),
                "writes": ("copy",),
                "size": 32,
            },
        ),
        (
            "GET",
            "{}/0953c020-14d8-44fc-af67-7dfb545a9d9a/fork_count",
            None,
            {"action": "describe_collection", "scope": "collection", "collection": "notes", "reads": ("notes",)},
        ),
        (
            "POST",
            "{}/0953c020-14d8-44fc-af67-7dfb545a9d9a/functions/attach",
            {"name": "counter", "function_id": "record_counter", "output_collection": "counts"},
            {
                "action": "pipeline_change",
                "scope": "collection",
                "collection": "notes",
                "reads": ("notes",),
                "writes": ("notes", "counts"),
                "size": 128,
            },
        ),
        (
            "GET",
            "{}/0953c020-14d8-44fc-af67-7dfb545a9d9a/functions/counter",
            None,
            {"action": "pipeline_read", "scope": "collection", "collection": "notes", "reads": ("notes",)},
        ),
        (
            "POST",
            "{}/0953c020-14d8-44fc-af67-7dfb545a9d9a/attached_functions/counter/detach",
            {},
            {"action": "pipeline_change", "scope": "collection", "collection": "notes", "writes": ("notes",), "size": 2},
        ),
        ("POST", "/api/v2/reset", None, {"action": "cluster_admin", "scope": "cluster", "namespace": None}),
        (
            "POST",
            "/api/v2/tenants",
            {"name": "newco"},
            {"action": "database_change", "scope": "cluster", "namespace": "newco", "size": 16},
        ),
        (
            "PATCH",
            "/api/v2/tenants/acme",
            {"resource_name": "a"},
            {"action": "database_change", "scope": "cluster", "namespace": "acme", "size": 32},
        ),
        (
            "POST",
            "/api/v2/tenants/acme/databases",
            {"name": "other"},
            {"action": "database_change", "scope": "database", "namespace": "acme/other", "size": 16},
        ),
        ("DELETE", "/api/v2/tenants/acme/databases/main", None, {"action": "database_change", "scope": "database"}),
        ("GET", "/docs/index.html", None, {"action": "meta", "scope": "cluster", "namespace": None}),
    ],
)
def test_what_touches_no_record(
    *, method: str, path: str, body: Any, expected: dict[str, Any], ask: Ask, collections: str
) -> None:
    """Collections, databases and the service itself are told by name; a rename tells both names."""
    assert (_operation(**expected),) == ask(method, path.replace("{}", collections), body).operations


def test_each_search_is_an_operation_of_its_own(ask: Ask, records: str) -> None:
    """Each search of a request is decided by itself, with its own filter, limit and probe."""
    searches = [{"filter": {"t": "x"}}, {"rank": {"$knn": {"query": [1], "key": "sparse"}}, "limit": {"limit": 3}}]

    one, other = ask("POST", f"{records}/search", {"searches": searches}).operations

    assert (Batch(index=0, count=2), "filter", ("t",), None, "none") == (
        one.batch,
        one.selector,
        one.tests,
        one.limit,
        one.probe,
    )
    assert (Batch(index=1, count=2), "all", ("sparse",), 3, "vector") == (
        other.batch,
        other.selector,
        other.tests,
        other.limit,
        other.probe,
    )


# --- terms ---------------------------------------------------------------------------------------------------------------


def _narrowed(adapter: Adapter, reading: Reading, *terms: Terms) -> Any:
    return json.loads(adapter.write(adapter.narrow(reading, terms)).body or b"null")


@pytest.mark.parametrize(
    ("operation", "body", "terms", "expected"),
    [
        ("get", {}, Terms(limit=5), {"limit": 5}),
        ("get", {"limit": None}, Terms(limit=5), {"limit": 5}),
        ("get", {"limit": 3}, Terms(limit=5), {"limit": 3}),
        ("get", {"limit": 9, "offset": 1}, Terms(limit=0), {"limit": 0, "offset": 1}),
        ("get", {}, Terms(vectors=False), {}),
        ("get", {"include": ["embeddings", "documents"]}, Terms(vectors=False), {"include": ["documents"]}),
        ("get", {"include": ["embeddings", "embeddings"]}, Terms(vectors=False), {"include": []}),
        ("get", {"include": ["distances", "embeddings"]}, Terms(scores_dropped=True), {"include": ["embeddings"]}),
        ("get", {"include": ["embeddings"]}, Terms(scores_digits=2, masks=(("email", "drop"),)), {"include": ["embeddings"]}),
        ("query", {}, Terms(limit=5), {"n_results": 5}),
        ("query", {}, Terms(limit=10), {}),
        ("query", {}, Terms(limit=50), {}),
        ("query", {"n_results": 20}, Terms(limit=15), {"n_results": 15}),
        ("query", {"n_results": 0}, Terms(limit=15), {"n_results": 0}),
        ("query", {}, Terms(vectors=False), {}),
        ("query", {}, Terms(scores_dropped=True), {"include": ["documents", "metadatas"]}),
        ("query", {"include": ["distances", "embeddings"]}, Terms(scores_dropped=True, vectors=False), {"include": []}),
        ("delete", {"ids": ["a"]}, Terms(limit=0, vectors=False, scores_dropped=True), {"ids": ["a"]}),
    ],
)
def test_request_is_narrowed(
    *, operation: str, body: dict[str, Any], terms: Terms, expected: dict[str, Any], adapter: Adapter, ask: Ask, records: str
) -> None:
    """Limits are clamped and withheld columns are not asked for; nothing else of the request changes."""
    base = {"query_embeddings": [[1]]} if operation == "query" else {}

    assert {**base, **expected} == _narrowed(adapter, ask("POST", f"{records}/{operation}", {**base, **body}), terms)


def test_each_search_is_narrowed_by_its_own_terms(adapter: Adapter, ask: Ask, records: str) -> None:
    """Terms of one search leave the others alone."""
    select = {"keys": ["#document", "#embedding", "#score"]}
    reading = ask("POST", f"{records}/search", {"searches": [{"select": select}, {"limit": {"offset": 2}}, {"select": select}]})

    narrowed = _narrowed(adapter, reading, Terms(vectors=False, scores_dropped=True), Terms(limit=4), Terms())

    assert {
        "searches": [{"select": {"keys": ["#document"]}}, {"limit": {"offset": 2, "limit": 4}}, {"select": select}]
    } == narrowed


def test_smaller_search_limit_stays(adapter: Adapter, ask: Ask, records: str) -> None:
    """A search that asks for fewer than the limit keeps its own."""
    body = {"searches": [{"limit": {"limit": 2}}]}

    assert body == _narrowed(adapter, ask("POST", f"{records}/search", body), Terms(limit=4))


def test_reading_itself_is_not_changed(adapter: Adapter, ask: Ask, records: str) -> None:
    """Narrowing gives another reading; the one that was decided stays as it is."""
    reading = ask("POST", f"{records}/search", {"searches": [{"select": {"keys": ["#embedding"]}}]})
    before = adapter.write(reading)

    adapter.narrow(reading, (Terms(vectors=False, limit=1),))

    assert before == adapter.write(reading)


@pytest.mark.parametrize("path", ["/notes", "", "_count"])
def test_terms_on_records_mean_nothing_elsewhere(path: str, adapter: Adapter, ask: Ask, collections: str) -> None:
    """What touches no record goes on as it is under terms that are about records."""
    reading = ask("GET", f"{collections}{path}")
    terms = Terms(where=_FILTER, stamp={"tenant": "t1"}, limit=1, vectors=False, scores_dropped=True)

    assert adapter.write(reading) == adapter.write(adapter.narrow(reading, (terms,)))


def test_stamp_on_a_read_means_nothing(adapter: Adapter, ask: Ask, records: str) -> None:
    """A stamp is about what is written."""
    reading = ask("POST", f"{records}/get", {})

    assert adapter.write(reading) == adapter.write(adapter.narrow(reading, (Terms(stamp={"tenant": "t1"}),)))


@pytest.mark.parametrize(
    ("method", "path", "body", "terms"),
    [
        ("POST", "{records}/fork", {"new_name": "copy"}, Terms(where=_FILTER)),
        ("POST", "{records}/fork", {"new_name": "copy"}, Terms(masks=(("email", "redact"),))),
        ("POST", "{records}/fork", {"new_name": "copy"}, Terms(vectors=False)),
        ("POST", "{records}/fork", {"new_name": "copy"}, Terms(stamp={"tenant": "t1"})),
        ("GET", "{records}/indexing_status", None, Terms(where=_FILTER)),
        ("DELETE", "{collections}/notes", None, Terms(where=_FILTER)),
        ("POST", "/api/v2/reset", None, Terms(where=_FILTER)),
    ],
)
def test_what_touches_whole_collections_takes_no_terms_of_records(
    *,
    method: str,
    path: str,
    body: Any,
    terms: Terms,
    adapter: Adapter,
    ask: Callable[..., Reading],
    read: Callable[..., Reading],
    records: str,
    collections: str,
) -> None:
    """A copy would have no filter and no mask, a deletion go beyond the filter, a progress count others: a denial."""
    asked = ask if "records" in path else read
    reading = asked(method, path.format(records=records, collections=collections), body)

    with pytest.raises(Unfulfillable):
        adapter.narrow(reading, (terms,))
