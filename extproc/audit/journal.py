"""The journal of one worker: puts records and leaves on the disk, and puts right what a crash left. For one thread at a time.

One durable write, of a batch of records to a segment, is what makes entries exist; each record holds the leaf and both sealed
parts, so no leaf is ever without its private part. The leaves then go to ``log/<worker>/leaves.jsonl`` without waiting for the
disk: after a crash they are completed from the records, byte for byte the same, so the log never forks and an index whose leaf
anyone could have seen is never given out again. Space is filled with zeros ahead of its use and key slots are written ahead,
many at once: a durable write that also changes a file's size costs about twice as much. It knows no key.

After any failure the journal is abandoned and opened anew: a failed sync leaves the page cache saying what the disk does not
hold, so nothing that it says is believed. Records whose leaf was not yet in the log are written again on opening.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from extproc.audit import segments
from extproc.audit.files import Files
from extproc.audit.recovery import Recovered, complete
from extproc.audit.sealing import SLOT_BYTES
from extproc.errors import AuditError, ConfigError

LEAVES: Final = "leaves.jsonl"
_ZEROS: Final = bytes(1 << 20)  # how much of a segment is filled ahead
_SMALL_BATCH: Final = 256 << 10  # bytes for which there is always to be room
_WORKER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Slots(NamedTuple):
    """Key slots of consecutive entries, the first of which is `first`."""

    first: int
    data: bytes


class Place(NamedTuple):
    """Where one worker's evidence lies."""

    log: Path
    private: Path

    @classmethod
    def of(cls, directory: Path, worker: str) -> Place:
        """Return the folders of `worker`. Raises `ConfigError` for a name that is no plain folder name."""
        if not _WORKER.fullmatch(worker):
            raise ConfigError(
                "a worker's name is made of letters, digits, dots, underscores and hyphens, and begins with a letter"
            )
        return cls(directory / "log" / worker, directory / "private" / worker)


