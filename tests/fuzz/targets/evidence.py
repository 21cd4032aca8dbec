"""Evidence on a damaged disk: what is read back is what was written, or an `AuditError` says that it cannot be.

An input is a list of damages to the files of one worker: each names a file, what happens to it, where, and with which bytes.
Opening the log again puts right what it can, once: a second time there is nothing left to do.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from extproc.audit import leaf, segments
from extproc.audit.edge import Edge
from extproc.audit.entry import Entry, Private, Recording
from extproc.audit.files import Files
from extproc.audit.journal import Journal, Place
from extproc.audit.leaf import Salts
from extproc.audit.note import Signer
from extproc.audit.publisher import Publisher
from extproc.audit.reader import Opened, open_private, read_leaves, workers
from extproc.audit.recovery import Recovered
from extproc.audit.sealing import ERASED, Hidden, Sealer, Wrapper, pack
from extproc.audit.segments import Record
from extproc.errors import AuditError
from extproc.secret import Secret
from fuzz.framing import split
from fuzz.mutation import frames as mutate

__all__ = ["check", "mutate"]

WORKER: Final = "one"
KEY: Final = Secret(b"k" * 32)
SIGNER: Final = Signer("v/one", Ed25519PrivateKey.from_private_bytes(b"s" * 32))
_SEGMENTS: Final = ((0, 3), (3, 5))
"""The first entry of each segment, and the one after its last."""

_COUNT: Final = _SEGMENTS[-1][1]
_SEGMENT_BYTES: Final = 1 << 20
_DAMAGE_BYTES: Final = 6
_MUCH: Final = 1 << 20
_FEW: Final = 256


def check(data: bytes) -> None:
    """Damage the files, read what is left, open the log, and read again."""
    files = dict(_files())
    for damage in split(data):
        _damage(files, damage)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for file, content in files.items():
            path = directory / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        _read_leaves(directory)
        # All of them would take most of the time; the input chooses.
        for index in {len(data) % (_COUNT + 1), sum(data) % (_COUNT + 1)}:
            _read(directory, index)
        if _recovered(directory) is not None:
            second = _recovered(directory)
            assert second is not None
            assert second[0] == Recovered(), "something is left to be put right"
            _read_leaves(directory)


def _read_leaves(directory: Path) -> None:
    with contextlib.suppress(AuditError):
        for worker in {*workers(directory), WORKER}:
            list(read_leaves(directory, worker))


def _read(directory: Path, index: int) -> None:
    try:
        opened = open_private(directory, WORKER, index, KEY)
    except AuditError:
        return
    assert opened == _opened(index), "something else is opened than was sealed"


def _recovered(directory: Path) -> tuple[Recovered, int] | None:
    """Open the log as a worker does; return what was put right and the index that follows, None where it is refused."""
    try:
        journal = Journal(directory, WORKER, signers=[SIGNER], segment_bytes=_SEGMENT_BYTES, files=_Unsynced())
    except AuditError:
        return None
    found = journal.recovered, journal.following
    journal.abandon()
    return found


class _Unsynced(Files):
    """Files that nobody waits for."""

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write; of the zeros that are filled ahead only a few."""
        super().write(descriptor, data if len(data) < _MUCH else data[:_FEW], offset)

    def cut(self, descriptor: int, length: int) -> None:
        """Cut and do not wait."""
        os.ftruncate(descriptor, length)

    def sync(self, descriptor: int) -> None:
        """Do not wait."""

    def sync_folder(self, folder: Path) -> None:
        """Do not wait."""


# --- the files, always the same ---


def _hidden(index: int) -> Hidden:
    private = Private(source=f"203.0.113.{index}", inputs=(msgspec.Raw(b'{"n":%d}' % index),))
    return Hidden(salts=Salts.cut(bytes([index]) * 96), private=private)


def _recording(index: int) -> Recording | None:
    return Recording(method="POST", target="/query", body=b"{}" * index) if index % 2 else None


def _opened(index: int) -> Opened:
    hidden = _hidden(index)
    return Opened(private=hidden.private, salts=hidden.salts, recording=_recording(index))


def _record(index: int) -> Record:
    kept = _recording(index)
    hidden = _hidden(index)
    packed = None if kept is None else pack(kept)
    private, recording = Sealer(WORKER).seal(hidden, packed, bytes([index + 1]) * 32, index)
    entry = Entry(kind="intent", time_ns=1_700_000_000_000_000_000 + index, exchange=f"x{index}", private=hidden.private)
    slot = Wrapper(KEY, WORKER).slot(bytes([index + 1]) * 32, index)
    line = leaf.encode(entry, log="v/one", index=index, salts=hidden.salts, slot=slot, private=private, recording=recording)
    return Record(index=index, leaf=line, private=private, recording=recording or b"")


@cache
def _files() -> Mapping[str, bytes]:
    """Return the files of an orderly log: two segments, of which the last has slots ahead, and what is published of them."""
    place = Place.of(Path(), WORKER)
    wrapper = Wrapper(KEY, WORKER)
    files: dict[str, bytes] = {}
    leaves = []
    for first, end in _SEGMENTS:
        records = [_record(index) for index in range(first, end)]
        leaves += [each.leaf for each in records]
        content = segments.header(first) + b"".join(each.encode() for each in records)
        files[str(place.private / segments.name(first, "seal"))] = content
        slots = [wrapper.slot(bytes([index + 1]) * 32, index) for index in range(first, end + 2)]
        files[str(place.private / segments.name(first, "keys"))] = b"".join(slots)
    with tempfile.TemporaryDirectory() as name:
        publisher = Publisher(Path(name), _Unsynced(), [SIGNER], edge=Edge(), missing=[], size=0)
        publisher.take(leaves)
        publisher.show(publisher.sign())
        published = {path.relative_to(name): path.read_bytes() for path in Path(name).rglob("*") if path.is_file()}
    return files | {str(place.log / path): content for path, content in published.items()}


# --- what happens to them ---


def _damage(files: dict[str, bytes], damage: bytes) -> None:
    """Do one damage: the file, the kind, where (2 bytes), how much (2 bytes), and bytes to put there."""
    names = sorted(_files())
    if len(damage) < _DAMAGE_BYTES:
        return
    name = names[damage[0] % len(names)]
    old = files.get(name, b"")
    at = int.from_bytes(damage[2:4]) % (len(old) + 1)
    length = int.from_bytes(damage[4:6])
    files[name] = old[:at] + b"".join(_put(damage[1], old[at:], length, damage[6:]))
    if damage[1] % 8 == 7:
        del files[name]


def _put(kind: int, rest: bytes, length: int, put: bytes) -> Iterator[bytes]:
    """Give what stands from the place of the damage on."""
    match kind % 8:
        case 0:
            yield from (put, rest[len(put) :])
        case 1:
            yield from (put, rest)
        case 2:
            yield rest[length:]
        case 3:
            pass
        case 4:
            yield from (bytes(min(length, len(rest))), rest[length:])
        case 5:
            yield from (rest[:length], rest)
        case 6:
            yield from (ERASED, rest[len(ERASED) :])
        case _:
            yield rest
