"""Segments: how entries lie on disk beside the log, and how they are found again.

Below ``<audit.directory>/private/<worker>/`` a segment is a pair of files named after the index of its first entry:

    000000000000.seal    a header, then one record an entry, in order: its leaf and the sealed parts; zeros after the last
    000000000000.keys    one slot of fixed size an entry: its wrapped key, which can be overwritten

A record holds its leaf as well, so that one write makes the whole entry durable and the log's tree can be grown again from
it after a crash. Records are never changed. The checksum finds a write that a crash cut short; what finds a forger is the
ciphertext's tag and the digests in the leaf. This module writes nothing and knows no key.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from extproc.audit.sealing import SLOT_BYTES
from extproc.errors import AuditError

_MARK: Final = b"VGSEAL2\0"
_HEADER: Final = struct.Struct("<8sQ")  # mark, index of the first entry
_RECORD_MARK: Final = b"VGR1"
_RECORD: Final = struct.Struct("<4sQIIII")  # mark, index, lengths of leaf, private part and recording, CRC-32
_CHECKSUM_BYTES: Final = 4
HEADER_BYTES: Final = _HEADER.size
_DIGITS: Final = 12


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as it lies in a segment. `recording` is empty where there is none."""

    index: int
    leaf: bytes
    private: bytes
    recording: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes of the record."""
        head = _RECORD.pack(_RECORD_MARK, self.index, len(self.leaf), len(self.private), len(self.recording), 0)
        head = head[:-_CHECKSUM_BYTES]
        checksum = zlib.crc32(head)
        for part in (self.leaf, self.private, self.recording):
            checksum = zlib.crc32(part, checksum)
        return b"".join((head, checksum.to_bytes(_CHECKSUM_BYTES, "little"), self.leaf, self.private, self.recording))


class Whole(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One undamaged record of a scan: its leaf, and where it lies in the segment (`end` exclusive), part by part."""

    leaf: bytes
    start: int
    private: int
    recording: int
    end: int


def name(first: int, kind: str) -> str:
    """Return the name of the file of `kind` (``seal``, ``keys``) whose first entry has the index `first`."""
    return f"{first:0{_DIGITS}d}.{kind}"


def firsts(folder: Path) -> list[int]:
    """Return the first index of every segment in `folder`, in order."""
    return sorted(int(path.stem) for path in folder.glob("*.seal") if path.stem.isdecimal())


def since(folder: Path, index: int) -> list[int]:
    """Return the first index of the segment that holds the entry at `index`, and of all after it, in order."""
    found = firsts(folder)
    return found[max(0, bisect_right(found, index) - 1) :]


def header(first: int) -> bytes:
    """Return the header of a segment."""
    return _HEADER.pack(_MARK, first)


def scan(segment: bytes, first: int) -> Iterator[Whole]:
    """Give each record from the beginning up to the first that is damaged, out of order or absent.

    Raises `AuditError` for what does not begin as a segment does.
    """
    if segment[:HEADER_BYTES] != header(first):
        raise AuditError(
            f"{name(first, 'seal')} does not begin as a segment does; restore it or move the whole audit directory aside"
        )
    at, index = HEADER_BYTES, first
    view = memoryview(segment)
    unpack, size, crc, end_of_segment = _RECORD.unpack_from, _RECORD.size, zlib.crc32, len(segment)  # looked up once
    while at + size <= end_of_segment:
        mark, found, leaf, private, recording, checksum = unpack(segment, at)
        body = at + size
        end = body + leaf + private + recording
        if mark != _RECORD_MARK or found != index or end > end_of_segment:
            return
        if crc(view[body:end], crc(view[at : body - _CHECKSUM_BYTES])) != checksum:
            return
        sealed = body + leaf
        yield Whole(leaf=segment[body:sealed], start=at, private=sealed, recording=sealed + private, end=end)
        at, index = end, index + 1


def first_leaf(segment: bytes, first: int) -> bytes:
    """Return the leaf of the first record in the beginning of a segment. Raises `AuditError` where there is none."""
    if segment[:HEADER_BYTES] != header(first) or len(segment) < HEADER_BYTES + _RECORD.size:
        raise AuditError(f"{name(first, 'seal')} does not begin as a segment does", code="entry_unreadable")
    mark, found, length, *_ = _RECORD.unpack_from(segment, HEADER_BYTES)
    at = HEADER_BYTES + _RECORD.size
    if mark != _RECORD_MARK or found != first or at + length > len(segment):
        raise AuditError(f"{name(first, 'seal')} does not begin with its first record", code="entry_unreadable")
    return segment[at : at + length]


class Stored(NamedTuple):
    """One record of a walk, None where it is damaged, with its key slot; `end` is where it ends in the segment."""

    record: Record | None
    slot: bytes
    end: int


def walk(folder: Path, first: int) -> Iterator[Stored]:
    """Give every record of a segment in order, reading its two files once from the beginning to the end. Raises `OSError`.

    A damaged record does not hide those after it. One with nothing after it is being written, or a crash cut it short: it is
    none.
    """
    index, damaged = first, None
    with (folder / name(first, "seal")).open("rb") as file, (folder / name(first, "keys")).open("rb") as keys:
        file.seek(HEADER_BYTES)
        while len(head := file.read(_RECORD.size)) == _RECORD.size:
            mark, found, leaf, private, recording, checksum = _RECORD.unpack(head)
            if mark != _RECORD_MARK or found != index:
                return
            if damaged is not None:
                yield damaged
            parts = [file.read(length) for length in (leaf, private, recording)]
            actual = zlib.crc32(b"".join((head[:-_CHECKSUM_BYTES], *parts)))
            record = Record(index=index, leaf=parts[0], private=parts[1], recording=parts[2])
            stored = Stored(record if actual == checksum else None, keys.read(SLOT_BYTES), file.tell())
            damaged, index = (stored if stored.record is None else None), index + 1
            if damaged is None:
                yield stored


def find(folder: Path, index: int) -> tuple[Record, bytes]:
    """Return the record of the entry at `index` and its key slot.

    It goes from header to header, so one damaged record does not hide those after it. Raises `AuditError`, with the code
    ``entry_missing`` where there is no such record.
    """
    first = max((first for first in firsts(folder) if first <= index), default=None)
    missing = AuditError(f"entry {index} has no private part here", code="entry_missing")
    if first is None:
        raise missing
    with (folder / name(first, "seal")).open("rb") as file:
        file.seek(HEADER_BYTES)
        for wanted in range(first, index + 1):
            head = file.read(_RECORD.size)
            if len(head) < _RECORD.size:
                raise missing
            mark, found, leaf, private, recording, _ = _RECORD.unpack(head)
            if mark != _RECORD_MARK or found != wanted:
                raise missing
            if wanted < index:
                file.seek(leaf + private + recording, 1)
        record = Record(index=index, leaf=file.read(leaf), private=file.read(private), recording=file.read(recording))
    with (folder / name(first, "keys")).open("rb") as keys:
        keys.seek((index - first) * SLOT_BYTES)
        return record, keys.read(SLOT_BYTES)
