"""Take embeddings out of an answer, and scores out of it or down to fewer digits. Pure; knows no engine."""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

import msgspec

from extproc.obligations.operators import NULL
from extproc.operation import Result

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode: Final = msgspec.json.encode


def withhold_vectors(result: Result) -> None:
    """Take out every vector, also those that are kept among the metadata, which is where engines put sparse ones."""
    result.vectors = None
    if not result.embedded:
        return
    payloads = [payload for payload in result.payloads or () if payload]
    # A vector is an object. Joining a whole column is some ten times cheaper than looking at each of its values.
    if b"{" not in b"".join(chain.from_iterable(payload.values() for payload in payloads)):
        return
    for payload in payloads:
        for name, raw in list(payload.items()):
            kept = _without_sparse(raw)
            if kept is None:
                del payload[name]
            else:
                payload[name] = kept


def round_scores(result: Result, digits: int) -> None:
    """Round the scores, at any depth of lists, to `digits` decimal places. Raises `ValueError` for what is no score."""
    if result.scores is not None:
        result.scores = msgspec.Raw(_encode(_rounded(msgspec.json.decode(result.scores), digits)))


def _rounded(value: Any, digits: int) -> Any:
    match value:
        case list():
            return [_rounded(item, digits) for item in value]
        case float():
            return round(value, digits)
        case bool() | str() | dict():
            message = "scores are numbers"
            raise ValueError(message)
        case _:
            return value


def _without_sparse(raw: msgspec.Raw) -> msgspec.Raw | None:
    """Return `raw` without the sparse vectors in it, None where it is one; in a list, null takes the place of one."""
    match bytes(raw)[:1]:
        case b"{":
            members = _members(raw)
            # The form of Chroma, Qdrant and Pinecone. Chroma marks its own with a type besides, whatever else they hold.
            if members.keys() >= {"indices", "values"} or "#type" in members:
                return None
            kept = {name: inner for name, value in members.items() if (inner := _without_sparse(value)) is not None}
            return msgspec.Raw(_encode(kept))
        case b"[":
            return msgspec.Raw(_encode([_without_sparse(item) or NULL for item in _items(raw)]))
        case _:
            return raw
