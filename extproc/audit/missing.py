"""What a mirror lacks: the files that a log of some size consists of, and one of an earlier size did not. Pure.

A mirror needs no memory of its own. Whatever its checkpoint names was put there before it, so the size in that checkpoint says
what is there: every full tile and bundle below it, the partial ones of just that size, and every segment that was full before
its last entry was written. Keys are in no list here: what is erased by overwriting must not lie where nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from extproc.audit.tiles import Tile, of_size

_LEVEL_BITS: Final = 8


def tiles(old: int, new: int) -> Iterator[Tile]:
    """Give the tiles and bundles of a tree of `new` leaves that one of `old`, not more, did not have; lower levels first."""
    partial = [tile for tile in of_size(new) if tile not in of_size(old)]
    level = 0
    while new >> _LEVEL_BITS * level:
        bits = _LEVEL_BITS * (level + 1)
        for number in range(old >> bits, new >> bits):
            yield from [Tile(None, number), Tile(0, number)] if level == 0 else [Tile(level, number)]
        yield from [tile for tile in partial if (tile.level or 0) == level]
        level += 1


def segments(old: int, new: int, firsts: Sequence[int]) -> list[int]:
    """Return those of the segments in `firsts`, each named by its first entry, that are full in a log of `new` entries.

    Left out are those that were full with `old` entries already. A segment is full once there is an entry in the next.
    """
    return [first for first, following in pairwise(firsts) if old <= following < new]
