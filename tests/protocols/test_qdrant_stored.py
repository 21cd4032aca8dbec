"""What a request to Qdrant would store, on either interface: payloads and descriptions, and nothing of what only chooses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from qdrant_client import grpc as messages

from extproc.events import Request
from support import qdrant_asks as asks
from support.qdrant_requests import GRPC, REST, path

q: Any = messages

MARK = "what is stored"
KEPT = {"note": MARK, "deep": {"notes": [MARK, 1, None]}}
POINT = {"id": 1, "vector": [0.1, 0.2], "payload": KEPT}
POINTS = "/collections/kb/points"
CHOSEN = {"must": [{"key": "note", "match": {"value": MARK}}]}


def value(found: Any) -> Any:
    """Return a Value message."""
    match found:
        case None:
            return q.Value(null_value=0)
        case str():
            return q.Value(string_value=found)
        case int():
            return q.Value(integer_value=found)
        case list():
            return q.Value(list_value=q.ListValue(values=[value(each) for each in found]))
        case _:
            return q.Value(struct_value=q.Struct(fields={name: value(each) for name, each in found.items()}))


def payload() -> dict[str, Any]:
    """Return the payload as messages."""
    return {name: value(each) for name, each in KEPT.items()}


def point() -> Any:
    """Return the point as a message."""
    vectors = q.Vectors(vector=q.Vector(dense=q.DenseVector(data=[0.1, 0.2])))
    return q.PointStruct(id=q.PointId(num=1), vectors=vectors, payload=payload())


def chosen() -> Any:
    """Return a selection by a filter."""
    match = q.FieldCondition(key="note", match=q.Match(keyword=MARK))
    return q.PointsSelector(filter=q.Filter(must=[q.Condition(field=match)]))


def batched(name: str, **members: Any) -> Any:
    """Return a batch of one operation."""
    operation = q.PointsUpdateOperation(**{name: members.pop("made")(**members)})
    return q.UpdateBatchPoints(collection_name="kb", operations=[operation])


VECTORS = q.VectorsConfig(params=q.VectorParams(size=2, distance=q.Distance.Dot))
BATCH = q.PointsUpdateOperation
STORING: dict[str, Request] = {
    "points": asks.rest("PUT", POINTS, {"points": [POINT]}),
    "columns": asks.rest("PUT", POINTS, {"batch": {"ids": [1], "vectors": [[0.1, 0.2]], "payloads": [KEPT]}}),
    "set": asks.rest("POST", f"{POINTS}/payload", {"filter": CHOSEN, "payload": KEPT}),
    "set below a key": asks.rest("POST", f"{POINTS}/payload", {"points": [1], "payload": KEPT, "key": "a"}),
    "overwrite": asks.rest("PUT", f"{POINTS}/payload", {"points": [1], "payload": KEPT}),
    "points in a batch": asks.rest("POST", f"{POINTS}/batch", {"operations": [{"upsert": {"points": [POINT]}}]}),
    "set in a batch": asks.rest(
        "POST",
        f"{POINTS}/batch",
        {"operations": [{"delete": {"points": [2]}}, {"set_payload": {"points": [1], "payload": KEPT}}]},
    ),
    "a collection": asks.rest("PUT", "/collections/kb", {"vectors": {"size": 2, "distance": "Dot"}, "metadata": KEPT}),
    "a changed collection": asks.rest("PATCH", "/collections/kb", {"metadata": KEPT}),
    "gRPC: points": asks.grpc("/qdrant.Points/Upsert", q.UpsertPoints(collection_name="kb", points=[point()])),
    "gRPC: set": asks.grpc(
        "/qdrant.Points/SetPayload", q.SetPayloadPoints(collection_name="kb", points_selector=chosen(), payload=payload())
    ),
    "gRPC: overwrite": asks.grpc(
        "/qdrant.Points/OverwritePayload", q.SetPayloadPoints(collection_name="kb", points_selector=chosen(), payload=payload())
    ),
    "gRPC: points in a batch": asks.grpc(
        "/qdrant.Points/UpdateBatch", batched("upsert", made=BATCH.PointStructList, points=[point()])
    ),
    "gRPC: set in a batch": asks.grpc(
        "/qdrant.Points/UpdateBatch", batched("set_payload", made=BATCH.SetPayload, points_selector=chosen(), payload=payload())
    ),
    "gRPC: overwrite in a batch": asks.grpc(
        "/qdrant.Points/UpdateBatch",
        batched("overwrite_payload", made=BATCH.OverwritePayload, points_selector=chosen(), payload=payload()),
    ),
    "gRPC: a collection": asks.grpc(
        "/qdrant.Collections/Create", q.CreateCollection(collection_name="kb", vectors_config=VECTORS, metadata=payload())
    ),
    "gRPC: a changed collection": asks.grpc(
        "/qdrant.Collections/Update", q.UpdateCollection(collection_name="kb", metadata=payload())
    ),
}


@pytest.mark.parametrize("name", STORING)
def test_what_would_be_stored_is_told(name: str) -> None:
    """In whatever request and at whatever depth it comes."""
    sent = STORING[name]

    assert msgspec.json.decode(asks.ADAPTERS[asks.transport(sent)].stored(asks.read(sent))) == [KEPT]


CHOOSING: dict[str, Request] = {
    "read": asks.rest("POST", f"{POINTS}/scroll", {"filter": CHOSEN}),
    "deleted": asks.rest("POST", f"{POINTS}/delete", {"filter": CHOSEN}),
    "cleared": asks.rest("POST", f"{POINTS}/payload/clear", {"filter": CHOSEN}),
    "keys": asks.rest("POST", f"{POINTS}/payload/delete", {"points": [1], "keys": [MARK]}),
    "vectors": asks.rest("PUT", f"{POINTS}/vectors", {"points": [{"id": 1, "vector": [0.1, 0.2]}]}),
    "in a batch": asks.rest("POST", f"{POINTS}/batch", {"operations": [{"delete": {"filter": CHOSEN}}]}),
    "gRPC: deleted": asks.grpc("/qdrant.Points/Delete", q.DeletePoints(collection_name="kb", points=chosen())),
    "gRPC: vectors": asks.grpc("/qdrant.Points/UpdateVectors", GRPC["Points/UpdateVectors"].sent),
}


@pytest.mark.parametrize("name", CHOOSING)
def test_what_only_chooses_is_not(name: str) -> None:
    """A mask that has been stored must be found to be taken out again."""
    sent = CHOOSING[name]

    assert MARK.encode() not in asks.ADAPTERS[asks.transport(sent)].stored(asks.read(sent))


def test_every_request_says_what_it_would_store() -> None:
    """None of either interface fails on the question."""
    sent = [asks.rest(method, path(template), row.sent) for (method, template), row in REST.items() if row.actions]
    sent += [asks.grpc(f"/qdrant.{name}", row.sent) for name, row in GRPC.items() if row.actions and row.sent is not None]
    told = [
        asks.ADAPTERS[asks.transport(each)].stored(asks.read(each))
        for each in sent
        if not each.target.endswith(("/healthz", "/livez", "/readyz"))
    ]

    assert sum(b"London" in each or b'"a"' in each for each in told) == 8
