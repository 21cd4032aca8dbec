"""The words around a value, for and against its being what it seems.

Only so much of the text is looked at as a person would read to tell, so the cost of a value does not grow with its text. The
word that stands nearest before the value counts; words after it only speak for it. Pure.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import Final

import re2

from extproc.detection.expression import Expression

_NUMBER: Final = re.compile(rb"[0-9]")
_BEFORE: Final = 48
_AFTER: Final = 24


class Context:
    """Words that speak for a value, and words that speak against it.

    A word is compared without regard to case, and stands at the beginning of a word of the text, so that `tel` is also found in
    ``Telefon``; one that ends in ``$`` is a whole word. A word against a value does not reach into the next line, and with
    `own` not past another number, whose word it is; that is for values that begin where their number does.
    """

    def __init__(self, speaking_for: Iterable[str], speaking_against: Iterable[str] = (), *, own: bool = False) -> None:
        self._own = own
        words = tuple(speaking_for)
        self.pattern = _any_of(words)
        """The words that speak for a value, as a pattern."""
        self._for = frozenset(word.removesuffix("$").lower().encode() for word in words)
        self._either = Expression(_any_of((*words, *speaking_against)))
        self._after = Expression(self.pattern)

    def leaning(self, text: bytes, start: int, end: int) -> int:
        """Return 1 where the words speak for the value, -1 where they speak against it, 0 where there are none."""
        before = text[_letter(text, start - _BEFORE) : start]
        nearest = deque(self._either.every(before), maxlen=1)
        if nearest:
            begins, ends = nearest[0]
            if before[begins:ends].decode().lower().encode() in self._for:
                return 1
            if b"\n" not in before[ends:] and not (self._own and _NUMBER.search(before, ends)):
                return -1
        return 1 if self._after.find(text[end : end + _AFTER]) is not None else 0


def _letter(text: bytes, at: int) -> int:
    """Return where the first whole letter from `at` on begins: RE2 goes past no part of one."""
    at = max(0, at)
    while at < len(text) and text[at] & 0xC0 == 0x80:  # noqa: PLR2004 - further bytes of UTF-8
        at += 1
    return at


def _any_of(words: Iterable[str]) -> str:
    return f"(?is){'|'.join(map(_word, words))}"


def _word(word: str) -> str:
    whole = word.endswith("$")
    quoted: str = re2.escape(word.removesuffix("$"))
    # RE2 knows the borders of words of ASCII letters only, which a word of another script does not have.
    return (r"\b" if word[0].isascii() and word[0].isalnum() else "") + quoted + (r"\b" if whole else "")
