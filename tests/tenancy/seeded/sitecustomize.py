"""Puts a bug into every Python process that is started with this directory on its path: the one that VECGATE_SEEDED_BUG names.

The machinery of Python imports this by its name at the start. Nothing of the gateway knows of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from extproc import reservations
from extproc.protocols import chroma_dialect, chroma_records


def _second_conjunct_dropped() -> None:
    """Of conditions joined by *and* only the first reaches the database."""
    chroma_dialect._Chroma.every = lambda _, clauses: clauses[0]  # type: ignore[method-assign,assignment]


def _clients_filter_alone() -> None:
    """A client that brings a filter of its own is not held to the policy's."""
    chroma_records.conjoined = lambda clause, clients: clients or clause  # type: ignore[attr-defined]


def _filter_not_on(kind: str) -> Callable[[], None]:
    def put() -> None:
        filtered = chroma_records._filtered
        chroma_records._filtered = lambda form, clause: form if form.kind == kind else filtered(form, clause)

    return put


def _foreign_not_refused() -> None:
    """Nobody looks whose records are written."""
    chroma_records.settled = lambda form, *_: form


def _stamp_not_on_updates() -> None:
    """An update may set the stamped field."""
    written = chroma_records._written

    def put(form: Any, terms: Any) -> Any:
        return form if form.kind == "update" else written(form, terms)

    chroma_records._written = put


def _nothing_reserved() -> None:
    """Two writes may both have found that a record is not there yet."""
    take = reservations.Reservations.take

    async def put(self: Any, wanted: Any) -> Any:
        return await take(self, replace(wanted, checked=False))

    reservations.Reservations.take = put  # type: ignore[method-assign]


BUGS: dict[str, Callable[[], None]] = {
    "second conjunct dropped": _second_conjunct_dropped,
    "client's filter alone": _clients_filter_alone,
    "filter not on get": _filter_not_on("get"),
    "filter not on query": _filter_not_on("query"),
    "filter not on count": _filter_not_on("count"),
    "filter not on delete": _filter_not_on("delete"),
    "foreign not refused": _foreign_not_refused,
    "stamp not on updates": _stamp_not_on_updates,
    "nothing reserved": _nothing_reserved,
}

if bug := os.environ.get("VECGATE_SEEDED_BUG"):
    BUGS[bug]()
