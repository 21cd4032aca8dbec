"""Regular expressions that take linear time on any text: RE2.

The library's Python layer imitates `re` and costs several times what a search does, so the compiled binding below it is used,
by this module alone. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import re2

_UNANCHORED: Final = re2._re2.RE2.Anchor.UNANCHORED  # noqa: SLF001 - see above
_NONE: Final = (-1, -1)


class Expression:
    """A pattern, compiled. Where it has a group, the first is what is found. Raises `re2.error` for what is no pattern."""

    def __init__(self, pattern: str) -> None:
        compiled = re2.compile(pattern, options())
        self._group = min(compiled.groups, 1)
        self._match = compiled._regexp.Match  # noqa: SLF001 - see above

    def find(self, text: bytes, at: int = 0) -> tuple[int, int] | None:
        """Return where the pattern is first found from `at` on."""
        found: tuple[int, int] = self._match(_UNANCHORED, text, at, len(text))[self._group]
        return None if found == _NONE else found

    def every(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Give every place, one behind the other."""
        at = 0
        while (found := self.find(text, at)) is not None:
            yield found
            at = max(found[1], at + 1)


def options(memory: int = 8 << 20) -> re2.Options:
    """Return how patterns are compiled: a newline is a character, and what is wrong is raised and not logged.

    `memory` is how many bytes an automaton may have. One that would be larger is thrown away and made anew on and on.
    """
    chosen = re2.Options()
    chosen.max_mem = memory
    chosen.dot_nl = True
    chosen.log_errors = False
    return chosen
