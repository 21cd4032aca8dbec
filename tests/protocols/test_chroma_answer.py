"""Answers come apart into Results and go together again; what is taken out of a Result is gone from the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.decision import Terms
from extproc.errors import UpstreamError
from extproc.events import Response
from extproc.operation import Answer, FieldCondition
from extproc.protocols.adapter import Adapter, Reading

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_VALUES = _TEXTS | _FLOATS | st.integers() | st.booleans() | st.lists(_TEXTS, max_size=2)
_METADATA = st.none() | st.dictionaries(_TEXTS | st.just("embeddings"), _VALUES, max_size=3)
_COLUMNS = ("embeddings", "documents", "uris", "metadatas")
_Made = st.SearchStrategy[Any]


def _exactly(each: _Made, count: int) -> _Made:
    return st.lists(each, min_size=count, max_size=count)


@st.composite
def _rows(draw: st.DrawFn, columns: set[str], count: int) -> dict[str, Any]:
    """Return the columns of one query's answer."""
    kinds: dict[str, Any] = {
        "embeddings": _exactly(_FLOATS, 3),
        "documents": st.none() | _TEXTS,
        "uris": st.none() | _TEXTS,
        "metadatas": _METADATA,
        "distances": _FLOATS,
    }
    rows = {name: draw(_exactly(kind, count)) if name in columns else None for name, kind in kinds.items()}
    return {"ids": draw(_exactly(_TEXTS, count)), **rows}


@st.composite
def _gets(draw: st.DrawFn) -> dict[str, Any]:
    """Return the answer to a get."""
    include = draw(st.lists(st.sampled_from([*_COLUMNS, "distances"]), unique=True))
    rows = draw(_rows(set(include) - {"distances"}, draw(st.integers(0, 4))))
    del rows["distances"]
    return {**rows, "include": include}


@st.composite
def _queries(draw: st.DrawFn) -> dict[str, Any]:
    """Return the answer to a query with one to three query vectors."""
    include = draw(st.lists(st.sampled_from([*_COLUMNS, "distances"]), unique=True))
    parts = [draw(_rows(set(include), draw(st.integers(0, 3)))) for _ in range(draw(st.integers(1, 3)))]
    wide = {name: [part[name] for part in parts] if name in include else None for name in (*_COLUMNS, "distances")}
    return {"ids": [part["ids"] for part in parts], **wide, "include": include}


