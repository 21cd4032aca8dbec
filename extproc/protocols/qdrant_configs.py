"""Which members the settings in Qdrant's REST bodies have: collections, vectors, indexes, quotas, movements of shards.

Nothing is decided by a setting, but one that is not known is refused, for it may do anything (copy another collection, fetch a
URL). A pattern is None for a plain value, or a list of them; a mapping for an object of these members; `Named` for an object
whose keys are free; a list for any of several patterns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from extproc.errors import Malformed, Unrecognised
from extproc.protocols.qdrant_members import value
from extproc.protocols.strict_json import shown


class Named(msgspec.Struct, frozen=True):
    """An object whose keys are names, each with a value of one pattern."""

    pattern: Any


class _Anything:
    """Whatever JSON it is: the user's own."""


ANYTHING: Final = _Anything()


def _plain(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names)


_HNSW: Final = _plain(
    "m", "ef_construct", "full_scan_threshold", "max_indexing_threads", "on_disk", "memory", "payload_m", "inline_storage"
)
_QUANTIZATION: Final = {
    "scalar": _plain("type", "quantile", "always_ram", "memory"),
    "product": _plain("compression", "always_ram", "memory"),
    "binary": _plain("always_ram", "memory", "encoding", "query_encoding"),
    "turbo": _plain("always_ram", "memory", "bits"),
}
_VECTOR: Final = {
    **_plain("size", "distance", "on_disk", "memory", "datatype"),
    "hnsw_config": _HNSW,
    "quantization_config": _QUANTIZATION,
    "multivector_config": _plain("comparator"),
}
_SPARSE: Final = {"index": _plain("full_scan_threshold", "on_disk", "memory", "datatype"), **_plain("modifier")}
_OPTIMIZERS: Final = _plain(
    "deleted_threshold",
    "vacuum_min_vector_number",
    "default_segment_number",
    "max_segment_size",
    "memmap_threshold",
    "indexing_threshold",
    "flush_interval_sec",
    "max_optimization_threads",
    "prevent_unoptimized",
)
_STRICT: Final = {
    **_plain(
        "enabled",
        "max_query_limit",
        "max_timeout",
        "unindexed_filtering_retrieve",
        "unindexed_filtering_update",
        "search_max_hnsw_ef",
        "search_allow_exact",
        "search_max_oversampling",
        "upsert_max_batchsize",
        "search_max_batchsize",
        "max_collection_vector_size_bytes",
        "read_rate_limit",
        "write_rate_limit",
        "max_collection_payload_size_bytes",
        "max_points_count",
        "filter_max_conditions",
        "condition_max_size",
        "max_payload_index_count",
        "max_resident_memory_percent",
    ),
    "multivector_config": Named(_plain("max_vectors")),
    "sparse_config": Named(_plain("max_length")),
}
_MEMORY: Final = _plain("memory")
_PARAMS: Final = {
    **_plain(
        "replication_factor",
        "write_consistency_factor",
        "read_fan_out_factor",
        "read_fan_out_delay_ms",
        "on_disk_payload",
    ),
    "payload": _MEMORY,
    "id_tracker": _MEMORY,
}
_SHARD_KEY: Final = _plain("shard_key", "shards_number", "replication_factor", "placement", "initial_state")
_TRANSFER: Final = _plain("shard_id", "to_shard_id", "from_peer_id", "to_peer_id", "method")

