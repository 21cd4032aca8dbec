"""The tree of a log as it is read, bundle by bundle from the left, and held against the tiles that lie there. Pure.

Unlike `edge`, which makes tiles of single leaves, it takes the hashes of a whole bundle at a time: a verifier has many to get
through. `rows` are of each level the hashes of the tile that is not full yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from extproc.audit import merkle, tiles
from extproc.audit.tiles import WIDTH, Tile

_LEVEL_BITS: Final = 8


class Ascent:
    """A tree that grows by bundles; `meet` is called with each full tile and its content."""

    def __init__(self, meet: Callable[[Tile, bytes], None]) -> None:
        self._meet = meet
        self.rows: list[list[bytes]] = [[]]
        self.size = 0

    def add(self, hashes: Sequence[bytes]) -> None:
        """Add the leaf hashes of a bundle. Only the last may be less than full."""
        self.rows[0] += hashes
        self.size += len(hashes)
        level = 0
        while len(row := self.rows[level]) == WIDTH:
            self._meet(Tile(level, (self.size >> _LEVEL_BITS * (level + 1)) - 1), b"".join(row))
            if level + 1 == len(self.rows):
                self.rows.append([])
            self.rows[level + 1].append(merkle.fold(merkle.peaks(row)))
            row.clear()
            level += 1

    def root(self, more: Sequence[bytes] = ()) -> bytes:
        """Return the root, with `more` leaf hashes at the end, fewer than fill a tile."""
        rows = [*self.rows[:0:-1], [*self.rows[0], *more]]
        return merkle.fold([peak for row in rows if row for peak in merkle.peaks(row)])

    def partial(self) -> list[tuple[Tile, bytes]]:
        """Return the tiles that are not full, with their content."""
        edge = [tile for tile in tiles.of_size(self.size) if tile.level is not None]
        return [(tile, b"".join(self.rows[tile.level or 0])) for tile in edge]
