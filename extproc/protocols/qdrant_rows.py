"""The requests of Qdrant's REST interface that this gateway understands, and the form that each must have.

`SHAPES` is the whole list: a row of operations.csv without a shape is refused. What streams all data of a collection, or takes
it in (snapshot files), cannot be held, read and masked here, and what Qdrant's peers say to each other is nobody else's to say.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from extproc.errors import Malformed
from extproc.protocols import qdrant_configs as configs
from extproc.protocols import qdrant_members as read
from extproc.protocols import qdrant_points
from extproc.protocols.qdrant_form import Kind
from extproc.protocols.qdrant_members import Member, nullable
from extproc.protocols.qdrant_queries import Probe

Parameters = Mapping[str, Callable[[str], bool]]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of request may hold: members of the body (None: no body) and parameters.

    `settings` is a pattern of a body that nothing is decided by; `only` names members of which there is exactly one.
    """

    kind: Kind
    members: Mapping[str, Member] | None = None
    required: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    parameters: Parameters = msgspec.field(default_factory=dict)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 20  # noqa: PLR2004 - as many digits as 64 bits have


def _one_of(*words: str) -> Callable[[str], bool]:
    return frozenset(words).__contains__


def _is_consistency(text: str) -> bool:
    return text in {"all", "majority", "quorum"} or _is_count(text)


def _is_word(text: str) -> bool:
    return re.fullmatch(r"[a-z_.~-]{1,64}", text) is not None


_TRUTH: Final = _one_of("true", "false")
_TIMEOUT: Final[Parameters] = {"timeout": _is_count}
_READING: Final[Parameters] = {"consistency": _is_consistency, **_TIMEOUT}
_WRITING: Final[Parameters] = {"wait": _TRUTH, "ordering": _one_of("weak", "medium", "strong"), **_TIMEOUT}
_WAITING: Final[Parameters] = {"wait": _TRUTH}

_SHARD: Final[dict[str, Member]] = {"shard_key": nullable(read.shard_key)}
_RETURNED: Final[dict[str, Member]] = {
    "with_payload": nullable(read.with_payload),
    "with_vector": nullable(read.with_vectors),
}
_PAGE: Final[dict[str, Member]] = {"limit": nullable(read.count), "offset": nullable(read.count)}
_GROUPED: Final[dict[str, Member]] = {
    "group_by": read.text,
    "group_size": nullable(read.count),
    "limit": nullable(read.count),
    "with_lookup": nullable(read.with_lookup),
}
_BY: Final = frozenset({"group_by"})

_QUERY: Final[dict[str, Member]] = {**read.CANDIDATES, "prefetch": nullable(read.prefetch), **_RETURNED, **_SHARD}
_OLD: Final[dict[str, Member]] = {
    **{name: read.CANDIDATES[name] for name in ("filter", "params", "score_threshold")},
    **_RETURNED,
    **_SHARD,
}


def _named_vector(raw: Any, name: str) -> Probe:
    """Read an older query's vector, which may say its own name."""
    if bytes(raw)[:1] == b"{":
        found = read.members(raw, name, {"name": read.text, "vector": read.vector_input}, frozenset({"name", "vector"}))
        return Probe(_vector(found["vector"], name).kind, raw)
    return _vector(read.vector_input(raw, name), name)


def _vector(found: Any, name: str) -> Probe:
    if not isinstance(found, Probe):
        raise Malformed(f"'{name}' is a vector")
    return found


_SEARCH: Final[dict[str, Member]] = {**_OLD, "vector": _named_vector}
_USING: Final[dict[str, Member]] = {"using": nullable(read.text), "lookup_from": nullable(read.lookup_from)}
_INPUTS: Final = nullable(read.each(read.vector_input))
_RECOMMEND: Final[dict[str, Member]] = {
    **_OLD,
    **_USING,
    "positive": _INPUTS,
    "negative": _INPUTS,
    "strategy": nullable(read.text),
}
_PAIR: Final = read.fields({"positive": read.vector_input, "negative": read.vector_input}, frozenset({"positive", "negative"}))
_DISCOVER: Final[dict[str, Member]] = {
    **_OLD,
    **_USING,
    "target": nullable(read.vector_input),
    "context": nullable(read.each(_PAIR)),
}

