"""A filter: what the policy is shown says what the client wrote, and names every field that it tests."""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.errors import Error
from extproc.operation import CompoundCondition, Condition, FieldCondition, OpaqueCondition, tested_fields
from extproc.protocols import chroma_where, strict_json
from fuzz import plain_json
from fuzz.mutation import tree as mutate

_CONDITION = msgspec.json.Decoder(Condition)
_WORDS = {"eq": "$eq", "ne": "$ne", "lt": "$lt", "le": "$lte", "gt": "$gt", "ge": "$gte", "in": "$in", "nin": "$nin"}
_WORDLESS = frozenset({"$contains", "$not_contains", "$regex", "$not_regex"})

__all__ = ["check", "mutate"]


def check(data: bytes) -> None:
    """Read a body of `where` and `where_document`."""
    try:
        members = strict_json.members(data)
        parts = [strict_json.value(members[name], name) if name in members else None for name in ("where", "where_document")]
        condition = chroma_where.conjoined(*parts)
    except Error:
        return
    sent = {name: plain_json.read(bytes(raw)) for name, raw in members.items() if name in {"where", "where_document"}}
    said = [_said(clause) for clause in (sent.get("where"), _of_text(sent.get("where_document"))) if clause is not None]
    expected = None if not said else said[0] if len(said) == 1 else ["$and", said]
    assert plain_json.text(_shown(condition)) == plain_json.text(expected)
    assert tested_fields(condition) == _fields(expected)
    if condition is not None:
        assert _CONDITION.decode(msgspec.json.encode(condition)) == condition


def _of_text(clause: Any) -> Any:
    """Return a `where_document` clause as the same about a field."""
    if clause is None:
        return None
    ((key, operand),) = clause.items()
    return {key: [_of_text(each) for each in operand]} if key in {"$and", "$or"} else {"#document": clause}


def _said(clause: Any) -> Any:
    """Return a filter of Chroma's as [operator, field, operand] or [operator, parts]."""
    ((key, operand),) = clause.items()
    if key in {"$and", "$or"}:
        return [key, [_said(each) for each in operand]]
    field = "document" if key == "#document" else key
    if not isinstance(operand, dict):
        return ["$eq", field, operand]
    ((operator, value),) = operand.items()
    return [operator, field, None if operator in _WORDLESS else value]


def _shown(condition: Condition | None) -> Any:
    """Return a condition in the same form."""
    match condition:
        case None:
            return None
        case CompoundCondition(operator=operator, value=parts):
            return [f"${operator}", [_shown(part) for part in parts]]
        case FieldCondition(operator=operator, field=field, value=value):
            return [_WORDS[operator], field, value]
        case OpaqueCondition(operator=operator, field=field):
            return [f"${operator}", field, None]


def _fields(said: Any) -> set[str]:
    match said:
        case None:
            return set()
        case [_, [*parts]]:
            return {field for part in parts for field in _fields(part)}
        case _:
            return {said[1]}
