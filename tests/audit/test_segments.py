"""Segments: records are found where they were put, and damage is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import segments
from extproc.audit.sealing import SLOT_BYTES
from extproc.audit.segments import Record
from extproc.errors import AuditError

RECORDS = [
    Record(index=index, leaf=b"leaf%d" % index, private=b"p" * index, recording=b"r" * (index % 3)) for index in range(4, 9)
]
SEGMENT = segments.header(4) + b"".join(record.encode() for record in RECORDS)


@given(st.integers(0, 64))
def test_a_scan_gives_every_record(zeros: int) -> None:
    """Records are found in order, and the zeros filled ahead end them."""
    found = list(segments.scan(SEGMENT + bytes(zeros), 4))

    assert [record.leaf for record in RECORDS] == [whole.leaf for whole in found]
    assert (segments.HEADER_BYTES, len(SEGMENT)) == (found[0].start, found[-1].end)


@pytest.mark.parametrize("cut", range(segments.HEADER_BYTES, len(SEGMENT)))
def test_a_record_cut_at_any_byte_ends_the_scan(cut: int) -> None:
    """A record that is not wholly there is not there, whether the file ends or zeros follow."""
    whole = [record for record in segments.scan(SEGMENT, 4) if record.end <= cut]

    assert whole == list(segments.scan(SEGMENT[:cut], 4))
    # the last bytes of a record may themselves be zero: then nothing is missing
    assert len(whole) <= len(list(segments.scan(SEGMENT[:cut] + bytes(len(SEGMENT) - cut), 4))) <= len(whole) + 1


@pytest.mark.parametrize("at", range(segments.HEADER_BYTES, len(SEGMENT), 5))
def test_a_changed_byte_ends_the_scan(at: int) -> None:
    """The checksum covers every byte of a record."""
    changed = SEGMENT[:at] + bytes([SEGMENT[at] ^ 0x40]) + SEGMENT[at + 1 :]

    assert [whole for whole in segments.scan(SEGMENT, 4) if whole.end <= at] == list(segments.scan(changed, 4))


def test_a_record_out_of_order_ends_the_scan() -> None:
    """A stale record behind the last one does not come to life."""
    stale = segments.header(4) + RECORDS[0].encode() + RECORDS[2].encode()

    assert [whole.leaf for whole in segments.scan(stale, 4)] == [b"leaf4"]


@pytest.mark.parametrize("segment", [b"", SEGMENT[:10], segments.header(5), b"x" + SEGMENT[1:]])
def test_what_does_not_begin_as_a_segment_is_refused(segment: bytes) -> None:
    """Another file under the name of a segment is not gone on with."""
    with pytest.raises(AuditError, match=r"000000000004\.seal"):
        list(segments.scan(segment, 4))


def test_find_goes_past_a_damaged_record(tmp_path: Path) -> None:
    """A record whose content is damaged hides none of those behind it."""
    start = next(segments.scan(SEGMENT, 4)).end - 2
    (tmp_path / "000000000004.seal").write_bytes(SEGMENT[:start] + b"\xff" + SEGMENT[start + 1 :])
    (tmp_path / "000000000004.keys").write_bytes(b"".join(bytes([index]) * SLOT_BYTES for index in range(4, 9)))

    assert (RECORDS[3], b"\7" * SLOT_BYTES) == segments.find(tmp_path, 7)


@pytest.mark.parametrize("index", [0, 9, 99])
def test_find_says_what_is_missing(tmp_path: Path, index: int) -> None:
    """An index before, behind or far beyond what is there is missing, not an accident."""
    (tmp_path / "000000000004.seal").write_bytes(SEGMENT + bytes(100))
    (tmp_path / "000000000004.keys").write_bytes(bytes(SLOT_BYTES * 5))

    with pytest.raises(AuditError) as caught:
        segments.find(tmp_path, index)
    assert caught.value.code == "entry_missing"


def test_find_takes_the_segment_that_holds_the_entry(tmp_path: Path) -> None:
    """Of several segments the last one that begins at or before the index holds it."""
    for first in (0, 4, 20):
        (tmp_path / segments.name(first, "seal")).write_bytes(segments.header(first) + RECORDS[0].encode())
        (tmp_path / segments.name(first, "keys")).write_bytes(bytes([first]) * SLOT_BYTES)

    assert segments.firsts(tmp_path) == [0, 4, 20]
    assert [segments.since(tmp_path, index) for index in (0, 3, 19, 20)] == [[0, 4, 20], [0, 4, 20], [4, 20], [20]]
    assert (RECORDS[0], b"\4" * SLOT_BYTES) == segments.find(tmp_path, 4)
