"""Conditions of a policy as Qdrant's filters, in the words of the REST interface.

What Qdrant makes of a clause:

  * ``match`` compares text and truth values exactly, each with their own kind; of a field with a list, any element will do;
  * it takes whole numbers for other than the same number with a fraction of zero, so numbers are said as a range, which
    compares doubles: exact up to 2^53;
  * text has no order, and ``must_not`` takes every record that does not meet its clauses, also one that lacks the field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from extproc.errors import Unfulfillable
from extproc.operation import Condition, FieldCondition, Value
from extproc.protocols import qdrant_filters as filters
from extproc.protocols.dialect import translate

_LARGEST_NUMBER: Final = 2**53
_ORDERS: Final = {"lt": "lt", "le": "lte", "gt": "gt", "ge": "gte"}
_MEMBERSHIPS: Final = {"eq": True, "in": True, "ne": False, "nin": False}
_NAME: Final = re.compile(r'[^"\\#.][^"\\.]*(?:\.[^"\\.]+)*')

Clause = dict[str, Any]

NOTHING: Final[Clause] = {"has_id": []}
"""The clause that no record meets."""


def clause(condition: Condition) -> Clause:
    """Return `condition` as a clause of a filter. Raises `Unfulfillable`."""
    return translate(condition, _QDRANT)


def conjoined(own: Clause, clients: Any) -> Clause:
    """Return the filter of what meets the policy's clause and the client's own filter, if it has one."""
    return {"must": [own, clients]} if clients else {"must": [own]}


def checked_name(field: str) -> str:
    """Return `field` if it can be a field of a payload. Raises `Unfulfillable`."""
    if _NAME.fullmatch(field) is None:
        raise Unfulfillable("a row filter or stamp of the policy names a field that no payload of Qdrant's can have")
    return field


def checked_value(value: Value) -> Value:
    """Return a value that Qdrant compares exactly. Raises `Unfulfillable` for any other."""
    match value:
        case None:
            raise Unfulfillable("a row filter or stamp of the policy holds a null, which Qdrant does not compare")
        case int() | float() if not isinstance(value, bool) and not abs(value) <= _LARGEST_NUMBER:
            raise Unfulfillable("a row filter or stamp of the policy holds a number beyond 2^53, which Qdrant compares roughly")
        case _:
            return value


class _Qdrant:
    """A `Dialect`."""

    def compare(self, condition: FieldCondition, *, holds: bool) -> Clause:
        key = filters.path(checked_name(condition.field))
        operator, value = condition.operator, condition.value
        if operator in _MEMBERSHIPS:
            values = value if isinstance(value, tuple) else (value,)
            return _turned(_among(key, values), holds=holds == _MEMBERSHIPS[operator])
        if isinstance(value, (tuple, str, bool)) or value is None:
            raise Unfulfillable("Qdrant compares nothing but numbers by order")
        return _turned({"key": key, "range": {_ORDERS[operator]: checked_value(value)}}, holds=holds)

    def every(self, clauses: Sequence[Clause]) -> Clause:
        return {"must": list(clauses)}

    def some(self, clauses: Sequence[Clause]) -> Clause:
        return {"should": list(clauses)}


def _turned(found: Clause, *, holds: bool) -> Clause:
    return found if holds else {"must_not": [found]}


def _among(key: str, values: tuple[Value, ...]) -> Clause:
    """Return the clause of the records whose field is one of `values`."""
    texts: list[str] = []
    clauses: list[Clause] = []
    for value in map(checked_value, values):
        match value:
            case str():
                texts.append(value)
            case bool():
                clauses.append({"key": key, "match": {"value": value}})
            case _:
                clauses.append({"key": key, "range": {"gte": value, "lte": value}})
    if texts:
        clauses.append({"key": key, "match": {"value": texts[0]} if len(texts) == 1 else {"any": texts}})
    if not clauses:
        return NOTHING
    return clauses[0] if len(clauses) == 1 else {"should": clauses}


_QDRANT: Final = _Qdrant()
