"""Verifies the log of one worker from the first byte to the last: checkpoint, leaves, tiles, and the records beside them.

Everything in the folder must be what the checkpoint commits to: every leaf names its log and its index, every tile holds the
hashes of what is below it, every record is the one that its leaf commits to, and no file is there that belongs to nothing.
Entries that no checkpoint is about yet are read too. Memory does not grow with the log. It writes nothing and knows no key that
seals or signs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from extproc.audit import merkle, tiles
from extproc.audit.ascent import Ascent
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.journal import Place
from extproc.audit.merkle import HASH_BYTES
from extproc.audit.note import Kind, Note, Unverified, Verifier
from extproc.audit.published import CHECKPOINT, Published
from extproc.audit.publisher import DRAFT
from extproc.audit.receipts import retained
from extproc.audit.records import Finding, Kept, Records, Said, said
from extproc.audit.sealing import ERASED
from extproc.audit.tiles import WIDTH, Tile
from extproc.audit.trust import Signed, Trust
from extproc.errors import AuditError

_LAST_WORD: Final = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What holds: a log of `size` entries, `waiting` more under no checkpoint yet, `torn` bytes of an unfinished one.

    `erased` are the indexes of entries whose keys were destroyed, `said` what leaves of kind `administration` tell.
    """

    origin: str
    size: int
    root: bytes
    signed: Signed
    waiting: int = 0
    torn: int = 0
    erased: tuple[int, ...] = ()
    said: tuple[Said, ...] = ()


