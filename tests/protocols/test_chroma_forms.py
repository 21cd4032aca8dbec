"""Chroma's requests: what is read is written with the same meaning, and nothing unknown passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import Error, Malformed, NotFound, Unrecognised
from extproc.protocols.adapter import Adapter, Reading

_ID = "0953c020-14d8-44fc-af67-7dfb545a9d9a"


# --- what is read is written with the same meaning -----------------------------------------------------------------------

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_INTS = st.integers(-(2**63), 2**63 - 1)
_SCALARS = _TEXTS | _INTS | _FLOATS | st.booleans()
_KEYS = _TEXTS.filter(lambda key: not key.startswith(("#", "$", "chroma:")))
_SPARSE = st.just({"#type": "sparse_vector", "indices": [1, 3], "values": [0.5, -0.25]})
_METADATA = st.none() | st.dictionaries(_KEYS, st.none() | _SCALARS | st.lists(_SCALARS, max_size=3) | _SPARSE, max_size=3)
_WHERE = st.none() | st.recursive(
    st.builds(lambda key, value: {key: value}, _KEYS, _SCALARS)
    | st.builds(lambda key, value: {key: {"$gte": value}}, _KEYS, _FLOATS | _INTS)
    | st.builds(lambda key, values: {key: {"$in": values}}, _KEYS, st.lists(_SCALARS, min_size=1, max_size=3)),
    lambda inner: st.builds(
        lambda join, parts: {join: parts}, st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=4,
)
_WHERE_DOCUMENT = st.none() | st.builds(lambda text: {"$contains": text}, _TEXTS)
_VECTORS = st.lists(st.lists(_FLOATS | _INTS, min_size=1, max_size=3), max_size=3) | st.lists(st.just("AACAPwAAAEA="))
_COUNTS = st.none() | st.integers(0, 2**32 - 1)
_IDS = st.lists(_TEXTS, max_size=3)
_INCLUDE = st.lists(st.sampled_from(["documents", "metadatas", "embeddings", "distances", "uris"]))
_OPTIONAL_TEXTS = st.none() | st.lists(st.none() | _TEXTS, max_size=3)


def _optional(**members: st.SearchStrategy[Any]) -> Any:
    return members


_WRITTEN = _optional(documents=_OPTIONAL_TEXTS, metadatas=st.none() | st.lists(_METADATA, max_size=3), uris=_OPTIONAL_TEXTS)
_REQUESTS: dict[str, st.SearchStrategy[Any]] = {
    "add": st.fixed_dictionaries({"ids": _IDS, "embeddings": _VECTORS}, optional=_WRITTEN),
    "upsert": st.fixed_dictionaries({"ids": _IDS, "embeddings": _VECTORS}, optional=_WRITTEN),
    "update": st.fixed_dictionaries(
        {"ids": _IDS},
        optional={**_WRITTEN, "embeddings": st.none() | st.lists(st.none() | st.lists(_FLOATS, min_size=1, max_size=2))},
    ),
    "get": st.fixed_dictionaries(
        {},
        optional=_optional(
            ids=st.none() | _IDS,
            where=_WHERE,
            where_document=_WHERE_DOCUMENT,
            limit=_COUNTS,
            offset=_COUNTS,
            include=_INCLUDE,
        ),
    ),
    "query": st.fixed_dictionaries(
        {"query_embeddings": _VECTORS},
        optional=_optional(
            ids=st.none() | _IDS, where=_WHERE, where_document=_WHERE_DOCUMENT, n_results=_COUNTS, include=_INCLUDE
        ),
    ),
    "delete": st.fixed_dictionaries(
        {}, optional=_optional(ids=st.none() | _IDS, where=_WHERE, where_document=_WHERE_DOCUMENT, limit=_COUNTS)
    ),
    "search": st.fixed_dictionaries(
        {
            "searches": st.lists(
                st.fixed_dictionaries(
                    {},
                    optional=_optional(
                        filter=_WHERE,
                        rank=st.none() | st.builds(lambda query: {"$knn": {"query": query}}, st.lists(_FLOATS)),
                        limit=st.fixed_dictionaries({"offset": st.integers(0, 9)}, optional={"limit": _COUNTS}),
                        select=st.builds(lambda keys: {"keys": keys}, st.lists(_KEYS)),
                    ),
                ),
                min_size=1,
                max_size=3,
            )
        },
        optional={"read_level": st.just("index_only")},
    ),
}


def _exact(value: Any) -> Any:
    """Return `value` in a form in which 1, 1.0 and true differ and the order of members counts."""
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("operation", _REQUESTS)
@given(data=st.data(), escaped=st.booleans(), spaced=st.booleans())
def test_written_request_means_what_was_read(
    *,
    operation: str,
    data: st.DataObject,
    escaped: bool,
    spaced: bool,
    adapter: Adapter,
    ask: Callable[..., Reading],
    records: str,
) -> None:
    """The canonical request holds every member and value of the client's, null apart from absent, 1 apart from 1.0."""
    body = data.draw(_REQUESTS[operation])
    raw = json.dumps(body, ensure_ascii=escaped, indent=1 if spaced else None).encode()

    outgoing = adapter.write(ask("POST", f"{records}/{operation}", raw))

    assert ("POST", f"{records}/{operation}") == (outgoing.method, outgoing.target)
    assert _exact(body) == _exact(json.loads(outgoing.body or b""))


