"""Qdrant's filters as Conditions, and the paths by which they name a record's fields.

A filter here is a tree in the words of the REST interface, from whichever interface it came. A clause of it is one thing only:
a field with one predicate, ids, a nested filter, ...; what could be taken for two is refused, because Qdrant would take one of
them. What UCAST cannot say is opaque; a filter on the elements of a list (`nested`) or on how many of its parts hold
(`min_should`) is opaque in every field that it looks at. Nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from extproc.errors import Malformed, Unrecognised
from extproc.operation import CompoundCondition, Condition, FieldCondition, OpaqueCondition, tested_fields
from extproc.protocols.strict_json import DEEPEST, shown

ID: Final = "#id"
"""What policies call a record's id, as for every engine."""

VECTOR: Final = "#vector"
"""What policies call a record's vectors."""

_MOST_LEAVES: Final = 1024
"""Predicates in one filter; each is evaluated by the policy."""

_PATH: Final = re.compile(r'(?:"[^"\\]*"|[\w-]+)(?:\."[^"\\]*"|\.[\w-]+|\[[0-9]*\])*')
_STEP: Final = re.compile(r'"([^"\\]*)"|([\w-]+)|\[[0-9]*\]')
"""Qdrant's JSON paths: keys, in quotes where they need them, and places in lists."""

_BOUNDS: Final[dict[str, Literal["lt", "le", "gt", "ge"]]] = {"lt": "lt", "lte": "le", "gt": "gt", "gte": "ge"}
_TEXTS: Final = frozenset({"text", "text_any", "phrase", "prefix", "substring"})
_GROUPS: Final = frozenset({"must", "should", "must_not", "min_should"})
_GEOGRAPHY: Final = {
    "geo_bounding_box": frozenset({"top_left", "bottom_right"}),
    "geo_radius": frozenset({"center", "radius"}),
    "geo_polygon": frozenset({"exterior", "interiors"}),
}
_PREDICATES: Final = frozenset({"match", "range", "values_count", "is_empty", "is_null", *_GEOGRAPHY})

Tree = Any
"""A part of a request in the words of the REST interface: plain JSON values."""


def field(path: Tree) -> str:
    """Return what policies call the field at one of Qdrant's JSON paths: its keys, joined by dots. Raises `Malformed`.

    Places in lists have no name, as in masks; and a quoted key with dots in it is called like the way down of that spelling.
    """
    if not isinstance(path, str) or _PATH.fullmatch(path) is None:
        raise Malformed("a field is named by a path of keys", code="filter_malformed")
    steps = (match[1] if match[1] is not None else match[2] for match in _STEP.finditer(path))
    return ".".join(step for step in steps if step is not None)


def path(name: str) -> str:
    """Return the JSON path of a field that a policy names, each part of which is a key."""
    return ".".join(step if re.fullmatch(r"[\w-]+", step) else f'"{step}"' for step in name.split("."))


def condition(tree: Tree) -> Condition | None:
    """Return the condition of a filter, None of one that asks nothing. Raises `Malformed`, `Unrecognised`."""
    if tree is None:
        return None
    found = _filter(tree, "", DEEPEST)
    if found is not None and _leaves(found) > _MOST_LEAVES:
        raise Malformed(f"a filter has at most {_MOST_LEAVES} predicates", code="filter_malformed")
    return found


