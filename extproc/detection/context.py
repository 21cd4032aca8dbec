"""The words around a value, for and against its being what it seems.

Only so much of the text is looked at as a person would read to tell, so the cost of a value does not grow with its text. The name
of the value's column decides where it has one, else the word that stands nearest before the value; words after it only speak for
it. Pure.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import Final

import re2

from extproc.detection.columns import Column, column
from extproc.detection.expression import Expression
from extproc.detection.labels import label
from extproc.detection.things import SOLD

_NUMBER: Final = re.compile(rb"[0-9]")
_RUN: Final = re.compile(rb"[0-9]+")
_HUMPS: Final = re.compile(rb"(?<=[a-z0-9])(?=[A-Z])")
_OTHER: Final = re.compile(rb"[0-9](?:[^0-9A-Za-z\x80-\xff]{0,3}[0-9]){5}.*?[A-Za-z\x80-\xff]{2}", re.DOTALL)
"""A number, and words behind it."""
_NEXT: Final = re.compile(rb"(?:.[.!?][ \n]|[\r\n]).*?[A-Za-z\x80-\xff]{2}", re.DOTALL)
"""The end of a sentence or line, and words behind it."""
_ITS_OWN: Final = re.compile(rb"[A-Za-z\x80-\xff.]*[ :=.#]*[0-9+(]")
_APART: Final = re.compile(
    rb"\n|[,;] |(?i: (?:for|f\xc3\xbcr|pour|para|voor|dla) )|[A-Z][a-z\x80-\xff]+(?: [A-Z][a-z\x80-\xff]+)+ ?\(?$"
)
"""What parts a word from a number: the end of a line or clause, and whom the number is for."""
_BEFORE: Final = 48
_AFTER: Final = 24


class Context:
    """Words that speak for a value, and words that speak against it.

    A word is compared without regard to case, and stands at the beginning of a word of the text, so that `tel` is also found in
    ``Telefon`` and in ``home_telephone``; one that ends in ``$`` is a whole word. A word does not reach past another number whose
    word it is, nor one against a value into the next line.

    `named` is for numbers that have nothing of their own to be told by: whatever label or column is of something else speaks
    against them.
    """

    def __init__(self, speaking_for: Iterable[str], speaking_against: Iterable[str] = (), *, named: bool = False) -> None:
        self._named = named
        words = tuple(speaking_for)
        self.pattern = _any_of(words)
        """The words that speak for a value, as a pattern."""
        self._for = frozenset(word.removesuffix("$").lower() for word in words)
        self._either = Expression(_any_of((*words, *speaking_against)))
        self._after = Expression(self.pattern)

    def leaning(self, text: bytes, start: int, end: int) -> int:
        """Return 1 where the words speak for the value, -1 where they speak against it, 0 where there are none."""
        found = column(text, start, end)
        if found is not None and (decided := self._of_column(found)) is not None:
            return decided
        before = spaced(preceding(text, start, _BEFORE))
        nearest = deque(self._either.every(before), maxlen=1)
        begins, ends = nearest[0] if nearest else (0, 0)
        if self._named and (named := label(before)) is not None and named.foreign and (not nearest or ends <= named.begins):
            return -1
        if nearest:
            gap = before[ends:]
            if self._speaks_for(before[begins:ends]):
                if not self._past(gap, text[start:end]):
                    return 1
            elif _APART.search(gap) is None and _NEXT.search(gap) is None and not self._past(gap, text[start:end]):
                return -1
        return 1 if self._follows(text[end : end + _AFTER]) else 0

    def _speaks_for(self, word: bytes) -> bool:
        return word.decode().lower() in self._for

    def _of_column(self, found: Column) -> int | None:
        """Return what the name of a column says; None where it says nothing, and the words around may."""
        name = spaced(found.name)
        nearest = deque(self._either.every(name), maxlen=1)
        if nearest:
            begins, ends = nearest[0]
            return 1 if self._speaks_for(name[begins:ends]) else -1
        if not self._named:
            return None
        return -1 if any(each.lower() in SOLD for each in found.names) else 0

    def _past(self, gap: bytes, value: bytes) -> bool:
        """Whether the word before `gap` is that of something else: of another number, or of what a sentence before says."""
        other = _NUMBER.search(gap) if self._named else _OTHER.search(gap)
        if other is not None:
            shapes, shape = _RUN.sub(b"0", gap), _RUN.sub(b"0", value)
            at = shapes.find(shape)
            if at < 0 or shapes[at - 1 : at].isalnum():
                return True
        return self._named and _NEXT.search(gap) is not None

    def _follows(self, after: bytes) -> bool:
        """Whether a word that speaks for a value stands behind it, on its line, and not before the next value."""
        line = spaced(after.partition(b"\n")[0])
        found = self._after.find(line)
        return found is not None and _ITS_OWN.match(line, found[1]) is None


def preceding(text: bytes, start: int, size: int) -> bytes:
    """Return at most `size` bytes of `text` before `start`, from a whole letter on: RE2 goes past no part of one."""
    at = max(0, start - size)
    while at < start and text[at] & 0xC0 == 0x80:  # noqa: PLR2004 - further bytes of UTF-8
        at += 1
    return text[at:start]


def spaced(text: bytes) -> bytes:
    """Return `text` with the words of names apart: ``home_phone`` and ``homePhone``."""
    return _HUMPS.sub(b" ", text.replace(b"_", b" "))


def _any_of(words: Iterable[str]) -> str:
    return f"(?is)(?:{'|'.join(map(_word, words))})"


def _word(word: str) -> str:
    whole = word.endswith("$")
    quoted: str = re2.escape(word.removesuffix("$"))
    # RE2 knows the borders of words of ASCII letters only, which a word of another script does not have.
    return (r"(?:\b|_)" if word[0].isascii() and word[0].isalnum() else "") + quoted + (r"\b" if whole else "")
