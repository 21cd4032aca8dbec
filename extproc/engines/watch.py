"""Notices that a policy's files have changed, and reads them once they have come to rest.

A directory is changed file by file, and what is read in between would be half of a new policy. So nothing is read before two
looks in a row have seen the same, and nothing is taken that changed while it was read. A file that is replaced as a whole
(rename(2)) is never seen by halves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from extproc.engines.source import Source

T = TypeVar("T")
_NEVER: Final = object()

LOOK_EVERY: Final = 1.0
"""Seconds between two looks."""


class Watch:
    """The files of one source. Make it before the source is read for the first time, so that no change is missed."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._taken = self._last = source.fingerprint()

    def take(self, read: Callable[[], T]) -> T | None:
        """Return what `read` makes of files that are new and at rest; None where there are none.

        What `read` raises is raised once for each change.
        """
        now = self._source.fingerprint()
        rested, self._last = now == self._last, now
        if not rested or now == self._taken:
            return None
        self._taken = now
        found = read()
        if self._source.fingerprint() != now:
            self.forget()
            return None
        return found

    def forget(self) -> None:
        """Take the files as new, whatever they are."""
        self._taken = _NEVER
