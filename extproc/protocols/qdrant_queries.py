"""What a query of Qdrant's looks at: the points and vectors it starts from, the fields it tests, the collections it reads.

A query is a tree in the words of the REST interface, today's (`query`, `prefetch`) or an older one's (`vector`, `positive`,
`target`, ...). Vectors, and whatever the server makes vectors of, are leaves (`Probe`) and are not looked into. A point that is
named as a probe is read, although nothing of it comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from extproc.errors import Malformed
from extproc.operation import Condition, tested_fields
from extproc.protocols import qdrant_filters as filters
from extproc.protocols.qdrant_filters import Tree, members
from extproc.protocols.strict_json import shown

DEEPEST: Final = 8
"""How deep prefetches may be nested: each level of a request is read once more."""

_MOST_PREFETCHES: Final = 64
"""Prefetches in one query, at any depth."""

_DEEPEST_FORMULA: Final = 32


class Probe:
    """A vector that a query compares with, or text or the like that the server makes one of; `raw` is the wire's own."""

    __slots__ = ("kind", "raw")

    def __init__(self, kind: Literal["vector", "text"], raw: Any) -> None:
        self.kind: Final = kind
        self.raw: Final = raw


class Findings(msgspec.Struct):
    """What is found on the way through one query. `ids` are probes by the collection that they are read from, None its own."""

    tests: set[str] = msgspec.field(default_factory=set)
    kinds: set[Literal["vector", "text"]] = msgspec.field(default_factory=set)
    ids: dict[str | None, list[str | int]] = msgspec.field(default_factory=dict)
    condition: Condition | None = None
    prefetches: int = 0

    @property
    def probe(self) -> Literal["vector", "id", "text", "none"]:
        """The word for what the query starts from; where it starts from several, the one that tells most."""
        return "id" if any(self.ids.values()) else "text" if "text" in self.kinds else "vector" if self.kinds else "none"


def read(query: Tree) -> Findings:
    """Return what `query` looks at. Raises `Malformed`, `Unrecognised`."""
    found = Findings()
    found.condition = _level(query, found, DEEPEST)
    found.tests.update(tested_fields(found.condition))
    if "group_by" in query:
        found.tests.add(filters.field(query["group_by"]))
    return found


def _level(query: Tree, found: Findings, depth: int) -> Condition | None:
    """Go through a query or a prefetch; return the condition that every point which comes of it meets."""
    lookup = query.get("lookup_from")
    source = None if lookup is None else lookup["collection"]
    if source is not None:
        found.ids.setdefault(source, [])
    _start(query, found, source)
    corpus = (query.get("params") or {}).get("idf")
    if isinstance(corpus, dict):
        found.tests.update(tested_fields(filters.condition(corpus["corpus"])))
    own = filters.condition(query.get("filter"))
    inner = list(prefetches(query))
    if inner and not depth:
        raise Malformed(f"prefetches are nested more than {DEEPEST} deep")
    found.prefetches += len(inner)
    if found.prefetches > _MOST_PREFETCHES:
        raise Malformed(f"a query has at most {_MOST_PREFETCHES} prefetches")
    conditions = [_level(each, found, depth - 1) for each in inner]
    sources = [each for each in conditions if each is not None]
    for each in sources:
        found.tests.update(tested_fields(each))
    # Points come from the prefetches; only if each of these has a condition does every point meet one of them.
    either = filters.joined(sources, "or") if len(sources) == len(conditions) else None
    return filters.joined([each for each in (own, either) if each is not None])


def prefetches(query: Tree) -> Iterator[Tree]:
    """Give the prefetches of a query, which may be one without a list."""
    inner = query.get("prefetch")
    yield from inner if isinstance(inner, list) else [] if inner is None else [inner]


def _start(query: Tree, found: Findings, source: str | None) -> None:
    """Note what a query starts from, in today's words and in the older ones."""
    if query.get("query") is not None:
        _query(query["query"], query.get("using"), found, source)
    for name in ("vector", "target"):
        if query.get(name) is not None:
            _input(query[name], found, source)
    for name in ("positive", "negative"):
        for each in query.get(name) or ():
            _input(each, found, source)
    if query.get("context") is not None:
        for each in _pairs(query["context"]):
            _input(each, found, source)


def _input(value: Tree, found: Findings, source: str | None) -> None:
    if isinstance(value, Probe):
        found.kinds.add(value.kind)
    else:
        found.ids.setdefault(source, []).append(filters.point_id(value))


def _pairs(pairs: Tree) -> Iterator[Tree]:
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        yield from members(pair, "a pair of a context", _PAIR, _PAIR).values()


_PAIR: Final = frozenset({"positive", "negative"})
_FEEDBACK: Final = frozenset({"target", "feedback", "strategy"})
_EXAMPLE: Final = frozenset({"example", "score"})


