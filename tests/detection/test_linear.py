"""The work that a text costs grows as its length does, whatever is in it: the texts on which patterns usually run away.

Work is counted, not timed: the bytes that patterns are searched over, and the steps of the program besides.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from extproc.detection.catalogue import Catalogue
from extproc.detection.expression import Expression

CATALOGUE = Catalogue()
DETECTOR = CATALOGUE.detector(CATALOGUE.patterned)
UNITS = {
    "addresses without an end": "a.",
    "at signs": "a@",
    "dots behind an at sign": "x@a.b",
    "an address and another": "x@a.bb.1",
    "dashes": "a-",
    "plus signs": "+1",
    "digits": "1",
    "digits in groups": "4111 ",
    "cards that are none": "4111 1111 1111 1112 ",
    "telephone numbers that are none": "555-0100 ",
    "telephone numbers on lines": "\n+1 303 555 0158",
    "brackets": "(((",
    "rows of a table": "a,b\n303-555-0158,7\n",
    "cells of one row": "520-25-2260,",
    "rows that a statement fills": "VALUES ('520-25-2260', 3035550158), ",
    "labels": "policy number ",
    "labels of numbers": "number 3035550158 ",
    "names of columns": "phone|",
    "words for what has numbers": "order ",
    "names of hardware": "mac address 001b44113ab7 ",
    "paths that are no keys": "key=a/b/c-",
    "an address of the web in brackets": "http://a)",
    "schemes": "a://",
    "passwords in addresses of the web": "a://b:c@",
    "secrets": "secret: ",
    "keys": "api_key=",
    "private keys that begin": "-----BEGIN PRIVATE KEY-----",
    "issued keys": "AKIA",
    "JWT": "eyJhbGciOi.",
    "colons": ":",
    "groups of an address": "fe80:",
    "octets": "1.1.",
    "pairs": "aa:",
    "IBANs that are none": "DE11 1111 ",
    "letters": "A",
    "base 58": "1A",
    "accents": "é@",
    "wide digits": "４",
    "nothing to be seen": "\u200b",
    "ends of lines": "\n",
    "null": "\0",
}
SIZE = 4_000


class Work:
    """Counts what is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done = 0
        find = Expression.find

        def counted(expression: Expression, text: bytes, at: int = 0) -> tuple[int, int] | None:
            found = find(expression, text, at)
            self.done += (len(text) if found is None else found[1]) - at
            return found

        monkeypatch.setattr(Expression, "find", counted)

    def of(self, text: str) -> int:
        """Return the work that a text costs."""
        encoded, self.done = text.encode(), 0

        def step(_: FrameType, __: str, ___: Any) -> None:
            self.done += 1

        sys.setprofile(step)
        try:
            DETECTOR.findings(encoded)
        finally:
            sys.setprofile(None)
        return self.done


@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS.keys())
def test_work_grows_as_the_text_does(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the text is about four times the work."""
    work = Work(monkeypatch)
    work.of(unit)  # what is worked out once
    short = unit * (SIZE // len(unit))
    least, most = work.of(short), work.of(short * 4)

    assert most <= 4.5 * least + SIZE


def test_the_count_would_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that goes over the text again for each place in it is no linear work."""
    work = Work(monkeypatch)
    pattern = Expression("b")

    def again(text: bytes) -> None:
        for at in range(len(text)):
            pattern.find(text, at)

    counts = []
    for size in (100, 400):
        work.done = 0
        again(b"a" * size)
        counts.append(work.done)

    assert counts[1] > 10 * counts[0]
