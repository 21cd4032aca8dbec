"""The calls of Qdrant's gRPC interface that this gateway understands: what kind of request each is, and its messages.

`CALLS` is the whole list: a row of operations.csv without a call is refused. Messages are the official client's, compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from qdrant_client import grpc as messages
from qdrant_client.grpc import snapshots_service_pb2 as snapshots

from extproc.protocols.qdrant_form import Kind


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `answer` is the message of an answer that is looked into, None where it is passed on as it is.

    `lists` are members of the tree that are lists, which a message leaves out where they are empty.
    """

    kind: Kind
    request: Any
    answer: Any = None
    lists: tuple[str, ...] = ()


def _call(kind: Kind, request: Any, answer: Any = None, *lists: str) -> Call:
    return Call(kind=kind, request=request, answer=answer, lists=lists)


_COLLECTIONS: Final = "/qdrant.Collections"
_POINTS: Final = "/qdrant.Points"
_SNAPSHOTS: Final = "/qdrant.Snapshots"

CALLS: Final[Mapping[str, Call]] = {
    # collections
    f"{_COLLECTIONS}/Get": _call("describe", messages.GetCollectionInfoRequest, messages.GetCollectionInfoResponse),
    f"{_COLLECTIONS}/List": _call("list", messages.ListCollectionsRequest),
    f"{_COLLECTIONS}/Create": _call("create", messages.CreateCollection),
    f"{_COLLECTIONS}/Update": _call("alter", messages.UpdateCollection),
    f"{_COLLECTIONS}/Delete": _call("drop", messages.DeleteCollection),
    f"{_COLLECTIONS}/UpdateAliases": _call("aliases", messages.ChangeAliases, None, "actions"),
    f"{_COLLECTIONS}/ListCollectionAliases": _call("describe", messages.ListCollectionAliasesRequest),
    f"{_COLLECTIONS}/ListAliases": _call("list", messages.ListAliasesRequest),
    f"{_COLLECTIONS}/CollectionClusterInfo": _call("measure", messages.CollectionClusterInfoRequest),
    f"{_COLLECTIONS}/CollectionExists": _call("describe", messages.CollectionExistsRequest),
    f"{_COLLECTIONS}/UpdateCollectionClusterSetup": _call("whole", messages.UpdateCollectionClusterSetupRequest),
    f"{_COLLECTIONS}/CreateShardKey": _call("partition", messages.CreateShardKeyRequest),
    f"{_COLLECTIONS}/DeleteShardKey": _call("repartition", messages.DeleteShardKeyRequest),
    f"{_COLLECTIONS}/ListShardKeys": _call("describe", messages.ListShardKeysRequest),
    # records, written
    f"{_POINTS}/Upsert": _call("upsert", messages.UpsertPoints),
    f"{_POINTS}/Delete": _call("delete", messages.DeletePoints),
    f"{_POINTS}/UpdateVectors": _call("update_vectors", messages.UpdatePointVectors),
    f"{_POINTS}/DeleteVectors": _call("delete_vectors", messages.DeletePointVectors),
    f"{_POINTS}/SetPayload": _call("set_payload", messages.SetPayloadPoints),
    f"{_POINTS}/OverwritePayload": _call("overwrite_payload", messages.SetPayloadPoints),
    f"{_POINTS}/DeletePayload": _call("delete_payload", messages.DeletePayloadPoints, None, "keys"),
    f"{_POINTS}/ClearPayload": _call("clear_payload", messages.ClearPayloadPoints),
    f"{_POINTS}/UpdateBatch": _call("batch", messages.UpdateBatchPoints, None, "operations"),
    f"{_POINTS}/CreateFieldIndex": _call("index", messages.CreateFieldIndexCollection),
    f"{_POINTS}/DeleteFieldIndex": _call("index", messages.DeleteFieldIndexCollection),
    f"{_POINTS}/CreateVectorName": _call("alter", messages.CreateVectorNameRequest),
    f"{_POINTS}/DeleteVectorName": _call("whole", messages.DeleteVectorNameRequest),
    # records, read
    f"{_POINTS}/Get": _call("get", messages.GetPoints, messages.GetResponse, "ids"),
    f"{_POINTS}/Scroll": _call("scroll", messages.ScrollPoints, messages.ScrollResponse),
    f"{_POINTS}/Count": _call("count", messages.CountPoints),
    f"{_POINTS}/Facet": _call("facet", messages.FacetCounts),
    f"{_POINTS}/SearchMatrixPairs": _call("matrix", messages.SearchMatrixPoints, messages.SearchMatrixPairsResponse),
    f"{_POINTS}/SearchMatrixOffsets": _call("matrix", messages.SearchMatrixPoints, messages.SearchMatrixOffsetsResponse),
    f"{_POINTS}/Query": _call("query", messages.QueryPoints, messages.QueryResponse),
    f"{_POINTS}/QueryBatch": _call("queries", messages.QueryBatchPoints, messages.QueryBatchResponse, "searches"),
    f"{_POINTS}/QueryGroups": _call("groups", messages.QueryPointGroups, messages.QueryGroupsResponse),
    f"{_POINTS}/Search": _call("query", messages.SearchPoints, messages.SearchResponse),
    f"{_POINTS}/SearchBatch": _call("queries", messages.SearchBatchPoints, messages.SearchBatchResponse, "searches"),
    f"{_POINTS}/SearchGroups": _call("groups", messages.SearchPointGroups, messages.SearchGroupsResponse),
    f"{_POINTS}/Recommend": _call("query", messages.RecommendPoints, messages.RecommendResponse),
    f"{_POINTS}/RecommendBatch": _call("queries", messages.RecommendBatchPoints, messages.RecommendBatchResponse, "searches"),
    f"{_POINTS}/RecommendGroups": _call("groups", messages.RecommendPointGroups, messages.RecommendGroupsResponse),
    f"{_POINTS}/Discover": _call("query", messages.DiscoverPoints, messages.DiscoverResponse),
    f"{_POINTS}/DiscoverBatch": _call("queries", messages.DiscoverBatchPoints, messages.DiscoverBatchResponse, "searches"),
    # snapshots, whose files are not to be had over gRPC
    f"{_SNAPSHOTS}/Create": _call("whole", snapshots.CreateSnapshotRequest),
    f"{_SNAPSHOTS}/List": _call("describe", snapshots.ListSnapshotsRequest),
    f"{_SNAPSHOTS}/Delete": _call("whole", snapshots.DeleteSnapshotRequest),
    f"{_SNAPSHOTS}/CreateFull": _call("whole", snapshots.CreateFullSnapshotRequest),
    f"{_SNAPSHOTS}/ListFull": _call("service", snapshots.ListFullSnapshotsRequest),
    f"{_SNAPSHOTS}/DeleteFull": _call("whole", snapshots.DeleteFullSnapshotRequest),
}
