"""The searches of Chroma's `/search`: what each of them tests, asks for and returns.

Each is an object of `filter`, `rank`, `group_by`, `limit` and `select`; ranks are expression trees with the nearest-neighbour
queries at their leaves (Chroma 1.5.9; its own server answers 501 where it cannot). An unknown member or operator is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from extproc.errors import Malformed, Unrecognised
from extproc.operation import Condition, tested_fields
from extproc.protocols.chroma_where import DOCUMENT, conjoined, is_plain
from extproc.protocols.chroma_where import field as field_of
from extproc.protocols.strict_json import DEEPEST, shown

MOST_SEARCHES: Final = 100
"""How many searches one request may hold: each is decided by itself."""

LARGEST_COUNT: Final = 2**32 - 1
"""The largest limit, offset or number of results that Chroma takes (u32)."""

_ONE: Final = frozenset({"$abs", "$exp", "$log"})
_TWO: Final = frozenset({"$sub", "$div"})
_MANY: Final = frozenset({"$sum", "$mul", "$max", "$min"})
_AGGREGATES: Final = frozenset({"$min_k", "$max_k"})
_PARTS: Final = frozenset({"filter", "rank", "group_by", "limit", "select"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a search returns of each record: which fields (``*`` in `fields` means all metadata), vectors, scores."""

    fields: frozenset[str] = frozenset()
    vectors: bool = False
    scores: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search, understood."""

    filter: Condition | None
    tests: frozenset[str]
    probe: Literal["vector", "text", "none"]
    limit: int | None
    offset: int | None
    selection: Selection


@dataclass(slots=True)
class _Rank:
    """What is found on the way through a rank expression."""

    tests: set[str] = field(default_factory=set)
    probes: set[str] = field(default_factory=set)


def check(searches: Any) -> list[Search]:
    """Understand the list of searches. Raises `Malformed`, `Unrecognised`."""
    # Without a search there would be no operation, and nothing to decide.
    if not isinstance(searches, list) or not 1 <= len(searches) <= MOST_SEARCHES:
        raise Malformed(f"'searches' is a list of 1 to {MOST_SEARCHES} searches")
    return [_search(each) for each in searches]


def _search(search: Any) -> Search:
    parts = _members(search, "a search", _PARTS)
    clause = parts.get("filter")
    condition = conjoined(clause if clause != {} else None, None)
    rank = _Rank()
    if parts.get("rank") is not None:
        _walk(parts["rank"], rank, DEEPEST)
    rank.tests.update(tested_fields(condition))
    rank.tests.update(_grouped(parts.get("group_by", {})))
    limit = _members(parts.get("limit", {}), "'limit'", frozenset({"limit", "offset"}))
    return Search(
        filter=condition,
        tests=frozenset(rank.tests),
        probe="vector" if "vector" in rank.probes else "text" if rank.probes else "none",
        limit=None if limit.get("limit") is None else count(limit["limit"], "limit"),
        offset=count(limit["offset"], "offset") if "offset" in limit else None,
        selection=_selection(parts.get("select", {})),
    )


def _walk(expression: Any, rank: _Rank, depth: int) -> None:
    if not isinstance(expression, dict) or len(expression) != 1 or not depth:
        raise Malformed("a rank expression is an object of one key", code="rank_malformed")
    ((operator, operand),) = expression.items()
    if operator == "$knn":
        _nearest(operand, rank)
    elif operator == "$val":
        _number(operand)
    else:
        for inner in _operands(operator, operand):
            _walk(inner, rank, depth - 1)


def _operands(operator: str, operand: Any) -> Iterator[Any]:
    if operator in _ONE:
        yield operand
    elif operator in _TWO:
        sides = _members(operand, operator, frozenset({"left", "right"}))
        yield from (sides.get("left"), sides.get("right"))
    elif operator in _MANY:
        if not isinstance(operand, list):
            raise Malformed(f"{operator} takes a list", code="rank_malformed")
        yield from operand
    else:
        raise Unrecognised(f"the rank operator {shown(operator)} is not known", code="operator_unknown")


def _nearest(operand: Any, rank: _Rank) -> None:
    query = _members(operand, "$knn", frozenset({"query", "key", "limit", "default", "return_rank"}))
    match query.get("query"):
        case str():
            rank.probes.add("text")
        case list() | dict():
            rank.probes.add("vector")
        case _:
            raise Malformed("$knn has a vector as its 'query'", code="rank_malformed")
    key = _key(query.get("key", "#embedding"))
    if key != "#embedding":
        rank.tests.add(_plain(key))
    count(query.get("limit", 0), "limit")
    if query.get("default") is not None:
        _number(query["default"])
    if not isinstance(query.get("return_rank", False), bool):
        raise Malformed("'return_rank' is true or false", code="rank_malformed")


def _grouped(group: Any) -> set[str]:
    """Return the fields by which results are grouped and picked; the score is no field."""
    parts = _members(group, "'group_by'", frozenset({"keys", "aggregate"}))
    if not parts:
        return set()
    aggregate = _members(parts.get("aggregate"), "'aggregate'", _AGGREGATES)
    if len(aggregate) != 1:
        raise Malformed("'aggregate' has one operator")
    ((_, picked),) = aggregate.items()
    picked = _members(picked, "'aggregate'", frozenset({"keys", "k"}))
    count(picked.get("k"), "k")
    return {field_of(key) for key in (*_keys(parts), *_keys(picked)) if key != "#score"}


def _selection(select: Any) -> Selection:
    keys = set(_keys(_members(select, "'select'", frozenset({"keys"})), required=False))
    fields = {_SELECTED.get(key) or _plain(key) for key in keys - {"#embedding", "#score"}}
    return Selection(fields=frozenset(fields), vectors="#embedding" in keys, scores="#score" in keys)


_SELECTED: Final = {"#document": DOCUMENT, "#metadata": "*"}


def _plain(key: str) -> str:
    if not is_plain(key):
        raise Unrecognised(f"the key {shown(key)} is not a field of the records", code="field_unknown")
    return key


def _keys(holder: dict[str, Any], *, required: bool = True) -> list[str]:
    keys = holder.get("keys", None if required else [])
    if not isinstance(keys, list):
        raise Malformed("'keys' is a list of keys")
    return [_key(key) for key in keys]


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise Malformed("a key is text")
    return key


def _members(found: Any, what: str, known: frozenset[str]) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise Malformed(f"{what} is an object")
    for name in found:
        if name not in known:
            raise Unrecognised(f"the member {shown(name)} of {what} is not known", code="member_unknown")
    return found


def _number(found: Any) -> None:
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise Malformed("a rank is computed with numbers", code="rank_malformed")


def count(found: Any, name: str) -> int:
    """Return a limit, an offset or the like. Raises `Malformed`."""
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= LARGEST_COUNT:
        raise Malformed(f"'{name}' is a whole number from 0 to {LARGEST_COUNT}")
    return found
