"""What of a query to Qdrant would tell scores that its caller is not to know: thresholds, and formulas that weigh scores.

Whether a record lies above a threshold is a bit of its score; asked often enough, all of it. And a formula makes as much of a
small difference as its client likes. So where scores are rounded, thresholds are as well, and where they are dropped there is
none; formulas that look at a score are refused in both cases. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from extproc.decision import Terms
from extproc.errors import Unfulfillable
from extproc.protocols.qdrant_queries import SCORE, prefetches

_THRESHOLD: Final = "score_threshold"

Query = Mapping[str, Any]


def blunted(query: Query, terms: Terms) -> Query:
    """Return a query that tells no more of scores than `terms` allow; itself where that is all. Raises `Unfulfillable`."""
    if not terms.scores_dropped and terms.scores_digits is None:
        return query
    threshold = query.get(_THRESHOLD)
    if threshold is not None and terms.scores_dropped:
        raise Unfulfillable("where scores are dropped there is no threshold of them")
    if _weighs(query.get("query")):
        raise Unfulfillable("a formula that weighs scores cannot be allowed where these are dropped or rounded")
    changed: dict[str, Any] = {} if threshold is None else {_THRESHOLD: _rounded(threshold, terms.scores_digits)}
    inner = list(prefetches(query))
    found = [blunted(each, terms) for each in inner]
    if any(new is not old for new, old in zip(found, inner, strict=True)):
        changed["prefetch"] = found
    return {**query, **changed} if changed else query


def _rounded(threshold: float | msgspec.Raw, digits: int | None) -> float:
    number = msgspec.json.decode(threshold) if isinstance(threshold, msgspec.Raw) else threshold
    return float(round(number, digits))


def _weighs(query: object) -> bool:
    """Whether a query is a formula in which a score stands for something."""
    return isinstance(query, Mapping) and "formula" in query and _names_score(query["formula"])


def _names_score(tree: object) -> bool:
    match tree:
        case str():
            return tree.startswith(SCORE)
        case Mapping():
            return any(map(_names_score, tree.values()))
        case list():
            return any(map(_names_score, tree))
        case _:
            return False
