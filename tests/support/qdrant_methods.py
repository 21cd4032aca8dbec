"""What the stand-in for Qdrant does for each RPC but queries: messages become the client's models, and answers messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc_health.v1 import health_pb2
from qdrant_client import grpc as q
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.grpc import qdrant_pb2, snapshots_service_pb2

from support.qdrant import VERSION

_From: Any = GrpcToRest
_To: Any = RestToGrpc
Method = Callable[[Any, Any], Any]
METHODS: dict[str, tuple[Method, Any, bool]] = {}


def method(name: str, request: Any, *, write: bool = False) -> Callable[[Method], Method]:
    """Enter a function for an RPC whose request is a message of this kind."""

    def enter(function: Method) -> Method:
        METHODS[name] = (function, request, write)
        return function

    return enter


def optional(message: Any, name: str, convert: Callable[[Any], Any] = lambda value: value) -> Any:
    """Return a member of a message, converted; None where it is not there."""
    return convert(getattr(message, name)) if message.HasField(name) else None


# --- service and collections --------------------------------------------------------------------------------------------


@method("/qdrant.Qdrant/HealthCheck", qdrant_pb2.HealthCheckRequest)
def _health(local: Any, sent: Any) -> Any:
    return qdrant_pb2.HealthCheckReply(title="qdrant - vector search engine", version=VERSION)


@method("/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest)
def _serving(local: Any, sent: Any) -> Any:
    return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


@method("/qdrant.Collections/List", q.ListCollectionsRequest)
def _list(local: Any, sent: Any) -> Any:
    found = [q.CollectionDescription(name=each.name) for each in local.get_collections().collections]
    return q.ListCollectionsResponse(collections=found)


@method("/qdrant.Collections/Get", q.GetCollectionInfoRequest)
def _describe(local: Any, sent: Any) -> Any:
    return q.GetCollectionInfoResponse(result=_To.convert_collection_info(local.get_collection(sent.collection_name)))


@method("/qdrant.Collections/CollectionExists", q.CollectionExistsRequest)
def _exists(local: Any, sent: Any) -> Any:
    return q.CollectionExistsResponse(result=q.CollectionExists(exists=local.collection_exists(sent.collection_name)))


@method("/qdrant.Collections/Create", q.CreateCollection, write=True)
def _create(local: Any, sent: Any) -> Any:
    done = local.create_collection(
        sent.collection_name,
        vectors_config=optional(sent, "vectors_config", _From.convert_vectors_config),
        sparse_vectors_config=optional(sent, "sparse_vectors_config", _From.convert_sparse_vector_config),
    )
    return q.CollectionOperationResponse(result=done)


@method("/qdrant.Collections/Update", q.UpdateCollection, write=True)
def _alter(local: Any, sent: Any) -> Any:
    local.update_collection(sent.collection_name)
    return q.CollectionOperationResponse(result=True)


@method("/qdrant.Collections/Delete", q.DeleteCollection, write=True)
def _drop(local: Any, sent: Any) -> Any:
    return q.CollectionOperationResponse(result=local.delete_collection(sent.collection_name))


@method("/qdrant.Collections/UpdateAliases", q.ChangeAliases, write=True)
def _change_aliases(local: Any, sent: Any) -> Any:
    return q.CollectionOperationResponse(
        result=local.update_collection_aliases([_From.convert_alias_operations(each) for each in sent.actions])
    )


def _described(found: Any) -> Any:
    return q.ListAliasesResponse(aliases=[_To.convert_alias_description(each) for each in found.aliases])


@method("/qdrant.Collections/ListAliases", q.ListAliasesRequest)
def _aliases(local: Any, sent: Any) -> Any:
    return _described(local.get_aliases())


@method("/qdrant.Collections/ListCollectionAliases", q.ListCollectionAliasesRequest)
def _aliases_of(local: Any, sent: Any) -> Any:
    return _described(local.get_collection_aliases(sent.collection_name))


@method("/qdrant.Snapshots/List", snapshots_service_pb2.ListSnapshotsRequest)
def _snapshots(local: Any, sent: Any) -> Any:
    return snapshots_service_pb2.ListSnapshotsResponse()


# --- points -------------------------------------------------------------------------------------------------------------


def _updated(_: Any) -> Any:
    return q.PointsOperationResponse(result=q.UpdateResult(operation_id=0, status=q.UpdateStatus.Completed))


def _mode(sent: Any) -> Any:
    return optional(sent, "update_mode", _From.convert_update_mode)


def _selected(selector: Any) -> Any:
    return _From.convert_points_selector(selector)


@method("/qdrant.Points/Upsert", q.UpsertPoints, write=True)
def _upsert(local: Any, sent: Any) -> Any:
    points = [_From.convert_point_struct(each) for each in sent.points]
    condition = optional(sent, "update_filter", _From.convert_filter)
    return _updated(local.upsert(sent.collection_name, points, update_filter=condition, update_mode=_mode(sent)))


@method("/qdrant.Points/Delete", q.DeletePoints, write=True)
def _delete(local: Any, sent: Any) -> Any:
    return _updated(local.delete(sent.collection_name, _selected(sent.points)))


@method("/qdrant.Points/UpdateVectors", q.UpdatePointVectors, write=True)
def _update_vectors(local: Any, sent: Any) -> Any:
    points = [_From.convert_point_vectors(each) for each in sent.points]
    condition = optional(sent, "update_filter", _From.convert_filter)
    return _updated(local.update_vectors(sent.collection_name, points, update_filter=condition))


@method("/qdrant.Points/DeleteVectors", q.DeletePointVectors, write=True)
def _delete_vectors(local: Any, sent: Any) -> Any:
    return _updated(local.delete_vectors(sent.collection_name, list(sent.vectors.names), _selected(sent.points_selector)))


def _payload(sent: Any) -> Any:
    return _From.convert_payload(sent.payload)


@method("/qdrant.Points/SetPayload", q.SetPayloadPoints, write=True)
def _set_payload(local: Any, sent: Any) -> Any:
    key = sent.key if sent.HasField("key") else None
    return _updated(local.set_payload(sent.collection_name, _payload(sent), _selected(sent.points_selector), key=key))


@method("/qdrant.Points/OverwritePayload", q.SetPayloadPoints, write=True)
def _overwrite_payload(local: Any, sent: Any) -> Any:
    return _updated(local.overwrite_payload(sent.collection_name, _payload(sent), _selected(sent.points_selector)))


@method("/qdrant.Points/DeletePayload", q.DeletePayloadPoints, write=True)
def _delete_payload(local: Any, sent: Any) -> Any:
    return _updated(local.delete_payload(sent.collection_name, list(sent.keys), _selected(sent.points_selector)))


@method("/qdrant.Points/ClearPayload", q.ClearPayloadPoints, write=True)
def _clear_payload(local: Any, sent: Any) -> Any:
    return _updated(local.clear_payload(sent.collection_name, _selected(sent.points)))


@method("/qdrant.Points/UpdateBatch", q.UpdateBatchPoints, write=True)
def _batch(local: Any, sent: Any) -> Any:
    operations = [_From.convert_points_update_operation(each) for each in sent.operations]
    local.batch_update_points(sent.collection_name, operations)
    done = q.UpdateResult(operation_id=0, status=q.UpdateStatus.Completed)
    return q.UpdateBatchResponse(result=[done] * len(operations))


@method("/qdrant.Points/CreateFieldIndex", q.CreateFieldIndexCollection, write=True)
def _index(local: Any, sent: Any) -> Any:
    return _updated(local.create_payload_index(sent.collection_name, sent.field_name))


@method("/qdrant.Points/DeleteFieldIndex", q.DeleteFieldIndexCollection, write=True)
def _drop_index(local: Any, sent: Any) -> Any:
    return _updated(local.delete_payload_index(sent.collection_name, sent.field_name))


def returned(sent: Any, payload: Any) -> dict[str, Any]:
    """Return what is asked for of each point; `payload` is what holds for its payload where nothing is said."""
    found = optional(sent, "with_payload", _From.convert_with_payload_selector)
    vectors = optional(sent, "with_vectors", _From.convert_with_vectors_selector)
    return {"with_payload": payload if found is None else found, "with_vectors": False if vectors is None else vectors}


def _retrieved(found: Any) -> Any:
    """Return the message of a record; the client's own conversion wants a payload."""
    return _To.convert_retrieved_point(found if found.payload is not None else found.model_copy(update={"payload": {}}))


