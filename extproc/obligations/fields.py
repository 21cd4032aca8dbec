"""Which fields of a record a policy's pattern names.

A field is named by its path: the keys of the objects that hold it, joined by dots. Lists have no name of their own: an element
has the path of its list. A path is compared as text, so ``profile.email`` is the member ``email`` of the object ``profile``
and also a key that is spelt with the dot: whoever writes a record chooses the spelling, and neither may get round a mask.
Letter case counts.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

from extproc.errors import Unfulfillable

_MOST_PATTERNS: Final = 1024
"""How many patterns are remembered; they are the policy's, of which there are few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One field and all that it holds (``email``); or all that lies below one (``profile.*``); or every field (``*``).

    `text` is the pattern as the policy wrote it, `base` the path without the star; `below` is true where there is a star.
    """

    text: str
    base: str
    below: bool

    def matches(self, path: str) -> bool:
        """Return whether the field at `path` is named, itself or as a part of what is."""
        return not self.base or path.startswith(f"{self.base}.") or (path == self.base and not self.below)

    def covers(self, other: Pattern) -> bool:
        """Return whether every field that `other` names is named."""
        if not self.base or other.base.startswith(f"{self.base}."):
            return True
        return other.base == self.base and (other.below or not self.below)

    def reaches(self, path: str) -> bool:
        """Return whether a field that lies below `path` may be named."""
        return self.base.startswith(f"{path}.") or (self.below and path == self.base)

    def touches(self, path: str) -> bool:
        """Return whether a question about `path` tells of a field that is named, of what that holds or of what holds it."""
        return (
            not self.base
            or path == self.base
            or path.startswith(f"{self.base}.")
            or self.base.startswith(f"{path}.")
            # A field that is itself a pattern ("e*") may stand for any.
            or "*" in path
        )


@functools.lru_cache(maxsize=_MOST_PATTERNS)
def parse(text: str) -> Pattern:
    """Read a pattern. Raises `Unfulfillable` (``mask_pattern_invalid``) for a star anywhere but alone or after the last dot.

    Such a pattern would match nothing, and a mask that matches nothing hides nothing.
    """
    base = "" if text == "*" else text.removesuffix(".*")
    if not text or "*" in base or (not base and text != "*"):
        raise Unfulfillable("a field pattern of the policy is not a name, a name and '.*', or '*'", code="mask_pattern_invalid")
    return Pattern(text=text, base=base, below=base != text)
