"""Conditions of a policy in Chroma's words; what Chroma makes of them is tried in `e2e/test_chroma_where.py`."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.errors import Unfulfillable
from extproc.operation import CompoundCondition, Condition, FieldCondition
from extproc.protocols.chroma_dialect import conjoined, where


def compared(operator: Any, value: Any, field: str = "k") -> FieldCondition:
    """Return the comparison of a field."""
    return FieldCondition(operator=operator, field=field, value=value)


def turned(condition: Condition) -> Condition:
    """Return the opposite of a condition."""
    return CompoundCondition(operator="not", value=(condition,))


def joined(operator: Any, *parts: Condition) -> Condition:
    """Return a join of conditions."""
    return CompoundCondition(operator=operator, value=parts)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (compared("eq", "t1"), {"k": {"$eq": "t1"}}),
        (compared("ne", "t1"), {"k": {"$ne": "t1"}}),
        (compared("eq", True), {"k": {"$eq": True}}),
        (compared("eq", 1.0), {"k": {"$eq": 1}}),
        (compared("le", 3), {"k": {"$lte": 3}}),
        (compared("in", ("a", "b")), {"k": {"$in": ["a", "b"]}}),
        (compared("nin", ("a", "b")), {"k": {"$nin": ["a", "b"]}}),
        (compared("in", ("a", 1, True)), {"$or": [{"k": {"$eq": "a"}}, {"k": {"$eq": 1}}, {"k": {"$eq": True}}]}),
        (compared("nin", ("a", 1, 2)), {"$and": [{"k": {"$ne": "a"}}, {"k": {"$nin": [1, 2]}}]}),
        (compared("in", ()), {"$and": [{"k": {"$eq": ""}}, {"k": {"$ne": ""}}]}),
        (compared("nin", ()), {"$or": [{"k": {"$ne": ""}}, {"k": {"$eq": ""}}]}),
        (compared("eq", 1.5), {"$and": [{"k": {"$eq": 1.5}}, {"k": {"$ne": 1}}]}),
        (compared("ne", -0.5), {"$or": [{"k": {"$ne": -0.5}}, {"k": {"$eq": 0}}]}),
        (compared("lt", 1.5), {"$or": [{"k": {"$lt": 1.5}}, {"k": {"$eq": 1}}]}),
        (compared("gt", 1.5), {"k": {"$gt": 1.5}}),
        (compared("le", -1.5), {"$and": [{"k": {"$lte": -1.5}}, {"k": {"$ne": -1}}]}),
        (turned(compared("eq", "t1")), {"k": {"$ne": "t1"}}),
        (turned(turned(compared("lt", 1))), {"k": {"$lt": 1}}),
        (joined("and", compared("eq", 1)), {"k": {"$eq": 1}}),
        (
            turned(joined("and", compared("eq", 1), joined("or", compared("ne", 2), compared("in", ("x",), "l")))),
            {"$or": [{"k": {"$ne": 1}}, {"$and": [{"k": {"$eq": 2}}, {"l": {"$ne": "x"}}]}]},
        ),
    ],
)
def test_a_condition_is_said_exactly(condition: Condition, expected: dict[str, Any]) -> None:
    """Each condition has one form, in which every *not* has gone into the comparisons."""
    assert expected == where(condition)


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
        turned(compared("lt", 1)),
        turned(joined("or", compared("eq", 1), compared("ge", 1))),
        compared("eq", "x", "document"),
        compared("eq", "x", "uri"),
        compared("eq", "x", "chroma:document"),
        compared("eq", "x", "#id"),
        compared("eq", "x", "#document"),
        compared("eq", "x", "$and"),
    ],
)
def test_what_chroma_cannot_say_is_a_refusal(condition: Condition) -> None:
    """Null, order of anything but numbers, its opposite, numbers beyond 2^53, and what is no metadata."""
    for each in (condition, joined("and", compared("eq", "t1"), condition)):
        with pytest.raises(Unfulfillable):
            where(each)


@pytest.mark.parametrize("clients", [{"tenant": "t2"}, {"$or": [{"tenant": "t1"}, {"tenant": "t2"}]}])
def test_a_clients_filter_is_beside_the_policys(clients: dict[str, Any]) -> None:
    """Whatever the client's filter is, it stands under a conjunction with the policy's."""
    clause = {"tenant": {"$eq": "t1"}}

    assert {"$and": [clause, clients]} == conjoined(clause, clients)
    assert clause == conjoined(clause, None) == conjoined(clause, {})
