"""A masked value of Qdrant's cannot be read out by asking about it, over REST or over gRPC.

Two collections hold the same points but for what is masked and for the vectors. Whatever a reader asks, both must give the same
answer; whoever sees the values gets them by the same questions, so the questions are good ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient
from qdrant_client import models as m
from qdrant_client.http.exceptions import UnexpectedResponse

from extproc.events import Transport
from support.obliged import Obligation, compared, mask, only
from support.qdrant_gateway import OVER, Doors
from support.qdrant_played import outcome

pytestmark = [pytest.mark.envoy, pytest.mark.parametrize("over", OVER)]

READER: tuple[Obligation, ...] = (
    mask("ssn", "salary", "notes", "text", "owner.*"),
    {"type": "vectors", "return": False},
    {"type": "scores", "mode": "drop"},
)
COUNT = 6
SECRETS: dict[str, list[tuple[str, int, str, str]]] = {
    "left": [("078-05-1120", 4100, "flu", "alpha ward"), ("219-09-9999", 900, "flu", "beta ward")],
    "right": [("457-55-5462", 87000, "none", "gamma ward"), ("078-05-1121", 4101, "flu", "alpha wing")],
}


def secret(world: str, index: int) -> tuple[str, int, str, str]:
    """Return what is masked of a point: a text, a number, a list's element, a field below another."""
    return SECRETS[world][index % 2]


@pytest.fixture(scope="module")
def doors(told_doors: Doors) -> Iterator[Doors]:
    """Return the doors, with two collections behind them that differ in nothing but what is masked."""
    told_doors.database.clear()
    direct = told_doors.direct("rest")
    for world in SECRETS:
        vectors = {"a": m.VectorParams(size=2, distance=m.Distance.EUCLID)}
        direct.create_collection(world, vectors_config=vectors, sparse_vectors_config={"s": m.SparseVectorParams()})
        hidden = [secret(world, index) for index in range(COUNT)]
        direct.upsert(
            world,
            [
                m.PointStruct(
                    id=index,
                    # Exact scores would tell the worlds apart, and so would a threshold; the order is the same.
                    vector={
                        "a": [float(index) + (0.25 if world == "right" else 0.0), 1.0],
                        "s": m.SparseVector(indices=[1], values=[1.0 + index + (0.25 if world == "right" else 0.0)]),
                    },
                    payload={
                        "n": index,
                        "unit": "ab"[index % 2],
                        "ssn": ssn,
                        "salary": salary,
                        "notes": [note, "seen"],
                        "owner": {"name": ssn, "at": [{"ward": text}]},
                        "text": text,
                    },
                )
                for index, (ssn, salary, note, text) in enumerate(hidden)
            ],
        )
    yield told_doors
    told_doors.database.clear()


# --- whatever is asked ----------------------------------------------------------------------------------------------------

HIDDEN = ["ssn", '"ssn"', "salary", "notes", "notes[]", "notes[0]", "owner", "owner.name", 'owner."name"', "owner.at[].ward"]
PATHS = st.sampled_from([*HIDDEN, "text", "n", "unit", "Ssn", "ssn.x", "missing", "owner2"])
VALUES: st.SearchStrategy[Any] = st.sampled_from(["078-05-1120", "alpha ward", "flu", "a", "", 4100, 900, 0, 1, True, 87000])
BOUNDS = st.sampled_from([0, 1, 900.5, 4100, 4100.5, 87000])
TERMS = st.sampled_from(["alpha", "ward", "flu", "078"])


def fielded(**predicate: Any) -> st.SearchStrategy[m.FieldCondition]:
    """Return a strategy of clauses of one predicate."""
    return st.builds(m.FieldCondition, key=PATHS, **predicate)


LEAVES: st.SearchStrategy[Any] = st.one_of(
    fielded(match=VALUES.map(lambda value: m.MatchValue(value=value))),
    fielded(match=TERMS.map(lambda text: m.MatchText(text=text))),
    fielded(match=st.just(m.MatchAny(any=["078-05-1120", "alpha ward"]))),
    fielded(match=st.just(m.MatchExcept(**{"except": [4100, 900]}))),
    fielded(range=st.builds(m.Range, gte=BOUNDS, lt=st.none() | BOUNDS)),
    fielded(values_count=st.just(m.ValuesCount(gt=1))),
    PATHS.map(lambda key: m.IsEmptyCondition(is_empty=m.PayloadField(key=key))),
    PATHS.map(lambda key: m.IsNullCondition(is_null=m.PayloadField(key=key))),
    st.just(m.HasIdCondition(has_id=[1, 2, 99])),
    st.just(m.HasVectorCondition(has_vector="a")),
)