CREATE: Final[Mapping[str, Any]] = {
    **_plain("shard_number", "sharding_method", "replication_factor", "write_consistency_factor", "on_disk_payload"),
    "vectors": [_VECTOR, Named(_VECTOR)],
    "sparse_vectors": Named(_SPARSE),
    "payload": _MEMORY,
    "id_tracker": _MEMORY,
    "hnsw_config": _HNSW,
    "wal_config": _plain("wal_capacity_mb", "wal_segments_ahead", "wal_retain_closed"),
    "optimizers_config": _OPTIMIZERS,
    "quantization_config": _QUANTIZATION,
    "strict_mode_config": _STRICT,
    "metadata": ANYTHING,
}
ALTER: Final[Mapping[str, Any]] = {
    "vectors": Named({"hnsw_config": _HNSW, "quantization_config": [None, _QUANTIZATION], **_plain("on_disk", "memory")}),
    "sparse_vectors": Named(_SPARSE),
    "optimizers_config": _OPTIMIZERS,
    "params": _PARAMS,
    "hnsw_config": _HNSW,
    "quantization_config": [None, _QUANTIZATION],
    "strict_mode_config": _STRICT,
    "metadata": ANYTHING,
}
VECTOR_NAME: Final[Mapping[str, Any]] = {
    "dense": {**_plain("size", "distance", "datatype"), "multivector_config": _plain("comparator")},
    "sparse": _plain("modifier", "datatype"),
}
INDEX: Final[Mapping[str, Any]] = {
    "field_name": None,
    "field_schema": [
        None,
        {
            **_plain(
                "type",
                "is_tenant",
                "is_principal",
                "on_disk",
                "memory",
                "enable_hnsw",
                "prefix",
                "nested",
                "lookup",
                "range",
                "tokenizer",
                "min_token_len",
                "max_token_len",
                "lowercase",
                "ascii_folding",
                "phrase_matching",
            ),
            "stopwords": [None, _plain("languages", "custom")],
            "stemmer": _plain("type", "language"),
            "scoring": [None, _plain("type")],
        },
    ],
}
PARTITION: Final[Mapping[str, Any]] = _SHARD_KEY
REPARTITION: Final[Mapping[str, Any]] = _plain("shard_key")
ALIASES: Final[Mapping[str, Any]] = {
    "actions": [
        {"create_alias": _plain("collection_name", "alias_name")},
        {"delete_alias": _plain("alias_name")},
        {"rename_alias": _plain("old_alias_name", "new_alias_name")},
    ]
}
CLUSTER: Final[Mapping[str, Any]] = {
    "move_shard": _TRANSFER,
    "replicate_shard": _TRANSFER,
    "abort_transfer": _TRANSFER,
    "restart_transfer": _TRANSFER,
    "drop_replica": _plain("shard_id", "peer_id"),
    "create_sharding_key": _SHARD_KEY,
    "drop_sharding_key": _plain("shard_key"),
    "replicate_points": {"filter": ANYTHING, **_plain("from_shard_key", "to_shard_key")},
    "start_resharding": _plain("direction", "peer_id", "shard_key"),
    "abort_resharding": ANYTHING,
}
RECOVER: Final[Mapping[str, Any]] = _plain("location", "priority", "checksum", "api_key")
AUDIT: Final[Mapping[str, Any]] = {**_plain("time_from", "time_to", "limit"), "filters": Named(None)}
QUOTAS: Final[Mapping[str, Any]] = _plain(
    "enabled", "max_resident_memory_percent", "max_disk_usage_percent", "release_margin_percent"
)


def settings(raw: msgspec.Raw, name: str, pattern: Any) -> Any:
    """Read settings that fit `pattern`. Raises `Malformed`, `Unrecognised`."""
    found = value(raw, name)
    check(found, name, pattern)
    return found


def check(found: Any, name: str, pattern: Any) -> None:
    """Refuse what does not fit `pattern`. Raises `Malformed`, `Unrecognised`."""
    match pattern:
        case _Anything():
            return
        case Named(pattern=inner):
            for key, part in _object(found, name).items():
                if part is not None:
                    check(part, key, inner)
        case list():
            _any(found, name, pattern)
        case None:
            if isinstance(found, dict) or (isinstance(found, list) and any(isinstance(each, (dict, list)) for each in found)):
                raise Malformed(f"{shown(name)} is a plain value")
        case _:
            for key, part in _object(found, name).items():
                if key not in pattern:
                    raise Unrecognised(f"the member {shown(key)} of {shown(name)} is not known here", code="member_unknown")
                if part is not None:
                    check(part, key, pattern[key])


def _any(found: Any, name: str, patterns: list[Any]) -> None:
    """Refuse what fits none of several patterns; a list is of parts that each fit one."""
    for part in found if isinstance(found, list) else [found]:
        for index, pattern in enumerate(patterns):
            try:
                check(part, name, pattern)
            except (Malformed, Unrecognised):
                if index + 1 == len(patterns):
                    raise
            else:
                break


def _object(found: Any, name: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise Malformed(f"{shown(name)} is an object")
    return found