@pytest.mark.parametrize("operation", ["add", "get", "query", "search"])
@given(data=st.data())
def test_canonical_request_is_canonical(
    operation: str, data: st.DataObject, adapter: Adapter, ask: Callable[..., Reading], records: str
) -> None:
    """Reading the canonical request and writing it again changes no byte, and asks for the same."""
    first = ask("POST", f"{records}/{operation}", data.draw(_REQUESTS[operation]))
    outgoing = adapter.write(first)

    second = ask("POST", outgoing.target, outgoing.body)

    assert outgoing == adapter.write(second)
    assert _without_size(first) == _without_size(second)


def _without_size(reading: Reading) -> list[dict[str, Any]]:
    return [
        {name: getattr(operation, name) for name in operation.__struct_fields__ if name != "size"}
        for operation in reading.operations
    ]


def test_vectors_and_metadata_values_go_on_as_sent(adapter: Adapter, ask: Callable[..., Reading], records: str) -> None:
    """Embeddings and metadata keep every byte: digits that a double would lose, exponents, trailing zeros."""
    body = (
        b'{"ids":["a"],"embeddings":[[0.10000000000000000555,1E5,-0]],'
        b'"metadatas":[{"n":18446744073709551615,"f":1.50,"z":-0,"e":1e2}]}'
    )

    assert body == adapter.write(ask("POST", f"{records}/upsert", body)).body


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        (
            "POST",
            "",
            {"name": "notes", "metadata": {"a": 1}, "configuration": {"hnsw": {"space": "ip"}}, "get_or_create": False},
        ),
        ("POST", "", {"name": "notes", "metadata": None, "configuration": None, "schema": {"defaults": {}, "keys": {}}}),
        ("PUT", f"/{_ID}", {"new_name": None, "new_metadata": {"a": 1.5}, "new_configuration": None}),
        ("PUT", f"/{_ID}", {}),
        ("POST", f"/{_ID}/fork", {"new_name": "copy"}),
        (
            "POST",
            f"/{_ID}/functions/attach",
            {"name": "count it", "function_id": "record_counter", "output_collection": "counts", "params": {"every": 1.0}},
        ),
        ("POST", f"/{_ID}/functions/attach", {"name": "x", "function_id": "y", "output_collection": "out", "params": None}),
        ("POST", f"/{_ID}/attached_functions/x/detach", {"delete_output": False}),
        ("POST", f"/{_ID}/attached_functions/x/detach", {}),
    ],
)
def test_collection_request_is_written_as_read(
    *, method: str, suffix: str, body: Any, adapter: Adapter, ask: Callable[..., Reading], collections: str
) -> None:
    """What creates, alters or copies a collection keeps its members, null apart from absent."""
    outgoing = adapter.write(ask(method, f"{collections}{suffix}", body))

    assert (method, f"{collections}{suffix}") == (outgoing.method, outgoing.target)
    assert _exact(body) == _exact(json.loads(outgoing.body or b""))