def grouped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[m.Filter]:
    """Return a strategy of filters that join others."""
    several = st.lists(inner, min_size=1, max_size=2)
    return st.one_of(
        st.builds(m.Filter, must=several),
        st.builds(m.Filter, should=several),
        st.builds(m.Filter, must_not=several),
        several.map(lambda found: m.Filter(min_should=m.MinShould(conditions=found, min_count=1))),
    )


NESTED = st.builds(
    lambda key, inner: m.NestedCondition(nested=m.Nested(key=key, filter=m.Filter(must=[inner]))),
    st.sampled_from(["owner", "owner.at", "owner.at[]", "missing"]),
    fielded(match=TERMS.map(lambda text: m.MatchText(text=text))),
)
FILTERS = grouped(st.recursive(LEAVES | NESTED, grouped, max_leaves=4))
MAYBE = st.none() | FILTERS

# From each of these all points are at different distances, in both worlds in the same order: among equals there is none.
PROBES = st.sampled_from([[-1.0, 1.0], [7.0, 1.0], 0, 5, 99])
INPUTS: st.SearchStrategy[Any] = st.one_of(
    PROBES,
    st.just(m.RecommendQuery(recommend=m.RecommendInput(positive=[0], negative=[5]))),
    PATHS.map(lambda key: m.OrderByQuery(order_by=key)),
    PATHS.map(lambda key: m.FormulaQuery(formula=m.SumExpression(sum=[key, 1.0]), defaults={key: 0.0})),
    LEAVES.map(lambda found: m.FormulaQuery(formula=m.MultExpression(mult=[2.0, found]))),
    st.just(m.FormulaQuery(formula=m.MultExpression(mult=["$score", 1e9]))),
)


def querying(query: Any, condition: Any, inner: Any, threshold: Any) -> dict[str, Any]:
    """Return the arguments of a query."""
    plain = isinstance(query, (list, int, m.RecommendQuery))
    prefetch = None if plain and inner is None else m.Prefetch(query=[-1.0, 1.0], using="a", filter=inner)
    using = "a" if plain else None
    found = {"query": query, "using": using, "query_filter": condition, "prefetch": prefetch, "score_threshold": threshold}
    return {**found, "with_vectors": True, "with_payload": True, "limit": 4}


QUERIES = st.builds(querying, INPUTS, MAYBE, MAYBE, st.none() | st.sampled_from([0.5, 1.0, 2.1]))
REQUESTS: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    MAYBE.map(lambda found: ("count", {"count_filter": found})),
    st.builds(
        lambda found, order: ("scroll", {"scroll_filter": found, "order_by": order, "with_vectors": True, "limit": 4}),
        MAYBE,
        st.none() | PATHS,
    ),
    QUERIES.map(lambda found: ("query_points", found)),
    st.builds(lambda found, key: ("query_points_groups", {**found, "group_by": key}), QUERIES, PATHS),
    st.builds(lambda key, found: ("facet", {"key": key, "facet_filter": found}), PATHS, MAYBE),
    MAYBE.map(lambda found: ("search_matrix_pairs", {"query_filter": found, "using": "a", "sample": 9, "limit": 1})),
    st.just(("retrieve", {"ids": [0, 1, 99], "with_vectors": True})),
    # What is deleted would be gone for the next question, so a deletion names a point that is not there.
    MAYBE.map(
        lambda found: (
            "delete",
            {"points_selector": m.FilterSelector(filter=m.Filter(must=[m.HasIdCondition(has_id=[99]), found or m.Filter()]))},
        )
    ),
)


def answered(client: QdrantClient, world: str, request: tuple[str, dict[str, Any]]) -> Any:
    """Return all that an answer tells but the exchange's own number."""
    method, arguments = request
    try:
        found = outcome(getattr(client, method)(world, **arguments), world)
    except UnexpectedResponse as error:
        return error.status_code, re.sub(r"exchange [0-9a-f]{32}", "exchange", error.content.decode())
    except grpc.RpcError as error:
        return str(error.code()), re.sub(r"exchange [0-9a-f]{32}", "exchange", str(error.details()))
    if isinstance(found, dict):
        found.pop("operation_id", None)
    return found


def reader(doors: Doors, over: Transport, *more: Obligation) -> QdrantClient:
    """Return an unchanged client of somebody who does not see what is masked."""
    return doors.client(over, "caller", obligations=[*READER, *more])