def members(tree: Tree, what: str, known: frozenset[str], required: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the members of an object that are not null, all of them `known`. Raises `Malformed`, `Unrecognised`."""
    if not isinstance(tree, dict):
        raise Malformed(f"{what} is an object", code="filter_malformed")
    for name in tree:
        if name not in known:
            raise Unrecognised(f"the member {shown(name)} of {what} is not known", code="member_unknown")
    found = {name: value for name, value in tree.items() if value is not None}
    if not required <= found.keys():
        raise Malformed(f"{what} lacks a member", code="filter_malformed")
    return found


def joined(parts: list[Condition], operator: Literal["and", "or"] = "and") -> Condition | None:
    """Return conditions joined, one of them by itself, none as None."""
    if len(parts) < 2:  # noqa: PLR2004 - there is nothing to join
        return parts[0] if parts else None
    return CompoundCondition(operator=operator, value=tuple(parts))


def _leaves(found: Condition) -> int:
    return sum(map(_leaves, found.value)) if isinstance(found, CompoundCondition) else 1


def _filter(tree: Tree, above: str, depth: int) -> Condition | None:
    groups = members(tree, "a filter", _GROUPS)
    if not depth:
        raise Malformed("a filter is nested too deep", code="filter_malformed")
    parts: list[Condition] = list(_clauses(groups.get("must"), above, depth))
    either = joined(list(_clauses(groups.get("should"), above, depth)), "or")
    if either is not None:
        parts.append(either)
    parts += [CompoundCondition(operator="not", value=(each,)) for each in _clauses(groups.get("must_not"), above, depth)]
    if "min_should" in groups:
        least = members(groups["min_should"], "'min_should'", frozenset({"conditions", "min_count"}), frozenset({"min_count"}))
        number(least["min_count"], "'min_count'")
        for each in _clauses(least.get("conditions", []), above, depth):
            parts += _opaque("min_should", each)
    return joined(parts)


def _clauses(trees: Tree, above: str, depth: int) -> Iterator[Condition]:
    for tree in trees if isinstance(trees, list) else [] if trees is None else [trees]:
        found = _clause(tree, above, depth - 1)
        if found is not None:
            yield found


def _opaque(operator: str, inner: Condition) -> list[Condition]:
    """Return opaque conditions on every field that `inner` looks at: what it means there is not what it says."""
    return [OpaqueCondition(operator=operator, field=name) for name in sorted(tested_fields(inner))]


def clause(tree: Tree) -> Condition | None:
    """Return the condition of one clause that stands by itself, as it may in a formula."""
    return _clause(tree, "", DEEPEST)


def _clause(tree: Tree, above: str, depth: int) -> Condition | None:
    if not isinstance(tree, dict):
        raise Malformed("a clause of a filter is an object", code="filter_malformed")
    if "key" in tree:
        return _predicate(tree, above)
    kinds = [name for name in tree if name in _CLAUSES]
    if not kinds:
        return _filter(tree, above, depth)
    if len(kinds) > 1:
        raise Malformed("a clause of a filter is of one kind", code="filter_malformed")
    (kind,) = kinds
    operand = members(tree, "a clause", frozenset({kind}), frozenset({kind}))[kind]
    return _CLAUSES[kind](operand, above, depth)


def _has_id(operand: Tree, *_: Any) -> Condition:
    return FieldCondition(operator="in", field=ID, value=tuple(point_id(each) for each in listed(operand, "'has_id'")))


def _has_vector(operand: Tree, *_: Any) -> Condition:
    text(operand, "'has_vector'")
    return OpaqueCondition(operator="has_vector", field=VECTOR)


def _slice(operand: Tree, *_: Any) -> Condition:
    both = frozenset({"total", "index"})
    for name, value in members(operand, "'slice'", both, both).items():
        number(value, f"'{name}'")
    return OpaqueCondition(operator="slice", field=ID)


def _lacking(operator: str) -> Callable[[Tree, str, int], Condition]:
    def clause(operand: Tree, above: str, _: int) -> Condition:
        key = members(operand, f"'{operator}'", frozenset({"key"}), frozenset({"key"}))["key"]
        return OpaqueCondition(operator=operator, field=above + field(key))

    return clause


def _nested(tree: Tree, above: str, depth: int) -> Condition | None:
    found = members(tree, "'nested'", frozenset({"key", "filter"}), frozenset({"key", "filter"}))
    place = above + field(found["key"])
    inner = _filter(found["filter"], f"{place}.", depth)
    return OpaqueCondition(operator="nested", field=place) if inner is None else joined(_opaque("nested", inner))


_CLAUSES: Final[Mapping[str, Callable[[Tree, str, int], Condition | None]]] = {
    "has_id": _has_id,
    "has_vector": _has_vector,
    "slice": _slice,
    "is_empty": _lacking("is_empty"),
    "is_null": _lacking("is_null"),
    "nested": _nested,
}
"""Clauses that have one member, by its name."""


def _predicate(tree: Tree, above: str) -> Condition:
    found = members(tree, "a clause", _PREDICATES | {"key"}, frozenset({"key"}))
    name = above + field(found.pop("key"))
    if len(found) != 1:
        # Of several, Qdrant takes any for enough, or looks at one.
        raise Malformed("a clause of a filter has one predicate", code="filter_malformed")
    ((predicate, operand),) = found.items()
    match predicate:
        case "match":
            return _match(operand, name)
        case "range":
            return _range(operand, name)
        case "values_count":
            for bound in members(operand, "'values_count'", frozenset(_BOUNDS)).values():
                number(bound, "'values_count'")
        case "is_empty" | "is_null":
            if not isinstance(operand, bool):
                raise Malformed(f"'{predicate}' is true or false", code="filter_malformed")
        case _:
            members(operand, f"'{predicate}'", _GEOGRAPHY[predicate])
    return OpaqueCondition(operator=predicate, field=name)


def _match(operand: Tree, name: str) -> Condition:
    found = members(operand, "'match'", frozenset({"value", "any", "except"}) | _TEXTS)
    if len(found) != 1:
        raise Malformed("'match' has one member", code="filter_malformed")
    ((kind, value),) = found.items()
    match kind:
        case "value":
            if not isinstance(value, (str, int)):  # a truth value is an integer to Python
                raise Malformed("'match' compares with text, whole numbers and truth values", code="filter_malformed")
            return FieldCondition(operator="eq", field=name, value=value)
        case "any" | "except":
            values = tuple(listed(value, f"'{kind}'"))
            if not all(isinstance(each, (str, int)) and not isinstance(each, bool) for each in values):
                raise Malformed(f"'{kind}' is a list of texts or of whole numbers", code="filter_malformed")
            return FieldCondition(operator="in" if kind == "any" else "nin", field=name, value=values)
        case _:
            text(value, f"'{kind}'")
            return OpaqueCondition(operator=kind, field=name)


def _range(operand: Tree, name: str) -> Condition:
    """Return the condition of a range: of numbers, comparisons; of times, which are text, an opaque one."""
    bounds = members(operand, "'range'", frozenset(_BOUNDS))
    if any(isinstance(bound, str) for bound in bounds.values()):
        for bound in bounds.values():
            text(bound, "'range'")
        return OpaqueCondition(operator="datetime_range", field=name)
    parts: list[Condition] = [
        FieldCondition(operator=_BOUNDS[side], field=name, value=number(bound, "'range'")) for side, bound in bounds.items()
    ]
    return joined(parts) or OpaqueCondition(operator="range", field=name)


# --- values -------------------------------------------------------------------------------------------------------------


def number(value: Tree, what: str) -> int | float:
    """Return a number. Raises `Malformed`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Malformed(f"{what} is a number", code="filter_malformed")
    return value


def text(value: Tree, what: str) -> str:
    """Return text. Raises `Malformed`."""
    if not isinstance(value, str):
        raise Malformed(f"{what} is text", code="filter_malformed")
    return value


def listed(value: Tree, what: str) -> list[Any]:
    """Return a list. Raises `Malformed`."""
    if not isinstance(value, list):
        raise Malformed(f"{what} is a list", code="filter_malformed")
    return value


def point_id(value: Tree) -> str | int:
    """Return a point's id: a whole number, or text. Raises `Malformed`."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise Malformed("an id is a whole number or a UUID", code="filter_malformed")
    return value
