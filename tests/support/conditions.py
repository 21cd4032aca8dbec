"""Conditions judged by brute force, and made up: what a row filter must mean, written down a second time."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from extproc.operation import CompoundCondition, Condition, FieldCondition

Fields = Mapping[str, Any]

ORDERS: dict[str, Callable[[Any, Any], bool]] = {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}


def meets(condition: Condition, record: Fields) -> bool:
    """Return whether a record (its fields; None and lists are no values) meets a condition."""
    match condition:
        case CompoundCondition(operator="and", value=parts):
            return all(meets(part, record) for part in parts)
        case CompoundCondition(operator="or", value=parts):
            return any(meets(part, record) for part in parts)
        case CompoundCondition(operator="not", value=(inner,)):
            return not meets(inner, record)
        case FieldCondition(operator="eq" | "in", field=field, value=value):
            return any(alike(record.get(field), each) for each in (value if isinstance(value, tuple) else (value,)))
        case FieldCondition(operator="ne" | "nin", field=field, value=value):
            return not any(alike(record.get(field), each) for each in (value if isinstance(value, tuple) else (value,)))
        case FieldCondition(operator=order, field=field, value=value):
            return kind(record.get(field)) == "number" and ORDERS[order](record[field], value)
    message = "no condition"
    raise AssertionError(message)


def alike(one: Any, other: Any) -> bool:
    """Return whether two values are one and the same: of one kind, and equal."""
    return kind(one) == kind(other) != "none" and one == other


def kind(value: Any) -> str:
    """Return what kind of value this is."""
    match value:
        case bool():
            return "truth"
        case int() | float():
            return "number"
        case str():
            return "text"
        case _:
            return "none"


# --- made up ------------------------------------------------------------------------------------------------------------

TEXTS = st.sampled_from(["", "a", "A", "b", "1", "true", "a\0b", "é", "a'b", '"', "%", "$eq"])
NUMBERS = st.sampled_from([-2, -1, 0, 1, 2, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 1e-9, 2**53, -(2**53), 2**53 - 1, 1e15])
VALUES = st.one_of(TEXTS, NUMBERS, st.booleans())
FIELDS = st.sampled_from(["k", "l", "K", "k.l", "odd key", "absent"])


def conditions(fields: st.SearchStrategy[str] = FIELDS, *, negated: bool = True) -> st.SearchStrategy[Condition]:
    """Return a strategy of conditions that Chroma can be asked for; with `negated` false, without a *not*."""
    same = st.builds(FieldCondition, operator=st.sampled_from(["eq", "ne"]), field=fields, value=VALUES)
    members = st.builds(
        FieldCondition, operator=st.sampled_from(["in", "nin"]), field=fields, value=st.lists(VALUES, max_size=4).map(tuple)
    )
    ordered = st.builds(FieldCondition, operator=st.sampled_from(["lt", "le", "gt", "ge"]), field=fields, value=NUMBERS)

    def joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        return st.builds(
            CompoundCondition, operator=st.sampled_from(["and", "or"]), value=st.lists(inner, min_size=1, max_size=3).map(tuple)
        )

    def turned(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        return st.builds(CompoundCondition, operator=st.just("not"), value=inner.map(lambda each: (each,)))

    # A *not* stands over what can be turned round: an order cannot.
    reversible = st.recursive(same | members, lambda inner: joined(inner) | turned(inner), max_leaves=4)
    leaves: st.SearchStrategy[Condition] = (
        (same | members | ordered | turned(reversible)) if negated else (same | members | ordered)
    )
    return st.recursive(leaves, joined, max_leaves=5)
