"""A text as a person reads it: digits of other scripts, wide letters, odd spaces and dashes as ASCII, nothing without a shape.

A card in wide digits, and an address with a space of no width in it, are values like others, to whoever reads them and to
whoever wants to get one past a mask. Pure.
"""

from __future__ import annotations

import functools
import unicodedata
from bisect import bisect_right
from typing import Final, NamedTuple

from extproc.detection.expression import Expression

_FOLDED: Final = Expression(
    r"(?:[\x{A0}\x{AD}\x{61C}\x{660}-\x{669}\x{6F0}-\x{6F9}\x{966}-\x{96F}\x{9E6}-\x{9EF}\x{E50}-\x{E59}\x{180E}\x{2000}-\x{2015}"
    r"\x{202A}-\x{202F}\x{205F}-\x{206F}\x{2212}\x{24EA}\x{2460}-\x{2468}\x{3000}\x{FE00}-\x{FE0F}\x{FE58}\x{FE63}\x{FE6B}\x{FEFF}"
    r"\x{FF01}-\x{FF5E}\x{1D400}-\x{1D7FF}\x{E0000}-\x{E007F}])+"
)
_MOST: Final = 4096
"""How many letters are remembered."""


class Folded(NamedTuple):
    """A folded text, and where in the original each place of a change came from: both rise, and both begin at 0."""

    text: bytes
    places: list[int]
    origins: list[int]

    def origin(self, place: int) -> int:
        """Return where `place` of the folded text is in the original; of several, the last."""
        index = bisect_right(self.places, place) - 1
        return self.origins[index] + place - self.places[index]


def folded(text: bytes) -> Folded | None:
    """Return `text` as it is read; None where it is read as it is written."""
    parts: list[bytes] = []
    places, origins = [0], [0]
    at = size = 0
    for start, end in _FOLDED.every(text):
        parts.append(text[at:start])
        size += start - at
        at = start
        for letter in text[start:end].decode():
            plain = _plain(letter)
            parts.append(plain)
            places.append(size)
            origins.append(at)
            size += len(plain)
            at += len(letter.encode())
        places.append(size)
        origins.append(at)
    if not parts:
        return None
    return Folded(b"".join((*parts, text[at:])), places, origins)


@functools.lru_cache(maxsize=_MOST)
def _plain(letter: str) -> bytes:
    """Return one letter as ASCII; nothing for one without a shape."""
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter)).encode()
    if category in {"Cf", "Mn", "Cn"}:
        return b""
    if category == "Zs":
        return b" "
    if category == "Pd" or letter == "\u2212":
        return b"-"
    normal = unicodedata.normalize("NFKC", letter)
    return normal.encode() if normal.isascii() else letter.encode()
