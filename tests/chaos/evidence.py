"""The audit files, read without the program's own reader: from the documented form, as somebody else's tool would.

Only the two ciphers are the program's (`Wrapper`, `Sealer`), whose form other tests pin. Everything that does not hold together
is told as a finding; nothing is skipped.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import rfc8785

from extproc.audit.sealing import Sealer, Wrapper
from extproc.errors import AuditError
from extproc.secret import Secret

_HEADER: Final = struct.Struct("<8sQQ")
_RECORD: Final = struct.Struct("<4sQIIII")
_SLOT: Final = 64
_LOST_OF_LOG: Final = 20_000
"""The most bytes of a log that `cut_power` takes: a few leaves."""


class Record(NamedTuple):
    """One record of a segment; `end` is where the next one begins."""

    number: int
    leaf: bytes
    private: bytes
    recording: bytes
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One entry: its leaf, where the leaf ends in the log (bytes), and what its private part says of the caller's program."""

    worker: str
    leaf: dict[str, Any]
    end: int
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wreck:
    """What a killed worker left: the index of the entry that comes next, bytes of a torn record, leaves not in the log."""

    worker: str
    following: int
    torn: int
    restored: int


def records(segment: bytes) -> Iterator[Record]:
    """Give the whole records from the beginning on, up to the first that is not."""
    _, index, _ = _HEADER.unpack_from(segment)
    at = _HEADER.size
    while at + _RECORD.size <= len(segment):
        mark, found, *lengths, checksum = _RECORD.unpack_from(segment, at)
        body = at + _RECORD.size
        end = body + sum(lengths)
        if mark != b"VGR1" or found != index or end > len(segment):
            return
        if zlib.crc32(segment[body:end], zlib.crc32(segment[at : body - 4])) != checksum:
            return
        leaf, private = body + lengths[0], body + lengths[0] + lengths[1]
        yield Record(index, segment[body:leaf], segment[leaf:private], segment[private:end], end)
        at, index = end, index + 1


def workers(audit: Path) -> list[str]:
    """Return the names of the workers that have a log."""
    return sorted(path.name for path in (audit / "log").iterdir())


def log(audit: Path, worker: str) -> Path:
    """Return the log's own file."""
    return audit / "log" / worker / "leaves.jsonl"


def sizes(audit: Path) -> dict[str, int]:
    """Return how long each worker's log is now (bytes)."""
    return {worker: log(audit, worker).stat().st_size for worker in workers(audit)}


def wreck(audit: Path, worker: str) -> Wreck:
    """Look at what a worker left that runs no more, before its successor puts it right."""
    segment = _segments(audit, worker)[-1].read_bytes()
    end, following = _HEADER.size, int(_HEADER.unpack_from(segment)[1])
    for record in records(segment):
        end, following = record.end, record.number + 1
    lines = log(audit, worker).read_bytes().count(b"\n")
    return Wreck(worker=worker, following=following, torn=len(segment[end:].rstrip(b"\0")), restored=following - lines)


@contextmanager
def locked(audit: Path, worker: str) -> Iterator[bool]:
    """Keep a successor from opening the log meanwhile; gives False where one has it open already."""
    descriptor = os.open(audit / "log" / worker, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def cut_power(audit: Path, worker: str, chance: random.Random) -> None:
    """Do to a dead worker's files what the loss of power could have done besides.

    The next record was begun and is torn; the end of the log, which is not waited for, did not reach the disk, and where it
    should be may stand zeros. Records that were acknowledged stay, for those were waited for.
    """
    segment = _segments(audit, worker)[-1]
    data = segment.read_bytes()
    _, following, logged = _HEADER.unpack_from(data)
    end = _HEADER.size
    for record in records(data):
        end, following = record.end, record.number + 1
    torn = _RECORD.pack(b"VGR1", following, 700, 500, 0, chance.getrandbits(32)) + chance.randbytes(1200)
    with segment.open("r+b") as file:
        file.seek(end)
        file.write(torn[: chance.randint(1, len(torn) - 1)])
    leaves = log(audit, worker)
    size = leaves.stat().st_size
    os.truncate(leaves, chance.randint(max(logged, size - _LOST_OF_LOG), size))
    with leaves.open("ab") as file:
        file.write(bytes(chance.choice((0, 1, 4096))))


def read(audit: Path, worker: str, sealing_key: Secret) -> tuple[list[Kept], list[str]]:
    """Return all entries of a worker that has ended, and what is wrong with its files."""
    kept: list[Kept] = []
    wrong: list[str] = []
    lines = _lines(log(audit, worker).read_bytes())
    wrapper, sealer = Wrapper(sealing_key, worker), Sealer(worker)
    for path in _segments(audit, worker):
        data, slots = path.read_bytes(), path.with_suffix(".keys").read_bytes()
        end, first = _HEADER.size, int(_HEADER.unpack_from(data)[1])
        for record in records(data):
            end = record.end
            where = f"{worker}, entry {record.number}"
            line, line_end = next(lines, (b"", 0))
            wrong += [f"{where}: {what}" for what in _leaf_findings(record, line, len(kept))]
            slot = slots[(record.number - first) * _SLOT :][:_SLOT]
            try:
                key = wrapper.key(slot, record.number)
                user_agent = sealer.open_private(record.private, key, record.number).private.user_agent
                if record.recording:
                    sealer.open_recording(record.recording, key, record.number)
            except AuditError as error:
                wrong.append(f"{where}: {error}")
                user_agent = ""
            kept.append(Kept(worker=worker, leaf=json.loads(record.leaf), end=line_end, user_agent=user_agent))
        if data[end:]:
            wrong.append(f"{worker}: {len(data) - end} bytes of {path.name} are no record")
    wrong += [f"{worker}: the log has a leaf without a record" for _ in lines]
    return kept, wrong


def _segments(audit: Path, worker: str) -> list[Path]:
    return sorted((audit / "private" / worker).glob("*.seal"))


def _lines(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Give each line of the log, whole or not, and where it ends."""
    at = 0
    for line in data.splitlines(keepends=True):
        at += len(line)
        yield line, at


def _leaf_findings(record: Record, line: bytes, wanted: int) -> Iterator[str]:
    if line != record.leaf + b"\n":
        yield "the log's line is not the record's leaf"
        return
    leaf = json.loads(record.leaf)
    if rfc8785.dumps(leaf) != record.leaf:
        yield "the leaf is not canonical"
    if (leaf["index"], record.number) != (wanted, wanted):
        yield f"index {wanted} is missing"
    if leaf["private"] != sha256(record.private).hexdigest():
        yield "the private part is not the one that the leaf commits to"
    recording = sha256(record.recording).hexdigest() if record.recording else None
    if leaf["recording"]["sha256"] != recording:
        yield "the recording is not the one that the leaf commits to"
