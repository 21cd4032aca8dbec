"""The queries of the stand-in for Qdrant over gRPC, today's and the older ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qdrant_client import grpc as q
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.http import models

from support.qdrant_methods import Method, optional, returned
from support.qdrant_routes import groups, query

_From: Any = GrpcToRest
_To: Any = RestToGrpc
QUERIES: dict[str, tuple[Method, Any, bool]] = {}


def method(name: str, request: Any) -> Callable[[Method], Method]:
    """Enter a function for an RPC whose request is a message of this kind."""

    def enter(function: Method) -> Method:
        QUERIES[name] = (function, request, False)
        return function

    return enter


def _scored(found: Any) -> list[Any]:
    return [_To.convert_scored_point(each) for each in found]


@method("/qdrant.Points/Query", q.QueryPoints)
def _query(local: Any, sent: Any) -> Any:
    return q.QueryResponse(result=_scored(query(local, sent.collection_name, _From.convert_query_points(sent))))


@method("/qdrant.Points/QueryBatch", q.QueryBatchPoints)
def _query_batch(local: Any, sent: Any) -> Any:
    found = [query(local, each.collection_name, _From.convert_query_points(each)) for each in sent.query_points]
    return q.QueryBatchResponse(result=[q.BatchResult(result=_scored(each)) for each in found])


def _grouped(local: Any, sent: Any, asked: dict[str, Any]) -> Any:
    made = models.QueryGroupsRequest(
        group_by=sent.group_by,
        group_size=sent.group_size or None,
        limit=sent.limit or None,
        with_lookup=optional(sent, "with_lookup", _From.convert_with_lookup),
        **asked,
    )
    return _To.convert_groups_result(groups(local, sent.collection_name, made))


@method("/qdrant.Points/QueryGroups", q.QueryPointGroups)
def _query_groups(local: Any, sent: Any) -> Any:
    asked_for = returned(sent, payload=False)
    asked = {
        "query": optional(sent, "query", _From.convert_query),
        "using": sent.using if sent.HasField("using") else None,
        "prefetch": [_From.convert_prefetch_query(each) for each in sent.prefetch] or None,
        "filter": optional(sent, "filter", _From.convert_filter),
        "with_payload": asked_for["with_payload"],
        "with_vector": asked_for["with_vectors"],
        "lookup_from": optional(sent, "lookup_from", _From.convert_lookup_location),
    }
    return q.QueryGroupsResponse(result=_grouped(local, sent, asked))


# --- older queries ------------------------------------------------------------------------------------------------------


def _old(sent: Any) -> dict[str, Any]:
    """Return what every older query says."""
    asked_for = returned(sent, payload=False)
    fields = sent.DESCRIPTOR.fields_by_name
    name = "vector_name" if "vector_name" in fields else "using"
    return {
        "filter": optional(sent, "filter", _From.convert_filter),
        "with_payload": asked_for["with_payload"],
        "with_vector": asked_for["with_vectors"],
        "using": getattr(sent, name) if sent.HasField(name) else None,
        "lookup_from": optional(sent, "lookup_from", _From.convert_lookup_location) if "lookup_from" in fields else None,
        "query": _old_query(sent),
    }


def _old_query(sent: Any) -> Any:
    if "vector" in sent.DESCRIPTOR.fields_by_name:
        if sent.HasField("sparse_indices"):
            return models.SparseVector(indices=list(sent.sparse_indices.data), values=list(sent.vector))
        return list(sent.vector)
    if "positive" in sent.DESCRIPTOR.fields_by_name:
        sides: dict[str, Any] = {
            side: [_From.convert_point_id(each) for each in getattr(sent, side)]
            + [list(each.data) for each in getattr(sent, f"{side}_vectors")]
            for side in ("positive", "negative")
        }
        return models.RecommendQuery(recommend=models.RecommendInput(**sides))
    pairs = [models.ContextPair(positive=_example(each.positive), negative=_example(each.negative)) for each in sent.context]
    if not sent.HasField("target"):
        return models.ContextQuery(context=pairs)
    return models.DiscoverQuery(discover=models.DiscoverInput(target=_example(sent.target.single), context=pairs))


def _example(sent: Any) -> Any:
    return _From.convert_point_id(sent.id) if sent.HasField("id") else list(sent.vector.data or sent.vector.dense.data)


def _old_one(local: Any, sent: Any) -> list[Any]:
    offset = sent.offset if sent.HasField("offset") else None
    return _scored(query(local, sent.collection_name, models.QueryRequest(limit=sent.limit, offset=offset, **_old(sent))))


for _word, _plain, _many, _of in (
    ("Search", q.SearchPoints, q.SearchBatchPoints, "search_points"),
    ("Recommend", q.RecommendPoints, q.RecommendBatchPoints, "recommend_points"),
    ("Discover", q.DiscoverPoints, q.DiscoverBatchPoints, "discover_points"),
):
    _answer, _answers = getattr(q, f"{_word}Response"), getattr(q, f"{_word}BatchResponse")

    def _one(local: Any, sent: Any, answer: Any = _answer) -> Any:
        return answer(result=_old_one(local, sent))

    def _each(local: Any, sent: Any, answers: Any = _answers, of: str = _of) -> Any:
        return answers(result=[q.BatchResult(result=_old_one(local, each)) for each in getattr(sent, of)])

    QUERIES[f"/qdrant.Points/{_word}"] = (_one, _plain, False)
    QUERIES[f"/qdrant.Points/{_word}Batch"] = (_each, _many, False)


@method("/qdrant.Points/SearchGroups", q.SearchPointGroups)
def _search_groups(local: Any, sent: Any) -> Any:
    return q.SearchGroupsResponse(result=_grouped(local, sent, _old(sent)))


@method("/qdrant.Points/RecommendGroups", q.RecommendPointGroups)
def _recommend_groups(local: Any, sent: Any) -> Any:
    return q.RecommendGroupsResponse(result=_grouped(local, sent, _old(sent)))
