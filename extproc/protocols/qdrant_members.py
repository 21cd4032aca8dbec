"""The members of Qdrant's REST bodies, each read strictly from raw JSON: what comes out is a part of a `Form`'s tree.

Objects refuse members that they do not know, at every depth; what a member means is not said here. Vectors stay raw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from extproc.errors import Malformed, Unrecognised
from extproc.protocols import strict_json
from extproc.protocols.qdrant_queries import DEEPEST, KINDS, Probe
from extproc.protocols.strict_json import shown

Member = Callable[[msgspec.Raw, str], Any]
"""Reads and checks one member of a body; gives what stands for it in the tree. The text is its name, for messages."""

LARGEST: Final = 2**64 - 1
_NULL: Final = b"null"

_truth: Final = msgspec.json.Decoder(bool)
_text: Final = msgspec.json.Decoder(str)
_texts: Final = msgspec.json.Decoder(list[str])
_whole: Final = msgspec.json.Decoder(int)
_number: Final = msgspec.json.Decoder(float)
_id: Final = msgspec.json.Decoder(int | str)
_ids: Final = msgspec.json.Decoder(list[int | str])
_shards: Final = msgspec.json.Decoder(int | str | list[int | str])
_list: Final = msgspec.json.Decoder(list[msgspec.Raw])


def nullable(member: Member) -> Member:
    """Return the reader of a member that may be null, as most may."""
    return lambda raw, name: None if bytes(raw) == _NULL else member(raw, name)


def fields(known: Mapping[str, Member], required: frozenset[str] = frozenset()) -> Member:
    """Return the reader of an object of the `known` members."""

    def read(raw: msgspec.Raw, name: str) -> dict[str, Any]:
        return members(raw, name, known, required)

    return read


def members(raw: msgspec.Raw, name: str, known: Mapping[str, Member], required: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the members of an object, read. Raises `Malformed`, `Unrecognised`."""
    found = strict_json.entries(raw, name)
    for inner in found:
        if inner not in known:
            raise Unrecognised(f"the member {shown(inner)} of {shown(name)} is not known here", code="member_unknown")
    for inner in required:
        if inner not in found:
            raise Malformed(f"the member '{inner}' of {shown(name)} is missing")
    return {inner: known[inner](value, inner) for inner, value in found.items()}


def each(member: Member) -> Member:
    """Return the reader of a list."""
    return lambda raw, name: [member(part, name) for part in strict_json.typed(raw, _list, name)]


def one_or_many(member: Member) -> Member:
    """Return the reader of a list, or of one element without a list around it."""
    several = each(member)
    return lambda raw, name: several(raw, name) if bytes(raw)[:1] == b"[" else [member(raw, name)]


# --- plain values -------------------------------------------------------------------------------------------------------


def truth(raw: msgspec.Raw, name: str) -> bool:
    """Read true or false."""
    return strict_json.typed(raw, _truth, name)


def text(raw: msgspec.Raw, name: str) -> str:
    """Read text."""
    return strict_json.typed(raw, _text, name)


def texts(raw: msgspec.Raw, name: str) -> list[str]:
    """Read a list of texts."""
    return strict_json.typed(raw, _texts, name)


def number(raw: msgspec.Raw, name: str) -> msgspec.Raw:
    """Check a number and leave it as it was sent."""
    strict_json.typed(raw, _number, name)
    if not strict_json.finite(raw):
        raise Malformed(f"'{name}' is beyond a double")
    return raw


def count(raw: msgspec.Raw, name: str) -> int:
    """Read a limit, an offset or the like."""
    found = strict_json.typed(raw, _whole, name)
    if not 0 <= found <= LARGEST:
        raise Malformed(f"'{name}' is a whole number from 0")
    return found


def value(raw: msgspec.Raw, name: str) -> Any:
    """Read a value of any form, every object and number in it checked: a filter, a formula, a configuration."""
    return strict_json.value(raw, name, unsigned=True)


def point_id(raw: msgspec.Raw, name: str) -> int | str:
    """Read a point's id."""
    found: int | str = strict_json.typed(raw, _id, name)
    return checked_id(found)


def point_ids(raw: msgspec.Raw, name: str) -> list[int | str]:
    """Read a list of ids."""
    return [checked_id(found) for found in strict_json.typed(raw, _ids, name)]


def checked_id(found: int | str) -> int | str:
    """Return an id in its one spelling: a whole number, or a UUID in small letters with dashes. Raises `Malformed`."""
    if isinstance(found, int):
        if 0 <= found <= LARGEST:
            return found
    else:
        try:
            return str(UUID(found))
        except ValueError:
            pass
    raise Malformed("an id is a whole number or a UUID")


def shard_key(raw: msgspec.Raw, name: str) -> Any:
    """Read which shards a request is for: a key, several, or one with another to fall back on."""
    if bytes(raw)[:1] == b"{":
        return members(raw, name, {"target": shard, "fallback": shard}, frozenset({"target", "fallback"}))
    return strict_json.typed(raw, _shards, name)


def shard(raw: msgspec.Raw, name: str) -> int | str:
    """Read one shard key."""
    found: int | str = strict_json.typed(raw, _id, name)
    return found


