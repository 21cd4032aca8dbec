"""The unchanged Chroma client does through the gateway what it does directly."""

from __future__ import annotations

from typing import Any

import chromadb
import pytest
from chromadb.api import ClientAPI
from chromadb.api.async_fastapi import AsyncFastAPI
from chromadb.errors import ChromaError

from support.gateway import Gateway, chroma_client

pytestmark = pytest.mark.envoy
DIMENSION = 8


def vector(seed: int) -> list[float]:
    """Return a vector that depends on `seed`."""
    return [((seed * 37 + axis * 11) % 97) / 97 for axis in range(DIMENSION)]


def plain(value: Any) -> Any:
    """Return a client's result as plain values."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def failure(act: Any) -> str:
    """Return the name of the error that the client raises."""
    try:
        act()
    except (ChromaError, ValueError, TypeError) as error:
        return type(error).__name__
    return "none"


def scenario(client: ClientAPI, name: str) -> list[Any]:
    """Do everything that the client can do with records and collections; return each result."""
    seen: list[Any] = []
    note = seen.append
    note(client.heartbeat() > 0)
    note(client.get_version())
    note(client.get_max_batch_size())
    note(client.get_user_identity().tenant)
    collection = client.create_collection(name, metadata={"topic": "tickets", "rank": 2}, embedding_function=None)
    note(collection.metadata)
    note(client.get_or_create_collection(name).name)
    note(failure(lambda: client.create_collection(name)))
    collection.add(
        ids=[f"t{i}" for i in range(10)],
        embeddings=[vector(i) for i in range(10)],
        documents=[f'ticket {i} größe \U0001f600 \\ "quoted"\n' for i in range(10)],
        metadatas=[{"n": i, "even": i % 2 == 0, "score": i / 3, "who": f"user{i}@corp.test"} for i in range(10)],
        uris=[f"s3://bucket/{i}" for i in range(10)],
    )
    note(collection.count())
    everything = ["documents", "metadatas", "embeddings", "uris"]
    note(plain(collection.get(include=everything)))
    note(plain(collection.get(ids=["t3", "t1", "missing"])))
    note(plain(collection.get(where={"$and": [{"n": {"$gte": 2}}, {"even": True}]}, limit=3, offset=1)))
    note(plain(collection.get(where={"n": {"$in": [1, 2]}}, where_document={"$contains": "ticket 2"})))
    note(plain(collection.get(where={"score": {"$lt": 0.5}}, include=[])))
    note(plain(collection.peek(2)))
    note(plain(collection.query(query_embeddings=[vector(1), vector(5)], n_results=3)))
    note(plain(collection.query(query_embeddings=[vector(1)], n_results=2, where={"even": False}, include=everything)))
    note(plain(collection.query(query_embeddings=[vector(1)], ids=["t1", "t2"], where_document={"$not_contains": "ticket 2"})))
    collection.update(ids=["t1"], embeddings=[vector(5)], metadatas=[{"n": 100, "who": None}], documents=["changed"])
    note(plain(collection.get(ids=["t1"], include=everything)))
    collection.update(ids=["t2"], embeddings=[vector(77)])
    collection.upsert(
        ids=["t2", "t99"], embeddings=[vector(2), vector(99)], documents=["again", None], metadatas=[{"n": 2}, {"n": 99}]
    )
    note(plain(collection.get(ids=["t2", "t99"], include=everything)))
    collection.delete(ids=["t0"])
    collection.delete(where={"n": {"$gt": 50}})
    note(collection.count())
    note(sorted(plain(collection.get())["ids"]))
    collection.modify(name=f"{name}-renamed", metadata={"topic": "changed"})
    note(client.get_collection(f"{name}-renamed").metadata)
    note(failure(lambda: client.get_collection(name)))
    note(f"{name}-renamed" in [each.name for each in client.list_collections()])
    note(client.count_collections() >= 1)
    note(failure(lambda: collection.query(query_embeddings=[[1.0, 2.0]])))
    note(failure(lambda: collection.add(ids=["x"], embeddings=[[1.0]])))
    client.delete_collection(f"{name}-renamed")
    note(failure(lambda: client.delete_collection(f"{name}-renamed")))
    note(failure(collection.count))
    return seen


def test_the_unchanged_client_gets_the_same_results_as_direct(open_gateway: Gateway, chroma: int) -> None:
    """Under an allow-all policy every call gives through the gateway exactly what it gives without it."""
    direct = scenario(chroma_client(chroma), "same-story")
    guarded = scenario(open_gateway.chroma("anyone"), "same-story")

    assert guarded == direct


async def asynchronous_scenario(port: int, name: str, headers: dict[str, str]) -> list[Any]:
    """Do with the asynchronous client what a service does; return each result."""
    client = await chromadb.AsyncHttpClient(host="127.0.0.1", port=port, headers=headers)
    seen: list[Any] = []
    collection = await client.create_collection(name, metadata={"topic": "async"}, embedding_function=None)
    await collection.add(
        ids=["a", "b"], embeddings=[vector(1), vector(2)], documents=["one", "two"], metadatas=[{"n": 1}, {"n": 2}]
    )
    seen.append(await collection.count())
    seen.append(plain(await collection.get(include=["documents", "metadatas", "embeddings"])))
    seen.append(plain(await collection.query(query_embeddings=[vector(1)], n_results=1)))
    await collection.update(ids=["a"], embeddings=[vector(3)], documents=["changed"], metadatas=[{"n": 3}])
    await collection.delete(where={"n": 2})
    seen.append(plain(await collection.get()))
    seen.append(name in [each.name for each in await client.list_collections()])
    await client.delete_collection(name)
    # Asynchronous clients of one event loop share their connections, and with them the headers of the first.
    await AsyncFastAPI._clients.popitem()[1].aclose()
    return seen


async def test_the_unchanged_asynchronous_client_gets_the_same_results_as_direct(open_gateway: Gateway, chroma: int) -> None:
    """The asynchronous client shows its token as a plain header, and every call gives what it gives directly."""
    direct = await asynchronous_scenario(chroma, "async-story", {})
    token = {"x-chroma-token": open_gateway.issuer.token("anyone")}
    guarded = await asynchronous_scenario(open_gateway.port, "async-story", token)

    assert guarded == direct
