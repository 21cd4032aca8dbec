"""What becomes of each of Qdrant's 204 operations: the actions that a policy decides on, or a refusal for everybody.

Beside each verdict stands a request of the kind, lawful and as small as it may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qdrant_client import grpc as messages
from qdrant_client.grpc import snapshots_service_pb2

q: Any = messages
s: Any = snapshots_service_pb2

C = "/collections/{collection_name}"
P = f"{C}/points"
SHARD = f"{C}/shards/{{shard}}"

NAMES = {
    "collection_name": "kb",
    "id": "7",
    "shard": "0",
    "shard_id": "0",
    "field_name": "city",
    "vector_name": "extra",
    "snapshot_name": "kb-1.snapshot",
    "peer_id": "1",
    "key": "k",
    "*": "index.html",
}
"""What stands in the places of a path."""


@dataclass(frozen=True, slots=True)
class Row:
    """The actions of a request, in the order of its operations; none where the row is refused for everybody."""

    actions: tuple[str, ...]
    sent: Any = None


REFUSED = Row(())
VECTOR = [0.1, 0.2]
FILTER = {"must": [{"key": "city", "match": {"value": "London"}}]}
QUERY = {"query": VECTOR, "filter": FILTER, "limit": 2}
SEARCH = {"vector": VECTOR, "filter": FILTER, "limit": 2}
RECOMMEND = {"positive": [1], "limit": 2}
DISCOVER = {"target": 1, "context": [{"positive": 2, "negative": 3}], "limit": 2}
GROUPED = {"group_by": "city", "group_size": 1, "limit": 1}
POINTS = [{"id": 1, "vector": VECTOR, "payload": {"city": "London"}}]
RECOVER = {"location": "http://127.0.0.1:1/x"}


def _one(action: str, sent: Any = None) -> Row:
    return Row((action,), sent)


REST: dict[tuple[str, str], Row] = {
    ("GET", "/"): _one("meta"),
    ("GET", "/telemetry"): _one("telemetry"),
    ("GET", "/metrics"): _one("metrics"),
    ("GET", "/healthz"): _one("health"),
    ("GET", "/livez"): _one("health"),
    ("GET", "/readyz"): _one("health"),
    ("GET", "/issues"): _one("telemetry"),
    ("DELETE", "/issues"): _one("cluster_admin"),
    ("GET", "/cluster"): _one("cluster_read"),
    ("GET", "/cluster/telemetry"): _one("telemetry"),
    ("POST", "/cluster/recover"): _one("cluster_admin"),
    ("DELETE", "/cluster/peer/{peer_id}"): _one("cluster_admin"),
    ("GET", "/quotas"): _one("cluster_read"),
    ("PUT", "/quotas"): _one("cluster_admin", {"enabled": True}),
    ("GET", "/collections"): _one("list_collections"),
    ("GET", C): _one("describe_collection"),
    ("PUT", C): _one("create_collection", {"vectors": {"size": 2, "distance": "Dot"}}),
    ("PATCH", C): _one("alter_collection", {"params": {"replication_factor": 1}}),
    ("DELETE", C): _one("delete_collection"),
    ("POST", "/collections/aliases"): _one(
        "alias_change", {"actions": [{"create_alias": {"collection_name": "kb", "alias_name": "a"}}]}
    ),
    ("PUT", f"{C}/index"): _one("index_change", {"field_name": "city", "field_schema": "keyword"}),
    ("DELETE", f"{C}/index/{{field_name}}"): _one("index_change"),
    ("GET", f"{C}/exists"): _one("describe_collection"),
    ("PUT", f"{C}/vectors/{{vector_name}}"): _one("alter_collection", {"dense": {"size": 2, "distance": "Dot"}}),
    ("DELETE", f"{C}/vectors/{{vector_name}}"): _one("alter_collection"),
    ("GET", f"{C}/cluster"): _one("cluster_read"),
    ("POST", f"{C}/cluster"): _one("cluster_admin", {"drop_replica": {"shard_id": 0, "peer_id": 1}}),
    ("GET", f"{C}/optimizations"): _one("describe_collection"),
    ("GET", f"{C}/aliases"): _one("alias_read"),
    ("GET", "/aliases"): _one("alias_read"),
    ("PUT", f"{C}/shards"): _one("partition_change", {"shard_key": "acme"}),
    ("GET", f"{C}/shards"): _one("partition_read"),
    ("POST", f"{C}/shards/delete"): _one("partition_change", {"shard_key": "acme"}),
    # snapshots: their files neither come nor go
    ("POST", f"{C}/snapshots/upload"): REFUSED,
    ("PUT", f"{C}/snapshots/recover"): _one("snapshot_restore", RECOVER),
    ("GET", f"{C}/snapshots"): _one("snapshot_read"),
    ("POST", f"{C}/snapshots"): _one("snapshot_create"),
    ("DELETE", f"{C}/snapshots/{{snapshot_name}}"): _one("snapshot_delete"),
    ("GET", f"{C}/snapshots/{{snapshot_name}}"): REFUSED,
    ("GET", "/snapshots"): _one("snapshot_read"),
    ("POST", "/snapshots"): _one("snapshot_create"),
    ("DELETE", "/snapshots/{snapshot_name}"): _one("snapshot_delete"),
    ("GET", "/snapshots/{snapshot_name}"): REFUSED,
    ("GET", f"{C}/shards/{{shard_id}}/snapshot"): REFUSED,
    ("POST", f"{C}/shards/{{shard_id}}/snapshots/upload"): REFUSED,
    ("PUT", f"{C}/shards/{{shard_id}}/snapshots/recover"): _one("snapshot_restore", RECOVER),
    ("GET", f"{C}/shards/{{shard_id}}/snapshots"): _one("snapshot_read"),
    ("POST", f"{C}/shards/{{shard_id}}/snapshots"): _one("snapshot_create"),
    ("DELETE", f"{C}/shards/{{shard_id}}/snapshots/{{snapshot_name}}"): _one("snapshot_delete"),
    ("GET", f"{C}/shards/{{shard_id}}/snapshots/{{snapshot_name}}"): REFUSED,
    # records
    ("GET", f"{P}/{{id}}"): _one("get"),
    ("POST", P): _one("get", {"ids": [1]}),
    ("PUT", P): _one("upsert", {"points": POINTS}),
    ("POST", f"{P}/delete"): _one("delete_records", {"points": [1]}),
    ("PUT", f"{P}/vectors"): _one("update_vectors", {"points": [{"id": 1, "vector": VECTOR}]}),
    ("POST", f"{P}/vectors/delete"): _one("update_vectors", {"points": [1], "vector": ["extra"]}),
    ("POST", f"{P}/payload"): _one("update_payload", {"points": [1], "payload": {"a": 1}}),
    ("PUT", f"{P}/payload"): _one("update_payload", {"points": [1], "payload": {"a": 1}}),
    ("POST", f"{P}/payload/delete"): _one("update_payload", {"points": [1], "keys": ["a"]}),
    ("POST", f"{P}/payload/clear"): _one("update_payload", {"filter": FILTER}),
    ("POST", f"{P}/batch"): Row(
        ("upsert", "delete_records"), {"operations": [{"upsert": {"points": POINTS}}, {"delete": {"filter": FILTER}}]}
    ),
    ("POST", f"{P}/scroll"): _one("scroll", {"filter": FILTER, "limit": 2}),
    ("POST", f"{P}/count"): _one("count", {"filter": FILTER}),
    ("POST", f"{C}/facet"): _one("aggregate", {"key": "city"}),
    ("POST", f"{P}/query"): _one("search", QUERY),
    ("POST", f"{P}/query/batch"): Row(("search", "search"), {"searches": [QUERY, {"query": 1}]}),
    ("POST", f"{P}/query/groups"): _one("query_group", {**QUERY, **GROUPED}),
    ("POST", f"{P}/search/matrix/pairs"): _one("aggregate", {"sample": 3}),
    ("POST", f"{P}/search/matrix/offsets"): _one("aggregate", {"sample": 3}),
    ("POST", f"{P}/search"): _one("search", SEARCH),
    ("POST", f"{P}/search/batch"): _one("search", {"searches": [SEARCH]}),
    ("POST", f"{P}/search/groups"): _one("query_group", {**SEARCH, **GROUPED}),
    ("POST", f"{P}/recommend"): _one("recommend", RECOMMEND),
    ("POST", f"{P}/recommend/batch"): _one("recommend", {"searches": [RECOMMEND]}),
    ("POST", f"{P}/recommend/groups"): _one("query_group", {**RECOMMEND, **GROUPED}),
    ("POST", f"{P}/discover"): _one("recommend", DISCOVER),
    ("POST", f"{P}/discover/batch"): _one("recommend", {"searches": [DISCOVER]}),
    # routed, but in no document
    ("GET", f"{C}/memory"): _one("describe_collection"),
    ("POST", f"{SHARD}/points"): _one("get", {"ids": [1]}),
    ("POST", f"{SHARD}/points/scroll"): _one("scroll", {"limit": 2}),
    ("POST", f"{SHARD}/points/count"): _one("count", {}),
    ("POST", f"{SHARD}/cleanup"): _one("cluster_admin"),
    ("POST", f"{SHARD}/snapshot/partial/create"): REFUSED,
    ("POST", f"{SHARD}/snapshot/partial/recover"): REFUSED,
    ("POST", f"{SHARD}/snapshot/partial/recover_from"): REFUSED,
    ("GET", f"{SHARD}/snapshot/partial/manifest"): _one("snapshot_read"),
    ("POST", f"{C}/truncate_unapplied_wal"): _one("cluster_admin"),
    ("POST", f"{C}/debug"): REFUSED,
    ("GET", f"{SHARD}/wal"): REFUSED,
    ("GET", f"{SHARD}/recovery_point"): REFUSED,
    ("POST", "/audit/logs"): _one("telemetry", {"limit": 1}),
    ("GET", "/cluster/metadata/keys"): _one("cluster_read"),
    ("GET", "/cluster/metadata/keys/{key}"): _one("cluster_read"),
    ("PUT", "/cluster/metadata/keys/{key}"): REFUSED,
    ("DELETE", "/cluster/metadata/keys/{key}"): _one("cluster_admin"),
    ("GET", "/debugger"): REFUSED,
    ("PATCH", "/debugger"): REFUSED,
    ("GET", "/profiler/slow_requests"): _one("telemetry"),
    ("GET", "/stacktrace"): _one("telemetry"),
    ("GET", "/logger"): _one("cluster_read"),
    ("POST", "/logger"): REFUSED,
    ("GET", "/dashboard/{*}"): _one("meta"),
}


def path(template: str) -> str:
    """Return a path of a row."""
    found = template
    for name, value in NAMES.items():
        found = found.replace(f"{{{name}}}", value)
    return found


# --- gRPC ---------------------------------------------------------------------------------------------------------------


def _filter() -> Any:
    return q.Filter(must=[q.Condition(field=q.FieldCondition(key="city", match=q.Match(keyword="London")))])


def _selected() -> Any:
    return q.PointsSelector(points=q.PointsIdsList(ids=[q.PointId(num=1)]))


def _point() -> Any:
    vectors = q.Vectors(vector=q.Vector(dense=q.DenseVector(data=VECTOR)))
    return q.PointStruct(id=q.PointId(num=1), vectors=vectors, payload={"city": q.Value(string_value="London")})


_QUERY = {"collection_name": "kb", "query": q.Query(nearest=q.VectorInput(dense=q.DenseVector(data=VECTOR))), "limit": 2}
_SEARCH = {"collection_name": "kb", "vector": VECTOR, "limit": 2}
_RECOMMEND = {"collection_name": "kb", "positive": [q.PointId(num=1)], "limit": 2}
_DISCOVER = {
    "collection_name": "kb",
    "target": q.TargetVector(single=q.VectorExample(id=q.PointId(num=1))),
    "context": [
        q.ContextExamplePair(positive=q.VectorExample(id=q.PointId(num=2)), negative=q.VectorExample(id=q.PointId(num=3)))
    ],
    "limit": 2,
}
_KB = {"collection_name": "kb"}
_KEY = q.ShardKey(keyword="acme")

_CREATE = q.VectorsConfig(params=q.VectorParams(size=2, distance=q.Distance.Dot))
_BATCH = [
    q.PointsUpdateOperation(upsert=q.PointsUpdateOperation.PointStructList(points=[_point()])),
    q.PointsUpdateOperation(delete_points=q.PointsUpdateOperation.DeletePoints(points=_selected())),
]
_ALIAS = q.AliasOperations(create_alias=q.CreateAlias(collection_name="kb", alias_name="a"))

GRPC: dict[str, Row] = {
    "Collections/Get": _one("describe_collection", q.GetCollectionInfoRequest(**_KB)),
    "Collections/List": _one("list_collections", q.ListCollectionsRequest()),
    "Collections/Create": _one("create_collection", q.CreateCollection(collection_name="kb", vectors_config=_CREATE)),
    "Collections/Update": _one("alter_collection", q.UpdateCollection(**_KB)),
    "Collections/Delete": _one("delete_collection", q.DeleteCollection(**_KB)),
    "Collections/UpdateAliases": _one("alias_change", q.ChangeAliases(actions=[_ALIAS])),
    "Collections/ListCollectionAliases": _one("alias_read", q.ListCollectionAliasesRequest(**_KB)),
    "Collections/ListAliases": _one("alias_read", q.ListAliasesRequest()),
    "Collections/CollectionClusterInfo": _one("cluster_read", q.CollectionClusterInfoRequest(**_KB)),
    "Collections/CollectionExists": _one("describe_collection", q.CollectionExistsRequest(**_KB)),
    "Collections/UpdateCollectionClusterSetup": _one("cluster_admin", q.UpdateCollectionClusterSetupRequest(**_KB)),
    "Collections/CreateShardKey": _one(
        "partition_change", q.CreateShardKeyRequest(collection_name="kb", request=q.CreateShardKey(shard_key=_KEY))
    ),
    "Collections/DeleteShardKey": _one(
        "partition_change", q.DeleteShardKeyRequest(collection_name="kb", request=q.DeleteShardKey(shard_key=_KEY))
    ),
    "Collections/ListShardKeys": _one("partition_read", q.ListShardKeysRequest(**_KB)),
    "Points/Upsert": _one("upsert", q.UpsertPoints(collection_name="kb", points=[_point()])),
    "Points/Delete": _one("delete_records", q.DeletePoints(collection_name="kb", points=_selected())),
    "Points/Get": _one("get", q.GetPoints(collection_name="kb", ids=[q.PointId(num=1)])),
    "Points/UpdateVectors": _one(
        "update_vectors",
        q.UpdatePointVectors(collection_name="kb", points=[q.PointVectors(id=q.PointId(num=1), vectors=_point().vectors)]),
    ),
    "Points/DeleteVectors": _one(
        "update_vectors",
        q.DeletePointVectors(collection_name="kb", points_selector=_selected(), vectors=q.VectorsSelector(names=["extra"])),
    ),
    "Points/SetPayload": _one(
        "update_payload",
        q.SetPayloadPoints(collection_name="kb", points_selector=_selected(), payload={"a": q.Value(integer_value=1)}),
    ),
    "Points/OverwritePayload": _one(
        "update_payload",
        q.SetPayloadPoints(collection_name="kb", points_selector=_selected(), payload={"a": q.Value(integer_value=1)}),
    ),
    "Points/DeletePayload": _one(
        "update_payload", q.DeletePayloadPoints(collection_name="kb", points_selector=_selected(), keys=["a"])
    ),
    "Points/ClearPayload": _one(
        "update_payload", q.ClearPayloadPoints(collection_name="kb", points=q.PointsSelector(filter=_filter()))
    ),
    "Points/CreateFieldIndex": _one("index_change", q.CreateFieldIndexCollection(collection_name="kb", field_name="city")),
    "Points/DeleteFieldIndex": _one("index_change", q.DeleteFieldIndexCollection(collection_name="kb", field_name="city")),
    "Points/CreateVectorName": _one("alter_collection", q.CreateVectorNameRequest(collection_name="kb", vector_name="extra")),
    "Points/DeleteVectorName": _one("alter_collection", q.DeleteVectorNameRequest(collection_name="kb", vector_name="extra")),
    "Points/Search": _one("search", q.SearchPoints(**_SEARCH)),
    "Points/SearchBatch": _one("search", q.SearchBatchPoints(collection_name="kb", search_points=[q.SearchPoints(**_SEARCH)])),
    "Points/SearchGroups": _one("query_group", q.SearchPointGroups(**{**_SEARCH, **GROUPED})),
    "Points/Scroll": _one("scroll", q.ScrollPoints(collection_name="kb", limit=2, filter=_filter())),
    "Points/Recommend": _one("recommend", q.RecommendPoints(**_RECOMMEND)),
    "Points/RecommendBatch": _one(
        "recommend", q.RecommendBatchPoints(collection_name="kb", recommend_points=[q.RecommendPoints(**_RECOMMEND)])
    ),
    "Points/RecommendGroups": _one("query_group", q.RecommendPointGroups(**{**_RECOMMEND, **GROUPED})),
    "Points/Discover": _one("recommend", q.DiscoverPoints(**_DISCOVER)),
    "Points/DiscoverBatch": _one(
        "recommend", q.DiscoverBatchPoints(collection_name="kb", discover_points=[q.DiscoverPoints(**_DISCOVER)])
    ),
    "Points/Count": _one("count", q.CountPoints(collection_name="kb", filter=_filter())),
    "Points/UpdateBatch": Row(("upsert", "delete_records"), q.UpdateBatchPoints(collection_name="kb", operations=_BATCH)),
    "Points/Query": _one("search", q.QueryPoints(**_QUERY)),
    "Points/QueryBatch": Row(
        ("search", "search"), q.QueryBatchPoints(collection_name="kb", query_points=[q.QueryPoints(**_QUERY)] * 2)
    ),
    "Points/QueryGroups": _one("query_group", q.QueryPointGroups(**{**_QUERY, **GROUPED})),
    "Points/Facet": _one("aggregate", q.FacetCounts(collection_name="kb", key="city")),
    "Points/SearchMatrixPairs": _one("aggregate", q.SearchMatrixPoints(collection_name="kb", sample=3)),
    "Points/SearchMatrixOffsets": _one("aggregate", q.SearchMatrixPoints(collection_name="kb", sample=3)),
    "Snapshots/Create": _one("snapshot_create", s.CreateSnapshotRequest(**_KB)),
    "Snapshots/List": _one("snapshot_read", s.ListSnapshotsRequest(**_KB)),
    "Snapshots/Delete": _one("snapshot_delete", s.DeleteSnapshotRequest(collection_name="kb", snapshot_name="x")),
    "Snapshots/CreateFull": _one("snapshot_create", s.CreateFullSnapshotRequest()),
    "Snapshots/ListFull": _one("snapshot_read", s.ListFullSnapshotsRequest()),
    "Snapshots/DeleteFull": _one("snapshot_delete", s.DeleteFullSnapshotRequest(snapshot_name="x")),
}
"""By the method's name without its package; whatever stands not here is refused, but for health."""

HEALTH = frozenset({"/qdrant.Qdrant/HealthCheck", "/grpc.health.v1.Health/Check"})


def verdict(rpc: str) -> Row:
    """Return the verdict on a call."""
    return GRPC.get(rpc.removeprefix("/qdrant."), REFUSED)
