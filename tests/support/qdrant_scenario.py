"""What an application does with Qdrant from beginning to end, step by step, through whatever client it is given.

Each step names a call of the official client; how it is awaited, and over which interface it goes, is the caller's affair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from qdrant_client import models as m

Step = tuple[str, tuple[Any, ...], dict[str, Any]]

SPARSE = m.SparseVector(indices=[1, 7], values=[0.55, 1.0])
CITIES = ["London", "Paris", "Berlin"]
UUID = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"


@dataclass(slots=True)
class Names:
    """The collections of one run, so that two of them can stand side by side."""

    main: str
    other: str = field(init=False)
    alias: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive the others."""
        self.other, self.alias = f"{self.main}-other", f"{self.main}-alias"


def city(name: str) -> m.Filter:
    """Return the filter of one city."""
    return m.Filter(must=[m.FieldCondition(key="city", match=m.MatchValue(value=name))])


def points(count: int = 12) -> list[m.PointStruct]:
    """Return points of named, sparse and multi vectors with nested payloads."""
    return [
        m.PointStruct(
            id=index,
            vector={
                "text": [0.1 * index, 1.0, 0.5],
                "words": m.SparseVector(indices=[index % 4, 7], values=[1.0, 0.1 * index]),
                "tokens": [[0.1 * index, 1.0], [1.0, 0.2]],
            },
            payload={
                "city": CITIES[index % 3],
                "price": 1.5 * index,
                "tags": [f"t{index % 2}", "all"],
                "owner": {"name": f"n{index}", "since": f"2024-01-{index + 1:02d}T00:00:00Z"},
                "flag": index % 2 == 0,
            },
        )
        for index in range(count)
    ]


def do(method: str, *args: Any, **kwargs: Any) -> Step:
    """Return a step."""
    return method, args, kwargs


def steps(names: Names) -> Iterator[Step]:
    """Give the steps of the scenario."""
    yield from _made(names.main, names.other)
    yield from _written(names.main, names.other)
    yield from _read(names.main)
    yield from _queried(names.main, names.other)
    yield from _renamed(names.main, names.other, names.alias)
    yield from _taken_away(names.main, names.other)


def reads(names: Names) -> Iterator[Step]:
    """Give every way to read that the scenario has, once its points are there."""
    yield from _read(names.main)
    yield from _queried(names.main, names.other)


def made(names: Names) -> Iterator[Step]:
    """Give the steps that make the collections."""
    yield from _made(names.main, names.other)


def _vectors() -> dict[str, m.VectorParams]:
    return {
        "text": m.VectorParams(size=3, distance=m.Distance.COSINE),
        "tokens": m.VectorParams(
            size=2,
            distance=m.Distance.DOT,
            multivector_config=m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM),
        ),
    }


def _made(main: str, other: str) -> Iterator[Step]:
    yield do("collection_exists", main)
    yield do("create_collection", main, vectors_config=_vectors(), sparse_vectors_config={"words": m.SparseVectorParams()})
    yield do("create_collection", other, vectors_config={"text": m.VectorParams(size=3, distance=m.Distance.COSINE)})
    yield do("collection_exists", main)
    yield do("get_collection", main)
    yield do("create_payload_index", main, "city", field_schema=m.PayloadSchemaType.KEYWORD)


def _written(main: str, other: str) -> Iterator[Step]:
    yield do("upsert", main, points())
    yield do(
        "upsert",
        main,
        m.Batch(ids=[20, UUID], vectors={"text": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]}, payloads=[{"city": "Rome"}, {}]),
    )
    yield do(
        "upsert",
        other,
        [m.PointStruct(id=index, vector={"text": [1.0, index, 0.5]}, payload={"label": f"l{index}"}) for index in range(3)],
    )
    yield do("update_vectors", main, [m.PointVectors(id=20, vector={"text": [0.5, 0.5, 0.5]})])
    yield do("set_payload", main, {"seen": 1}, points=[1, 2])
    yield do("set_payload", main, {"deep": True}, points=city("Paris"), key="owner")
    yield do("overwrite_payload", main, {"city": "Rome", "price": 3}, points=[20])
    yield do("delete_payload", main, ["seen"], points=[2])
    yield do("delete_vectors", main, ["words"], points=[3])
    yield do("clear_payload", main, points_selector=[UUID])