_SELECTOR: Final[dict[str, Member]] = {"points": nullable(read.point_ids), "filter": nullable(read.value), **_SHARD}
_UPSERT: Final[dict[str, Member]] = {
    "points": qdrant_points.points(payloads=True),
    "batch": qdrant_points.columns,
    "update_filter": nullable(read.value),
    "update_mode": nullable(read.text),
    **_SHARD,
}
_VECTORS: Final[dict[str, Member]] = {
    "points": qdrant_points.points(payloads=False),
    "update_filter": nullable(read.value),
    **_SHARD,
}
_PAYLOAD: Final[dict[str, Member]] = {**_SELECTOR, "payload": qdrant_points.payload, "key": nullable(read.text)}
_KEYS: Final[dict[str, Member]] = {**_SELECTOR, "keys": read.texts}
_NAMES: Final[dict[str, Member]] = {**_SELECTOR, "vector": read.texts}
_ROWS: Final = frozenset({"points", "batch"})
_CHOICE: Final = frozenset({"points", "filter"})


def _operation(raw: Any, name: str) -> dict[str, Any]:
    """Read one operation of a batch: an object of one member, whose name says what it does."""
    found = read.members(raw, name, _OPERATIONS)
    if len(found) != 1:
        raise Malformed("an operation of a batch does one thing")
    return found


def _exactly_one(members: Mapping[str, Member], only: frozenset[str], *required: str) -> Member:
    def member(raw: Any, name: str) -> dict[str, Any]:
        found = read.members(raw, name, members, frozenset(required))
        require_one(found, only)
        return found

    return member


def require_one(found: Mapping[str, Any], only: frozenset[str]) -> None:
    """Refuse a body that has none, or several, of the members of which there must be one. Raises `Malformed`."""
    if only and sum(found.get(name) is not None for name in only) != 1:
        raise Malformed(f"there must be exactly one of: {', '.join(sorted(only))}")


def _settings(pattern: Mapping[str, Any]) -> dict[str, Member]:
    return {name: nullable(functools.partial(configs.settings, pattern=inner)) for name, inner in pattern.items()}


_OPERATIONS: Final[Mapping[str, Member]] = {
    "upsert": _exactly_one(_UPSERT, _ROWS),
    "delete": _exactly_one(_SELECTOR, _CHOICE),
    "set_payload": _exactly_one(_PAYLOAD, _CHOICE, "payload"),
    "overwrite_payload": _exactly_one(_PAYLOAD, _CHOICE, "payload"),
    "delete_payload": _exactly_one(_KEYS, _CHOICE, "keys"),
    "clear_payload": _exactly_one(_SELECTOR, _CHOICE),
    "update_vectors": read.fields(_VECTORS, frozenset({"points"})),
    "delete_vectors": _exactly_one(_NAMES, _CHOICE, "vector"),
}
"""The operations that a batch may hold; each is called like the kind of request that does the same."""

_COLLECTION: Final = "/collections/{collection_name}"
_POINTS: Final = f"{_COLLECTION}/points"
_SHARDS: Final = f"{_COLLECTION}/shards/{{shard}}"
_SNAPSHOTS: Final = f"{_COLLECTION}/snapshots"
_OF_SHARD: Final = f"{_COLLECTION}/shards/{{shard_id}}/snapshots"
_SERVICE: Final = Shape(kind="service")
_TELEMETRY: Final[Parameters] = {
    "anonymize": _TRUTH,
    "details_level": _is_count,
    "per_collection": _TRUTH,
    **_TIMEOUT,
}


def _query(members: Mapping[str, Member], *required: str, kind: Kind = "query") -> Shape:
    return Shape(kind=kind, members=members, required=frozenset(required), parameters=_READING)


def _queries(members: Mapping[str, Member], *required: str) -> Shape:
    searches = read.each(read.fields(members, frozenset(required)))
    return Shape(kind="queries", members={"searches": searches}, required=frozenset({"searches"}), parameters=_READING)


def _write(kind: Kind, members: Mapping[str, Member], *required: str, only: frozenset[str] = frozenset()) -> Shape:
    return Shape(kind=kind, members=members, required=frozenset(required), only=only, parameters=_WRITING)


_GET: Final[dict[str, Member]] = {"ids": read.point_ids, **_RETURNED}
_SCROLL: Final[dict[str, Member]] = {
    "offset": nullable(read.point_id),
    "limit": nullable(read.count),
    "filter": nullable(read.value),
    "order_by": nullable(read.value),
    **_RETURNED,
}
_COUNT: Final[dict[str, Member]] = {"filter": nullable(read.value), "exact": nullable(read.truth)}
_MATRIX: Final[dict[str, Member]] = {
    "filter": nullable(read.value),
    "sample": nullable(read.count),
    "limit": nullable(read.count),
    "using": nullable(read.text),
    **_SHARD,
}

