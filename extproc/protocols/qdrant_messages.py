"""Qdrant's answers over gRPC that hold records, as Results and back: the messages themselves, changed in place.

A payload is seen through `qdrant_values.Payload`, so only what is masked is ever converted; vectors are not looked at. Members
that the compiled messages do not know are left out of an answer that is written anew, whatever they may hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError

from extproc.errors import Malformed, UpstreamError
from extproc.operation import Answer, Condition, Result, tested_fields
from extproc.protocols import ownership
from extproc.protocols.qdrant_form import Form
from extproc.protocols.qdrant_methods import CALLS
from extproc.protocols.qdrant_operations import Part
from extproc.protocols.qdrant_values import Payload, Records, point_id

_encode: Final = msgspec.json.encode
_numbers: Final = msgspec.json.Decoder(list[float]).decode
_VECTORS: Final = msgspec.Raw(b"[]")
"""Stands for vectors, which stay in their messages."""

_VECTOR_KEYS: Final = (b"indices", b"#type")
"""Keys of which every vector has one that is kept in a payload (`obligations.withholding`)."""

_MATRIX: Final = frozenset({"qdrant.SearchMatrixPairsResponse", "qdrant.SearchMatrixOffsetsResponse"})


class _Read(msgspec.Struct, frozen=True):
    """An answer as it was read, and the messages of the records behind each Result."""

    message: Any
    columns: Sequence[Sequence[Any]]


def read(form: Form, rpc: str, parts: Sequence[Part], body: memoryview) -> Answer | None:
    """Understand the answer to a call; None where it holds no records. Raises `UpstreamError`."""
    kind = CALLS[rpc].answer
    if kind is None or (form.kind == "describe" and form.recast is None):
        return None
    recast = form.recast == "get"
    try:
        answer = _answer(form, (CALLS["/qdrant.Points/Scroll"].answer if recast else kind).FromString(body), parts)
    except (DecodeError, ValueError, Malformed):
        raise UpstreamError(
            "the database's answer is not of the form that its version has", code="answer_unrecognised"
        ) from None
    _mark_plain(answer, body)
    return answer


def _mark_plain(answer: Answer, body: memoryview) -> None:
    """Say of an answer without vectors that none is kept in its payloads either, where that shows at a glance.

    One that has them is large, and they are there because nobody withholds them: there it is not worth the look.
    """
    if any(result.vectors is not None for result in answer.results):
        return
    whole = bytes(body)
    if not any(key in whole for key in _VECTOR_KEYS):
        for result in answer.results:
            result.embedded = False


def _answer(form: Form, message: Any, parts: Sequence[Part]) -> Answer:
    name = message.DESCRIPTOR.full_name
    own = {part.place: index for index, part in enumerate(parts) if part.role == "own"}
    if form.kind == "describe":
        return Answer(results=[], owners=[], form=_Read(_uncounted(message), ()), recast=True)
    if form.recast == "get":
        message = _ordered(message, form)
        return _records(message, [message.result], [0], recast=True)
    if form.kind == "groups":
        groups = message.result.groups
        if form.beside is not None:
            _hide(groups, form.beside)
        hits = [hit for group in groups for hit in group.hits]
        lookups = [group.lookup for group in groups if group.HasField("lookup")]
        beside = next((index for index, part in enumerate(parts) if part.role == "beside"), 0)
        return _records(message, [hits, lookups], [0, beside], recast=form.beside is not None)
    if form.kind == "queries":
        columns = [batch.result for batch in message.result]
        if len(columns) != len(own):
            raise UpstreamError("the database did not answer each query", code="answer_unrecognised")
        return _records(message, columns, [own[place] for place in range(len(columns))])
    return _matrix(message) if name in _MATRIX else _records(message, [message.result], [0])


def _records(message: Any, columns: Sequence[Any], owners: list[int], *, recast: bool = False) -> Answer:
    results = [_result(column) for column in columns]
    return Answer(results=results, owners=owners, form=_Read(message, columns), recast=recast)


def _result(column: Any) -> Result:
    return Result(
        ids=[msgspec.Raw(_encode(point_id(point.id))) for point in column],
        payloads=[Payload(point.payload) for point in column],
        vectors=_VECTORS if any(point.HasField("vectors") for point in column) else None,
        scores=_scores(column),
    )


def _scores(column: Any) -> msgspec.Raw | None:
    if not column or "score" not in column[0].DESCRIPTOR.fields_by_name:
        return None
    return msgspec.Raw(_encode([point.score for point in column]))


def _hide(groups: Any, where: Condition) -> None:
    """Take out the records beside groups that do not meet `where`, as if there were none."""
    fields = tested_fields(where)
    for group in groups:
        if not any(ownership.admits(where, written, new=True) for written in Records([group.lookup]).written(fields)):
            group.ClearField("lookup")


def _matrix(message: Any) -> Answer:
    found = message.result
    if found.DESCRIPTOR.name == "SearchMatrixPairs":
        ids = list(dict.fromkeys(point_id(each) for pair in found.pairs for each in (pair.a, pair.b)))
        scores = [pair.score for pair in found.pairs]
    else:
        ids = [point_id(each) for each in found.ids]
        scores = list(found.scores)
    result = Result(ids=[msgspec.Raw(_encode(each)) for each in ids], scores=msgspec.Raw(_encode(scores)))
    return Answer(results=[result], owners=[0], form=_Read(message, ()))


def _ordered(scrolled: Any, form: Form) -> Any:
    """Return the answer to the get that a scroll was asked for, in the order of its ids."""
    wanted = (form.body or {})["filter"]["must"][-1]["must"][0]["has_id"]
    found = {point_id(point.id): point for point in scrolled.result}
    made = CALLS["/qdrant.Points/Get"].answer(time=scrolled.time)
    made.result.extend(found[each] for each in dict.fromkeys(wanted) if each in found)
    if scrolled.HasField("usage"):
        made.usage.CopyFrom(scrolled.usage)
    return made


def _uncounted(message: Any) -> Any:
    """Return what a collection is like without how much is in it, which a row filter hides."""
    for name in ("points_count", "indexed_vectors_count", "segments_count", "update_queue"):
        message.result.ClearField(name)
    for field in message.result.payload_schema.values():
        field.ClearField("points")
    return message


def write(answer: Answer) -> bytes:
    """Return the message of an answer after its Results were changed."""
    found = answer.form
    if not isinstance(found, _Read):
        message = "an answer of another wire"
        raise TypeError(message)
    for result, column in zip(answer.results, found.columns, strict=False):
        _put_back(result, column)
    if found.message.DESCRIPTOR.full_name in _MATRIX:
        _put_back_matrix(answer.results[0], found.message.result)
    found.message.DiscardUnknownFields()
    encoded: bytes = found.message.SerializeToString()
    return encoded


def _put_back(result: Result, column: Sequence[Any]) -> None:
    """Take out what a Result has no more, or has otherwise; payloads were changed where they are."""
    if result.vectors is not _VECTORS:
        for point in column:
            point.ClearField("vectors")
    if column and "score" in column[0].DESCRIPTOR.fields_by_name:
        for point, score in zip(column, _given(result, len(column)), strict=True):
            point.score = score


def _put_back_matrix(result: Result, found: Any) -> None:
    if found.DESCRIPTOR.name == "SearchMatrixPairs":
        for pair, score in zip(found.pairs, _given(result, len(found.pairs)), strict=True):
            pair.score = score
    else:
        found.scores[:] = _given(result, len(found.scores))


def _given(result: Result, count: int) -> list[float]:
    """Return the scores of a Result; of dropped ones zeros."""
    return [0.0] * count if result.scores is None else _numbers(result.scores)
