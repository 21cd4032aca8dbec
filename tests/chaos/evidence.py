"""The audit files, read without the program's own reader: from the documented form, as somebody else's tool would.

Only the two ciphers are the program's (`Wrapper`, `Sealer`), whose form other tests pin. Everything that does not hold together
is told as a finding; nothing is skipped.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import random
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import rfc8785

from extproc.audit.sealing import Sealer, Wrapper
from extproc.errors import AuditError
from extproc.secret import Secret

_HEADER: Final = struct.Struct("<8sQ")
_RECORD: Final = struct.Struct("<4sQIIII")
_SLOT: Final = 64
_WIDTH: Final = 256


class Record(NamedTuple):
    """One record of a segment; `end` is where the next one begins."""

    number: int
    leaf: bytes
    private: bytes
    recording: bytes
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One entry: its leaf, and what its private part says of the caller's program."""

    worker: str
    leaf: dict[str, Any]
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wreck:
    """What a killed worker left: the index of the entry that comes next, bytes of a torn record, leaves not published yet."""

    worker: str
    following: int
    torn: int
    restored: int


def records(segment: bytes) -> Iterator[Record]:
    """Give the whole records from the beginning on, up to the first that is not."""
    _, index = _HEADER.unpack_from(segment)
    yield from _records(segment, _HEADER.size, index)


def _records(segment: bytes, at: int, index: int) -> Iterator[Record]:
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
    """Return the folder of a worker's log."""
    return audit / "log" / worker


class Follower:
    """Counts the entries on the disk as they come, without reading anything twice."""

    def __init__(self, audit: Path) -> None:
        self._audit = audit
        self._found: dict[str, tuple[Path | None, int, int]] = {}

    def counts(self) -> dict[str, int]:
        """Return how many whole records each worker has by now."""
        return {worker: self._count(worker) for worker in workers(self._audit)}

    def _count(self, worker: str) -> int:
        last, at, count = self._found.get(worker, (None, 0, 0))
        for path in _segments(self._audit, worker):
            if last is not None and path < last:
                continue
            if path != last:
                last, at = path, _HEADER.size
            with path.open("rb") as file:
                file.seek(at)
                rest = file.read()
            start = at
            for record in _records(rest, 0, count):
                at, count = start + record.end, record.number + 1
        self._found[worker] = last, at, count
        return count


def wreck(audit: Path, worker: str) -> Wreck:
    """Look at what a worker left that runs no more, before its successor puts it right."""
    segment = _segments(audit, worker)[-1].read_bytes()
    end, following = _HEADER.size, int(_HEADER.unpack_from(segment)[1])
    for record in records(segment):
        end, following = record.end, record.number + 1
    published = _published(audit, worker)[0]
    return Wreck(worker=worker, following=following, torn=len(segment[end:].rstrip(b"\0")), restored=following - published)


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

    The next record was begun and is torn; partial tiles, which are not waited for, did not reach the disk, or as zeros, and
    neither did the names of full ones since the last segment was begun. Records that were acknowledged stay, for those were
    waited for, and so was the checkpoint.
    """
    segment = _segments(audit, worker)[-1]
    data = segment.read_bytes()
    _, first = _HEADER.unpack_from(data)
    following, end = first, _HEADER.size
    for record in records(data):
        end, following = record.end, record.number + 1
    torn = _RECORD.pack(b"VGR1", following, 700, 500, 0, chance.getrandbits(32)) + chance.randbytes(1200)
    with segment.open("r+b") as file:
        file.seek(end)
        file.write(torn[: chance.randint(1, len(torn) - 1)])
    for path in (log(audit, worker) / "tile").rglob("*"):
        if path.parent.suffix == ".p" and path.is_file():
            _lose(path, chance)
        elif (
            path.is_file()
            and path.parent.name in {"0", "entries"}
            and int(path.name) >= first // _WIDTH
            and chance.random() < 0.5
        ):
            path.unlink()


def _lose(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    match chance.randrange(4):
        case 0:
            path.unlink()
        case 1:
            path.write_bytes(bytes(len(content)))
        case 2:
            path.write_bytes(content[: chance.randrange(len(content))])
        case _:
            pass


def read(audit: Path, worker: str, sealing_key: Secret) -> tuple[list[Kept], list[str]]:
    """Return all entries of a worker that has ended, and what is wrong with its files."""
    kept: list[Kept] = []
    leaves: list[bytes] = []
    wrong: list[str] = []
    wrapper, sealer = Wrapper(sealing_key, worker), Sealer(worker)
    for path in _segments(audit, worker):
        data, slots = path.read_bytes(), path.with_suffix(".keys").read_bytes()
        end, first = _HEADER.size, int(_HEADER.unpack_from(data)[1])
        for record in records(data):
            end = record.end
            where = f"{worker}, entry {record.number}"
            wrong += [f"{where}: {what}" for what in _leaf_findings(record, len(kept))]
            slot = slots[(record.number - first) * _SLOT :][:_SLOT]
            try:
                key = wrapper.key(slot, record.number)
                user_agent = sealer.open_private(record.private, key, record.number).private.user_agent
                if record.recording:
                    sealer.open_recording(record.recording, key, record.number)
            except AuditError as error:
                wrong.append(f"{where}: {error}")
                user_agent = ""
            kept.append(Kept(worker=worker, leaf=json.loads(record.leaf), user_agent=user_agent))
            leaves.append(record.leaf)
        if data[end:]:
            wrong.append(f"{worker}: {len(data) - end} bytes of {path.name} are no record")
    wrong += [f"{worker}: {what}" for what in _published_findings(audit, worker, leaves)]
    return kept, wrong


def _published(audit: Path, worker: str) -> tuple[int, bytes]:
    """Return size and root of what is published, whoever signed it; nothing where there is no checkpoint."""
    path = log(audit, worker) / "checkpoint"
    if not path.exists():
        return 0, b""
    lines = path.read_text().split("\n")
    return int(lines[1]), base64.b64decode(lines[2])


def _published_findings(audit: Path, worker: str, leaves: Sequence[bytes]) -> Iterator[str]:
    size, root = _published(audit, worker)
    if size != len(leaves):
        yield f"{len(leaves)} entries, and {size} of them are published"
    bundled: list[bytes] = []
    for index in range(0, size, _WIDTH):
        width = min(_WIDTH, size - index)
        path = log(audit, worker) / "tile" / "entries" / f"{index // _WIDTH:03d}"
        path = path if width == _WIDTH else path.with_suffix(".p") / str(width)
        if not path.exists():
            yield f"there is no bundle {path.name} from entry {index} on"
            return
        rest = path.read_bytes()
        while rest:
            length = int.from_bytes(rest[:2])
            bundled.append(rest[2 : 2 + length])
            rest = rest[2 + length :]
    if bundled != leaves:
        yield "the bundles do not hold the leaves of the records"
    if _root([sha256(b"\0" + leaf).digest() for leaf in leaves]) != root:
        yield "the checkpoint has another root than the leaves"


def _root(hashes: Sequence[bytes]) -> bytes:
    """Return the root above hashes, as RFC 6962 defines it."""
    if len(hashes) == 1:
        return hashes[0]
    middle = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\1" + _root(hashes[:middle]) + _root(hashes[middle:])).digest()


def _segments(audit: Path, worker: str) -> list[Path]:
    return sorted((audit / "private" / worker).glob("*.seal"))


def _leaf_findings(record: Record, wanted: int) -> Iterator[str]:
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