@st.composite
def _searches(draw: st.DrawFn) -> dict[str, Any]:
    """Return the answer to one to three searches."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        columns = set(draw(st.lists(st.sampled_from(["embeddings", "documents", "metadatas", "distances"]))))
        parts.append(draw(_rows(columns, draw(st.integers(0, 3)))))
    names = ("ids", "documents", "embeddings", "metadatas")
    wide: dict[str, Any] = {name: [part[name] for part in parts] for name in names}
    wide["scores"] = [part["distances"] for part in parts]
    keys = {"embeddings": "#embedding", "distances": "#score", "documents": "#document"}
    return {**wide, "select": [[key for name, key in keys.items() if part[name] is not None] for part in parts]}


def _asked(ask: Callable[..., Reading], records: str, operation: str, queries: int) -> Reading:
    bodies: dict[str, Any] = {
        "get": {},
        "query": {"query_embeddings": [[1, 2]] * queries},
        "search": {"searches": [{}] * queries},
    }
    return ask("POST", f"{records}/{operation}", bodies[operation])


@given(data=st.data(), operation=st.sampled_from(["get", "query", "search"]), spaced=st.booleans())
def test_answer_goes_together_again(
    *,
    data: st.DataObject,
    operation: str,
    spaced: bool,
    adapter: Adapter,
    ask: Callable[..., Reading],
    response: Callable[..., Response],
    records: str,
) -> None:
    """An answer that is read and written is the same answer, with each Result owned by its operation."""
    body = data.draw({"get": _gets(), "query": _queries(), "search": _searches()}[operation])
    reading = _asked(ask, records, operation, len(body["ids"]))

    answer = adapter.read_answer(reading, response(json.dumps(body, indent=1 if spaced else None).encode()))

    assert answer is not None
    assert json.dumps(body) == json.dumps(json.loads(adapter.write_answer(reading, answer)))
    count = 1 if operation == "get" else len(body["ids"])
    assert [index if operation == "search" else 0 for index in range(count)] == answer.owners
    assert count == len(answer.results)


_BIG = [[0.123456789] * 64] * 20


@pytest.mark.parametrize(
    ("body", "vectors"),
    [
        ({"ids": ["a"] * 20, "embeddings": _BIG, "documents": None, "include": ["embeddings"]}, _BIG),
        ({"ids": ["a"] * 20, "include": ["embeddings"], "embeddings": _BIG}, _BIG),
        ({"ids": ['"embeddings":[[1]]'] * 20, "embeddings": _BIG, "include": ["embeddings"]}, _BIG),
        ({"ids": ["a"], "metadatas": [{"embeddings": _BIG}], "embeddings": None, "include": ["metadatas"]}, None),
        ({"ids": ["a"], "metadatas": [{"embeddings": _BIG}], "embeddings": [[1]], "include": ["metadatas"]}, [[1]]),
        ({"ids": ["a"], "embeddings": None, "metadatas": [{"embeddings": _BIG}], "include": ["metadatas"]}, None),
        ({"ids": ["a"], "metadatas": [{"embeddings": _BIG, "z": 1}], "include": ["metadatas"]}, None),
        ({"ids": ["a"], "embeddings": ["A" * 5000], "include": ["embeddings"]}, ["A" * 5000]),
        ({"ids": ["a"], "embeddings": [], "documents": None, "include": ["embeddings"]}, []),
    ],
)
def test_embeddings_are_cut_out_where_they_are(
    *,
    body: dict[str, Any],
    vectors: Any,
    adapter: Adapter,
    ask: Callable[..., Reading],
    response: Callable[..., Response],
    records: str,
) -> None:
    """Large embeddings are found without being read, and never mistaken for metadata of the same name."""
    reading = _asked(ask, records, "get", 1)

    answer = adapter.read_answer(reading, response(body))

    assert answer is not None
    found = answer.results[0].vectors
    assert vectors == (None if found is None else msgspec.json.decode(found))
    payloads = answer.results[0].payloads
    assert body.get("metadatas") == (None if payloads is None else json.loads(msgspec.json.encode(payloads)))


def test_numbers_that_hide_an_object(
    adapter: Adapter, ask: Callable[..., Reading], response: Callable[..., Response], records: str
) -> None:
    """A brace or a broken list in the place of large embeddings is not passed over."""
    reading = _asked(ask, records, "get", 1)
    numbers = b"1," * 4000
    for middle in (b"[" + numbers + b"{}]", b"[" + numbers, b"[" + numbers + b"1] 2"):
        body = b'{"ids":[],"embeddings":' + middle + b',"documents":null,"include":[]}'
        if middle.endswith(b"{}]"):
            assert adapter.read_answer(reading, response(body)) is not None
        else:
            with pytest.raises(UpstreamError):
                adapter.read_answer(reading, response(body))


_GET = {
    "ids": ["a", "b"],
    "embeddings": [[1], [2]],
    "documents": ["x", None],
    "uris": None,
    "metadatas": [{"k": 1.50}, None],
    "include": ["embeddings", "metadatas", "documents"],
}
_QUERY = {
    "ids": [["a"], ["b"]],
    "embeddings": [[[1]], [[2]]],
    "documents": [["x"], ["y"]],
    "uris": None,
    "metadatas": [[{"k": 1}], [None]],
    "distances": [[0.5], [0.25]],
    "include": ["embeddings", "metadatas", "documents", "distances"],
}
_SEARCH = {
    "ids": [["a"], ["b"]],
    "documents": [["x"], None],
    "embeddings": [[[1]], None],
    "metadatas": [[{"k": 1}], None],
    "scores": [[0.5], None],
    "select": [["#document", "#embedding", "#score", {"MetadataField": "k"}], []],
}


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        (
            "get",
            _GET,
            {**_GET, "embeddings": None, "include": ["metadatas", "documents"]},
        ),
        (
            "query",
            _QUERY,
            {**_QUERY, "embeddings": None, "distances": None, "include": ["metadatas", "documents"]},
        ),
        (
            "search",
            _SEARCH,
            {
                **_SEARCH,
                "embeddings": [None, None],
                "scores": [None, None],
                "select": [["#document", {"MetadataField": "k"}], []],
            },
        ),
    ],
)
def test_withheld_columns_are_gone(
    *,
    operation: str,
    body: Any,
    expected: Any,
    adapter: Adapter,
    ask: Callable[..., Reading],
    response: Callable[..., Response],
    records: str,
) -> None:
    """Vectors and scores that were taken out are null, and the answer no longer says that it holds them."""
    reading = _asked(ask, records, operation, 2)
    answer = adapter.read_answer(reading, response(body))
    assert answer is not None
    for result in answer.results:
        result.vectors = result.scores = None

    assert expected == json.loads(adapter.write_answer(reading, answer))


def test_changed_values_are_written(
    adapter: Adapter, ask: Callable[..., Reading], response: Callable[..., Response], records: str
) -> None:
    """What obligations put in the place of a value is what the client gets; the rest keeps every byte."""
    reading = _asked(ask, records, "get", 1)
    answer = adapter.read_answer(
        reading, response(b'{"ids":["a"],"documents":["x"],"metadatas":[{"k":1.50,"e":"y"}],"include":[]}')
    )
    assert answer is not None
    result = answer.results[0]
    assert result.payloads is not None
    assert result.payloads[0] is not None
    result.payloads[0]["e"] = result.texts["document"][0] = msgspec.Raw(b'"[REDACTED]"')

    written = adapter.write_answer(reading, answer)

    assert b'"documents":["[REDACTED]"],"uris":null,"metadatas":[{"k":1.50,"e":"[REDACTED]"}]' in written


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("get", b""),
        ("get", b"not JSON"),
        ("get", b"null"),
        ("get", b"[" * 100_000),
        ("get", {"include": []}),
        ("get", {"ids": ["a"]}),
        ("get", {**_GET, "notes": ["x", "y"]}),
        ("get", {**_GET, "Documents": ["x", "y"]}),
        ("get", {**_GET, "distances": [1, 2]}),
        ("get", {**_GET, "include": ["everything"]}),
        ("get", {**_GET, "documents": ["x"]}),
        ("get", {**_GET, "metadatas": [None]}),
        ("get", {**_GET, "uris": ["x", "y", "z"]}),
        ("get", {**_GET, "ids": ["a", {"hidden": 1}]}),
        ("get", {**_GET, "ids": ["a", None]}),
        ("get", {**_GET, "documents": ["x", ["hidden"]]}),
        ("get", {**_GET, "documents": ["x", {"hidden": 1}]}),
        ("get", {**_GET, "uris": ["x", 5]}),
        ("get", {**_GET, "metadatas": [{"k": 1}, "hidden"]}),
        ("get", {**_GET, "metadatas": "hidden"}),
        ("query", {**_QUERY, "notes": []}),
        ("query", {**_QUERY, "ids": [["a"]]}),
        ("query", {**_QUERY, "ids": [["a"], ["b"], ["c"]]}),
        ("query", {**_QUERY, "documents": [["x"]]}),
        ("query", {**_QUERY, "embeddings": [[[1]]]}),
        ("query", {**_QUERY, "distances": [[1]]}),
        ("query", {**_QUERY, "documents": [["x"], ["y", "z"]]}),
        ("query", {**_QUERY, "documents": [["x"], None]}),
        ("query", {**_QUERY, "metadatas": [[None], [None, None]]}),
        ("search", {**_SEARCH, "notes": []}),
        ("search", {**_SEARCH, "select": [[]]}),
        ("search", {**_SEARCH, "ids": [["a"]]}),
        ("search", {**_SEARCH, "documents": [["x", "y"], None]}),
        ("search", {**_SEARCH, "metadatas": [[None, None], None]}),
    ],
)
def test_answer_that_is_not_understood(
    *,
    operation: str,
    body: Any,
    adapter: Adapter,
    ask: Callable[..., Reading],
    response: Callable[..., Response],
    records: str,
) -> None:
    """An answer with anything that is not known, or with columns that do not fit, is not passed on."""
    with pytest.raises(UpstreamError) as caught:
        adapter.read_answer(_asked(ask, records, operation, 2), response(body))

    assert caught.value.code == "answer_unrecognised"
    assert "hidden" not in str(caught.value)


def test_answers_without_records(
    adapter: Adapter, ask: Callable[..., Reading], response: Callable[..., Response], records: str, collections: str
) -> None:
    """A count, a description or the answer to a write holds no records."""
    readings = [
        ask("GET", f"{records}/count"),
        ask("GET", f"{collections}/notes"),
        ask("POST", f"{records}/delete", {"ids": ["a"]}),
    ]

    assert [adapter.read_answer(reading, response({})) for reading in readings] == [None] * 3


def test_answer_of_another_adapter(adapter: Adapter, ask: Callable[..., Reading], records: str) -> None:
    """An answer that this adapter did not read is a mistake of the program."""
    with pytest.raises(TypeError):
        adapter.write_answer(_asked(ask, records, "get", 1), Answer(results=[], owners=[], form=object()))


# --- counts -------------------------------------------------------------------------------------------------------------


_ROW_FILTER = Terms(where=FieldCondition(operator="eq", field="tenant", value="t1"))


@pytest.mark.parametrize("ids", [[], ["a"], ["a", "b", "a"]])
def test_ids_that_are_counted_become_a_number(
    ids: list[str], adapter: Adapter, ask: Callable[..., Reading], response: Callable[..., Response], records: str
) -> None:
    """The answer to a count that was asked as a get is what Chroma's own count gives, and is never passed on as it came."""
    reading = adapter.narrow(ask("GET", f"{records}/count"), (_ROW_FILTER,))

    answer = adapter.read_answer(reading, response({"ids": ids, "include": [], "documents": None}))

    assert answer is not None
    assert (answer.recast, answer.results, answer.owners) == (True, [], [])
    assert adapter.write_answer(reading, answer) == str(len(ids)).encode()


@pytest.mark.parametrize("body", [b"3", b"{}", b'{"ids":3,"include":[]}', b'{"ids":[],"include":[],"x":1}', b""])
def test_a_count_that_is_no_list_of_ids_is_not_passed_on(
    body: bytes, adapter: Adapter, ask: Callable[..., Reading], response: Callable[..., Response], records: str
) -> None:
    """A database that counts by itself has not been asked with the filter."""
    reading = adapter.narrow(ask("GET", f"{records}/count"), (_ROW_FILTER,))

    with pytest.raises(UpstreamError):
        adapter.read_answer(reading, response(body))


def test_a_count_without_a_row_filter_is_left_as_it_is(
    adapter: Adapter, ask: Callable[..., Reading], response: Callable[..., Response], records: str
) -> None:
    """Without a row filter the database's own number goes to the client."""
    reading = adapter.narrow(ask("GET", f"{records}/count"), (Terms(),))

    assert adapter.read_answer(reading, response(b"3")) is None