def _query(query: Tree, using: Tree, found: Findings, source: str | None) -> None:
    if not isinstance(query, dict):
        _input(query, found, source)
        return
    kinds = [name for name in query if name in KINDS]
    if len(kinds) != 1:
        raise Malformed("a query is of one kind")
    (kind,) = kinds
    members(query, f"a query by '{kind}'", KINDS[kind])
    operand = query[kind]
    if kind == "order_by":
        found.tests.add(order_field(operand))
    elif kind == "formula":
        found.tests.update(_formula(operand, _DEEPEST_FORMULA))
    elif kind == "text":
        # What is searched is the text index of a field, which `using` names in this case.
        if using is None:
            raise Malformed("a query by 'text' names a field with 'using'")
        found.kinds.add("text")
        found.tests.add(filters.field(using))
    else:
        for value in _inputs(kind, operand):
            _input(value, found, source)


def _inputs(kind: str, operand: Tree) -> Iterator[Tree]:
    """Give the vectors and points that a query starts from; fusion, rrf and sample start from none."""
    match kind:
        case "nearest":
            yield operand
        case "recommend":
            for side, values in members(operand, "'recommend'", _PAIR | {"strategy"}).items():
                yield from values if side in _PAIR else ()
        case "discover":
            parts = members(operand, "'discover'", frozenset({"target", "context"}), frozenset({"target"}))
            yield parts["target"]
            yield from _pairs(parts.get("context", []))
        case "context":
            yield from _pairs(operand)
        case "relevance_feedback":
            parts = members(operand, "'relevance_feedback'", _FEEDBACK, _FEEDBACK)
            yield parts["target"]
            for each in filters.listed(parts["feedback"], "'feedback'"):
                yield members(each, "a feedback", _EXAMPLE, _EXAMPLE)["example"]
        case _:
            pass


KINDS: Final = {
    "nearest": frozenset({"nearest", "mmr"}),
    "recommend": frozenset({"recommend"}),
    "discover": frozenset({"discover"}),
    "context": frozenset({"context"}),
    "order_by": frozenset({"order_by"}),
    "fusion": frozenset({"fusion"}),
    "rrf": frozenset({"rrf"}),
    "formula": frozenset({"formula", "defaults"}),
    "sample": frozenset({"sample"}),
    "relevance_feedback": frozenset({"relevance_feedback"}),
    "text": frozenset({"text"}),
}
"""The kinds of queries, and which members each has."""


def order_field(order: Tree) -> str:
    """Return the field that points are ordered by. Raises `Malformed`, `Unrecognised`."""
    if isinstance(order, str):
        return filters.field(order)
    found = members(order, "'order_by'", frozenset({"key", "direction", "start_from"}), frozenset({"key"}))
    return filters.field(found["key"])


# --- formulas -----------------------------------------------------------------------------------------------------------

SCORE: Final = "$score"
"""How a formula's variable begins that is a score."""

_LISTS: Final = frozenset({"mult", "sum", "max", "min"})
_SINGLE: Final = frozenset({"neg", "abs", "sqrt", "exp", "log10", "ln", "acosh"})
_DECAYS: Final = frozenset({"exp_decay", "gauss_decay", "lin_decay"})
_OBJECTS: Final = {
    "div": frozenset({"left", "right", "by_zero_default"}),
    "pow": frozenset({"base", "exponent"}),
    **dict.fromkeys(_DECAYS, frozenset({"x", "target", "scale", "midpoint"})),
}
_EXPRESSIONS: Final = frozenset({"left", "right", "base", "exponent", "x", "target"})
_OPERATORS: Final = _LISTS | _SINGLE | _OBJECTS.keys() | {"geo_distance", "datetime", "datetime_key"}


def _formula(tree: Tree, depth: int) -> set[str]:
    """Return the fields that an expression looks at."""
    if not depth:
        raise Malformed("a formula is nested too deep")
    match tree:
        case str():
            return set() if tree.startswith(SCORE) else {filters.field(tree)}
        case bool():
            raise Malformed("a formula is computed with numbers")
        case int() | float():
            return set()
        case dict() if not _OPERATORS.isdisjoint(tree):
            return _operation(tree, depth)
        case dict():  # a condition counts one where it holds
            return tested_fields(filters.clause(tree))
        case _:
            raise Malformed("a formula is made of expressions")


def _operation(tree: dict[str, Any], depth: int) -> set[str]:
    if len(tree) != 1:
        raise Malformed("an expression has one operator")
    ((operator, operand),) = tree.items()
    match operator:
        case "geo_distance":
            return {filters.field(members(operand, "'geo_distance'", frozenset({"origin", "to"}), frozenset({"to"}))["to"])}
        case "datetime_key":
            return {filters.field(operand)}
        case "datetime":
            filters.text(operand, "'datetime'")
            return set()
        case _:
            return {name for part in _parts(operator, operand) for name in _formula(part, depth - 1)}


def _parts(operator: str, operand: Tree) -> list[Any]:
    """Return the expressions that an operator is applied to."""
    if operator in _LISTS:
        return filters.listed(operand, shown(operator))
    if operator in _SINGLE:
        return [operand]
    found = members(operand, shown(operator), _OBJECTS[operator])
    return [value for name, value in found.items() if name in _EXPRESSIONS]
