"""What the stand-in for Qdrant does for each method and path of the REST interface."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from qdrant_client.http import models

from support.qdrant import VERSION
from support.qdrant_legacy import as_query

Answer = Any
Route = Callable[[Any, dict[str, str], Any], Answer]
ROUTES: list[tuple[str, re.Pattern[str], Route, bool]] = []


class Missing(Exception):
    """There is no such thing."""


def names_point(error: Exception) -> bool:
    """Whether an error says that a point is not there."""
    match error:
        case KeyError(args=(int(),)):
            return True
        case KeyError(args=(str(name),)):
            return len(name) == len(str(UUID(int=0))) and name.count("-") == str(UUID(int=0)).count("-")
        case _:
            return False


def route(method: str, template: str, *, write: bool = False) -> Callable[[Route], Route]:
    """Enter a function for a method and a path."""

    def enter(function: Route) -> Route:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        ROUTES.append((method, re.compile(pattern), function, write))
        return function

    return enter


def parsed(kind: Any, value: Any) -> Any:
    """Return `value` as a model of the official client."""
    return TypeAdapter(kind).validate_python(value)


# --- service and collections --------------------------------------------------------------------------------------------

_COLLECTION = "/collections/{collection}"
_POINTS = f"{_COLLECTION}/points"


@route("GET", "/")
def _version(local: Any, names: Any, sent: Any) -> Answer:
    return {"title": "qdrant - vector search engine", "version": VERSION, "commit": None}


@route("GET", "/telemetry")
@route("GET", "/cluster")
@route("GET", "/profiler/slow_requests")
def _service(local: Any, names: Any, sent: Any) -> Answer:
    return {"status": "disabled"}


@route("GET", "/collections")
def _list(local: Any, names: Any, sent: Any) -> Answer:
    return local.get_collections()


@route("GET", _COLLECTION)
def _describe(local: Any, names: Any, sent: Any) -> Answer:
    return local.get_collection(names["collection"])


@route("GET", f"{_COLLECTION}/exists")
def _exists(local: Any, names: Any, sent: Any) -> Answer:
    return {"exists": local.collection_exists(names["collection"])}


@route("PUT", _COLLECTION, write=True)
def _create(local: Any, names: Any, sent: Any) -> Answer:
    made = parsed(models.CreateCollection, sent)
    return local.create_collection(
        names["collection"], vectors_config=made.vectors, sparse_vectors_config=made.sparse_vectors, metadata=made.metadata
    )


@route("PATCH", _COLLECTION, write=True)
def _alter(local: Any, names: Any, sent: Any) -> Answer:
    change = parsed(models.UpdateCollection, sent)
    return local.update_collection(names["collection"], metadata=change.metadata) or True


@route("DELETE", _COLLECTION, write=True)
def _drop(local: Any, names: Any, sent: Any) -> Answer:
    return local.delete_collection(names["collection"])


@route("POST", "/collections/aliases", write=True)
def _change_aliases(local: Any, names: Any, sent: Any) -> Answer:
    return local.update_collection_aliases(parsed(models.ChangeAliasesOperation, sent).actions)


@route("GET", "/aliases")
def _aliases(local: Any, names: Any, sent: Any) -> Answer:
    return local.get_aliases()


@route("GET", f"{_COLLECTION}/aliases")
def _aliases_of(local: Any, names: Any, sent: Any) -> Answer:
    return local.get_collection_aliases(names["collection"])


@route("GET", f"{_COLLECTION}/snapshots")
def _snapshots(local: Any, names: Any, sent: Any) -> Answer:
    return local.list_snapshots(names["collection"])


@route("PUT", f"{_COLLECTION}/index", write=True)
def _index(local: Any, names: Any, sent: Any) -> Answer:
    made = parsed(models.CreateFieldIndex, sent)
    return local.create_payload_index(names["collection"], made.field_name, made.field_schema)


@route("DELETE", f"{_COLLECTION}/index/{{field}}", write=True)
def _drop_index(local: Any, names: Any, sent: Any) -> Answer:
    return local.delete_payload_index(names["collection"], names["field"])


# --- points -------------------------------------------------------------------------------------------------------------


@route("PUT", _POINTS, write=True)
def _upsert(local: Any, names: Any, sent: Any) -> Answer:
    made = parsed(models.PointInsertOperations, sent)
    points = made.batch if isinstance(made, models.PointsBatch) else made.points
    return local.upsert(names["collection"], points, update_filter=made.update_filter, update_mode=made.update_mode)


@route("POST", f"{_POINTS}/batch", write=True)
def _batch(local: Any, names: Any, sent: Any) -> Answer:
    return local.batch_update_points(names["collection"], parsed(models.UpdateOperations, sent).operations)


def selected(sent: dict[str, Any]) -> Any:
    """Return what a request selects: the points of a filter, or those that are named; nothing named is an error."""
    if sent.get("filter") is not None:
        return parsed(models.FilterSelector, {"filter": sent["filter"]})
    return parsed(models.PointIdsList, {"points": sent["points"]})


@route("POST", f"{_POINTS}/delete", write=True)
def _delete(local: Any, names: Any, sent: Any) -> Answer:
    parsed(models.PointsSelector, sent)
    return local.delete(names["collection"], selected(sent))


@route("PUT", f"{_POINTS}/vectors", write=True)
def _update_vectors(local: Any, names: Any, sent: Any) -> Answer:
    made = parsed(models.UpdateVectors, sent)
    return local.update_vectors(names["collection"], made.points, update_filter=made.update_filter)


@route("POST", f"{_POINTS}/vectors/delete", write=True)
def _delete_vectors(local: Any, names: Any, sent: Any) -> Answer:
    made = parsed(models.DeleteVectors, sent)
    return local.delete_vectors(names["collection"], made.vector, selected(sent))


@route("POST", f"{_POINTS}/payload", write=True)
def _set_payload(local: Any, names: Any, sent: Any) -> Answer:
    made = parsed(models.SetPayload, sent)
    return local.set_payload(names["collection"], made.payload, selected(sent), key=made.key)


@route("PUT", f"{_POINTS}/payload", write=True)
def _overwrite_payload(local: Any, names: Any, sent: Any) -> Answer:
    return local.overwrite_payload(names["collection"], parsed(models.SetPayload, sent).payload, selected(sent))


@route("POST", f"{_POINTS}/payload/delete", write=True)
def _delete_payload(local: Any, names: Any, sent: Any) -> Answer:
    return local.delete_payload(names["collection"], parsed(models.DeletePayload, sent).keys, selected(sent))


@route("POST", f"{_POINTS}/payload/clear", write=True)
def _clear_payload(local: Any, names: Any, sent: Any) -> Answer:
    parsed(models.PointsSelector, sent)
    return local.clear_payload(names["collection"], selected(sent))


def _given(value: Any, default: Any) -> Any:
    return default if value is None else value


@route("POST", _POINTS)
def _get(local: Any, names: Any, sent: Any) -> Answer:
    made = parsed(models.PointRequest, sent)
    return local.retrieve(
        names["collection"],
        made.ids,
        with_payload=_given(made.with_payload, False),
        with_vectors=_given(made.with_vector, False),
    )


@route("POST", f"{_POINTS}/scroll")
def _scroll(local: Any, names: Any, sent: Any) -> Answer:
    made = parsed(models.ScrollRequest, sent)
    points, following = local.scroll(
        names["collection"],
        scroll_filter=made.filter,
        limit=_given(made.limit, 10),
        order_by=made.order_by,
        offset=made.offset,
        with_payload=_given(made.with_payload, True),
        with_vectors=_given(made.with_vector, False),
    )
    return {"points": points, "next_page_offset": following}


@route("POST", f"{_POINTS}/count")
def _count(local: Any, names: Any, sent: Any) -> Answer:
    return local.count(names["collection"], count_filter=parsed(models.CountRequest, sent).filter)


@route("POST", f"{_COLLECTION}/facet")
def _facet(local: Any, names: Any, sent: Any) -> Answer:
    made = parsed(models.FacetRequest, sent)
    return local.facet(names["collection"], made.key, facet_filter=made.filter, limit=_given(made.limit, 10))


@route("POST", f"{_POINTS}/search/matrix/pairs")
def _pairs(local: Any, names: Any, sent: Any) -> Answer:
    return local.search_matrix_pairs(names["collection"], **_matrix(sent))


@route("POST", f"{_POINTS}/search/matrix/offsets")
def _offsets(local: Any, names: Any, sent: Any) -> Answer:
    return local.search_matrix_offsets(names["collection"], **_matrix(sent))


def _matrix(sent: Any) -> dict[str, Any]:
    made = parsed(models.SearchMatrixRequest, sent)
    return {
        "query_filter": made.filter,
        "limit": _given(made.limit, 3),
        "sample": _given(made.sample, 10),
        "using": made.using,
    }


def query(local: Any, collection: str, made: models.QueryRequest) -> list[models.ScoredPoint]:
    """Run one query."""
    found: list[models.ScoredPoint] = local.query_points(
        collection,
        query=made.query,
        using=made.using,
        prefetch=made.prefetch,
        query_filter=made.filter,
        search_params=made.params,
        limit=_given(made.limit, 10),
        offset=made.offset,
        with_payload=_given(made.with_payload, False),
        with_vectors=_given(made.with_vector, False),
        score_threshold=made.score_threshold,
        lookup_from=made.lookup_from,
    ).points
    return found


def groups(local: Any, collection: str, made: models.QueryGroupsRequest) -> models.GroupsResult:
    """Run one query whose results are in groups."""
    found: models.GroupsResult = local.query_points_groups(
        collection,
        group_by=made.group_by,
        query=made.query,
        using=made.using,
        prefetch=made.prefetch,
        query_filter=made.filter,
        limit=_given(made.limit, 3),
        group_size=_given(made.group_size, 3),
        with_payload=_given(made.with_payload, False),
        with_vectors=_given(made.with_vector, False),
        score_threshold=made.score_threshold,
        with_lookup=made.with_lookup,
        lookup_from=made.lookup_from,
    )
    return found


@route("POST", f"{_POINTS}/query")
def _query(local: Any, names: Any, sent: Any) -> Answer:
    return {"points": query(local, names["collection"], parsed(models.QueryRequest, sent))}


@route("POST", f"{_POINTS}/query/batch")
def _query_batch(local: Any, names: Any, sent: Any) -> Answer:
    searches = parsed(models.QueryRequestBatch, sent).searches
    return [{"points": query(local, names["collection"], made)} for made in searches]


@route("POST", f"{_POINTS}/query/groups")
def _query_groups(local: Any, names: Any, sent: Any) -> Answer:
    return groups(local, names["collection"], parsed(models.QueryGroupsRequest, sent))


@route("POST", f"{_POINTS}/(?P<verb>search|recommend|discover)")
def _legacy(local: Any, names: Any, sent: Any) -> Answer:
    return query(local, names["collection"], parsed(models.QueryRequest, as_query(names["verb"], sent)))


@route("POST", f"{_POINTS}/(?P<verb>search|recommend|discover)/batch")
def _legacy_batch(local: Any, names: Any, sent: Any) -> Answer:
    made = [parsed(models.QueryRequest, as_query(names["verb"], each)) for each in sent["searches"]]
    return [query(local, names["collection"], each) for each in made]


@route("POST", f"{_POINTS}/(?P<verb>search|recommend)/groups")
def _legacy_groups(local: Any, names: Any, sent: Any) -> Answer:
    return groups(local, names["collection"], parsed(models.QueryGroupsRequest, as_query(names["verb"], sent)))


@route("GET", f"{_POINTS}/{{id}}")
def _get_one(local: Any, names: Any, sent: Any) -> Answer:
    point = int(names["id"]) if names["id"].isdecimal() else names["id"]
    found = local.retrieve(names["collection"], [point], with_payload=True, with_vectors=True)
    if not found:
        message = f"Point with id {point} does not exists!"
        raise Missing(message)
    return found[0]
