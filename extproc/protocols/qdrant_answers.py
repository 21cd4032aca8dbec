"""Qdrant's answers over REST that hold records, as Results and back.

Records come one object each; ids, payload values, vectors and scores stay raw. A member that is not known makes the whole
answer unreadable, and nothing of it is passed on. Where the database was asked for something else than the client asked for (a
scroll for a get), the answer is put back into the form that the client expects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from extproc.errors import NotFound, UpstreamError
from extproc.operation import Answer, Condition, Result, tested_fields
from extproc.protocols import ownership, qdrant_payload
from extproc.protocols.qdrant_form import Form
from extproc.protocols.qdrant_operations import Part

_NESTED: Final = (b"{", b"[")
_ZERO: Final = msgspec.Raw(b"0.0")
_UNSET: Final = msgspec.UNSET
_Maybe = msgspec.Raw | msgspec.UnsetType


class _Point(msgspec.Struct, forbid_unknown_fields=True):
    """One record; `score` and `version` are a scored one's."""

    id: msgspec.Raw
    version: int | msgspec.UnsetType | None = _UNSET
    score: _Maybe = _UNSET
    payload: dict[str, msgspec.Raw] | msgspec.UnsetType | None = _UNSET
    vector: _Maybe = _UNSET
    shard_key: str | int | msgspec.UnsetType | None = _UNSET
    order_value: int | float | str | msgspec.UnsetType | None = _UNSET


class _Page(msgspec.Struct, forbid_unknown_fields=True):
    points: list[_Point]
    next_page_offset: int | str | msgspec.UnsetType | None = _UNSET


class _Group(msgspec.Struct, forbid_unknown_fields=True):
    hits: list[_Point]
    id: int | str
    lookup: _Point | msgspec.UnsetType | None = _UNSET


class _Groups(msgspec.Struct, forbid_unknown_fields=True):
    groups: list[_Group]


class _Pair(msgspec.Struct, forbid_unknown_fields=True):
    a: msgspec.Raw
    b: msgspec.Raw
    score: msgspec.Raw


class _Pairs(msgspec.Struct, forbid_unknown_fields=True):
    pairs: list[_Pair]


class _Offsets(msgspec.Struct, forbid_unknown_fields=True):
    offsets_row: msgspec.Raw
    offsets_col: msgspec.Raw
    scores: list[msgspec.Raw]
    ids: list[msgspec.Raw]


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """What every answer comes in; the result is read by itself, because its form depends on the request."""

    result: msgspec.Raw
    status: _Maybe = _UNSET
    time: _Maybe = _UNSET
    usage: _Maybe = _UNSET


_envelope: Final = msgspec.json.Decoder(_Envelope)
_records: Final = msgspec.json.Decoder(list[_Point])
_record: Final = msgspec.json.Decoder(_Point)
_page: Final = msgspec.json.Decoder(_Page)
_several: Final = msgspec.json.Decoder(list[list[_Point]])
_pages: Final = msgspec.json.Decoder(list[_Page])
_groups: Final = msgspec.json.Decoder(_Groups)
_pairs: Final = msgspec.json.Decoder(_Pairs)
_offsets: Final = msgspec.json.Decoder(_Offsets)
_numbers: Final = msgspec.json.Decoder(list[msgspec.Raw])
_described: Final = msgspec.json.Decoder(dict[str, Any])


class _Read(msgspec.Struct, frozen=True):
    """An answer as it was read: the envelope, its result, and the records or scores behind each Result."""

    envelope: _Envelope
    result: Any
    columns: Sequence[list[Any]]


