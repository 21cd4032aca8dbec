"""The publisher of one log: makes tiles, bundles and signed checkpoints of leaves that are on the disk already.

What is signed is never taken back: a leaf is given to the publisher once its record is durable, so after any crash the tree is
made again of the records and every checkpoint that anyone could have seen still holds. Full tiles are durable before the
checkpoint that needs them; partial ones are not waited for, because the records hold what is in them. For one thread.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from extproc.audit import note
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.edge import Content, Edge
from extproc.audit.files import Files
from extproc.audit.note import Note, Signer
from extproc.audit.published import CHECKPOINT
from extproc.audit.tiles import WIDTH, Tile, of_size

DRAFT: Final = ".draft"
_PARTIAL: Final = ".p"


class Publisher:
    """Publishes in `folder` the tree whose right edge is `edge`; of it the first `size` leaves are published already.

    A checkpoint is signed first and shown then, so that others may sign it in between.

    `missing` are tiles that are not on the disk yet. Every method raises `OSError`.
    """

    def __init__(
        self, folder: Path, files: Files, signers: Sequence[Signer], *, edge: Edge, missing: Sequence[Content], size: int
    ) -> None:
        self._folder = folder
        self._files = files
        self._signers = signers
        self._edge = edge
        self._full = list(missing)
        self._leaves: list[bytes] = []
        self._unsynced: set[Path] = set()
        self._made_full: list[Tile] = []
        self.signed = size
        """How many leaves the last signed checkpoint is about."""

    @property
    def behind(self) -> int:
        """How many leaves no checkpoint is about yet."""
        return self._edge.size + len(self._leaves) - self.signed

    def take(self, leaves: Sequence[bytes]) -> None:
        """Note leaves, in order. It costs nothing: who waits for them is to be answered first."""
        self._leaves += leaves

    def add(self) -> None:
        """Add to the tree what was taken."""
        for leaf in self._leaves:
            self._full += self._edge.add(leaf)
        self._leaves.clear()

    def sign(self) -> Note:
        """Return a signed checkpoint of everything that was taken; whatever it needs is in its place."""
        self.add()
        self._put_full()
        for tile, content in self._edge.partial():
            self._put(tile, content, durable=False)
        checkpoint = Checkpoint(self._signers[0].name, self._edge.size, self._edge.root())
        self.signed = self._edge.size
        return note.signed(checkpoint.text, self._signers)

    def show(self, signed: Note) -> None:
        """Publish the last checkpoint that was signed."""
        self._files.put(self._folder / CHECKPOINT, signed.content, draft=self._folder / DRAFT, durable=True)
        for tile in self._made_full:
            self._remove_partial(tile)
        self._made_full.clear()

    def settle(self) -> None:
        """Make durable all that is full, and the names of it, so that no record is needed for it any more."""
        self.add()
        self._put_full()
        for folder in sorted(self._unsynced, reverse=True):
            self._files.sync_folder(folder)
        self._unsynced.clear()

    def tidy(self) -> None:
        """Remove partial tiles of every other size than the present one; after a crash there may be anything in them."""
        kept = {str(self._folder / tile.path) for tile in of_size(self._edge.size)}
        for folder, _, names in os.walk(self._folder / "tile", topdown=False):
            if folder.endswith(_PARTIAL):
                for path in (Path(folder, name) for name in names):
                    if str(path) not in kept:
                        self._files.remove(path)
                if not any(Path(folder).iterdir()):
                    Path(folder).rmdir()

    def _put_full(self) -> None:
        for full in self._full:
            self._put(full.tile, full.content, durable=full.tile.width == WIDTH)
        self._made_full += [full.tile for full in self._full if full.tile.width == WIDTH]
        self._full.clear()

    def _put(self, tile: Tile, content: bytes, *, durable: bool) -> None:
        path = self._folder / tile.path
        inside = [parent for parent in path.parents if parent.is_relative_to(self._folder)]
        if not path.parent.exists():
            for parent in reversed(inside[:-1]):
                parent.mkdir(mode=0o700, exist_ok=True)
        self._files.put(path, content, draft=self._folder / DRAFT, durable=durable)
        if durable:
            self._unsynced.update(inside)

    def _remove_partial(self, tile: Tile) -> None:
        """Remove the partial tiles that a full one has taken the place of."""
        folder = (self._folder / tile._replace(width=WIDTH - 1).path).parent
        if folder.exists():
            for path in folder.iterdir():
                self._files.remove(path)
            folder.rmdir()