class Journal:
    """An open journal. Raises `AuditError` where what lies there cannot be gone on with, and `OSError`.

    `least` is how many entries are known to be there: with fewer, indexes would be given out a second time.
    """

    def __init__(self, directory: Path, worker: str, *, segment_bytes: int, files: Files, least: int = 0) -> None:
        self._place = Place.of(directory, worker)
        self._segment_bytes = segment_bytes
        self._files = files
        self._least = least
        self._open: list[int] = []
        self._ahead = Slots(0, b"")
        self._first = self._end = self._filled = 0
        self.following = 0
        """The index that the next record must have."""
        try:
            self.recovered = self._recover()
        except BaseException:
            self.abandon()
            raise

    @property
    def has_room(self) -> bool:
        """Whether a small batch can be appended without a new segment, and without more space being filled ahead."""
        return self._end < self._segment_bytes and self._filled - self._end > _SMALL_BATCH

    def append(self, records: Sequence[segments.Record], slots: Sequence[Slots]) -> None:
        """Put `records` on the disk, and before them the key `slots` that they or later ones need.

        Raises `OSError` when nothing can be said of any of them; the journal is then to be abandoned.
        """
        if self._files.gone(self._leaves) or self._files.gone(self._segment):
            raise FileNotFoundError(errno.ENOENT, "the audit files were deleted")
        if self._end >= self._segment_bytes and self.following > self._first:
            self._rotate()
        for ahead in slots:
            self._ahead = ahead
            self._put_slots()
        if [record.index for record in records] != list(range(self.following, self.following + len(records))):
            raise OSError(errno.EINVAL, "entries out of order")
        self._write(records)

    def sync(self) -> None:
        """Make the log's own file durable as well, as before a rotation or a stop. Raises `OSError`."""
        self._files.sync(self._leaves)

    def close(self) -> None:
        """Leave everything tidy. Raises `OSError`."""
        self.sync()
        self._files.cut(self._segment, self._end)
        self.abandon()

    def abandon(self) -> None:
        """Let go of files and lock as they are."""
        while self._open:
            os.close(self._open.pop())

    # --- one batch ------------------------------------------------------------------------------------------------------

    def _write(self, records: Sequence[segments.Record]) -> None:
        data = b"".join([record.encode() for record in records])
        if self._filled - self._end - len(data) <= _SMALL_BATCH:
            self._fill(len(data))
        self._files.write(self._segment, data, self._end)
        self._end += len(data)
        self.following += len(records)
        lines = b"".join([record.leaf + b"\n" for record in records])
        self._files.write(self._leaves, lines, self._leaves_end)
        self._leaves_end += len(lines)

    def _fill(self, wanted: int) -> None:
        if wanted > len(_ZEROS):
            self._filled = self._end + wanted  # the record itself makes the file longer
        else:
            self._files.write(self._segment, _ZEROS, self._filled)
            self._filled += len(_ZEROS)

    def _put_slots(self) -> None:
        """Write the slots ahead that belong to this segment: all from its first entry on."""
        skipped = max(0, self._first - self._ahead.first)
        rest = self._ahead.data[skipped * SLOT_BYTES :]
        if rest:
            self._files.write(self._slots, rest, (self._ahead.first + skipped - self._first) * SLOT_BYTES)

    def _rotate(self) -> None:
        self.sync()  # so that no more than the last segment is ever needed to complete the log
        self._files.cut(self._segment, self._end)
        for descriptor in (self._segment, self._slots):
            self._open.remove(descriptor)
            os.close(descriptor)
        self._begin_segment(self.following)
        self._put_slots()

    def _begin_segment(self, first: int) -> None:
        """Create the segment whose first entry is `first`. It gets its name once it is whole, so no half of one is found."""
        path = self._place.private / segments.name(first, "seal")
        draft = path.with_suffix(".new")
        head = segments.header(first, self._leaves_end)
        self._segment = self._hold(self._files.open(draft, durable=True, empty=True))
        self._files.write(self._segment, head + _ZEROS, 0)
        self._slots = self._hold(self._files.open(path.with_suffix(".keys"), durable=True))
        draft.rename(path)
        self._files.sync_folder(self._place.private)
        self._first, self._end, self._filled = first, len(head), len(head) + len(_ZEROS)

    def _hold(self, descriptor: int) -> int:
        self._open.append(descriptor)
        return descriptor

    # --- opening --------------------------------------------------------------------------------------------------------

    def _recover(self) -> Recovered:
        for folder in self._place:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock()
        path = self._place.log / LEAVES
        self._leaves = self._hold(self._files.open(path, durable=False))
        self._files.sync_folder(self._place.log)
        size = path.stat().st_size
        first = max(segments.firsts(self._place.private), default=None)
        if first is None:
            return self._go_on_without(path.read_bytes(), size)
        segment = (self._place.private / segments.name(first, "seal")).read_bytes()
        offset = segments.leaf_offset(segment, first)
        if size < offset:
            raise AuditError(f"{path} is shorter than its segments say; restore it or move the whole audit directory aside")
        whole = list(segments.scan(segment, first))
        with path.open("rb") as file:
            file.seek(offset)
            found = complete(file.read(), [record.leaf for record in whole], first)
        end = whole[-1].end if whole else segments.HEADER_BYTES
        self._continue_at(first + len(whole) + found.lost)
        if found.lost:
            self._files.cut(self._leaves, offset + found.good)
            self._leaves_end = offset + found.good
            self._begin_segment(self.following)  # the damaged one is left as it is, for whoever looks into it
            return Recovered(lost=found.lost)
        name = self._place.private / segments.name(first, "seal")
        self._segment = self._hold(self._files.open(name, durable=True))
        self._slots = self._hold(self._files.open(name.with_suffix(".keys"), durable=True))
        self._files.cut(self._segment, end)  # else a stale record behind a torn one could come to life again
        if found.restored:
            again = whole[-found.restored].start
            self._files.write(self._segment, segment[again:end], again)
        self._files.cut(self._leaves, offset + found.good)
        self._files.write(self._leaves, found.missing, offset + found.good)
        self.sync()
        self._leaves_end = offset + found.good + len(found.missing)
        self._first, self._end, self._filled = first, end, end
        return Recovered(torn=len(segment[end:].rstrip(b"\0")), restored=found.restored)

    def _go_on_without(self, log: bytes, size: int) -> Recovered:
        """Begin, or go on after leaves of which no segment is left."""
        found = complete(log, [], 0)
        self._continue_at(found.lost)
        if found.good < size:
            self._files.cut(self._leaves, found.good)
        self._leaves_end = found.good
        self._begin_segment(self.following)
        return Recovered(lost=found.lost)

    def _continue_at(self, following: int) -> None:
        if following < self._least:
            raise AuditError(f"{self._place.log} has lost entries that were there a moment ago; restore it, or restart")
        self.following = following

    def _lock(self) -> None:
        descriptor = self._hold(os.open(self._place.log, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AuditError(
                f"{self._place.log}: another process writes this log; each worker needs its own name", code="audit_in_use"
            ) from error
