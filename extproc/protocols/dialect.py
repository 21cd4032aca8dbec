"""How one engine says a condition: the interface of a translator, and the one walk that every translation takes.

A row filter is a condition (`operation`), and must reach the engine as a clause of its own: a JSON object, a message, whatever
its filters are made of. A `Dialect` makes and joins such clauses; `translate` walks the condition and pushes every *not* down
to the comparisons, because that is where engines differ, and some have no negation at all. An adapter then puts the clause at
every place of its request that chooses records, joined with the client's own filter by *and*.

What a condition means is the same for every engine. Text, numbers and truth values are compared each with their own kind: 1
and 1.0 are one number, ``"1"`` is text, true is neither. ``eq``, ``in``, ``lt``, ``le``, ``gt`` and ``ge`` hold of a record
that has such a value in the field, the last four for numbers alone. ``ne``, ``nin`` and *not* hold of every other record, also
of one that lacks the field. ``in`` a list of nothing holds of none. What a dialect cannot say exactly so it refuses, and the
operation is denied: nothing is left out, nothing is said nearly. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from extproc.errors import Unfulfillable
from extproc.operation import CompoundCondition, Condition, FieldCondition, OpaqueCondition

Clause = TypeVar("Clause")


class Dialect(Protocol[Clause]):
    """One engine's way to say conditions."""

    def compare(self, condition: FieldCondition, *, holds: bool) -> Clause:
        """Return the clause of the records of which `condition` holds; where `holds` is false, of all others.

        Raises `Unfulfillable` for what the engine cannot say, or would take otherwise.
        """

    def every(self, clauses: Sequence[Clause]) -> Clause:
        """Return the clause of the records that meet each of `clauses`, of which there are two or more."""

    def some(self, clauses: Sequence[Clause]) -> Clause:
        """Return the clause of the records that meet any of `clauses`, of which there are two or more."""


def translate(condition: Condition, dialect: Dialect[Clause], *, holds: bool = True) -> Clause:
    """Return the clause of the records of which `condition` holds (or does not) in an engine's `dialect`.

    Raises `Unfulfillable` where all of it cannot be said.
    """
    match condition:
        case FieldCondition():
            return dialect.compare(condition, holds=holds)
        case CompoundCondition(operator="not", value=(inner,)):
            return translate(inner, dialect, holds=not holds)
        case CompoundCondition(operator="and" | "or" as operator, value=parts) if parts:
            clauses = [translate(part, dialect, holds=holds) for part in parts]
            if len(clauses) == 1:
                return clauses[0]
            return dialect.every(clauses) if (operator == "and") == holds else dialect.some(clauses)
        case CompoundCondition() | OpaqueCondition():
            raise Unfulfillable("the policy's row filter holds a condition that no engine can be asked for")
