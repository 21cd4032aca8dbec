"""A log as it lies in its folder for everybody: checkpoint, tiles and bundles. Reads only, and believes nothing of it.

What a tile holds that is not there, or not in this width, can be had from the full tile or the tiles below it; whoever asks
for the hash of a range gets one, and what it proves is for the caller to see.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from extproc.audit import merkle, tiles
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.note import Note, Unverified, parse
from extproc.audit.tiles import WIDTH, Tile
from extproc.errors import AuditError

CHECKPOINT: Final = "checkpoint"
_LEVEL_BITS: Final = 8
_REMEMBERED: Final = 64  # tiles, 8 KiB each


class Published:
    """The log in `folder`. Raises `AuditError`, with the code ``log_unreadable``, where a file is missing or malformed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at_least = lru_cache(_REMEMBERED)(self._looked_up)

    def note(self) -> Note | None:
        """Return the checkpoint with its signatures, none of which is verified; None where there is no checkpoint."""
        path = self._folder / CHECKPOINT
        try:
            return parse(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, Unverified) as error:
            raise AuditError(f"{path}: {_told(error)}", code="log_unreadable") from error

    def checkpoint(self) -> Checkpoint | None:
        """Return what the checkpoint says, unverified; None where there is none."""
        note = self.note()
        try:
            return None if note is None else Checkpoint.parse(note.text)
        except Unverified as error:
            raise AuditError(f"{self._folder / CHECKPOINT}: {error}", code="log_unreadable") from error

    def has(self, tile: Tile) -> bool:
        """Whether there is a file of exactly this tile."""
        return (self._folder / tile.path).exists()

    def read(self, tile: Tile) -> bytes:
        """Return the bytes of exactly this tile or bundle."""
        path = self._folder / tile.path
        try:
            return path.read_bytes()
        except OSError as error:
            raise AuditError(f"{path}: {_told(error)}", code="log_unreadable") from error

    def hashes(self, tile: Tile) -> list[bytes]:
        """Return the hashes in exactly this tile."""
        found = self.read(tile)
        if len(found) != tile.width * merkle.HASH_BYTES:
            raise AuditError(f"{self._folder / tile.path}: not as long as its name says", code="log_unreadable")
        return tiles.hashes(found)

    def leaves(self, start: int, end: int) -> Iterator[bytes]:
        """Give the leaves from `start` to `end`."""
        for index in range(start // WIDTH, -(-end // WIDTH)):
            width = min(WIDTH, end - index * WIDTH)
            yield from self._bundle(Tile(None, index, width))[max(0, start - index * WIDTH) :]

    def hash(self, start: int, end: int) -> bytes:
        """Return the hash of the leaves from `start` to `end`, which are a subtree of a tree of `end` leaves or more."""
        return merkle.fold([self._subtree(*found) for found in merkle.whole_subtrees(start, end)])

    def _subtree(self, start: int, end: int) -> bytes:
        level, rest = divmod((end - start).bit_length() - 1, _LEVEL_BITS)
        index, first = divmod(start >> level * _LEVEL_BITS, WIDTH)
        last = first + (1 << rest)
        return merkle.fold(merkle.peaks(self._at_least(level, index, last)[first:last]))

    def _looked_up(self, level: int, index: int, width: int) -> list[bytes]:
        """Return at least `width` hashes of a tile: from its file, from the full one, or from the tiles below."""
        for tile in (Tile(level, index), Tile(level, index, width)):
            if self.has(tile):
                return self.hashes(tile)
        if level == 0:
            return [merkle.leaf_hash(leaf) for leaf in self._bundle(Tile(None, index, width))]
        below = range(index * WIDTH, index * WIDTH + width)
        return [merkle.fold(merkle.peaks(self._looked_up(level - 1, each, WIDTH))) for each in below]

    def _bundle(self, tile: Tile) -> list[bytes]:
        """Return the leaves of a bundle: from the full one, else from it, else from a wider one."""
        for width in (WIDTH, *range(tile.width, WIDTH)):
            if self.has(found := tile._replace(width=width)):
                try:
                    leaves = tiles.leaves(self.read(found))
                except ValueError as error:
                    raise AuditError(f"{self._folder / found.path}: {error}", code="log_unreadable") from error
                if len(leaves) == width:
                    return leaves[: tile.width]
                raise AuditError(f"{self._folder / found.path}: not as many leaves as its name says", code="log_unreadable")
        raise AuditError(f"{self._folder / tile.path}: No such file", code="log_unreadable")


def _told(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