SHAPES: Final[Mapping[tuple[str, str], Shape]] = {
    # the service
    ("GET", "/"): _SERVICE,
    ("GET", "/healthz"): _SERVICE,
    ("GET", "/livez"): _SERVICE,
    ("GET", "/readyz"): _SERVICE,
    ("GET", "/dashboard/{*}"): Shape(kind="page"),
    ("GET", "/telemetry"): Shape(kind="measure", parameters=_TELEMETRY),
    ("GET", "/metrics"): Shape(kind="measure", parameters=_TELEMETRY),
    ("GET", "/cluster/telemetry"): Shape(kind="measure", parameters=_TELEMETRY),
    ("GET", "/cluster"): _SERVICE,
    ("GET", "/quotas"): _SERVICE,
    ("PUT", "/quotas"): Shape(kind="service", members=_settings(configs.QUOTAS)),
    ("GET", "/issues"): Shape(kind="expose"),
    ("DELETE", "/issues"): _SERVICE,
    ("GET", "/logger"): _SERVICE,
    ("GET", "/stacktrace"): Shape(kind="expose"),
    ("GET", "/profiler/slow_requests"): Shape(kind="expose", parameters={"limit": _is_count, "request": _is_word}),
    ("POST", "/audit/logs"): Shape(kind="expose", members=_settings(configs.AUDIT), parameters=_TIMEOUT),
    ("GET", "/cluster/metadata/keys"): _SERVICE,
    ("GET", "/cluster/metadata/keys/{key}"): _SERVICE,
    ("DELETE", "/cluster/metadata/keys/{key}"): Shape(kind="service", parameters=_WAITING),
    ("POST", "/cluster/recover"): _SERVICE,
    ("DELETE", "/cluster/peer/{peer_id}"): Shape(kind="whole", parameters={"force": _TRUTH, **_TIMEOUT}),
    # collections
    ("GET", "/collections"): Shape(kind="list"),
    ("GET", "/aliases"): Shape(kind="list"),
    ("POST", "/collections/aliases"): Shape(
        kind="aliases", members=_settings(configs.ALIASES), required=frozenset({"actions"}), parameters=_TIMEOUT
    ),
    ("GET", _COLLECTION): Shape(kind="describe"),
    ("PUT", _COLLECTION): Shape(kind="create", members=_settings(configs.CREATE), parameters=_TIMEOUT),
    ("PATCH", _COLLECTION): Shape(kind="alter", members=_settings(configs.ALTER), parameters=_TIMEOUT),
    ("DELETE", _COLLECTION): Shape(kind="drop", parameters=_TIMEOUT),
    ("GET", f"{_COLLECTION}/exists"): Shape(kind="describe"),
    ("GET", f"{_COLLECTION}/aliases"): Shape(kind="describe"),
    ("GET", f"{_COLLECTION}/shards"): Shape(kind="describe"),
    ("GET", f"{_COLLECTION}/cluster"): Shape(kind="measure"),
    ("GET", f"{_COLLECTION}/memory"): Shape(kind="measure"),
    ("GET", f"{_COLLECTION}/optimizations"): Shape(kind="measure", parameters={"with": _is_word, "completed_limit": _is_count}),
    ("PUT", f"{_COLLECTION}/index"): Shape(
        kind="index", members=_settings(configs.INDEX), required=frozenset({"field_name"}), parameters=_WRITING
    ),
    ("DELETE", f"{_COLLECTION}/index/{{field_name}}"): Shape(kind="index", parameters=_WRITING),
    ("PUT", f"{_COLLECTION}/vectors/{{vector_name}}"): Shape(
        kind="alter", members=_settings(configs.VECTOR_NAME), only=frozenset(configs.VECTOR_NAME), parameters=_WRITING
    ),
    ("DELETE", f"{_COLLECTION}/vectors/{{vector_name}}"): Shape(kind="whole", parameters=_WRITING),
    ("PUT", f"{_COLLECTION}/shards"): Shape(
        kind="partition", members=_settings(configs.PARTITION), required=frozenset({"shard_key"}), parameters=_TIMEOUT
    ),
    ("POST", f"{_COLLECTION}/shards/delete"): Shape(
        kind="repartition", members=_settings(configs.REPARTITION), required=frozenset({"shard_key"}), parameters=_TIMEOUT
    ),
    ("POST", f"{_COLLECTION}/cluster"): Shape(
        kind="whole", members=_settings(configs.CLUSTER), only=frozenset(configs.CLUSTER), parameters=_TIMEOUT
    ),
    ("POST", f"{_SHARDS}/cleanup"): Shape(kind="whole", parameters=_WAITING),
    ("POST", f"{_COLLECTION}/truncate_unapplied_wal"): Shape(kind="whole"),
    # snapshots, but for their files
    ("GET", _SNAPSHOTS): Shape(kind="describe"),
    ("POST", _SNAPSHOTS): Shape(kind="whole", parameters=_WAITING),
    ("DELETE", f"{_SNAPSHOTS}/{{snapshot_name}}"): Shape(kind="whole", parameters=_WAITING),
    ("PUT", f"{_SNAPSHOTS}/recover"): Shape(
        kind="whole", members=_settings(configs.RECOVER), required=frozenset({"location"}), parameters=_WAITING
    ),
    ("GET", _OF_SHARD): Shape(kind="describe"),
    ("POST", _OF_SHARD): Shape(kind="whole", parameters=_WAITING),
    ("DELETE", f"{_OF_SHARD}/{{snapshot_name}}"): Shape(kind="whole", parameters=_WAITING),
    ("PUT", f"{_OF_SHARD}/recover"): Shape(
        kind="whole", members=_settings(configs.RECOVER), required=frozenset({"location"}), parameters=_WAITING
    ),
    ("GET", f"{_SHARDS}/snapshot/partial/manifest"): Shape(kind="measure"),
    ("GET", "/snapshots"): _SERVICE,
    ("POST", "/snapshots"): Shape(kind="whole", parameters=_WAITING),
    ("DELETE", "/snapshots/{snapshot_name}"): Shape(kind="whole", parameters=_WAITING),
    # records, read
    ("GET", f"{_POINTS}/{{id}}"): Shape(kind="get", parameters=_READING),
    ("POST", _POINTS): _query({**_GET, **_SHARD}, "ids", kind="get"),
    ("POST", f"{_POINTS}/scroll"): _query({**_SCROLL, **_SHARD}, kind="scroll"),
    ("POST", f"{_POINTS}/count"): _query({**_COUNT, **_SHARD}, kind="count"),
    ("POST", f"{_SHARDS}/points"): _query(_GET, "ids", kind="get"),
    ("POST", f"{_SHARDS}/points/scroll"): _query(_SCROLL, kind="scroll"),
    ("POST", f"{_SHARDS}/points/count"): _query(_COUNT, kind="count"),
    ("POST", f"{_COLLECTION}/facet"): _query(
        {**_COUNT, "key": read.text, "limit": nullable(read.count), **_SHARD}, "key", kind="facet"
    ),
    ("POST", f"{_POINTS}/search/matrix/pairs"): _query(_MATRIX, kind="matrix"),
    ("POST", f"{_POINTS}/search/matrix/offsets"): _query(_MATRIX, kind="matrix"),
    ("POST", f"{_POINTS}/query"): _query({**_QUERY, **_PAGE}),
    ("POST", f"{_POINTS}/query/batch"): _queries({**_QUERY, **_PAGE}),
    ("POST", f"{_POINTS}/query/groups"): _query({**_QUERY, **_GROUPED}, "group_by", kind="groups"),
    ("POST", f"{_POINTS}/search"): _query({**_SEARCH, **_PAGE}, "vector", "limit"),
    ("POST", f"{_POINTS}/search/batch"): _queries({**_SEARCH, **_PAGE}, "vector", "limit"),
    ("POST", f"{_POINTS}/search/groups"): _query({**_SEARCH, **_GROUPED}, "vector", "group_by", kind="groups"),
    ("POST", f"{_POINTS}/recommend"): _query({**_RECOMMEND, **_PAGE}, "limit"),
    ("POST", f"{_POINTS}/recommend/batch"): _queries({**_RECOMMEND, **_PAGE}, "limit"),
    ("POST", f"{_POINTS}/recommend/groups"): _query({**_RECOMMEND, **_GROUPED}, "group_by", kind="groups"),
    ("POST", f"{_POINTS}/discover"): _query({**_DISCOVER, **_PAGE}, "limit"),
    ("POST", f"{_POINTS}/discover/batch"): _queries({**_DISCOVER, **_PAGE}, "limit"),
    # records, written
    ("PUT", _POINTS): _write("upsert", _UPSERT, only=_ROWS),
    ("POST", f"{_POINTS}/delete"): _write("delete", _SELECTOR, only=_CHOICE),
    ("PUT", f"{_POINTS}/vectors"): _write("update_vectors", _VECTORS, "points"),
    ("POST", f"{_POINTS}/vectors/delete"): _write("delete_vectors", _NAMES, "vector", only=_CHOICE),
    ("POST", f"{_POINTS}/payload"): _write("set_payload", _PAYLOAD, "payload", only=_CHOICE),
    ("PUT", f"{_POINTS}/payload"): _write("overwrite_payload", _PAYLOAD, "payload", only=_CHOICE),
    ("POST", f"{_POINTS}/payload/delete"): _write("delete_payload", _KEYS, "keys", only=_CHOICE),
    ("POST", f"{_POINTS}/payload/clear"): _write("clear_payload", _SELECTOR, only=_CHOICE),
    ("POST", f"{_POINTS}/batch"): _write("batch", {"operations": read.each(_operation)}, "operations"),
}
