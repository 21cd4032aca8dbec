"""How often something happened: rows that are told apart by what they say, each with its count, its callers and its times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Row(Generic[T]):
    """One row. `first` and `last` are times as leaves have them, `callers` ids of principals."""

    key: T
    times: int = 0
    callers: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""

    def add(self, caller: str, time: str) -> None:
        """Count one more."""
        self.times += 1
        if caller:
            self.callers.add(caller)
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)


class Tally(Generic[T]):
    """Rows by their keys."""

    def __init__(self) -> None:
        self._rows: dict[T, Row[T]] = {}

    def row(self, key: T) -> Row[T]:
        """Return the row of `key`, which begins at nothing."""
        found = self._rows.get(key)
        if found is None:
            found = self._rows[key] = Row(key)
        return found

    def __iter__(self) -> Iterator[Row[T]]:
        """Give the rows, those that happened most often first."""
        return iter(sorted(self._rows.values(), key=lambda row: (-row.times, str(row.key))))

    def __len__(self) -> int:
        return len(self._rows)
