"""What recognises one kind of value: a pattern that proposes, and a judge that decides.

The pattern is RE2's and is what costs time on every text; the judge sees only what the pattern found. Where the pattern has a
group, the group is the value. Pure; it knows no entity by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import re2


class Verdict(NamedTuple):
    """Where in a text a value stands, in bytes, and how sure that is, from 0 to 1."""

    start: int
    end: int
    score: float


Judge = Callable[[bytes, int, int], Verdict | None]
"""Decide on what a pattern found in a text from `start` to `end`: the value, which may be a part of it, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recogniser:
    """One way to recognise values of the type `entity`.

    `cue` is a simpler pattern that occurs in whatever text `pattern` occurs in. Cues of all recognisers are looked for together;
    where one does not occur, its recognisers have nothing to do.

    `again` says where the search goes on after a refusal: behind what the pattern found, or, where a value may begin inside of
    it, behind its first run of letters and digits. A pattern with `again` has a greatest length, or the search would not be
    linear.
    """

    entity: str
    cue: str
    pattern: str
    judge: Judge
    again: bool = False


class Search:
    """A recogniser's pattern, compiled."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.entity = recogniser.entity
        self._judge = recogniser.judge
        self._again = recogniser.again
        self._regexp = re2.compile(recogniser.pattern, options())
        self._group = min(self._regexp.groups, 1)

    def verdicts(self, text: bytes) -> list[Verdict]:
        """Return every value in `text`, in order."""
        found: list[Verdict] = []
        at = 0
        while (match := self._regexp.search(text, at)) is not None:
            start, end = match.span(self._group)
            verdict = self._judge(text, start, end)
            if verdict is not None:
                found.append(verdict)
                at = max(verdict.end, at + 1)
            else:
                at = max(_first_run(text, start, end) if self._again else match.end(), at + 1)
        return found


def options() -> re2.Options:
    """Return how patterns are compiled: a newline is a character, and what is wrong is raised and not logged."""
    chosen = re2.Options()
    chosen.dot_nl = True
    chosen.log_errors = False
    return chosen


def _first_run(text: bytes, start: int, end: int) -> int:
    """Return where the first run of letters and digits between `start` and `end` ends."""
    at = start
    while at < end and not _is_word(text[at]):
        at += 1
    while at < end and _is_word(text[at]):
        at += 1
    return at


def _is_word(byte: int) -> bool:
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte >= 128  # noqa: PLR2004 - 0-9, A-Z, a-z, not ASCII