def read(form: Form, parts: Sequence[Part], body: bytes) -> Answer | None:
    """Understand the answer to `form`; None where it holds no records. Raises `UpstreamError`, `NotFound`."""
    try:
        return _read(form, parts, body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UpstreamError(
            "the database's answer is not of the form that its version has", code="answer_unrecognised"
        ) from None


def _read(form: Form, parts: Sequence[Part], body: bytes) -> Answer | None:
    kind = form.kind
    if kind == "describe":
        return Answer(results=[], owners=[], form=_uncounted(body), recast=True) if form.recast is not None else None
    if kind not in _KINDS:
        return None
    envelope = _envelope.decode(body)
    raw = envelope.result
    listed = bytes(raw)[:1] == b"["
    owners = [0]
    result: Any
    match kind:
        case "get" | "query" if listed:
            result = _records.decode(raw)
            columns = [result]
        case "get":
            result = _record.decode(raw)
            columns = [[result]]
        case "scroll" if form.recast is not None:
            result = _ordered(_page.decode(raw).points, form)
            columns = [result if isinstance(result, list) else [result]]
        case "scroll" | "query":
            result = _page.decode(raw)
            columns = [result.points]
        case "queries":
            result = _several.decode(raw) if _nested(raw) else _pages.decode(raw)
            columns = [each if isinstance(each, list) else each.points for each in result]
            owners = [index for index, part in enumerate(parts) if part.role == "own"]
            if len(columns) != len(owners):
                raise UpstreamError("the database did not answer each query", code="answer_unrecognised")
        case "groups":
            result = _groups.decode(raw)
            if form.beside is not None:
                _hide(result.groups, form.beside)
            lookups = [group.lookup for group in result.groups if isinstance(group.lookup, _Point)]
            columns = [[hit for group in result.groups for hit in group.hits], lookups]
            owners.append(next((index for index, part in enumerate(parts) if part.role == "beside"), 0))
        case _:
            return _matrix(envelope, raw)
    recast = form.recast is not None or form.beside is not None
    return _answer(envelope, result, columns, owners, recast=recast)


_KINDS: Final = frozenset({"get", "scroll", "query", "queries", "groups", "matrix"})


def _nested(raw: msgspec.Raw) -> bool:
    """Whether a list is one of lists."""
    return bytes(raw)[1:].lstrip()[:1] == b"["


def _answer(envelope: _Envelope, result: Any, columns: Sequence[list[_Point]], owners: list[int], *, recast: bool) -> Answer:
    results = [_result(points) for points in columns]
    return Answer(results=results, owners=owners, form=_Read(envelope, result, columns), recast=recast)


def _result(points: list[_Point]) -> Result:
    scores = [point.score for point in points if isinstance(point.score, msgspec.Raw)]
    if any(bytes(point.id)[:1] in _NESTED for point in points):
        raise UpstreamError("the database's answer has an id that is none", code="answer_unrecognised")
    return Result(
        ids=[point.id for point in points],
        payloads=[point.payload if isinstance(point.payload, dict) else None for point in points],
        vectors=_vectors(points),
        scores=_joined(scores) if scores else None,
    )


def _hide(groups: list[_Group], where: Condition) -> None:
    """Take out the records beside groups that do not meet `where`, as if there were none."""
    fields = tested_fields(where)
    for group in groups:
        payload = group.lookup.payload if isinstance(group.lookup, _Point) else None
        if not isinstance(payload, dict) or not ownership.admits(where, qdrant_payload.written(payload, fields), new=True):
            group.lookup = _UNSET


def _joined(parts: Iterable[msgspec.Raw]) -> msgspec.Raw:
    return msgspec.Raw(b"[%b]" % b",".join(map(bytes, parts)))


def _matrix(envelope: _Envelope, raw: msgspec.Raw) -> Answer:
    """Read distances between records, of which nothing but their ids comes."""
    if b'"pairs"' in bytes(raw)[:16]:
        pairs = _pairs.decode(raw)
        ids = list({bytes(each): each for pair in pairs.pairs for each in (pair.a, pair.b)}.values())
        found = Result(ids=ids, scores=_joined(pair.score for pair in pairs.pairs))
        return Answer(results=[found], owners=[0], form=_Read(envelope, pairs, [pairs.pairs]))
    offsets = _offsets.decode(raw)
    found = Result(ids=offsets.ids, scores=_joined(offsets.scores))
    return Answer(results=[found], owners=[0], form=_Read(envelope, offsets, []))


def _ordered(points: list[_Point], form: Form) -> list[_Point] | _Point:
    """Return the points of a scroll in the order in which a get named them; one by itself where one was asked for."""
    wanted = (form.body or {})["filter"]["must"][-1]["must"][0]["has_id"]
    found = {msgspec.json.decode(point.id): point for point in points}
    ordered = [found[each] for each in dict.fromkeys(wanted) if each in found]
    if "id" not in form.names:
        return ordered
    if not ordered:
        raise NotFound("there is no such point")
    return ordered[0]


def _uncounted(body: bytes) -> Any:
    """Return what a collection is like without how much is in it, which a row filter hides."""
    found = _described.decode(body)
    result = found.get("result")
    if isinstance(result, dict):
        for name in ("points_count", "indexed_vectors_count", "vectors_count"):
            if name in result:
                result[name] = None
        if "segments_count" in result:
            result["segments_count"] = 0
        result.pop("update_queue", None)
        for field in (result.get("payload_schema") or {}).values():
            if isinstance(field, dict) and "points" in field:
                field["points"] = 0
    return found


# --- back ---------------------------------------------------------------------------------------------------------------


def write(answer: Answer) -> bytes:
    """Return the bytes of an answer after its Results were changed."""
    found = answer.form
    if not isinstance(found, _Read):
        return msgspec.json.encode(found)
    for result, column in zip(answer.results, found.columns, strict=False):
        _put_back(result, column)
    if isinstance(found.result, _Offsets):
        count = len(found.result.scores)
        found.result.scores = _scores(answer.results[0], count)
    found.envelope.result = msgspec.Raw(msgspec.json.encode(found.result))
    return msgspec.json.encode(found.envelope)


def _put_back(result: Result, column: list[Any]) -> None:
    """Take out what a Result has no more, or has otherwise; payloads were changed where they are."""
    scored = [each for each in column if isinstance(each.score, msgspec.Raw)]
    for each, score in zip(scored, _scores(result, len(scored)), strict=True):
        each.score = score
    points = [each for each in column if isinstance(each, _Point)]
    if result.vectors is not _vectors(points):
        for point in points:
            point.vector = _UNSET


def _vectors(points: list[_Point]) -> msgspec.Raw | None:
    """Return the first of the vectors, which stands for all of them."""
    return next((point.vector for point in points if isinstance(point.vector, msgspec.Raw)), None)


def _scores(result: Result, count: int) -> list[msgspec.Raw]:
    """Return the scores of a Result; of dropped ones zeros, because the clients want a number there."""
    return [_ZERO] * count if result.scores is None else _numbers.decode(result.scores)
