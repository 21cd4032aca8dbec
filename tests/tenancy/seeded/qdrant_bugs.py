"""Bugs that may be put into a gateway before Qdrant, by their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from extproc.protocols import qdrant_answers, qdrant_dialect, qdrant_edits, qdrant_messages, qdrant_terms


def _second_conjunct_dropped() -> None:
    """Of conditions joined by *and* only the first reaches the database."""
    qdrant_dialect._Qdrant.every = lambda _, clauses: clauses[0]  # type: ignore[method-assign,assignment]


def _clients_filter_alone() -> None:
    """A client that brings a filter of its own is not held to the policy's."""
    qdrant_terms.conjoined = lambda clause, clients: clients or {"must": [clause]}  # type: ignore[attr-defined,assignment]


def _unfiltered(function: str, *kinds: str) -> Callable[[], None]:
    """Requests of these kinds keep the client's own filter in one function."""

    def put() -> None:
        found = getattr(qdrant_terms, function)

        def wrapped(body: Any, kind: Any, terms: Any, *rest: Any) -> Any:
            return found(body, kind, replace(terms, where=None) if kind in kinds else terms, *rest)

        setattr(qdrant_terms, function, wrapped)

    return put


def _filter_not_on_gets() -> None:
    """What is named by id is not held to the filter."""
    found = qdrant_terms._got
    qdrant_terms._got = lambda form, body, terms: found(form, body, replace(terms, where=None))


def _not_asked_for(role: str) -> Callable[[], None]:
    """Nobody looks whether the points are there that a query starts from."""

    def put() -> None:
        needed = qdrant_terms.needed

        def some(parts: Any, terms: Any) -> Any:
            kept = [pair for pair in zip(parts, terms, strict=True) if pair[0].role != role or pair[0].operation.writes]
            return needed([part for part, _ in kept], [term for _, term in kept])

        qdrant_terms.needed = some

    return put


def _beside_not_hidden() -> None:
    """What comes beside groups is not held to the filter."""
    qdrant_answers._hide = lambda *_: None
    qdrant_messages._hide = lambda *_: None


def _lost_over_grpc() -> None:
    """What was narrowed in a filter does not reach the message."""
    qdrant_edits._EDITS = {**qdrant_edits._EDITS, "filter": lambda *_: None}  # type: ignore[misc]


def _stamp_not_on_payloads() -> None:
    """A change of a payload may set the stamped field."""
    found = qdrant_terms._set
    qdrant_terms._set = lambda body, kind, terms, stamp: found(body, kind, terms, stamp and {})


def _upserts_over_others() -> None:
    """An upsert takes effect on whatever point has the id."""
    changed = qdrant_terms._changed

    def put(body: Any, kind: Any, terms: Any) -> Any:
        found, after = changed(body, kind, terms)
        return found, {name: value for name, value in after.items() if name != "update_filter"} if kind == "upsert" else after

    qdrant_terms._changed = put


def _unfiltered_deletions() -> None:
    """Whoever may delete may delete all."""
    changed = qdrant_terms._changed
    qdrant_terms._changed = lambda body, kind, terms: (kind, body) if kind == "delete" else changed(body, kind, terms)


BUGS: dict[str, Callable[[], None]] = {
    "qdrant: second conjunct dropped": _second_conjunct_dropped,
    "qdrant: client's filter alone": _clients_filter_alone,
    "qdrant: filter not on gets": _filter_not_on_gets,
    "qdrant: filter not on scrolls": _unfiltered("_chosen", "scroll"),
    "qdrant: filter not on counts": _unfiltered("_chosen", "count"),
    "qdrant: filter not on facets": _unfiltered("_chosen", "facet"),
    "qdrant: filter not on matrices": _unfiltered("_chosen", "matrix"),
    "qdrant: filter not on queries": _unfiltered("_queried", "query"),
    "qdrant: filter not on groups": _unfiltered("_queried", "groups"),
    "qdrant: starts not asked for": _not_asked_for("own"),
    "qdrant: starts elsewhere not asked for": _not_asked_for("probe"),
    "qdrant: records beside groups not hidden": _beside_not_hidden,
    "qdrant: filter lost over gRPC": _lost_over_grpc,
    "qdrant: upserts over others' points": _upserts_over_others,
    "qdrant: filter not on deletions": _unfiltered_deletions,
    "qdrant: stamp not on payloads": _stamp_not_on_payloads,
}