def _read(main: str) -> Iterator[Step]:
    yield do("retrieve", main, [3, 1, 20], with_vectors=True)
    yield do("retrieve", main, [UUID, 1], with_payload=["city"])
    yield do("scroll", main, limit=4, with_payload=m.PayloadSelectorExclude(exclude=["owner"]), with_vectors=["text"])
    yield do("scroll", main, scroll_filter=city("Berlin"), offset=3, limit=2)
    yield do("scroll", main, limit=3, order_by=m.OrderBy(key="price", direction=m.Direction.DESC))
    yield do("count", main)
    yield do("count", main, count_filter=m.Filter(must_not=[m.HasIdCondition(has_id=[1, 2])]))
    yield do("facet", main, "city")
    yield do("facet", main, "tags", facet_filter=city("Paris"), limit=1)
    for filtering in _filters():
        yield do("scroll", main, scroll_filter=filtering, limit=20)


def _queried(main: str, other: str) -> Iterator[Step]:
    yield do("query_points", main, query=[0.1, 1.0, 0.5], using="text", limit=3)
    yield do(
        "query_points", main, query=[0.1, 1.0, 0.5], using="text", limit=3, offset=1, with_payload=False, with_vectors=True
    )
    yield do("query_points", main, query=SPARSE, using="words", limit=3)
    yield do("query_points", main, query=[[0.1, 1.0], [0.2, 0.2]], using="tokens", limit=3, score_threshold=0.2)
    yield do("query_points", main, query=4, using="text", query_filter=city("London"), limit=3)
    yield do("query_points", main, query=1, using="text", lookup_from=m.LookupLocation(collection=other), limit=2)
    yield do(
        "query_points",
        main,
        prefetch=[
            m.Prefetch(query=[0.1, 1.0, 0.5], using="text", limit=5, filter=city("Paris")),
            m.Prefetch(query=SPARSE, using="words", limit=5, prefetch=[m.Prefetch(query=2, using="text", limit=8)]),
        ],
        query=m.FusionQuery(fusion=m.Fusion.RRF),
        limit=4,
    )
    yield do("query_points", main, query=m.RecommendQuery(recommend=m.RecommendInput(positive=[1], negative=[2])), using="text")
    yield do(
        "query_points",
        main,
        query=m.DiscoverQuery(
            discover=m.DiscoverInput(target=1, context=[m.ContextPair(positive=2, negative=[0.9, 0.1, 0.1])])
        ),
        using="text",
        limit=3,
    )
    yield do("query_points", main, query=m.ContextQuery(context=[m.ContextPair(positive=2, negative=3)]), using="text", limit=2)
    yield do("query_points", main, query=m.OrderByQuery(order_by="price"), limit=3)
    yield do(
        "query_points",
        main,
        prefetch=m.Prefetch(query=[0.1, 1.0, 0.5], using="text", limit=6),
        query=m.FormulaQuery(formula=m.SumExpression(sum=["$score", m.MultExpression(mult=[0.1, "price"])])),
        limit=3,
    )
    yield do("query_points", main, limit=2)
    yield do(
        "query_batch_points",
        main,
        requests=[
            m.QueryRequest(query=[0.1, 1.0, 0.5], using="text", limit=1, with_payload=True),
            m.QueryRequest(query=2, using="text", limit=2),
        ],
    )
    yield do(
        "query_points_groups",
        main,
        group_by="city",
        query=[0.1, 1.0, 0.5],
        using="text",
        limit=2,
        group_size=2,
        query_filter=m.Filter(must=[m.FieldCondition(key="price", range=m.Range(gt=1))]),
    )
    yield do("search_matrix_pairs", other, using="text", sample=3, limit=2)
    yield do("search_matrix_offsets", other, using="text", sample=3, limit=2)


