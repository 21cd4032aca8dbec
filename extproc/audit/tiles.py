"""Tiles and entry bundles as c2sp.org/tlog-tiles has them: where they lie and what is in them. Pure.

A tile holds up to 256 hashes of one level of the tree in a row; those of level 0 are the hashes of leaves, those of any other
the roots of whole tiles below. A bundle holds the leaves themselves, of one tile of level 0. What is not full yet is *partial*
and has its width in its name.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from extproc.audit.merkle import HASH_BYTES

WIDTH: Final = 256
TILE_BYTES: Final = WIDTH * HASH_BYTES
LONGEST_LEAF: Final = 0xFFFF
"""Bytes: the length of a leaf has 16 bits in a bundle."""

_LENGTH: Final = struct.Struct(">H")
_ELEMENT: Final = 1000
_PATH: Final = re.compile(r"tile/([0-9]{1,2}|entries)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?")


class Tile(NamedTuple):
    """The place of a tile; of a bundle where `level` is None. `width` is how many hashes or leaves are in it."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where it lies below the log's folder."""
        name = f"{self.number % _ELEMENT:03d}"
        rest = self.number // _ELEMENT
        while rest:
            name = f"x{rest % _ELEMENT:03d}/{name}"
            rest //= _ELEMENT
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"tile/{'entries' if self.level is None else self.level}/{name}{partial}"


def found_at(path: str) -> Tile | None:
    """Return the tile that lies at `path`, below the log's folder; None for what is no tile's path."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    level, number, width = found.groups()
    digits = number.replace("/", "").replace("x", "")
    tile = Tile(None if level == "entries" else int(level), int(digits), int(width or WIDTH))
    return tile if tile.path == path and tile.width > 0 else None


def width_of(tile: Tile, content: bytes) -> int:
    """Return how many hashes or leaves are in the content of a tile or bundle; -1 for what is no row of them."""
    try:
        return len(leaves(content) if tile.level is None else hashes(content))
    except ValueError:
        return -1


def width_at(level: int, number: int, size: int) -> int:
    """Return how many hashes the tile has in a tree of `size` leaves; zero where there is no such tile."""
    return max(0, min(WIDTH, (size >> 8 * level) - number * WIDTH))


def of_size(size: int) -> list[Tile]:
    """Return the partial tiles and the partial bundle of a tree of `size` leaves: its right edge."""
    found = []
    level = 0
    while size >> 8 * level:
        width = (size >> 8 * level) % WIDTH
        if width:
            number = size >> 8 * (level + 1)
            found += [Tile(None, number, width)] * (level == 0) + [Tile(level, number, width)]
        level += 1
    return found


def hashes(tile: bytes) -> list[bytes]:
    """Return the hashes in a tile. Raises `ValueError` for what is none."""
    if len(tile) % HASH_BYTES or not 0 < len(tile) <= TILE_BYTES:
        raise ValueError("a tile is a row of up to 256 hashes")
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def bundled(leaf: bytes) -> bytes:
    """Return a leaf as it stands in a bundle. Raises `ValueError` for one that is too long."""
    if len(leaf) > LONGEST_LEAF:
        raise ValueError("a leaf is at most 65,535 bytes long")
    return _LENGTH.pack(len(leaf)) + leaf


def bundle(leaves: Iterable[bytes]) -> bytes:
    """Return the bundle of `leaves`. Raises `ValueError` for one that is too long."""
    return b"".join([bundled(leaf) for leaf in leaves])


def leaves(content: bytes) -> list[bytes]:
    """Return the leaves in a bundle. Raises `ValueError` for what is none."""
    found = []
    at, end = 0, len(content)
    while at < end:
        start = at + _LENGTH.size
        if start > end:
            raise ValueError("a bundle ends within a length")
        at = start + (content[at] << 8 | content[at + 1])
        found.append(content[start:at])
    if at != end:
        raise ValueError("a bundle ends within a leaf")
    return found
