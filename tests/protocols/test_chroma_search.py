"""The searches of `/search`: every field that ranks, groups or filters is seen, and nothing unknown passes."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import Error, Malformed, Unrecognised
from extproc.operation import FieldCondition
from extproc.protocols import chroma_search
from extproc.protocols.chroma_search import Search, Selection

_NEAR = {"$knn": {"query": [0.1, 2]}}


def _one(search: dict[str, Any]) -> Search:
    (found,) = chroma_search.check([search])
    return found


def test_search_in_full() -> None:
    """Filter, rank, groups, limit and selection are all read."""
    found = _one(
        {
            "filter": {"tenant": "t1"},
            "rank": {"$sum": [{"$val": 0.5}, {"$knn": {"query": {"indices": [1], "values": [2.0]}, "key": "sparse"}}]},
            "group_by": {"keys": ["topic"], "aggregate": {"$min_k": {"keys": ["#score", "year"], "k": 2}}},
            "limit": {"limit": 5, "offset": 2},
            "select": {"keys": ["#document", "#score", "title"]},
        }
    )

    assert found == Search(
        filter=FieldCondition(operator="eq", field="tenant", value="t1"),
        tests=frozenset({"tenant", "sparse", "topic", "year"}),
        probe="vector",
        limit=5,
        offset=2,
        selection=Selection(fields=frozenset({"document", "title"}), scores=True),
    )


@pytest.mark.parametrize("empty", [{}, {"filter": None, "rank": None, "group_by": {}, "limit": {}, "select": {"keys": []}}])
def test_empty_search_is_everything(empty: dict[str, Any]) -> None:
    """A search without parts filters nothing and has no limit."""
    assert _one(empty) == Search(filter=None, tests=frozenset(), probe="none", limit=None, offset=None, selection=Selection())


@pytest.mark.parametrize(
    "rank",
    [
        {"$abs": _NEAR},
        {"$exp": _NEAR},
        {"$log": _NEAR},
        {"$sub": {"left": {"$val": 1}, "right": _NEAR}},
        {"$div": {"left": _NEAR, "right": {"$val": 1}}},
        {"$mul": [{"$val": 1}, _NEAR]},
        {"$max": [_NEAR]},
        {"$min": [{"$abs": {"$sum": [_NEAR]}}]},
        {"$knn": {"query": [1], "key": "#embedding", "limit": 9, "default": 0.5, "return_rank": True}},
        {"$knn": {"query": [1], "default": None}},
    ],
)
def test_vector_probe_is_found_at_any_depth(rank: dict[str, Any]) -> None:
    """A nearest-neighbour query anywhere in the expression makes the probe a vector."""
    assert _one({"rank": rank}).probe == "vector"


def test_text_probe() -> None:
    """A query by text is told from one by vector."""
    assert _one({"rank": {"$knn": {"query": "something"}}}).probe == "text"


def test_everything_selected() -> None:
    """All metadata, the text and vectors and scores can be selected."""
    selection = _one({"select": {"keys": ["#document", "#metadata", "#embedding", "#score"]}}).selection

    assert selection == Selection(fields=frozenset({"document", "*"}), vectors=True, scores=True)


def test_group_by_the_text_is_a_test_of_it() -> None:
    """Grouping by the text is told as a test of the field `document`."""
    group = {"keys": ["#document"], "aggregate": {"$max_k": {"keys": ["#score"], "k": 1}}}

    assert _one({"group_by": group}).tests == {"document"}


@pytest.mark.parametrize("searches", [None, {}, [], [{}] * 101, [None], ["x"], [[]]])
def test_no_search_or_too_many(searches: Any) -> None:
    """A request without a search would have nothing to decide on; one with too many is refused as well."""
    with pytest.raises(Malformed):
        chroma_search.check(searches)


@pytest.mark.parametrize(
    ("search", "kind"),
    [
        ({"Filter": {"t": "x"}}, Unrecognised),
        ({"where": {"t": "x"}}, Unrecognised),
        ({"filter": {"query_ids": ["a"]}}, Malformed),
        ({"filter": {"chroma:document": "x"}}, Unrecognised),
        ({"rank": {"$rrf": []}}, Unrecognised),
        ({"rank": {"$sum": [{"$foo": 1}]}}, Unrecognised),
        ({"rank": {"$knn": {"query": [1], "filter": {}}}}, Unrecognised),
        ({"rank": {"$sub": {"left": _NEAR, "middle": _NEAR}}}, Unrecognised),
        ({"rank": {"$knn": {"query": [1], "key": "chroma:document"}}}, Unrecognised),
        ({"rank": {"$knn": {"query": [1], "key": "#document"}}}, Unrecognised),
        ({"rank": {}}, Malformed),
        ({"rank": []}, Malformed),
        ({"rank": {"$abs": _NEAR, "$exp": _NEAR}}, Malformed),
        ({"rank": {"$sub": {"left": _NEAR}}}, Malformed),
        ({"rank": {"$sub": [_NEAR, _NEAR]}}, Malformed),
        ({"rank": {"$sum": _NEAR}}, Malformed),
        ({"rank": {"$val": True}}, Malformed),
        ({"rank": {"$val": "1"}}, Malformed),
        ({"rank": {"$knn": {}}}, Malformed),
        ({"rank": {"$knn": {"query": 1}}}, Malformed),
        ({"rank": {"$knn": {"query": [1], "key": 1}}}, Malformed),
        ({"rank": {"$knn": {"query": [1], "limit": -1}}}, Malformed),
        ({"rank": {"$knn": {"query": [1], "default": "x"}}}, Malformed),
        ({"rank": {"$knn": {"query": [1], "return_rank": 1}}}, Malformed),
        ({"group_by": []}, Malformed),
        ({"group_by": {"keys": ["a"]}}, Malformed),
        ({"group_by": {"keys": ["a"], "aggregate": {}}}, Malformed),
        ({"group_by": {"keys": ["a"], "aggregate": {"$avg": {}}}}, Unrecognised),
        ({"group_by": {"keys": ["a"], "aggregate": {"$min_k": {"keys": ["#score"]}}}}, Malformed),
        ({"group_by": {"keys": ["chroma:document"], "aggregate": {"$min_k": {"keys": [], "k": 1}}}}, Unrecognised),
        ({"group_by": {"keys": "a", "aggregate": {"$min_k": {"keys": [], "k": 1}}}}, Malformed),
        ({"limit": 2}, Malformed),
        ({"limit": {"limit": 1.5}}, Malformed),
        ({"limit": {"limit": True}}, Malformed),
        ({"limit": {"offset": -1}}, Malformed),
        ({"limit": {"offset": 2**32}}, Malformed),
        ({"limit": {"page": 1}}, Unrecognised),
        ({"select": ["#document"]}, Malformed),
        ({"select": {"keys": [1]}}, Malformed),
        ({"select": {"keys": ["#everything"]}}, Unrecognised),
        ({"select": {"keys": ["chroma:document"]}}, Unrecognised),
        ({"select": {"fields": []}}, Unrecognised),
    ],
)
def test_search_that_is_not_understood(search: dict[str, Any], kind: type[Error]) -> None:
    """A member, operator, key or value that is not known is refused, and with it the whole request."""
    with pytest.raises(kind):
        chroma_search.check([{}, search])


def test_stack_exhaustion_by_nested_ranks() -> None:
    """A rank expression nested beyond the bound is malformed."""
    rank: Any = _NEAR
    for _ in range(300):
        rank = {"$abs": rank}

    with pytest.raises(Malformed):
        chroma_search.check([{"rank": rank}])
