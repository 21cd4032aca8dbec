"""The right edge of a growing tree: all that must be remembered to add leaves to it, and the tiles that are full by then. Pure.

Leaves come in, full tiles and bundles come out; what is not full yet can be had as partial tiles of the size that the tree has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from extproc.audit import merkle, tiles
from extproc.audit.tiles import TILE_BYTES, WIDTH, Tile


class Content(NamedTuple):
    """A tile or bundle, and what is in it."""

    tile: Tile
    content: bytes


class Edge:
    """The right edge of a tree of `size` leaves, which grows by `add`.

    It begins with an empty tree, or with one of a multiple of 256 leaves, whose full tiles `read` gives as rows of hashes.
    """

    def __init__(self, size: int = 0, read: Callable[[Tile], list[bytes]] | None = None) -> None:
        if size % WIDTH:
            raise ValueError("an edge begins between two bundles")
        self.size = size
        self._bundle = bytearray()
        self._rows: list[bytearray] = [bytearray()]  # of each level the hashes of its last, unfinished tile
        level = 1
        while read is not None and size >> 8 * level:
            first = size >> 8 * (level + 1) << 8
            below = [read(Tile(level - 1, index)) for index in range(first, size >> 8 * level)]
            self._rows.append(bytearray().join(merkle.fold(merkle.peaks(row)) for row in below))
            level += 1

    def add(self, leaf: bytes) -> list[Content]:
        """Add a leaf; return what became full by it. Raises `ValueError` for one that is too long, and then adds nothing."""
        self._bundle += tiles.bundled(leaf)
        full = self._push(0, merkle.leaf_hash(leaf))
        self.size += 1
        if full:
            full.insert(0, Content(Tile(None, self.size // WIDTH - 1), bytes(self._bundle)))
            self._bundle.clear()
        return full

    def root(self) -> bytes:
        """Return the root of the tree."""
        peaks = [merkle.peaks(tiles.hashes(bytes(row))) for row in reversed(self._rows) if row]
        return merkle.fold([peak for row in peaks for peak in row])

    def partial(self) -> list[Content]:
        """Return the partial tiles and the partial bundle of this size."""
        return [
            Content(tile, bytes(self._bundle if tile.level is None else self._rows[tile.level]))
            for tile in tiles.of_size(self.size)
        ]

    def _push(self, level: int, found: bytes) -> list[Content]:
        if level == len(self._rows):
            self._rows.append(bytearray())
        row = self._rows[level]
        row += found
        if len(row) < TILE_BYTES:
            return []
        content = bytes(row)
        row.clear()
        full = Content(Tile(level, self.size >> 8 * (level + 1)), content)
        return [full, *self._push(level + 1, merkle.fold(merkle.peaks(tiles.hashes(content))))]