# --- what is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "body", "kind"),
    [
        ("get", b"", Malformed),
        ("get", b"[]", Malformed),
        ("get", b'{"limit":1,"limit":2}', Malformed),
        ("get", b'{"where":{"t":"x","t":"y"}}', Malformed),
        ("get", b'{"where":{"n":{"$gt":1e400}}}', Malformed),
        ("get", b'{"where":{"n":{"$gt":9223372036854775808}}}', Malformed),
        ("get", {"LIMIT": 1}, Unrecognised),
        ("get", {"Where": {"t": "x"}}, Unrecognised),
        ("get", {"filter": {}}, Unrecognised),
        ("get", {"n_results": 1}, Unrecognised),
        ("get", {"limit": 1.5}, Malformed),
        ("get", {"limit": "1"}, Malformed),
        ("get", {"limit": True}, Malformed),
        ("get", {"limit": -1}, Malformed),
        ("get", {"offset": 2**32}, Malformed),
        ("get", {"ids": "a"}, Malformed),
        ("get", {"ids": [1]}, Malformed),
        ("get", {"include": None}, Malformed),
        ("get", {"include": ["data"]}, Unrecognised),
        ("get", {"include": ["Documents"]}, Unrecognised),
        ("get", {"where": {}}, Malformed),
        ("get", {"where_document": {"$contains": 1, "$regex": "x"}}, Malformed),
        ("query", {}, Malformed),
        ("query", {"query_embeddings": None}, Malformed),
        ("query", {"query_embeddings": [{"a": 1}]}, Malformed),
        ("query", {"query_embeddings": [[1]], "query_texts": ["x"]}, Unrecognised),
        ("add", {"ids": ["a"]}, Malformed),
        ("add", {"embeddings": [[1]]}, Malformed),
        ("add", {"ids": ["a"], "embeddings": None}, Malformed),
        ("add", {"ids": ["a"], "embeddings": [[1]], "data": ["x"]}, Unrecognised),
        ("add", {"ids": ["a"], "embeddings": [[1]], "documents": [1]}, Malformed),
        ("add", {"ids": ["a"], "embeddings": [[1]], "documents": "x"}, Malformed),
        ("add", {"ids": ["a"], "embeddings": [[1]], "metadatas": {"a": 1}}, Malformed),
        ("add", {"ids": ["a"], "embeddings": [[1]], "metadatas": [{"a": {"b": 1}}]}, Malformed),
        ("add", {"ids": ["a"], "embeddings": [[1]], "metadatas": [{"a": {"indices": [1]}}]}, Malformed),
        ("add", {"ids": ["a"], "embeddings": [[1]], "metadatas": [{"a": [[1]]}]}, Malformed),
        ("add", {"ids": ["a"], "embeddings": [[1]], "metadatas": [{"a": [None]}]}, Malformed),
        ("add", b'{"ids":["a"],"embeddings":[[1]],"metadatas":[{"a":1e400}]}', Malformed),
        ("add", b'{"ids":["a"],"embeddings":[[1]],"metadatas":[{"a":1,"a":2}]}', Malformed),
        ("add", b'{"ids":["a"],"embeddings":[[1]],"metadatas":[{"a":{"indices":[1],"indices":[2],"values":[1]}}]}', Malformed),
        ("add", b'{"ids":["a"],"embeddings":[[1]],"metadatas":[{"a":"\xff"}]}', Malformed),
        ("add", b'{"ids":["a"],"embeddings":[[1]],"documents":["\xff"]}', Malformed),
        ("add", b'{"ids":["a"],"embeddings":[[1]],"ids":["b"]}', Malformed),
        ("add", {"ids": ["a"], "embeddings": [[1]], "metadatas": [None, {"chroma:document": "x"}]}, Unrecognised),
        ("update", {"ids": ["a"], "metadatas": [{"chroma:document": "x"}]}, Unrecognised),
        ("update", {"ids": ["a"], "metadatas": [{"#document": "x"}]}, Unrecognised),
        ("update", {"documents": ["x"]}, Malformed),
        ("delete", {"ids": ["a"], "include": []}, Unrecognised),
        ("delete", {"where": {"$and": []}}, Malformed),
        ("search", {}, Malformed),
        ("search", {"searches": []}, Malformed),
        ("search", {"searches": [{}], "read_level": "everything"}, Unrecognised),
        ("search", {"searches": [{}], "where": {}}, Unrecognised),
    ],
)
def test_request_that_is_not_understood(
    operation: str, body: Any, kind: type[Error], read: Callable[..., Reading], records: str
) -> None:
    """A body with anything that is not known, of the wrong type, or with two meanings is refused."""
    with pytest.raises(kind):
        read("POST", f"{records}/{operation}", body)


