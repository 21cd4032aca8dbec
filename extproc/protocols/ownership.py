"""Whose records these are: the condition that makes a record the caller's own, and whether it stays so once it is written.

A policy's filter says which records a caller may change, its stamp what they carry. What an adapter may write is this: records
that are not there yet, or that are the caller's own; and only so that they are the caller's own afterwards. Values are compared
as `dialect` says. Pure; knows no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, TypeGuard

from extproc.decision import Terms
from extproc.operation import CompoundCondition, Condition, FieldCondition, OpaqueCondition, Value, tested_fields


class Unread(Enum):
    """What a field holds that is no plain value: a list, an object."""

    UNREAD = "unread"


UNREAD: Final = Unread.UNREAD

Written = Mapping[str, Value | Unread]
"""What is written to one record, by field; None takes the field away."""

_Found = Value | Unread
_ORDERS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "lt": lambda found, bound: found < bound,
    "le": lambda found, bound: found <= bound,
    "gt": lambda found, bound: found > bound,
    "ge": lambda found, bound: found >= bound,
}


def owned(terms: Terms) -> Condition | None:
    """Return the condition of the records that a write under `terms` may change; None where that is any.

    A stamp alone makes one: who overwrote a record that carries another stamp would change a stamped field.
    """
    parts: tuple[Condition, ...] = () if terms.where is None else (terms.where,)
    parts += tuple(FieldCondition(operator="eq", field=name, value=value) for name, value in (terms.stamp or {}).items())
    match parts:
        case ():
            return None
        case (condition,):
            return condition
        case _:
            return CompoundCondition(operator="and", value=parts)


def admits(condition: Condition, written: Written, *, new: bool) -> bool:
    """Return whether a record is sure to meet `condition` once `written` is in it.

    A `new` record has nothing but what is written. One that is not new met the condition before, so each part of it still does
    that looks at nothing which is written.
    """
    if new:
        return _holds(condition, written.get) is True
    return all(
        tested_fields(part).isdisjoint(written) or _holds(part, lambda field: written.get(field, UNREAD)) is True
        for part in _conjuncts(condition)
    )


def _conjuncts(condition: Condition) -> tuple[Condition, ...]:
    if isinstance(condition, CompoundCondition) and condition.operator == "and":
        return tuple(inner for part in condition.value for inner in _conjuncts(part))
    return (condition,)


def _holds(condition: Condition, field: Callable[[str], _Found]) -> bool | None:
    """Return whether `condition` holds of what `field` gives, None where that cannot be known."""
    match condition:
        case OpaqueCondition():
            return None
        case FieldCondition():
            return _compares(condition, field(condition.field))
        case CompoundCondition(operator="not", value=(inner, *_)):
            held = _holds(inner, field)
            return None if held is None else not held
        case CompoundCondition(operator=operator, value=parts):
            settles = operator == "or"
            found = {_holds(part, field) for part in parts}
            return settles if settles in found else None if None in found else not settles


def _compares(condition: FieldCondition, found: _Found) -> bool | None:
    operator, value = condition.operator, condition.value
    values = value if isinstance(value, tuple) else (value,)
    if found is UNREAD or None in values:
        return None
    match operator:
        case "eq" | "in":
            return any(_same(found, each) for each in values)
        case "ne" | "nin":
            return not any(_same(found, each) for each in values)
        case _:
            (bound,) = values
            if not _is_number(bound):
                return None
            return _is_number(found) and _ORDERS[operator](found, bound)


def _same(found: _Found, value: Value) -> bool:
    """Whether two values are equal and of one kind: to Python, true is 1."""
    return found == value and isinstance(found, bool) == isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
