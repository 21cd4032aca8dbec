"""Reading evidence back: the leaves of a log, and the private part of one entry with the sealing key.

For those who look at what happened (the demo, sessions, tests); it needs no lock and may read while a worker writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from extproc.audit import segments
from extproc.audit.entry import Private, Recording
from extproc.audit.journal import LEAVES, Place
from extproc.audit.leaf import Leaf, Salts
from extproc.audit.sealing import Sealer, Wrapper
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
    return sorted(path.parent.name for path in (directory / "log").glob(f"*/{LEAVES}"))


def read_leaves(directory: Path, worker: str | None = None) -> Iterator[Leaf]:
    """Give the leaves of one worker, or of all one after the other, in the order of their indexes. Raises `AuditError`."""
    for one in [worker] if worker is not None else workers(directory):
        for line in read_lines(directory, one):
            try:
                yield _LEAF.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise AuditError(f"the log of {one} holds something that is no leaf", code="entry_unreadable") from error


def read_lines(directory: Path, worker: str) -> Iterator[bytes]:
    """Give each whole leaf of one worker as its canonical bytes, without the line feed; one still being written is left out.

    Raises `AuditError` where the log cannot be read.
    """
    try:
        with (Place.of(directory, worker).log / LEAVES).open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]
    except OSError as error:
        raise AuditError(f"the log of {worker} cannot be read: {error.strerror}", code="entry_unreadable") from error


def open_private(directory: Path, worker: str, index: int, sealing_key: Secret) -> Opened:
    """Open the private part and the recording of one entry.

    Raises `AuditError` with the code ``entry_missing``, ``entry_erased`` or, for a wrong key or changed bytes,
    ``entry_unreadable``.
    """
    try:
        record, slot = segments.find(Place.of(directory, worker).private, index)
    except OSError as error:
        raise AuditError(f"the files of entry {index} cannot be read: {error.strerror}", code="entry_unreadable") from error
    key = Wrapper(sealing_key, worker).key(slot, index)
    sealer = Sealer(worker)
    hidden = sealer.open_private(record.private, key, index)
    return Opened(
        private=hidden.private,
        salts=hidden.salts,
        recording=sealer.open_recording(record.recording, key, index) if record.recording else None,
    )
