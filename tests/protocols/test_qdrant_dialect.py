"""Conditions of a policy in Qdrant's words, and what the official client's own filters make of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client.http import models
from qdrant_client.local.payload_filters import check_filter

from extproc.errors import Unfulfillable
from extproc.operation import CompoundCondition, Condition, FieldCondition
from extproc.protocols.qdrant_dialect import clause, conjoined
from support.conditions import VALUES, conditions, meets


def compared(operator: Any, value: Any, field: str = "k") -> FieldCondition:
    """Return the comparison of a field."""
    return FieldCondition(operator=operator, field=field, value=value)


def turned(condition: Condition) -> Condition:
    """Return the opposite of a condition."""
    return CompoundCondition(operator="not", value=(condition,))


def joined(operator: Any, *parts: Condition) -> Condition:
    """Return a join of conditions."""
    return CompoundCondition(operator=operator, value=parts)


def matched(value: Any, key: str = "k") -> dict[str, Any]:
    """Return the clause of one value."""
    return {"key": key, "match": {"value": value}}


def between(low: float, high: float) -> dict[str, Any]:
    """Return the clause of a number."""
    return {"key": "k", "range": {"gte": low, "lte": high}}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (compared("eq", "t1"), matched("t1")),
        (compared("ne", "t1"), {"must_not": [matched("t1")]}),
        (compared("eq", True), matched(True)),
        (compared("eq", 1), between(1, 1)),
        (compared("eq", 1.0), between(1.0, 1.0)),
        (compared("le", 3), {"key": "k", "range": {"lte": 3}}),
        (compared("in", ("a", "b")), {"key": "k", "match": {"any": ["a", "b"]}}),
        (compared("nin", ("a", "b")), {"must_not": [{"key": "k", "match": {"any": ["a", "b"]}}]}),
        (compared("in", ("a", 1, True)), {"should": [between(1, 1), matched(True), matched("a")]}),
        (compared("in", ()), {"has_id": []}),
        (compared("nin", ()), {"must_not": [{"has_id": []}]}),
        (turned(compared("lt", 1)), {"must_not": [{"key": "k", "range": {"lt": 1}}]}),
        (compared("eq", "x", "a.b"), matched("x", "a.b")),
        (compared("eq", "x", "odd key.ü"), matched("x", '"odd key".ü')),
        (joined("and", compared("eq", "a"), compared("ne", "b")), {"must": [matched("a"), {"must_not": [matched("b")]}]}),
        (joined("or", compared("eq", "a"), compared("eq", "b")), {"should": [matched("a"), matched("b")]}),
    ],
)
def test_a_condition_is_said_exactly(condition: Condition, expected: dict[str, Any]) -> None:
    """Each condition has one form; of numbers a range, because Qdrant tells 1 from 1.0 where it matches."""
    assert clause(condition) == expected


@pytest.mark.parametrize(
    "condition",
    [
        compared("eq", None),
        compared("in", ("a", None)),
        compared("lt", "a"),
        compared("ge", True),
        compared("lt", None),
        compared("eq", 2**53 + 1),
        compared("eq", -1e300),
        compared("eq", float("inf")),
        compared("eq", float("nan")),
        compared("eq", "x", "#id"),
        compared("eq", "x", 'a"b'),
        compared("eq", "x", "a\\b"),
        compared("eq", "x", ""),
        compared("eq", "x", "a..b"),
        compared("eq", "x", ".a"),
    ],
)
def test_what_qdrant_cannot_say_is_a_refusal(condition: Condition) -> None:
    """Null, order of anything but numbers, numbers beyond 2^53, and what is no path of a payload."""
    for each in (condition, joined("and", compared("eq", "t1"), condition), turned(condition)):
        with pytest.raises(Unfulfillable):
            clause(each)


def record(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the payload that has these fields, a dot in a name being a way down."""
    payload: dict[str, Any] = {}
    for name, value in fields.items():
        *above, last = name.split(".")
        inner = payload
        for step in above:
            inner = inner.setdefault(step, {})
        inner[last] = value
    return payload


PLACES = st.sampled_from(["k", "l", "K", "m.l", "odd key", "absent"])


@given(conditions(PLACES), st.dictionaries(st.sampled_from(["k", "l", "K", "m.l", "odd key"]), VALUES, max_size=4))
def test_a_clause_means_what_the_condition_means(condition: Condition, fields: dict[str, Any]) -> None:
    """The client's own evaluation of the clause agrees with a second writing of what a condition means."""
    found = models.Filter.model_validate(conjoined(clause(condition), None))

    assert check_filter(found, record(fields), 1, {}) == meets(condition, fields)


@pytest.mark.parametrize("clients", [{"should": [matched("t2")]}, {"must_not": []}, matched("t2")])
def test_a_clients_filter_is_beside_the_policys(clients: dict[str, Any]) -> None:
    """Whatever the client's filter is, it stands under a conjunction with the policy's."""
    assert conjoined(matched("t1"), clients) == {"must": [matched("t1"), clients]}
    assert conjoined(matched("t1"), None) == conjoined(matched("t1"), {}) == {"must": [matched("t1")]}
