"""Chroma's filters (`where`, `where_document`) as Conditions.

The grammar is that of Chroma 1.5.9: one key an object; ``$and`` and ``$or`` over lists; a field with a plain value or with one
operator. The text of a record is ``#document`` there and the field ``document`` here. Stored metadata also has keys of the
server's own, ``chroma:document`` for one, which give the text away under another name: those are refused. What UCAST cannot
say becomes an opaque condition, never nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from extproc.errors import Malformed, Unrecognised
from extproc.operation import CompoundCondition, Condition, FieldCondition, OpaqueCondition, Value
from extproc.protocols.strict_json import DEEPEST, shown

DOCUMENT: Final = "document"
"""What policies call a record's text."""

URI: Final = "uri"
"""What policies call the address that a record may have beside its text."""

_MOST_LEAVES: Final = 256
"""Comparisons in one filter; each is evaluated by the policy."""

_OWN_PREFIX: Final = "chroma:"
_JOINS: Final[dict[str, Any]] = {"$and": "and", "$or": "or"}
_COMPARISONS: Final[dict[str, Any]] = {
    "$eq": "eq",
    "$ne": "ne",
    "$lt": "lt",
    "$lte": "le",
    "$gt": "gt",
    "$gte": "ge",
}
_SETS: Final[dict[str, Any]] = {"$in": "in", "$nin": "nin"}
_OPAQUE: Final = {"$contains": "contains", "$not_contains": "not_contains", "$regex": "regex", "$not_regex": "not_regex"}


def conjoined(where: Any, where_document: Any) -> Condition | None:
    """Return the condition of both filters, either of which may be None. Raises `Malformed`, `Unrecognised`."""
    parts = [
        _condition(clause, leaf, DEEPEST) for clause, leaf in ((where, _field), (where_document, _text)) if clause is not None
    ]
    if sum(map(_leaves, parts)) > _MOST_LEAVES:
        raise Malformed(f"a filter has at most {_MOST_LEAVES} comparisons", code="filter_malformed")
    match parts:
        case []:
            return None
        case [condition]:
            return condition
        case _:
            return CompoundCondition(operator="and", value=tuple(parts))


def _leaves(condition: Condition) -> int:
    return sum(map(_leaves, condition.value)) if isinstance(condition, CompoundCondition) else 1


def field(key: str) -> str:
    """Return the policy's name of the field behind a key. Raises `Unrecognised` for a key that is not a record's own."""
    if key == "#document":
        return DOCUMENT
    if key == "#id":
        return key
    if not is_plain(key):
        raise Unrecognised(f"the key {shown(key)} is not a field of the records", code="field_unknown")
    return key


def is_plain(key: str) -> bool:
    """Return whether `key` is one that a record's metadata may have: not the server's own, not an operator or special key."""
    return not key.startswith(("$", "#", _OWN_PREFIX))


def _condition(clause: Any, leaf: Callable[[str, Any], Condition], depth: int) -> Condition:
    if not isinstance(clause, dict) or len(clause) != 1:
        raise Malformed("a filter is an object of one key", code="filter_malformed")
    ((key, operand),) = clause.items()
    if key not in _JOINS:
        return leaf(key, operand)
    # An empty conjunction would hold for every record and yet look like a filter.
    if not isinstance(operand, list) or not operand or not depth:
        raise Malformed(f"{key} joins a list of at least one filter", code="filter_malformed")
    parts = tuple(_condition(part, leaf, depth - 1) for part in operand)
    return CompoundCondition(operator=_JOINS[key], value=parts)


def _field(key: str, operand: Any) -> Condition:
    """Return the condition of one field: ``{key: value}`` or ``{key: {operator: value}}``."""
    name = field(key)
    if not isinstance(operand, dict):
        return FieldCondition(operator="eq", field=name, value=_scalar(operand))
    if len(operand) != 1:
        raise Malformed("a field is compared by one operator", code="filter_malformed")
    ((operator, value),) = operand.items()
    if operator in _COMPARISONS:
        return FieldCondition(operator=_COMPARISONS[operator], field=name, value=_scalar(value))
    if operator in _SETS:
        if not isinstance(value, list) or not value:
            raise Malformed(f"{operator} takes a list of values", code="filter_malformed")
        return FieldCondition(operator=_SETS[operator], field=name, value=tuple(_scalar(each) for each in value))
    return _opaque(operator, name, value)


def _text(operator: str, operand: Any) -> Condition:
    """Return the condition of a `where_document` clause, which is about the text."""
    return _opaque(operator, DOCUMENT, operand)


def _opaque(operator: str, name: str, operand: Any) -> Condition:
    if operator not in _OPAQUE:
        raise Unrecognised(f"the filter operator {shown(operator)} is not known", code="operator_unknown")
    _scalar(operand)
    return OpaqueCondition(operator=_OPAQUE[operator], field=name)


def _scalar(value: Any) -> Value:
    if not isinstance(value, (str, int, float)):  # bool is an int; null is no value of Chroma's
        raise Malformed("a filter compares with text, numbers and truth values", code="filter_malformed")
    return value