@given(request=REQUESTS)
@example(request=("query_points", {"query": [-1.0, 1.0], "using": "a", "score_threshold": 1.1}))
@example(request=("query_points", {"query": [-1.0, 1.0], "using": "a", "with_vectors": True, "limit": 9}))
@settings(max_examples=100)
def test_no_answer_depends_on_what_is_masked(request: tuple[str, dict[str, Any]], over: Transport, doors: Doors) -> None:
    """Every answer, refusals and errors included, is the same whatever the masked values, the vectors and the scores are."""
    client = reader(doors, over)

    left, right = (answered(client, world, request) for world in SECRETS)

    assert left == right


@given(request=REQUESTS)
@settings(max_examples=60)
def test_a_filter_of_the_policys_on_an_open_field_changes_nothing_of_that(
    request: tuple[str, dict[str, Any]], over: Transport, doors: Doors
) -> None:
    """Under a row filter answers are as blind to what is masked."""
    client = reader(doors, over, only(compared("eq", "unit", "a")))

    left, right = (answered(client, world, request) for world in SECRETS)

    assert left == right


# --- the same questions, to somebody who may ask them -------------------------------------------------------------------------


def above(bound: float) -> m.Filter:
    """Return the filter that a number is halved by."""
    return m.Filter(must=[m.HasIdCondition(has_id=[0]), m.FieldCondition(key="salary", range=m.Range(gte=bound))])


WAYS: dict[str, Callable[[QdrantClient, str, float], bool]] = {
    "a scroll": lambda c, world, at: bool(c.scroll(world, scroll_filter=above(at))[0]),
    "a count": lambda c, world, at: c.count(world, count_filter=above(at)).count == 1,
    "a query": lambda c, world, at: bool(c.query_points(world, query=[0.0, 1.0], using="a", query_filter=above(at)).points),
    "a prefetch": lambda c, world, at: bool(
        c.query_points(world, prefetch=m.Prefetch(filter=above(at)), query=[0.0, 1.0], using="a").points
    ),
    "a facet": lambda c, world, at: bool(c.facet(world, "unit", facet_filter=above(at)).hits),
    "groups": lambda c, world, at: bool(
        c.query_points_groups(world, group_by="unit", query=[0.0, 1.0], using="a", query_filter=above(at)).groups
    ),
    "a place in an order": lambda c, world, at: (
        0 in [each.id for each in c.scroll(world, order_by=m.OrderBy(key="salary", start_from=at), limit=COUNT)[0]]
    ),
}


def by_halving(client: QdrantClient, world: str, way: str) -> int | None:
    """Read out a number by halving, seventeen questions long; None where it is not answered."""
    low, high = 0, 1 << 17
    while high - low > 1:
        middle = (low + high) // 2
        try:
            low, high = (middle, high) if WAYS[way](client, world, middle) else (low, middle)
        except (UnexpectedResponse, grpc.RpcError):
            return None
    return low


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("world", SECRETS)
def test_bisection_succeeds_where_nothing_is_masked_and_learns_nothing_where_it_is(
    world: str, way: str, over: Transport, doors: Doors
) -> None:
    """Who may see the values reads them out by these questions; who may not gets no answer to the first."""
    sees = doors.client(over, "caller", obligations=[])

    assert (by_halving(sees, world, way), by_halving(reader(doors, over), world, way)) == (secret(world, 0)[1], None)


def test_a_threshold_is_no_way_to_a_score(over: Transport, doors: Doors) -> None:
    """Who sees scores halves one out by thresholds as well; a reader of dropped scores gets no answer."""
    probe: dict[str, Any] = {"query": [-1.0, 1.0], "using": "a", "query_filter": m.Filter(must=[m.HasIdCondition(has_id=[0])])}
    sees = doors.client(over, "caller", obligations=[])

    assert [bool(sees.query_points("right", score_threshold=at, **probe).points) for at in (1.2, 1.3)] == [False, True]
    with pytest.raises((UnexpectedResponse, grpc.RpcError), match="obligation_unsupported"):
        reader(doors, over).query_points("right", score_threshold=1.2, **probe)


def test_the_two_worlds_differ_in_all_that_is_masked(over: Transport, doors: Doors) -> None:
    """A masked value that is the same in both would prove nothing."""
    left, right = (doors.direct(over).retrieve(world, list(range(COUNT)), with_vectors=True) for world in SECRETS)

    for one, other in zip(left, right, strict=True):
        shown, meant = one.payload or {}, other.payload or {}
        assert {name for name in shown if shown[name] != meant[name]} >= {"ssn", "salary", "owner", "text"}
        assert one.vector != other.vector
