"""Reading evidence back: the leaves of a log, and the private part of one entry with the sealing key.

For those who look at what happened (the demo, sessions, tests); it needs no lock and may read while a worker writes.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from extproc.audit import segments
from extproc.audit.entry import Private, Recording
from extproc.audit.journal import Place
from extproc.audit.leaf import Leaf, Salts
from extproc.audit.published import Published
from extproc.audit.records import Finding, Records
from extproc.audit.sealing import ERASED, Sealer, Wrapper
from extproc.errors import AuditError
from extproc.secret import Secret

_LEAF = msgspec.json.Decoder(Leaf, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the private half of an entry holds."""

    private: Private
    salts: Salts
    recording: Recording | None


def workers(directory: Path) -> list[str]:
    """Return the names of the workers that have a log below `directory`."""
    published = {path.name for path in (directory / "log").glob("*") if path.is_dir()}
    return sorted(published | {path.parent.name for path in (directory / "private").glob("*/*.seal")})


def in_use(directory: Path, worker: str) -> bool:
    """Whether a process has this log open for writing."""
    if not Place.of(directory, worker).log.is_dir():
        return False
    descriptor = os.open(Place.of(directory, worker).log, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read_leaves(directory: Path, worker: str | None = None) -> Iterator[Leaf]:
    """Give the leaves of one worker, or of all one after the other, in the order of their indexes. Raises `AuditError`."""
    for one in [worker] if worker is not None else workers(directory):
        for line in read_lines(directory, one):
            try:
                yield _LEAF.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise AuditError(f"the log of {one} holds something that is no leaf", code="entry_unreadable") from error


def read_lines(directory: Path, worker: str, start: int = 0) -> Iterator[bytes]:
    """Give each leaf of one worker from `start` on, as its canonical bytes: those published, then those that will be.

    Nothing is verified. Raises `AuditError` where the log cannot be read.
    """
    place = Place.of(directory, worker)
    published = Published(place.log)
    checkpoint = published.checkpoint()
    size = checkpoint.size if checkpoint else 0
    yield from published.leaves(start, size)
    yield from _unpublished(place.private, max(start, size))


def _unpublished(folder: Path, index: int) -> Iterator[bytes]:
    """Give the leaves of the records from `index` on; one that is still being written is left out."""
    for first in segments.since(folder, index):
        try:
            segment = (folder / segments.name(first, "seal")).read_bytes()
        except OSError as error:
            raise AuditError(f"{folder}: {error.strerror}", code="entry_unreadable") from error
        yield from (whole.leaf for at, whole in enumerate(segments.scan(segment, first), first) if at >= index)


def read_entries(directory: Path, worker: str, sealing_key: Secret, start: int = 0) -> Iterator[tuple[Leaf, Opened | None]]:
    """Give each entry of one worker from `start` on whose record is there, in order; None in the place of what was erased.

    Raises `AuditError` for a damaged record and for one that the key does not open.
    """
    wrapper, sealer = Wrapper(sealing_key, worker), Sealer(worker)
    records = Records(Place.of(directory, worker).private, start)
    try:
        for index, kept in enumerate(records, records.first):
            if index < start:
                continue
            leaf = _LEAF.decode(kept.whole.leaf)
            if kept.slot == ERASED:
                yield leaf, None
            else:
                yield leaf, _opened(sealer, wrapper.key(kept.slot or b"", index), index, kept.private, kept.recording)
    except Finding as finding:
        raise AuditError(str(finding), code="entry_unreadable") from finding


def read_entry(directory: Path, worker: str, index: int, sealing_key: Secret) -> tuple[Leaf, Opened | None]:
    """Return one entry, None in the place of what was erased of it.

    Raises `AuditError` with the code ``entry_missing`` or, for a wrong key or changed bytes, ``entry_unreadable``.
    """
    record, slot = _found(directory, worker, index)
    try:
        leaf = _LEAF.decode(record.leaf)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AuditError(f"entry {index} of {worker} cannot be read", code="entry_unreadable") from error
    if slot == ERASED:
        return leaf, None
    key = Wrapper(sealing_key, worker).key(slot, index)
    return leaf, _opened(Sealer(worker), key, index, record.private, record.recording)


def open_private(directory: Path, worker: str, index: int, sealing_key: Secret) -> Opened:
    """Open the private part and the recording of one entry.

    Raises `AuditError` with the code ``entry_missing``, ``entry_erased`` or, for a wrong key or changed bytes,
    ``entry_unreadable``.
    """
    record, slot = _found(directory, worker, index)
    key = Wrapper(sealing_key, worker).key(slot, index)
    return _opened(Sealer(worker), key, index, record.private, record.recording)


def _found(directory: Path, worker: str, index: int) -> tuple[segments.Record, bytes]:
    try:
        return segments.find(Place.of(directory, worker).private, index)
    except OSError as error:
        raise AuditError(f"the files of entry {index} cannot be read: {error.strerror}", code="entry_unreadable") from error


def _opened(sealer: Sealer, key: bytes, index: int, private: bytes, recording: bytes) -> Opened:
    hidden = sealer.open_private(private, key, index)
    return Opened(
        private=hidden.private,
        salts=hidden.salts,
        recording=sealer.open_recording(recording, key, index) if recording else None,
    )
