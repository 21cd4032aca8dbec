"""What recognises one kind of value: a pattern that proposes, and a judge that decides.

The pattern is RE2's and is what costs time on every text; the judge sees only what the pattern found. Where the pattern has a
group, the group is the value. Pure; it knows no entity by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from extproc.detection.expression import Expression

_RUN: Final = re.compile(rb"[^0-9A-Za-z\x80-\xff]*[0-9A-Za-z\x80-\xff]*")


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
        self._pattern = Expression(recogniser.pattern)

    def verdicts(self, text: bytes) -> list[Verdict]:
        """Return every value in `text`, in order."""
        found: list[Verdict] = []
        at = 0
        while (place := self._pattern.find(text, at)) is not None:
            start, end = place
            verdict = self._judge(text, start, end)
            if verdict is not None:
                found.append(verdict)
                end = verdict.end
            elif self._again and (run := _RUN.match(text, start)) is not None:
                end = run.end()
            at = max(end, at + 1)
        return found
