"""Chroma's answers that hold records, as Results and back.

Answers are columnar: one list for each kind of data, and for `query` and `search` one list of such lists for each query. Ids,
texts and metadata values stay raw, embeddings are not even looked at. A member that is not known, or columns of different
lengths, make the whole answer unreadable, and nothing of it is passed on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from extproc.errors import UpstreamError
from extproc.operation import Answer, Result
from extproc.protocols.chroma_forms import Form
from extproc.protocols.chroma_where import DOCUMENT, URI

_NULL: Final = msgspec.Raw(b"null")
_ID_BEGINS: Final = frozenset({b'"'})
_TEXT_BEGINS: Final = frozenset({b'"', b"n"})

_Column = list[msgspec.Raw]
_Payloads = list[dict[str, msgspec.Raw] | None]
_Include = list[Literal["documents", "metadatas", "embeddings", "distances", "uris"]]


class _Get(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The answer to `get`."""

    ids: _Column
    embeddings: msgspec.Raw = _NULL
    documents: _Column | None = None
    uris: _Column | None = None
    metadatas: _Payloads | None = None
    include: _Include


class _Query(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The answer to `query`: each column holds one list for each query vector."""

    ids: list[_Column]
    embeddings: _Column | None = None
    documents: list[_Column] | None = None
    uris: list[_Column] | None = None
    metadatas: list[_Payloads] | None = None
    distances: _Column | None = None
    include: _Include


class _Search(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The answer to `search`: each column holds one list, or null, for each search."""

    ids: list[_Column]
    documents: list[_Column | None]
    embeddings: _Column
    metadatas: list[_Payloads | None]
    scores: _Column
    select: list[_Column]


class _Columns(msgspec.Struct, frozen=True):
    """What an answer says of its own columns: its `include`, or each search's `select`."""

    include: _Include
    select: list[_Column]


class _Count(msgspec.Struct, frozen=True):
    """How many records there are: the answer to a `count` that was asked as a `get`."""

    records: int


_get: Final = msgspec.json.Decoder(_Get)
_query: Final = msgspec.json.Decoder(_Query)
_search: Final = msgspec.json.Decoder(_Search)


def read(form: Form, body: bytes) -> Answer | None:
    """Understand the answer to `form`; None where it holds no records. Raises `UpstreamError`."""
    try:
        match form.kind:
            case "get":
                return _read_get(body)
            case "query":
                return _read_query(_query.decode(body), form.queries)
            case "search":
                return _read_search(_search.decode(body), len(form.searches))
            case "count" if form.body is not None:
                return Answer(results=[], owners=[], form=_Count(len(_get.decode(body).ids)), recast=True)
            case _:
                return None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _unrecognised() from None


def write(form: Form, answer: Answer) -> bytes:
    """Return the bytes of an answer; what it says of its columns is what it then has."""
    columns = answer.form
    if isinstance(columns, _Count):
        return msgspec.json.encode(columns.records)
    if not isinstance(columns, _Columns):
        message = "an answer of another adapter"
        raise TypeError(message)
    match form.kind:
        case "get":
            return _write_get(answer.results[0], columns.include)
        case "query":
            return _write_query(answer.results, columns.include)
        case _:
            return _write_search(answer.results, columns.select)


# --- get ----------------------------------------------------------------------------------------------------------------

_EMBEDDINGS: Final = b'"embeddings":'
_ABSENT: Final = b"0"
_LEAST_CUT: Final = 4096
"""Below so many bytes of embeddings, cutting them out saves nothing."""


def _read_get(body: bytes) -> Answer:
    """Read the answer to `get`, with the embeddings cut out beforehand where that is sure to be right."""
    start, end = _embeddings(body)
    if end - start >= _LEAST_CUT:
        found = _get.decode(b"".join((memoryview(body)[:start], _ABSENT, memoryview(body)[end:])))
        # Only the member of the answer itself was cut if that is where the stand-in has come to be.
        if bytes(found.embeddings) == _ABSENT:
            found.embeddings = msgspec.Raw(memoryview(body)[start:end])
            return _from_get(found)
    return _from_get(_get.decode(body))


def _embeddings(body: bytes) -> tuple[int, int]:
    """Return where a list of numbers behind the first key `embeddings` begins and ends; an empty range where it is unclear.

    Such a list holds no quotation mark, and behind it stands a key or the end, so it ends before the next one; finding that
    is some twenty times as fast as reading the numbers.
    """
    start = body.find(_EMBEDDINGS) + len(_EMBEDDINGS)
    mark = body.find(b'"', start)
    if start < len(_EMBEDDINGS) or mark < 0 or not body.startswith(b"[", start):
        return 0, 0
    end = body.rfind(b"]", start, mark) + 1
    # Nothing but a comma may stand between the list and the next key, and no object in it or around it.
    if body[end:mark].strip() != b"," or body.find(b"{", start, end) >= 0 or body.find(b"}", start, end) >= 0:
        return 0, 0
    return start, end


def _from_get(found: _Get) -> Answer:
    result = Result(
        ids=found.ids,
        payloads=found.metadatas,
        texts=_texts({DOCUMENT: found.documents, URI: found.uris}),
        vectors=_present(found.embeddings),
    )
    _check(result)
    return Answer(results=[result], owners=[0], form=_Columns(found.include, []))


def _write_get(result: Result, include: _Include) -> bytes:
    columns: dict[str, Any] = {
        "embeddings": result.vectors,
        "documents": result.texts.get(DOCUMENT),
        "uris": result.texts.get(URI),
        "metadatas": result.payloads,
    }
    # `distances` may be included without effect, as in the database's own answers.
    return msgspec.json.encode({"ids": result.ids, **columns, "include": _included(include, columns)})


# --- query --------------------------------------------------------------------------------------------------------------


def _read_query(found: _Query, queries: int) -> Answer:
    wide = (found.embeddings, found.documents, found.uris, found.metadatas, found.distances)
    _check_width(queries, found.ids, *(column for column in wide if column is not None))
    results = [
        Result(
            ids=ids,
            payloads=_at(found.metadatas, index),
            texts=_texts({DOCUMENT: _at(found.documents, index), URI: _at(found.uris, index)}),
            vectors=_at(found.embeddings, index),
            scores=_at(found.distances, index),
        )
        for index, ids in enumerate(found.ids)
    ]
    for result in results:
        _check(result)
    return Answer(results=results, owners=[0] * queries, form=_Columns(found.include, []))


def _write_query(results: list[Result], include: _Include) -> bytes:
    columns: dict[str, Any] = {
        "embeddings": _column(include, "embeddings", (result.vectors for result in results)),
        "documents": _column(include, "documents", (result.texts.get(DOCUMENT) for result in results)),
        "uris": _column(include, "uris", (result.texts.get(URI) for result in results)),
        "metadatas": _column(include, "metadatas", (result.payloads for result in results)),
        "distances": _column(include, "distances", (result.scores for result in results)),
    }
    kept = {"ids": [result.ids for result in results], **columns, "include": _included(include, columns)}
    return msgspec.json.encode(kept)


def _column(include: _Include, name: str, parts: Iterable[Any]) -> list[Any] | None:
    """Return a column of all queries, None where it was not there or was taken away."""
    column = list(parts)
    return column if name in include and all(part is not None for part in column) else None


# --- search -------------------------------------------------------------------------------------------------------------


def _read_search(found: _Search, searches: int) -> Answer:
    wide = (found.documents, found.embeddings, found.metadatas, found.scores, found.select)
    _check_width(searches, found.ids, *wide)
    results = [
        Result(
            ids=ids,
            payloads=found.metadatas[index],
            texts=_texts({DOCUMENT: found.documents[index]}),
            vectors=_present(found.embeddings[index]),
            scores=_present(found.scores[index]),
        )
        for index, ids in enumerate(found.ids)
    ]
    for result in results:
        _check(result)
    return Answer(results=results, owners=list(range(searches)), form=_Columns([], found.select))


_SELECTED_VECTORS: Final = frozenset({b'"#embedding"', b'"Embedding"'})
_SELECTED_SCORES: Final = frozenset({b'"#score"', b'"Score"'})


def _write_search(results: list[Result], select: list[_Column]) -> bytes:
    return msgspec.json.encode(
        {
            "ids": [result.ids for result in results],
            "documents": [result.texts.get(DOCUMENT) for result in results],
            "embeddings": [result.vectors for result in results],
            "metadatas": [result.payloads for result in results],
            "scores": [result.scores for result in results],
            "select": [_selected(*each) for each in zip(select, results, strict=True)],
        }
    )


def _selected(keys: _Column, result: Result) -> _Column:
    gone = (_SELECTED_VECTORS if result.vectors is None else frozenset[bytes]()) | (
        _SELECTED_SCORES if result.scores is None else frozenset[bytes]()
    )
    return [key for key in keys if bytes(key) not in gone]


# --- columns ------------------------------------------------------------------------------------------------------------


def _texts(columns: dict[str, _Column | None]) -> dict[str, _Column]:
    return {name: column for name, column in columns.items() if column is not None}


def _present(raw: msgspec.Raw) -> msgspec.Raw | None:
    return None if raw == _NULL else raw


def _at(column: list[Any] | None, index: int) -> Any:
    return None if column is None else column[index]


def _included(include: _Include, columns: dict[str, Any]) -> list[str]:
    return [name for name in include if columns.get(name, ...) is not None]


def _check_width(queries: int, *columns: list[Any]) -> None:
    if any(len(column) != queries for column in columns):
        raise _unrecognised()


def _check(result: Result) -> None:
    """Refuse columns of different lengths, ids that are no text, and texts that are neither text nor null.

    No mask would know them.
    """
    count = len(result)
    if not {bytes(raw)[:1] for raw in result.ids or ()} <= _ID_BEGINS:
        raise _unrecognised()
    if result.payloads is not None and len(result.payloads) != count:
        raise _unrecognised()
    for column in result.texts.values():
        if len(column) != count or not {bytes(raw)[:1] for raw in column} <= _TEXT_BEGINS:
            raise _unrecognised()


def _unrecognised() -> UpstreamError:
    return UpstreamError("the database's answer is not of the form that its version has", code="answer_unrecognised")