def _renamed(main: str, other: str, alias: str) -> Iterator[Step]:
    yield do(
        "update_collection_aliases",
        change_aliases_operations=[m.CreateAliasOperation(create_alias=m.CreateAlias(collection_name=other, alias_name=alias))],
    )
    yield do("count", alias)
    yield do("get_collection_aliases", other)
    yield do("query_points", main, query=1, using="text", lookup_from=m.LookupLocation(collection=alias), limit=2)
    yield do(
        "update_collection_aliases",
        change_aliases_operations=[
            m.RenameAliasOperation(rename_alias=m.RenameAlias(old_alias_name=alias, new_alias_name=f"{alias}-2"))
        ],
    )
    yield do("count", alias)  # which is nobody's name any more
    yield do(
        "update_collection_aliases",
        change_aliases_operations=[m.DeleteAliasOperation(delete_alias=m.DeleteAlias(alias_name=f"{alias}-2"))],
    )


def _taken_away(main: str, other: str) -> Iterator[Step]:
    yield do(
        "batch_update_points",
        main,
        update_operations=[
            m.UpsertOperation(
                upsert=m.PointsList(points=[m.PointStruct(id=30, vector={"text": [1.0, 1.0, 1.0]}, payload={"a": 1})])
            ),
            m.SetPayloadOperation(set_payload=m.SetPayload(payload={"b": 2}, points=[30])),
            m.DeletePayloadOperation(delete_payload=m.DeletePayload(keys=["a"], points=[30])),
            m.OverwritePayloadOperation(overwrite_payload=m.SetPayload(payload={"c": 3}, points=[20])),
            m.ClearPayloadOperation(clear_payload=m.PointIdsList(points=[0])),
            m.UpdateVectorsOperation(
                update_vectors=m.UpdateVectors(points=[m.PointVectors(id=30, vector={"text": [0.0, 0.0, 1.0]})])
            ),
            m.DeleteVectorsOperation(delete_vectors=m.DeleteVectors(points=[4], vector=["words"])),
            m.DeleteOperation(delete=m.FilterSelector(filter=city("Berlin"))),
        ],
    )
    yield do("scroll", main, limit=50, with_vectors=True)
    yield do("delete", main, points_selector=[1, 3])
    yield do("delete", main, points_selector=m.FilterSelector(filter=city("Rome")))
    yield do("count", main)
    yield do("get_collections")
    yield do("delete_payload_index", main, "city")
    # what is not there
    yield do("count", "nowhere-at-all")
    yield do("query_points", main, query=12345, using="text")
    yield do("create_collection", main, vectors_config=_vectors())
    yield do("delete_collection", main)
    yield do("delete_collection", other)
    yield do("get_collections")


def _filters() -> Iterator[m.Filter]:
    """Give filters of every kind of clause."""
    yield m.Filter(should=[m.FieldCondition(key="city", match=m.MatchAny(any=["Paris", "Rome"]))])
    yield m.Filter(must=[m.FieldCondition(key="city", match=m.MatchExcept(**{"except": ["Paris"]}))])
    yield m.Filter(must=[m.FieldCondition(key="price", range=m.Range(gte=3, lt=9))])
    yield m.Filter(must=[m.FieldCondition(key="owner.since", range=m.DatetimeRange(gt=datetime(2024, 1, 5, tzinfo=UTC)))])
    yield m.Filter(must=[m.FieldCondition(key="owner.name", match=m.MatchText(text="n3"))])
    yield m.Filter(must=[m.FieldCondition(key="tags", values_count=m.ValuesCount(gte=2))])
    yield m.Filter(must=[m.FieldCondition(key="flag", match=m.MatchValue(value=True))])
    yield m.Filter(must=[m.IsEmptyCondition(is_empty=m.PayloadField(key="owner"))])
    yield m.Filter(must_not=[m.IsNullCondition(is_null=m.PayloadField(key="city"))])
    yield m.Filter(must=[m.HasVectorCondition(has_vector="words")])
    yield m.Filter(must=[m.HasIdCondition(has_id=[1, UUID])])
    lacking = m.Filter(must=[m.IsEmptyCondition(is_empty=m.PayloadField(key="deep"))])
    yield m.Filter(must=[m.NestedCondition(nested=m.Nested(key="owner", filter=lacking))])
    paris = m.FieldCondition(key="city", match=m.MatchValue(value="Paris"))
    yield m.Filter(min_should=m.MinShould(conditions=[paris, m.HasIdCondition(has_id=[1])], min_count=2))
    yield m.Filter(must=[m.Filter(should=[city("Paris"), m.Filter(must_not=[city("London")])])])