@pytest.mark.parametrize(
    ("method", "suffix", "body", "kind"),
    [
        ("POST", "", {}, Malformed),
        ("POST", "", {"name": ""}, Malformed),
        ("POST", "", {"name": 1}, Malformed),
        ("POST", "", {"name": "notes", "id": _ID}, Unrecognised),
        ("POST", "", {"name": "notes", "Name": "other"}, Malformed),
        ("POST", "", {"name": "notes", "get_or_create": "yes"}, Malformed),
        ("POST", "", {"name": "notes", "metadata": []}, Malformed),
        ("POST", "", {"name": "notes", "configuration": {"pipeline": {}}}, Unrecognised),
        ("POST", "", {"name": "notes", "schema": {"cmek": {}}}, Unrecognised),
        ("PUT", f"/{_ID}", {"new_name": ""}, Malformed),
        ("PUT", f"/{_ID}", {"name": "other"}, Unrecognised),
        ("PUT", "/notes", {"new_name": "other"}, Malformed),
        ("POST", f"/{_ID}/fork", {}, Malformed),
        ("POST", f"/{_ID}/fork", {"new_name": "a/b"}, Malformed),
        ("POST", f"/{_ID}/fork", {"new_name": None}, Malformed),
        ("POST", f"/{_ID}/fork", {"new_name": "other", "target_database": "x"}, Unrecognised),
        ("POST", "/notes/fork", {"new_name": "other"}, Malformed),
        ("POST", f"/{_ID}/functions/attach", {"name": "x", "function_id": "y"}, Malformed),
        ("POST", f"/{_ID}/functions/attach", {"name": "x", "output_collection": "out"}, Malformed),
        ("POST", f"/{_ID}/functions/attach", {"name": "x", "function_id": "y", "output_collection": "a b"}, Malformed),
        ("POST", f"/{_ID}/functions/attach", {"name": "a/b", "function_id": "y", "output_collection": "out"}, Malformed),
        (
            "POST",
            f"/{_ID}/functions/attach",
            {"name": "x", "function_id": "y", "output_collection": "out", "params": [1]},
            Malformed,
        ),
        ("POST", f"/{_ID}/attached_functions/x/detach", None, Malformed),
        ("POST", f"/{_ID}/attached_functions/x/detach", {"delete_output": None}, Malformed),
        ("POST", f"/{_ID}/attached_functions/x/detach", {"delete_output": True}, Unrecognised),
        ("GET", "/notes/count", None, Malformed),
        ("GET", f"/by-id/{_ID[:-1]}", None, Malformed),
        ("GET", f"/{_ID}/count", {}, Malformed),
        ("DELETE", "/notes", {"x": 1}, Malformed),
        ("GET", "?limit=4294967296", None, Unrecognised),
        ("GET", "?limit=99999999999999999999", None, Unrecognised),
        ("GET", "?limit=-1", None, Unrecognised),
        ("GET", "?limit=a", None, Unrecognised),
        ("GET", "?name=x", None, Unrecognised),
        ("GET", f"/{_ID}/count?read_level=all", None, Unrecognised),
        ("GET", f"/{_ID}/count?limit=1", None, Unrecognised),
        ("POST", f"/{_ID}/get?limit=1", {}, Unrecognised),
        ("POST", f"/{_ID}/query?limit=1", {"query_embeddings": [[1]]}, Unrecognised),
    ],
)
def test_collection_request_that_is_not_understood(
    *, method: str, suffix: str, body: Any, kind: type[Error], read: Callable[..., Reading], collections: str
) -> None:
    """A member, parameter or body where none is known is refused, on every route."""
    with pytest.raises(kind):
        read(method, f"{collections}{suffix}", body)


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("POST", "/api/v2/reset", {}, Malformed),
        ("POST", "/api/v2/reset?confirm=yes", None, Unrecognised),
        ("POST", "/api/v2/tenants", {}, Malformed),
        ("POST", "/api/v2/tenants", {"name": ""}, Malformed),
        ("POST", "/api/v2/tenants", {"name": "a/b"}, Malformed),
        ("POST", "/api/v2/tenants", {"name": ".."}, Malformed),
        ("POST", "/api/v2/tenants", {"name": "a%2fb"}, Malformed),
        ("POST", "/api/v2/tenants", {"name": "line\nbreak"}, Malformed),
        ("POST", "/api/v2/tenants", {"name": "x" * 513}, Malformed),
        ("POST", "/api/v2/tenants", {"name": "acme", "resource_name": "acme"}, Unrecognised),
        ("PATCH", "/api/v2/tenants/acme", {}, Malformed),
        ("PATCH", "/api/v2/tenants/acme", {"name": "other"}, Unrecognised),
        ("POST", "/api/v2/tenants/acme/databases", {"name": "a b"}, Malformed),
        ("POST", "/api/v2/tenants/acme/databases", {"name": "ma"}, Malformed),
        ("POST", "/api/v2/tenants/acme/databases", {"name": "main", "tenant": "other"}, Unrecognised),
        ("DELETE", "/api/v2/tenants/acme/databases/main", {}, Malformed),
        ("DELETE", "/api/v2/tenants/acme/databases/main?tenant=other", None, Unrecognised),
        ("GET", "/docs", None, Unrecognised),
        ("GET", "/docs/a/b", None, Unrecognised),
        ("GET", "/docs/.hidden", None, Unrecognised),
        ("GET", "/docs/a%20b", None, Unrecognised),
        ("GET", "/docs/a..b", None, Unrecognised),
    ],
)
def test_administrative_request_that_is_not_understood(
    *, method: str, path: str, body: Any, kind: type[Error], read: Callable[..., Reading]
) -> None:
    """What administers the whole database is held as strictly to its form as what touches a collection."""
    with pytest.raises(kind):
        read(method, path, body)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v2/tenants", {"name": "büro 7:a"}),
        ("PATCH", "/api/v2/tenants/acme", {"resource_name": "acme-team"}),
        ("POST", "/api/v2/tenants/acme/databases", {"name": "main_2.b"}),
        ("GET", "/docs/swagger-ui-bundle.js", None),
    ],
)
def test_administrative_request_is_written_as_read(
    method: str, path: str, body: Any, adapter: Adapter, read: Callable[..., Reading]
) -> None:
    """Names that a path can hold pass, whatever letters they have."""
    outgoing = adapter.write(read(method, path, body))

    assert (method, path, body) == (outgoing.method, outgoing.target, json.loads(outgoing.body or b"null"))


@pytest.mark.parametrize("query", ["", "?limit=0", "?limit=4294967295&offset=3", "?offset=3"])
def test_pages_of_a_listing(query: str, adapter: Adapter, read: Callable[..., Reading], collections: str) -> None:
    """The parameters of a listing are forwarded."""
    assert f"{collections}{query}" == adapter.write(read("GET", f"{collections}{query}")).target


def test_refusals_quote_no_value(read: Callable[..., Reading], records: str) -> None:
    """No value of a request shows in the message that refuses it."""
    bodies: list[Any] = [
        {"where": {"t": {"$gt": ["secret"]}}},
        {"where": {"t": "secret", "u": "secret"}},
        {"ids": ["secret", 1]},
        {"limit": "secret"},
        {"include": ["secret"]},
        b'{"where":{"t":"secret\xff"}}',
        b'{"ids":["secret","secret"',
    ]
    for body in bodies:
        with pytest.raises((Malformed, Unrecognised, NotFound)) as caught:
            read("POST", f"{records}/get", body)

        assert "secret" not in str(caught.value)
