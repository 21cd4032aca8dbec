"""Conditions of a policy as Chroma's `where`.

What Chroma 1.5.9 makes of a `where` was tried on it, and `tests/e2e/test_chroma_where.py` holds it to that:

  * a field has one value or a list; a list equals nothing, and only values equal values;
  * ``$ne`` and ``$nin`` take every record that ``$eq`` and ``$in`` do not, also one without the field or without metadata;
  * ``$lt`` and the like compare numbers only, refuse text, and there is no ``$not``: their opposite cannot be said, for it
    would take the records that lack the field;
  * a list of values is of one kind, and not empty;
  * a whole number is compared with a fraction as if that were cut off towards zero: ``{"$eq": 1.5}`` finds 1. So a fraction
    is always said together with that whole number;
  * beyond 2^53 a number is compared with fractions by its nearest double.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from extproc.errors import Unfulfillable
from extproc.operation import Condition, FieldCondition, Value
from extproc.protocols.chroma_where import DOCUMENT, URI, is_plain
from extproc.protocols.dialect import translate

_LARGEST_NUMBER: Final = 2**53
_ORDERS: Final = {"lt": "$lt", "le": "$lte", "gt": "$gt", "ge": "$gte"}
_MEMBERSHIPS: Final = {"eq": True, "in": True, "ne": False, "nin": False}

Where = dict[str, Any]


def where(condition: Condition) -> Where:
    """Return `condition` as a `where`. Raises `Unfulfillable`."""
    return translate(condition, _CHROMA)


def conjoined(clause: Where, clients: Where | None) -> Where:
    """Return the filter of a request that meets the policy's `clause` and the client's own, if it has one."""
    return {"$and": [clause, clients]} if clients else clause


def checked_name(field: str) -> str:
    """Return the metadata key behind a policy's field. Raises `Unfulfillable` for a field that is no metadata of a record."""
    if field in {DOCUMENT, URI} or not is_plain(field):
        raise Unfulfillable("a row filter or stamp of the policy names a field that is no metadata of Chroma's records")
    return field


def checked_value(value: Value) -> str | bool | int | float:
    """Return a value that Chroma compares exactly; whole numbers as integers. Raises `Unfulfillable` for any other."""
    match value:
        case None:
            raise Unfulfillable("a row filter or stamp of the policy holds a null, and Chroma has none")
        case bool() | str():
            return value
        case _ if abs(value) <= _LARGEST_NUMBER:
            return int(value) if value == int(value) else value
        case _:
            raise Unfulfillable("a row filter or stamp of the policy holds a number beyond 2^53, which Chroma compares roughly")


class _Chroma:
    """A `Dialect`."""

    def compare(self, condition: FieldCondition, *, holds: bool) -> Where:
        field = checked_name(condition.field)
        operator, value = condition.operator, condition.value
        if operator in _MEMBERSHIPS:
            values = value if isinstance(value, tuple) else (value,)
            return self._among(field, values, holds=holds == _MEMBERSHIPS[operator])
        if not holds or isinstance(value, tuple):
            raise Unfulfillable("Chroma cannot be asked for the records of which a comparison by order does not hold")
        return self._ordered(field, operator, checked_value(value))

    def every(self, clauses: Sequence[Where]) -> Where:
        return {"$and": list(clauses)}

    def some(self, clauses: Sequence[Where]) -> Where:
        return {"$or": list(clauses)}

    def _among(self, field: str, values: tuple[Value, ...], *, holds: bool) -> Where:
        """Return the records whose field is one of `values`; where `holds` is false, the others: the same, turned over."""
        same, differs, one_of = ("$eq", "$ne", "$in") if holds else ("$ne", "$eq", "$nin")
        either, both = (self.some, self.every) if holds else (self.every, self.some)
        kinds: dict[type, list[Any]] = {}
        clauses: list[Where] = []
        for value in map(checked_value, values):
            if isinstance(value, float):  # with a fraction
                clauses.append(both([{field: {same: value}}, {field: {differs: int(value)}}]))
            else:
                kinds.setdefault(type(value), []).append(value)
        clauses += [{field: {one_of: found} if len(found) > 1 else {same: found[0]}} for found in kinds.values()]
        if not clauses:
            return both([{field: {same: ""}}, {field: {differs: ""}}])
        return clauses[0] if len(clauses) == 1 else either(clauses)

    def _ordered(self, field: str, operator: str, bound: str | float) -> Where:
        if isinstance(bound, (str, bool)):
            raise Unfulfillable("Chroma compares nothing but numbers by order")
        clause = {field: {_ORDERS[operator]: bound}}
        if isinstance(bound, int):
            return clause
        # Where the cut lies on the wrong side of the fraction, the whole number there is one too few or one too many.
        beyond = operator in ({"lt", "ge"} if bound > 0 else {"gt", "le"})
        if not beyond:
            return clause
        cut = int(bound)
        if operator in {"lt", "gt"}:
            return self.some([clause, {field: {"$eq": cut}}])
        return self.every([clause, {field: {"$ne": cut}}])


_CHROMA: Final = _Chroma()
