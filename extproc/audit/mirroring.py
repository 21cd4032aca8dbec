"""The process that mirrors one log to object storage: ``python -m extproc.audit.mirroring FD``, started by `mirror` alone.

It reads what others have written and holds nothing up. What a checkpoint names is put before it, so whoever reads the mirror
finds nothing missing; and what is there already is not put again, for the mirror's own checkpoint says what that is. While the
store is away it waits, longer each time, and catches up. It knows the key to the store and none of the log's, and no key slots
leave the machine. When its socket ends it brings over what there is, once, and ends.
"""

from __future__ import annotations

import logging
import select
import socket
import sys
from pathlib import Path
from typing import Final

import msgspec

from extproc.audit import merkle, missing, note, segments, tiles
from extproc.audit.bucket import Away, Bucket, Conflict
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.journal import Place
from extproc.audit.merkle import HASH_BYTES
from extproc.audit.note import Unverified
from extproc.audit.orders import Frames, Task, frame
from extproc.audit.published import CHECKPOINT, Published
from extproc.audit.tiles import WIDTH, Tile
from extproc.errors import AuditError

_READ: Final = 1 << 16
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_MILLISECONDS: Final = 1000
_log = logging.getLogger(__name__)


class Carrier:
    """Carries the log of `worker` below `directory` to `bucket`, from where the checkpoint there says it is on."""

    def __init__(self, directory: Path, worker: str, bucket: Bucket) -> None:
        self._place = Place.of(directory, worker)
        self._worker = worker
        self._published = Published(self._place.log)
        self._bucket = bucket
        self._shown = b""  # the checkpoint in the mirror
        self._tag: str | None = None
        self._looked = False

    def carry(self) -> int:
        """Bring the mirror up to the log's checkpoint; return its size. Raises `Away`, `Conflict`, `AuditError`, `OSError`."""
        if not self._looked:
            self._look()
        shown = self._published.note()
        if shown is None:
            return 0
        ours = Checkpoint.parse(shown.text)
        if shown.content == self._shown:
            return ours.size
        old, size = self._follows(ours), ours.size
        for first in missing.segments(old, size, segments.firsts(self._place.private)):
            self._put_segment(first)
        for tile in missing.tiles(old, size):
            self._bucket.put(f"{self._log}/{tile.path}", self._content(tile))
        try:
            self._tag = self._bucket.replace(f"{self._log}/{CHECKPOINT}", shown.content, self._tag)
        except Away:
            self._looked = False  # it may be there all the same, or another in its place
            raise
        self._shown = shown.content
        return size

    @property
    def _log(self) -> str:
        return f"log/{self._worker}"

    def _look(self) -> None:
        """See what the mirror has. Raises `Away`."""
        found = self._bucket.get(f"{self._log}/{CHECKPOINT}")
        self._shown, self._tag = (b"", None) if found is None else found
        self._looked = True

    def _follows(self, ours: Checkpoint) -> int:
        """Return how much the mirror has of our log. Raises `Conflict` where it has another."""
        if not self._shown:
            return 0
        try:
            theirs = Checkpoint.parse(note.parse(self._shown).text)
        except Unverified as error:
            raise Conflict(f"{self._log}/{CHECKPOINT} is there already, and is none") from error
        if theirs.origin != ours.origin:
            raise Conflict(f"the mirror of {self._worker} is of {theirs.origin}, another log")
        if theirs.size > ours.size:
            raise Conflict(f"the mirror has {theirs.size} entries of {self._worker}, and the log {ours.size}: it was set back")
        root = self._published.hash(0, theirs.size) if theirs.size else merkle.fold([])
        if root != theirs.root:
            raise Conflict(f"the mirror of {self._worker} has other entries than the log")
        return theirs.size

    def _put_segment(self, first: int) -> None:
        name = segments.name(first, "seal")
        try:
            content = (self._place.private / name).read_bytes()
        except FileNotFoundError:
            return  # it has become old enough to be removed, which is on record
        self._bucket.put(f"private/{self._worker}/{name}", content)

    def _content(self, tile: Tile) -> bytes:
        """Return a tile or bundle, cut out of what has taken its place where it is gone by now. Raises `AuditError`."""
        if self._published.has(tile):
            return self._published.read(tile)
        full = self._published.read(tile._replace(width=WIDTH))
        return tiles.bundle(tiles.leaves(full)[: tile.width]) if tile.level is None else full[: tile.width * HASH_BYTES]


class _Mood:
    """What was told last, so that the same is told once; and how long to wait."""

    def __init__(self) -> None:
        self._told = ""
        self.pause = 0.0

    def well(self, every: float) -> None:
        if self._told:
            _log.warning("the mirror has caught up")
        self._told, self.pause = "", every

    def ill(self, told: str) -> bool:
        """Return whether this is news."""
        news = told != self._told
        if news:
            _log.error("%s", told)
        self.pause = min(self.pause * 2, _LONGEST_PAUSE) if self._told else _FIRST_PAUSE
        self._told = told
        return news


def serve(connection: socket.socket) -> None:
    """Carry what each task that comes says, until the socket ends."""
    frames, mood = Frames(), _Mood()
    task: Task | None = None
    carrier: Carrier | None = None
    ended = False
    while not ended:
        ended = not _awaited(connection, frames, mood.pause if task else None)
        for content in frames:
            task, carrier = msgspec.json.decode(content, type=Task), None
        if task is None:
            continue
        try:
            carrier = carrier or Carrier(Path(task.directory), task.worker, Bucket.open(task))
            carrier.carry()
            mood.well(task.every)
        except Away as error:
            mood.ill(f"the mirror of {task.worker} is behind: {task.bucket}: {error}")
        except (AuditError, Unverified, OSError, ValueError) as error:
            mood.ill(f"the mirror of {task.worker} is behind: {error}")
        except Conflict as error:
            carrier = None  # so that it looks again, should somebody put it right
            if mood.ill(f"nothing is mirrored of {task.worker}: {task.bucket}: {error}"):
                ended = ended or not _told(connection, str(error))


def _awaited(connection: socket.socket, frames: Frames, patience: float | None) -> bool:
    """Wait for what comes, `patience` seconds at most; return whether more may come."""
    coming = select.poll()
    coming.register(connection, select.POLLIN)
    if not coming.poll(None if patience is None else patience * _MILLISECONDS):
        return True
    try:
        data = connection.recv(_READ)
    except ConnectionError:
        data = b""
    frames.feed(data)
    return bool(data)


def _told(connection: socket.socket, what: str) -> bool:
    try:
        connection.sendall(frame(what))
    except OSError:
        return False
    return True


def main() -> None:
    """Serve the socket whose file descriptor is the only argument."""
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)


if __name__ == "__main__":
    main()
