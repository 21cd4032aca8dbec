"""What was found in a text, and which of several findings of one place hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A value of the type `type` from `start` to `end`, and how sure that is, from 0 to 1."""

    type: str
    start: int
    end: int
    score: float


def settled(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that hold, in order and apart from each other.

    Of two of which one holds the other, it stands for both: an address of the web and the number in it are masked as one. Of two
    that have the same place, or overlap, the surer gives the type; nothing of either is left open.
    """
    kept: list[Finding] = []
    for found in sorted(findings, key=lambda each: (each.start, -each.end, -each.score)):
        if not kept or found.start >= kept[-1].end:
            kept.append(found)
        elif found.end > kept[-1].end:
            surer = max(kept[-1], found, key=lambda each: each.score)
            kept[-1] = msgspec.structs.replace(surer, start=kept[-1].start, end=found.end)
    return kept
