"""The journal of one worker: puts records on the disk, has them published, and puts right what a crash left. For one thread.

One durable write, of a batch of records to a segment, is what makes entries exist; each record holds the leaf and both sealed
parts, so no leaf is ever without its private part. Tiles and checkpoint follow, and are not waited for: after a crash the tree
is grown again from the records, so the log never forks, and an index whose leaf anyone could have seen is never given out
again. Space is filled with zeros ahead of its use and key slots are written ahead, many at once: a durable write that also
changes a file's size costs about twice as much. It knows no key but those that sign.

After any failure the journal is abandoned and opened anew: a failed sync leaves the page cache saying what the disk does not
hold, so nothing that it says is believed. Records that no checkpoint is about yet are written again on opening.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from extproc.audit import segments
from extproc.audit.files import Files
from extproc.audit.note import Note, Signer
from extproc.audit.published import Published
from extproc.audit.publisher import Publisher
from extproc.audit.recovery import Recovered, known, regrow
from extproc.audit.sealing import SLOT_BYTES
from extproc.audit.tiles import WIDTH
from extproc.errors import AuditError, ConfigError

_EARLIER_FORM: Final = "leaves.jsonl"
_ZEROS: Final = bytes(1 << 20)  # how much of a segment is filled ahead
_LOW: Final = 1 << 30  # bytes of free space below which every megabyte of evidence is a warning
_SMALL_BATCH: Final = 256 << 10  # bytes for which there is always to be room
_log = logging.getLogger(__name__)
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


class _Scanned(NamedTuple):
    """A segment and its whole records."""

    segment: bytes
    whole: list[segments.Whole]

    @classmethod
    def of(cls, path: Path, first: int) -> _Scanned:
        segment = path.read_bytes()
        return cls(segment, list(segments.scan(segment, first)))

    @property
    def end(self) -> int:
        """Where the next record would begin."""
        return self.whole[-1].end if self.whole else segments.HEADER_BYTES

    @property
    def torn(self) -> int:
        """How many bytes of an unfinished record there are."""
        return len(self.segment[self.end :].rstrip(b"\0"))


class Journal:
    """An open journal. Raises `AuditError` where what lies there cannot be gone on with, and `OSError`.

    The log is called what `signers` are, all of which sign. `least` is how many entries are known to be there: with fewer,
    indexes would be given out a second time.
    """

    def __init__(
        self,
        directory: Path,
        worker: str,
        *,
        signers: Sequence[Signer],
        segment_bytes: int,
        files: Files,
        least: int = 0,
    ) -> None:
        self._place = Place.of(directory, worker)
        self._signers = signers
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
    def behind(self) -> int:
        """How many entries no checkpoint was signed of yet."""
        return self._publisher.behind

    def append(self, records: Sequence[segments.Record], slots: Sequence[Slots]) -> None:
        """Put `records` on the disk, and before them the key `slots` that they or later ones need.

        Raises `OSError` when nothing can be said of any of them; the journal is then to be abandoned.
        """
        if self._files.gone(self._segment):
            raise FileNotFoundError(errno.ENOENT, "the audit files were deleted")
        if self._end >= self._segment_bytes and self.following > self._first:
            self._rotate()
        for ahead in slots:
            self._ahead = ahead
            self._put_slots()
        if [record.index for record in records] != list(range(self.following, self.following + len(records))):
            raise OSError(errno.EINVAL, "entries out of order")
        self._write(records)

    def add(self) -> None:
        """Add what was appended to the tree, which takes time and was not done before. Raises `OSError`."""
        self._publisher.add()

    def sign(self) -> Note:
        """Return a signed checkpoint of everything that was appended, to be shown when nobody else is to sign it any more.

        Raises `OSError`.
        """
        return self._publisher.sign()

    def show(self, signed: Note) -> None:
        """Publish the last checkpoint that was signed. Raises `OSError`."""
        self._publisher.show(signed)

    def close(self) -> None:
        """Leave everything tidy. Raises `OSError`."""
        if self.behind:
            self.show(self.sign())
        self._publisher.settle()
        self._publisher.tidy()
        self._trim()
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
        self._publisher.take([record.leaf for record in records])

    def _fill(self, wanted: int) -> None:
        if self._files.free(self._segment) < _LOW:
            _log.warning("less than a gibibyte is free where %s lies; without room nothing is let through", self._place.log)
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
        self._publisher.settle()  # so that no more than the last segments are ever needed to grow the tree again
        self._trim()
        for descriptor in (self._segment, self._slots):
            self._open.remove(descriptor)
            os.close(descriptor)
        self._begin_segment(self.following)
        self._put_slots()

    def _trim(self) -> None:
        """Cut off what was filled and written ahead: every byte that is left means something."""
        self._files.cut(self._segment, self._end)
        self._files.cut(self._slots, (self.following - self._first) * SLOT_BYTES)

    def _begin_segment(self, first: int) -> None:
        """Create the segment whose first entry is `first`. It gets its name once it is whole, so no half of one is found."""
        path = self._place.private / segments.name(first, "seal")
        draft = path.with_suffix(".new")
        head = segments.header(first)
        self._segment = self._hold(self._files.open(draft, durable=True, empty=True))
        self._files.write(self._segment, head + _ZEROS, 0)
        self._slots = self._hold(self._files.open(path.with_suffix(".keys"), durable=True))
        self._files.rename(draft, path)
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
        if (self._place.log / _EARLIER_FORM).exists():
            raise AuditError(f"{self._place.log} was made by an earlier version; move the whole audit directory aside")
        published = Published(self._place.log)
        checkpoint = known(published, self._signers[0].name, [signer.verifier for signer in self._signers])
        firsts = segments.firsts(self._place.private)
        first = firsts[-1] if firsts else checkpoint.size
        begin = first // WIDTH * WIDTH
        leaves: dict[int, bytes] = {}
        last = _Scanned(b"", [])
        for each in segments.since(self._place.private, begin):
            last = _Scanned.of(self._place.private / segments.name(each, "seal"), each)
            leaves |= {index: whole.leaf for index, whole in enumerate(last.whole, each)}
        following = first + len(last.whole) if firsts else 0
        grown = regrow(published, checkpoint, leaves, begin, following)
        self._continue_at(max(following, checkpoint.size))
        self._publisher = Publisher(
            self._place.log, self._files, self._signers, edge=grown.edge, missing=grown.missing, size=checkpoint.size
        )
        if grown.lost or not firsts:
            self._begin_segment(self.following)  # a damaged one is left as it is, for whoever looks into it
        else:
            self._go_on_in(first, last, unpublished=max(0, checkpoint.size - first))
        self.show(_with_others(self.sign(), published.note()))
        self._publisher.tidy()
        return Recovered(torn=last.torn, restored=max(0, following - checkpoint.size), lost=grown.lost)

    def _go_on_in(self, first: int, last: _Scanned, *, unpublished: int) -> None:
        """Open the last segment again, without what lies behind its last record, which could come to life again.

        Records from the `unpublished` one on may be in the page cache alone, so they are written once more.
        """
        name = self._place.private / segments.name(first, "seal")
        self._segment = self._hold(self._files.open(name, durable=True))
        self._slots = self._hold(self._files.open(name.with_suffix(".keys"), durable=True))
        self._files.cut(self._segment, last.end)
        if unpublished < len(last.whole):
            start = last.whole[unpublished].start
            self._files.write(self._segment, last.segment[start : last.end], start)
        self._first, self._end, self._filled = first, last.end, last.end

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


def _with_others(signed: Note, before: Note | None) -> Note:
    """Return what we signed, with what witnesses have signed of the very same."""
    if before is None or before.text != signed.text:
        return signed
    ours = signed.signatures[0].name
    return Note(signed.text, (*signed.signatures, *(each for each in before.signatures if each.name != ours)))
