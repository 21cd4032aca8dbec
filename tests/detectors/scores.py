"""Precision and recall of findings against labels, by entity.

A labelled value counts as found where a finding of its type shares more than half of what the two cover together; that is more
lenient than the same place, and equally so for whoever is measured.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).with_name("corpus")
DIGESTS: Final = {
    "fifth": "236692cc3861249c69b47d3ce35f80e93745376e2bc43033296c45634886db70",
    "first": "1fd5c54dded843ef052f2fa4091a5ebd73547162611a603195e68d7f68fe2cb0",
    "second": "63edf315ba17e24eee2256110a4f455af6d988e02c57e6917f8a93c8fe1fd110",
    "fourth": "24ad61e94e1452a8c55590a700ff15e1991e0f6bc281b3ec6b619e89efb5c6cd",
    "third": "9a6144864d2041bb269bf0750be428d4d8f4e107d9582c64e0beac07ee973187",
}
"""Of the parts, as they were frozen."""

Span = tuple[str, int, int]
"""A type, and where a value of it begins and ends, in characters."""


@dataclass(frozen=True, slots=True)
class Score:
    """How many values of a type were found rightly, found wrongly, and missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Which part of what was found is right; 1 where nothing was found."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Which part of what is there was found; 1 where nothing is there."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)


def labelled(part: str) -> tuple[list[str], list[list[Span]]]:
    """Return the texts of one part of the corpus and the values in them. Raises `ValueError` where it was changed."""
    data = (CORPUS / f"{part}.jsonl").read_bytes()
    if hashlib.sha256(data).hexdigest() != DIGESTS[part]:
        message = f"the corpus {part} is not the one that was frozen"
        raise ValueError(message)
    records = [json.loads(line) for line in data.decode().splitlines()]
    return (
        [record["text"] for record in records],
        [[(each["type"], each["start"], each["end"]) for each in record["entities"]] for record in records],
    )


def scored(labels: Sequence[Iterable[Span]], found: Sequence[Iterable[Span]]) -> dict[str, Score]:
    """Return the score of each type that is labelled or found, in alphabetical order."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for there, came in zip(labels, found, strict=True):
        left = list(there)
        for span in came:
            match = next((each for each in left if _same(each, span)), None)
            if match is None:
                wrong[span[0]] += 1
            else:
                right[span[0]] += 1
                left.remove(match)
        missed.update(type_ for type_, _, _ in left)
    return {name: Score(right[name], wrong[name], missed[name]) for name in sorted({*right, *wrong, *missed})}


def _same(one: Span, other: Span) -> bool:
    shared = min(one[2], other[2]) - max(one[1], other[1])
    return one[0] == other[0] and 2 * shared > max(one[2], other[2]) - min(one[1], other[1])
