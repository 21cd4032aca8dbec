"""Two tenants' points side by side in one collection of Qdrant's, and the same points of each alone in another.

What a tenant is given of the shared collection must be what anybody is given of the one that holds nothing else.
"""

from __future__ import annotations

from typing import Any

from qdrant_client import QdrantClient
from qdrant_client import models as m

from support.qdrant_scenario import SPARSE, Names, made, points

FOREIGN = 100
"""What is added to an id for the point of the other tenant."""

SHARED = Names("shared")
ALONE = Names("alone")
NOBODYS = 999
"""An id that no point has."""


def _owned(found: list[m.PointStruct], owner: str, more: int = 0) -> list[m.PointStruct]:
    return [
        m.PointStruct(id=int(each.id) + more, vector=each.vector, payload={**(each.payload or {}), "tenant": owner})
        for each in found
    ]


def _labels() -> list[m.PointStruct]:
    return [m.PointStruct(id=index, vector={"text": [1.0, index, 0.5]}, payload={"label": f"l{index}"}) for index in range(3)]


def laid_out(client: QdrantClient) -> None:
    """Make the collections anew; what belongs to the other tenant lies nearer to whatever is asked for."""
    for names in (SHARED, ALONE):
        for method, args, kwargs in made(names):
            getattr(client, method)(*args, **kwargs)
        client.upsert(names.main, _owned(points(), "t1"))
        client.upsert(names.other, _owned(_labels(), "t1"))
    nearer = [
        m.PointStruct(id=index, vector={"text": [0.1, 1.0, 0.5], "words": SPARSE, "tokens": [[0.9, 1.0]]}, payload=each.payload)
        for index, each in enumerate(points())
    ]
    client.upsert(SHARED.main, _owned(nearer, "t2", FOREIGN))
    client.upsert(SHARED.other, _owned(_labels(), "t2", FOREIGN))
    client.upsert(SHARED.main, [m.PointStruct(id=FOREIGN * 2, vector={"text": [0.1, 1.0, 0.5]}, payload={"city": "Rome"})])


def stored(client: QdrantClient, collection: str = SHARED.main) -> dict[Any, Any]:
    """Return all that is stored of each point: its payload and its vectors."""
    found, _ = client.scroll(collection, limit=1000, with_vectors=True)
    return {each.id: (each.payload, each.vector) for each in found}