class Verification:
    """Verifies the log of `worker` below `directory`.

    `given` are keys that count, `since` earlier checkpoints of this log. With `leaves_only` the records are not looked at; of a
    `mirrored` log there are no keys, and no records after the last full segment.
    `progress` is told how many entries of how many were read.
    """

    def __init__(
        self,
        directory: Path,
        worker: str,
        *,
        given: Sequence[Verifier] = (),
        since: Sequence[Note] = (),
        leaves_only: bool = False,
        mirrored: bool = False,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self._place = Place.of(directory, worker)
        self._worker = worker
        self._published = Published(self._place.log)
        self._given = given
        self._since = since
        self._progress = progress
        self._records = None if leaves_only else Records(self._place.private, mirrored=mirrored)
        self._mirrored = mirrored
        self._ascent = Ascent(self._meet)
        self._beyond: dict[tuple[int | None, int], bytes] = {}  # what tiles hold that no checkpoint is about
        self._first = 0 if self._records is None else self._records.first
        self._size = 0
        self._erased: list[int] = []
        self._said: list[Said] = []
        self._last = ""

    def run(self) -> Verified:
        """Return what holds. Raises `Finding` for the first thing that does not."""
        strays = list(self._strays(self._checkpoint()[1].size))
        shown, checkpoint = self._checkpoint()  # read again: what was there by then is explained by what is read from now on
        trust = Trust(checkpoint.origin, tuple(self._given))
        earlier = sorted((Checkpoint.parse(each.text), each) for each in self._since)
        self._size = checkpoint.size
        kept = iter(self._records) if self._records else iter(())
        endorsed = self._read(checkpoint, trust, kept, earlier)
        try:
            signed = trust.signed(shown, endorsed=endorsed) if checkpoint.size or self._given else Signed((), {})
        except Unverified as error:
            raise Finding(self._named(CHECKPOINT), str(error)) from error
        for verifier in self._given:
            if verifier.kind is Kind.WITNESS and verifier not in signed.witnesses:
                raise Finding(self._named(CHECKPOINT), f"the witness {verifier.name} has not signed this")
        waiting = self._read_on(checkpoint, kept)
        if self._records and self._records.first > retained(each.detail for each in self._said):
            raise Finding(f"private/{self._worker}", "the record is gone", 0)
        self._explain(strays)
        torn = self._records.torn if self._records else 0
        if self._records and self._last == _LAST_WORD and not self._records.orderly and not waiting:
            raise Finding(f"private/{self._worker}", "something follows the last record of a worker that stopped in good order")
        return Verified(
            origin=checkpoint.origin,
            size=checkpoint.size,
            root=checkpoint.root,
            signed=signed,
            waiting=waiting,
            torn=torn,
            erased=tuple(self._erased),
            said=tuple(self._said),
        )

    # --- what is under the checkpoint -----------------------------------------------------------------------------------

    def _checkpoint(self) -> tuple[Note, Checkpoint]:
        try:
            shown = self._published.note()
            if shown is None:
                raise Finding(self._named(CHECKPOINT), "there is none")
            found = Checkpoint.parse(shown.text)
        except (AuditError, Unverified) as error:
            raise Finding(self._named(CHECKPOINT), str(error)) from error
        if not found.origin.endswith(f"/{self._worker}"):
            raise Finding(self._named(CHECKPOINT), f"this is the checkpoint of {found.origin}")
        return shown, found

    def _read(self, checkpoint: Checkpoint, trust: Trust, kept: Iterator[Kept], earlier: list[tuple[Checkpoint, Note]]) -> int:
        """Read all that is under the checkpoint; return how many entries of it a trusted key had signed before."""
        endorsed = 0
        pending = [each for each in earlier if each[0].size <= checkpoint.size]
        if len(pending) < len(earlier):
            raise Finding(self._named(CHECKPOINT), f"then it had {earlier[-1][0].size} entries, and now {checkpoint.size}")
        for start in range(0, max(checkpoint.size, 1), WIDTH):
            end = min(start + WIDTH, checkpoint.size)
            hashes = self._bundle(checkpoint.origin, start, end, trust, kept)
            while pending and pending[0][0].size < end:
                old, note = pending.pop(0)
                endorsed = self._endorse(old, note, hashes[: old.size - start], trust)
            self._ascent.add(hashes)
            self._progress(end, checkpoint.size)
        for old, note in pending:
            endorsed = self._endorse(old, note, (), trust)
        for tile, content in self._ascent.partial():
            self._compare(tile, content)
        if self._ascent.root() != checkpoint.root:
            raise Finding(self._named(CHECKPOINT), "the root is not that of the entries")
        return endorsed

    def _endorse(self, old: Checkpoint, shown: Note, more: Sequence[bytes], trust: Trust) -> int:
        """Hold an earlier checkpoint against the tree of its size; return that size."""
        if old.origin != trust.origin:
            raise Finding("the earlier checkpoint", f"it is of {old.origin}, and this log is {trust.origin}")
        if self._ascent.root(more) != old.root:
            raise Finding(self._named(CHECKPOINT), f"its first {old.size} entries are not those of then")
        try:
            trust.signed(shown, endorsed=0)
        except Unverified as error:
            raise Finding("the earlier checkpoint", str(error)) from error
        return old.size

    def _bundle(self, origin: str, start: int, end: int, trust: Trust, kept: Iterator[Kept]) -> list[bytes]:
        """Read the leaves of a bundle; return their hashes."""
        leaves = self._leaves(start, end)
        recorded = self._records is not None
        for index, leaf in enumerate(leaves, start):
            told = said(leaf, origin, index)
            if told is None:
                place = self._named(Tile(None, start // WIDTH, end - start).path)
                raise Finding(place, "the leaf is not what it should be", index)
            if recorded and index >= self._first:
                self._agree(leaf, told, kept)
            if told.kind == "start":
                self._learn(trust, told)
            elif told.kind == "administration":
                self._said.append(told)
            self._last = told.kind
        return [merkle.leaf_hash(leaf) for leaf in leaves]

    def _learn(self, trust: Trust, told: Said) -> None:
        try:
            trust.learn(told.index, told.detail)
        except Unverified as error:
            raise Finding(self._named(CHECKPOINT), str(error), told.index) from error

    def _agree(self, leaf: bytes, told: Said, kept: Iterator[Kept]) -> None:
        found = next(kept, None)
        if found is None and self._mirrored:
            return
        if found is None:
            raise Finding(f"private/{self._worker}", "the record is damaged or gone", told.index)
        found.agree(leaf, told)
        if found.slot == ERASED:
            self._erased.append(told.index)

    def _leaves(self, start: int, end: int) -> list[bytes]:
        if start == end:
            return []
        try:
            return list(self._published.leaves(start, end))
        except AuditError as error:
            raise self._unreadable(error) from error

    def _meet(self, tile: Tile, content: bytes) -> None:
        if tile.level is not None and (tile.number + 1) << 8 * (tile.level + 1) <= self._size:
            self._compare(tile, content)
        else:
            self._beyond[tile.level, tile.number] = content

    def _compare(self, tile: Tile, content: bytes) -> None:
        """Hold a tile against what is below it. One that is full by now may have taken the place of a partial one."""
        there = self._published.has(tile)
        try:
            found = self._published.read(tile if there else tile._replace(width=WIDTH))
        except AuditError as error:
            raise self._unreadable(error) from error
        if not found.startswith(content) or (there and found != content):
            row = tiles.hashes(content)
            same = [found[at * HASH_BYTES :].startswith(each) for at, each in enumerate(row)]
            index = (tile.number * WIDTH + [*same, False].index(False)) << 8 * (tile.level or 0)
            raise Finding(self._named(tile.path), "the tile does not hold the hashes of what is below it", index)

    # --- what is not ----------------------------------------------------------------------------------------------------

    def _read_on(self, checkpoint: Checkpoint, kept: Iterator[Kept]) -> int:
        """Read the records that no checkpoint is about yet; return how many there are."""
        start = checkpoint.size // WIDTH * WIDTH
        bundle = bytearray().join(tiles.bundled(leaf) for leaf in self._leaves(start, checkpoint.size))
        index = checkpoint.size
        ascent = self._ascent
        ended = self._last == _LAST_WORD
        for found in kept:
            leaf = found.whole.leaf
            told = said(leaf, checkpoint.origin, index)
            if told is None or (ended and index == checkpoint.size and told.kind != "start"):
                raise Finding(found.file, "the record is none of this log", index)
            found.agree(leaf, told)
            bundle += tiles.bundled(leaf)
            index += 1
            if index % WIDTH == 0:
                self._beyond[None, index // WIDTH - 1] = bytes(bundle)
                bundle.clear()
            ascent.add([merkle.leaf_hash(leaf)])
        if bundle:
            self._beyond[None, index // WIDTH] = bytes(bundle)
        for tile, content in ascent.partial():
            self._beyond[tile.level, tile.number] = content
        return index - checkpoint.size

    def _strays(self, size: int) -> Iterator[Path]:
        """Give the files that are not just the full tiles of a tree of `size`: partial ones, and whatever else there is."""
        for path in self._place.log.rglob("*"):
            if path.is_symlink() or not path.is_dir():
                name = path.relative_to(self._place.log)
                tile = tiles.found_at(str(name))
                whole = tile is not None and tile.width == WIDTH and not path.is_symlink()
                if tile is None or not whole or (tile.number + 1) << 8 * ((tile.level or 0) + 1) > size:
                    yield name

    def _explain(self, strays: Iterable[Path]) -> None:
        """Hold each of these files against what was read. Raises `Finding` for what is otherwise or belongs nowhere."""
        for name in strays:
            if str(name) in {CHECKPOINT, DRAFT}:
                continue
            tile = tiles.found_at(str(name))
            if tile is None or (self._place.log / name).is_symlink():
                raise Finding(self._named(str(name)), "this is no file of a log")
            try:
                found = (self._place.log / name).read_bytes()
            except FileNotFoundError:
                continue  # a full tile has taken its place in the meantime
            if not self._explained(tile, found):
                raise Finding(self._named(str(name)), "this is not what the log holds there")

    def _explained(self, tile: Tile, found: bytes) -> bool:
        if tiles.width_of(tile, found) != tile.width:
            return False
        content = self._beyond.get((tile.level, tile.number))
        if content is None and self._published.has(full := tile._replace(width=WIDTH)):
            content = self._published.read(full)
        if (self._records is None or self._mirrored) and (content is None or found.startswith(content)):
            return True  # of entries that only the records hold
        return content is not None and content.startswith(found)

    def _named(self, name: str) -> str:
        return f"log/{self._worker}/{name}"

    def _unreadable(self, error: AuditError) -> Finding:
        return Finding(f"log/{self._worker}", str(error).removeprefix(f"{self._place.log}/"))
