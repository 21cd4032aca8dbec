"""How many exchanges are under way in this worker. It knows nothing of what they are."""

from __future__ import annotations


class Traffic:
    """A count, kept by whoever begins and ends exchanges; for one event loop."""

    def __init__(self) -> None:
        self._under_way = 0

    def begin(self) -> None:
        """Count one more."""
        self._under_way += 1

    def end(self) -> None:
        """Count one less."""
        self._under_way -= 1

    def under_way(self) -> int:
        """Return how many there are."""
        return self._under_way
