"""What is done to a log after a crash, at every byte at which one can happen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit.recovery import Completion, complete
from extproc.errors import AuditError

LEAVES = [b'{"index":%d,"text":"%s"}' % (index, b"x" * (index % 5)) for index in range(3, 9)]
LINES = b"".join(leaf + b"\n" for leaf in LEAVES)


@pytest.mark.parametrize("cut", range(len(LINES) + 1))
def test_a_log_cut_at_any_byte_is_completed(cut: int) -> None:
    """Whatever beginning of the log is left, what is added makes it the log that the records say."""
    found = complete(LINES[:cut], LEAVES, 3)

    assert LINES[:cut][: found.good] + found.missing == LINES
    assert (len(LEAVES) - LINES[:cut].count(b"\n"), 0) == (found.restored, found.lost)


@given(st.integers(0, len(LINES) - 1), st.integers(1, 400))
def test_zeros_that_a_disk_left_are_replaced(cut: int, zeros: int) -> None:
    """Zeros in place of what was not on the disk yet count as not written, in the middle or at the end."""
    log = LINES[:cut] + bytes(zeros) + LINES[cut + zeros :]
    found = complete(log, LEAVES, 3)

    assert log[: found.good] + found.missing == LINES


def test_a_complete_log_is_left_alone() -> None:
    """Nothing is done to a log that is whole."""
    assert Completion(good=len(LINES), missing=b"", restored=0, lost=0) == complete(LINES, LEAVES, 3)


@pytest.mark.parametrize("kept", range(len(LEAVES)))
def test_leaves_without_a_record_are_kept(kept: int) -> None:
    """A leaf whose record is lost stays: someone may have seen it, so its index is never given out again."""
    found = complete(LINES, LEAVES[:kept], 3)

    assert Completion(good=len(LINES), missing=b"", restored=0, lost=len(LEAVES) - kept) == found


def test_half_a_leaf_without_a_record_is_dropped() -> None:
    """A leaf that was never whole never was."""
    whole = LINES.rindex(b"\n", 0, -1) + 1

    assert whole == complete(LINES[:-4], LEAVES[:2], 3).good
    assert whole == complete(LINES[:-4] + bytes(9), LEAVES[:2], 3).good


@pytest.mark.parametrize("at", range(0, len(LINES), 3))
def test_a_leaf_changed_from_outside_is_refused(at: int) -> None:
    """A log that says something else than its records is not gone on with."""
    changed = LINES[:at] + bytes([LINES[at] ^ 1]) + LINES[at + 1 :]

    with pytest.raises(AuditError, match="changed from outside"):
        complete(changed, LEAVES, 3)


@pytest.mark.parametrize("extra", [b"hello\n", b'{"index":12}\n', b"{}\n", b'{"\xff":1}\n', b'{"x":' + b"[" * 5000 + b"\n"])
def test_foreign_lines_behind_the_records_are_refused(extra: bytes) -> None:
    """What follows the last record must be the next leaves."""
    with pytest.raises(AuditError, match="changed from outside"):
        complete(LINES + extra, LEAVES, 3)