@method("/qdrant.Points/Get", q.GetPoints)
def _get(local: Any, sent: Any) -> Any:
    ids = [_From.convert_point_id(each) for each in sent.ids]
    found = local.retrieve(sent.collection_name, ids, **returned(sent, payload=False))
    return q.GetResponse(result=[_retrieved(each) for each in found])


@method("/qdrant.Points/Scroll", q.ScrollPoints)
def _scroll(local: Any, sent: Any) -> Any:
    points, following = local.scroll(
        sent.collection_name,
        scroll_filter=optional(sent, "filter", _From.convert_filter),
        limit=sent.limit if sent.HasField("limit") else 10,
        order_by=optional(sent, "order_by", _From.convert_order_by),
        offset=optional(sent, "offset", _From.convert_point_id),
        **returned(sent, payload=False),
    )
    answer = q.ScrollResponse(result=[_retrieved(each) for each in points])
    if following is not None:
        answer.next_page_offset.CopyFrom(_To.convert_extended_point_id(following))
    return answer


@method("/qdrant.Points/Count", q.CountPoints)
def _count(local: Any, sent: Any) -> Any:
    found = local.count(sent.collection_name, count_filter=optional(sent, "filter", _From.convert_filter))
    return q.CountResponse(result=q.CountResult(count=found.count))


@method("/qdrant.Points/Facet", q.FacetCounts)
def _facet(local: Any, sent: Any) -> Any:
    condition = optional(sent, "filter", _From.convert_filter)
    limit = sent.limit if sent.HasField("limit") else 10
    found = local.facet(sent.collection_name, sent.key, facet_filter=condition, limit=limit)
    return q.FacetResponse(hits=[_To.convert_facet_value_hit(each) for each in found.hits])


def _matrix(sent: Any) -> dict[str, Any]:
    return {
        "query_filter": optional(sent, "filter", _From.convert_filter),
        "limit": sent.limit if sent.HasField("limit") else 3,
        "sample": sent.sample if sent.HasField("sample") else 10,
        "using": sent.using if sent.HasField("using") else None,
    }


@method("/qdrant.Points/SearchMatrixPairs", q.SearchMatrixPoints)
def _pairs(local: Any, sent: Any) -> Any:
    found = local.search_matrix_pairs(sent.collection_name, **_matrix(sent))
    return q.SearchMatrixPairsResponse(result=_To.convert_search_matrix_pairs(found))


@method("/qdrant.Points/SearchMatrixOffsets", q.SearchMatrixPoints)
def _offsets(local: Any, sent: Any) -> Any:
    found = local.search_matrix_offsets(sent.collection_name, **_matrix(sent))
    return q.SearchMatrixOffsetsResponse(result=_To.convert_search_matrix_offsets(found))