def with_payload(raw: msgspec.Raw, name: str) -> Any:
    """Read which fields of a payload are asked for."""
    start = bytes(raw)[:1]
    if start == b"{":
        found = members(raw, name, {"include": texts, "exclude": texts})
        if len(found) != 1:
            raise Malformed(f"'{name}' either includes or excludes")
        return found
    return texts(raw, name) if start == b"[" else truth(raw, name)


def with_vectors(raw: msgspec.Raw, name: str) -> Any:
    """Read which vectors are asked for."""
    return texts(raw, name) if bytes(raw)[:1] == b"[" else truth(raw, name)


# --- queries ------------------------------------------------------------------------------------------------------------

_DOCUMENTS: Final = ({"text", "model", "options"}, {"image", "model", "options"}, {"object", "model", "options"})
_MODEL: Final = frozenset({"model"})


def vector_input(raw: msgspec.Raw, name: str) -> Any:
    """Read what a query starts from: a vector of any kind, something that the server makes one of, or a point's id."""
    start = bytes(raw)[:1]
    if start == b"[":
        strict_json.numbers(raw, name)
        return Probe("vector", raw)
    if start != b"{":
        return point_id(raw, name)
    inner = set(strict_json.entries(raw, name))
    if inner == {"indices", "values"}:
        return Probe("vector", raw)
    if "model" in inner and any(inner <= known for known in _DOCUMENTS):
        return Probe("text", raw)
    raise Unrecognised(f"'{name}' is no vector and no object that a vector is made of", code="member_unknown")


_PAIR: Final = fields({"positive": vector_input, "negative": vector_input}, frozenset({"positive", "negative"}))
_PAIRS: Final = one_or_many(_PAIR)
_PARTS: Final[Mapping[str, Member]] = {
    "nearest": vector_input,
    "mmr": nullable(fields({"diversity": nullable(number), "candidates_limit": nullable(count)})),
    "recommend": fields(
        {"positive": nullable(each(vector_input)), "negative": nullable(each(vector_input)), "strategy": nullable(text)}
    ),
    "discover": fields({"target": vector_input, "context": _PAIRS}, frozenset({"target"})),
    "context": _PAIRS,
    "order_by": value,
    "fusion": text,
    "rrf": fields({"k": nullable(count), "weights": nullable(each(number))}),
    "formula": value,
    "defaults": nullable(value),
    "sample": text,
    "relevance_feedback": fields(
        {
            "target": vector_input,
            "feedback": each(fields({"example": vector_input, "score": number}, frozenset({"example", "score"}))),
            "strategy": value,
        },
        frozenset({"target", "feedback", "strategy"}),
    ),
    "text": value,
}


def query(raw: msgspec.Raw, name: str) -> Any:
    """Read a query: what it starts from by itself, or an object that says how."""
    if bytes(raw)[:1] != b"{":
        return vector_input(raw, name)
    inner = set(strict_json.entries(raw, name))
    if any(inner & {kind} and inner <= known for kind, known in KINDS.items()) and not inner & {"model"}:
        return members(raw, name, _PARTS)
    return vector_input(raw, name)


def params(raw: msgspec.Raw, name: str) -> dict[str, Any]:
    """Read the parameters of a search."""
    return members(raw, name, _PARAMETERS)


def _idf(raw: msgspec.Raw, name: str) -> Any:
    return members(raw, name, {"corpus": value}, frozenset({"corpus"})) if bytes(raw)[:1] == b"{" else text(raw, name)


_PARAMETERS: Final[Mapping[str, Member]] = {
    "hnsw_ef": nullable(count),
    "exact": nullable(truth),
    "quantization": nullable(fields({"ignore": nullable(truth), "rescore": nullable(truth), "oversampling": nullable(number)})),
    "indexed_only": nullable(truth),
    "acorn": nullable(fields({"enable": nullable(truth), "max_selectivity": nullable(number)})),
    "idf": nullable(_idf),
}

lookup_from: Final = fields(
    {"collection": text, "vector": nullable(text), "shard_key": nullable(shard_key)}, frozenset({"collection"})
)
"""Reads where a query's points are looked up if not in its own collection."""


def with_lookup(raw: msgspec.Raw, name: str) -> dict[str, Any]:
    """Read which collection's records are put beside the groups; its name may stand by itself."""
    if bytes(raw)[:1] == b'"':
        return {"collection": text(raw, name)}
    known: Mapping[str, Member] = {
        "collection": text,
        "with_payload": nullable(with_payload),
        "with_vectors": nullable(with_vectors),
    }
    return members(raw, name, known, frozenset({"collection"}))


def prefetch(raw: msgspec.Raw, name: str) -> list[dict[str, Any]]:
    """Read what a query chooses its candidates from, which may be nested."""
    return _prefetch(raw, name, DEEPEST)


def _prefetch(raw: msgspec.Raw, name: str, depth: int) -> list[dict[str, Any]]:
    if not depth:
        raise Malformed(f"prefetches are nested more than {DEEPEST} deep")
    known = {
        **CANDIDATES,
        "prefetch": nullable(lambda inner, name: _prefetch(inner, name, depth - 1)),
        "limit": nullable(count),
    }
    found: list[dict[str, Any]] = one_or_many(fields(known))(raw, name)
    return found


CANDIDATES: Final[dict[str, Member]] = {
    "query": nullable(query),
    "using": nullable(text),
    "filter": nullable(value),
    "params": nullable(params),
    "score_threshold": nullable(number),
    "lookup_from": nullable(lookup_from),
}
"""What every query and every prefetch may have."""
