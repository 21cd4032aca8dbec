"""The journal: after a crash at any byte nothing acknowledged is gone, no index is given twice, and the log does not fork."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.audit import segments
from extproc.audit.files import Files
from extproc.audit.journal import LEAVES, Journal, Place, Slots
from extproc.audit.reader import open_private, read_leaves, read_lines
from extproc.audit.recovery import Recovered
from extproc.audit.scribe import Scribe
from extproc.audit.segments import Record
from extproc.errors import AuditError, ConfigError
from support.evidence import KEY, BrokenFiles, entry

SMALL = 1 << 20


def opened(directory: Path, *, segment_bytes: int = SMALL, files: Files | None = None, least: int = 0) -> Journal:
    """Open the journal of worker ``w``."""
    return Journal(directory, "w", segment_bytes=segment_bytes, files=files or Files(), least=least)


def write(journal: Journal, numbers: range) -> list[bytes]:
    """Append entries in one batch; return their leaves."""
    scribe = Scribe(KEY, "o", "w", journal.following)
    written = [scribe.write(entry(number)) for number in numbers]
    journal.append([record for record, _ in written], [slots for _, slots in written if slots])
    return [record.leaf for record, _ in written]


def seal(directory: Path) -> Path:
    """Return the last segment."""
    return max(Place.of(directory, "w").private.glob("*.seal"))


def log(directory: Path) -> Path:
    """Return the file of leaves."""
    return Place.of(directory, "w").log / LEAVES


def intact(directory: Path, lines: list[bytes]) -> bool:
    """Say whether the log is exactly `lines` and every private part opens and belongs to its leaf."""
    found = list(read_leaves(directory, "w"))
    return lines == list(read_lines(directory, "w")) and all(
        open_private(directory, "w", leaf.index, KEY).private == entry().private for leaf in found
    )


@pytest.fixture
def crashed(tmp_path: Path) -> tuple[Path, list[bytes], int, int]:
    """Two batches, abandoned: the directory, all leaves, and where in the segment the second batch begins and ends."""
    directory = tmp_path / "audit"
    journal = opened(directory)
    first = write(journal, range(3))
    begin = journal._end
    second = write(journal, range(3, 5))
    journal.abandon()
    return directory, first + second, begin, journal._end


def test_a_crash_in_the_middle_of_a_batch_loses_only_that_batch(
    crashed: tuple[Path, list[bytes], int, int], tmp_path: Path
) -> None:
    """Cut at any byte, a batch leaves a beginning of itself; what was acknowledged before is whole and the index continues."""
    directory, lines, begin, end = crashed
    segment = seal(directory).read_bytes()
    acknowledged = b"".join(line + b"\n" for line in lines[:3])
    torn = [cut for cut in [*range(begin, end, 29), end - 1] if any(segment[cut:end])]  # zeros lost to zeros are not lost
    for cut in torn:
        copy = tmp_path / f"cut-{cut}"
        shutil.copytree(directory, copy)
        seal(copy).write_bytes(segment[:cut] + bytes(len(segment) - cut))
        log(copy).write_bytes(acknowledged)
        journal = opened(copy)
        kept = journal.following
        after = write(journal, range(90, 92))
        journal.close()

        assert kept in {3, 4}
        assert intact(copy, lines[:kept] + after)
        shutil.rmtree(copy)


def test_a_crash_before_the_leaves_were_written_completes_them(
    crashed: tuple[Path, list[bytes], int, int], tmp_path: Path
) -> None:
    """Cut at any byte, the log is completed from the records, byte for byte the same."""
    directory, lines, _, _ = crashed
    whole = log(directory).read_bytes()
    for cut in [*range(0, len(whole), 151), len(whole) - 1]:
        copy = tmp_path / f"cut-{cut}"
        shutil.copytree(directory, copy)
        log(copy).write_bytes(whole[:cut])
        journal = opened(copy)
        journal.close()

        assert Recovered(restored=5 - whole[:cut].count(b"\n")) == journal.recovered
        assert intact(copy, lines)
        shutil.rmtree(copy)


def test_a_record_that_survived_a_torn_one_is_not_brought_to_life(tmp_path: Path) -> None:
    """Of a batch whose first record is torn the second is dropped for good, even where its bytes would line up again."""
    old, torn, stale, new = (
        Record(index=index, leaf=b'{"index":%d,"text":"%b"}' % (index, text), private=b"p" * 2 * SMALL)
        for index, text in ((0, b"old"), (1, b"torn"), (2, b"bad!"), (1, b"new!"))
    )
    journal = opened(tmp_path, segment_bytes=64 * SMALL)
    journal.append([old], [])
    begin = journal._end
    journal.append([torn, stale], [])
    journal.abandon()
    segment = seal(tmp_path).read_bytes()
    seal(tmp_path).write_bytes(segment[:begin] + b"\0" + segment[begin + 1 :])
    log(tmp_path).write_bytes(old.leaf + b"\n")
    journal = opened(tmp_path, segment_bytes=64 * SMALL)
    journal.append([new], [])
    journal.abandon()

    assert journal.recovered.torn > 0
    assert [old.leaf, new.leaf] == [whole.leaf for whole in segments.scan(seal(tmp_path).read_bytes(), 0)]


def test_leaves_whose_records_are_lost_keep_their_indexes(crashed: tuple[Path, list[bytes], int, int]) -> None:
    """With a damaged record the log goes on behind the last leaf, in a new segment, and says how many are lost."""
    directory, lines, begin, end = crashed
    segment = seal(directory)
    segment.write_bytes(segment.read_bytes()[:begin] + bytes(end - begin))
    journal = opened(directory)
    after = write(journal, range(9, 10))
    journal.close()

    assert Recovered(lost=2) == journal.recovered
    assert [*lines, *after] == list(read_lines(directory, "w"))
    assert entry().private == open_private(directory, "w", 5, KEY).private
    with pytest.raises(AuditError) as caught:
        open_private(directory, "w", 4, KEY)
    assert caught.value.code == "entry_missing"


def test_leaves_without_any_segment_keep_their_indexes(crashed: tuple[Path, list[bytes], int, int]) -> None:
    """With all private parts gone the log still goes on behind the last leaf."""
    directory, lines, _, _ = crashed
    shutil.rmtree(Place.of(directory, "w").private)
    journal = opened(directory)
    after = write(journal, range(9, 10))
    journal.close()

    assert Recovered(lost=5) == journal.recovered
    assert [*lines, *after] == list(read_lines(directory, "w"))


def test_a_log_changed_while_nobody_looked_is_refused(crashed: tuple[Path, list[bytes], int, int]) -> None:
    """A leaf that no longer says what its record says stops the start."""
    directory, _, _, _ = crashed
    log(directory).write_bytes(log(directory).read_bytes().replace(b'"allow"', b'"deny!"', 1))

    with pytest.raises(AuditError, match="changed from outside"):
        opened(directory)


def test_a_log_cut_off_before_its_last_segment_is_refused(tmp_path: Path) -> None:
    """Leaves that were durable long ago do not disappear in a crash."""
    journal = opened(tmp_path, segment_bytes=2000)
    for number in range(4):
        write(journal, range(number, number + 1))
    journal.close()
    log(tmp_path).write_bytes(b"")

    with pytest.raises(AuditError, match="shorter"):
        opened(tmp_path)


def test_segments_are_rotated_and_stay_readable(tmp_path: Path) -> None:
    """A full segment is followed by another that begins with the next entry, and slots drawn ahead go with it."""
    journal = opened(tmp_path, segment_bytes=4000)
    scribe = Scribe(KEY, "o", "w", 0)
    lines = []
    for number in range(12):
        record, slots = scribe.write(entry(number))
        journal.append([record], [slots] if slots else [])
        lines.append(record.leaf)
    journal.close()

    assert len(segments.firsts(Place.of(tmp_path, "w").private)) > 2
    assert intact(tmp_path, lines)


def test_a_crash_while_a_segment_was_made_leaves_no_half_of_one(tmp_path: Path) -> None:
    """Until it is whole a segment has no name that counts."""
    journal = opened(tmp_path)
    lines = write(journal, range(2))
    journal.abandon()
    (seal(tmp_path).parent / segments.name(2, "new")).write_bytes(b"VGSE")
    journal = opened(tmp_path)
    lines += write(journal, range(2, 3))
    journal.close()

    assert intact(tmp_path, lines)


def test_an_orderly_stop_leaves_nothing_to_put_right(tmp_path: Path) -> None:
    """After a close the next opening finds all in order, and no zeros are left in the segment."""
    journal = opened(tmp_path)
    lines = write(journal, range(2))
    journal.close()

    assert journal._end == seal(tmp_path).stat().st_size
    assert Recovered() == opened(tmp_path).recovered
    assert intact(tmp_path, lines)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """Only one journal writes a worker's log; the second is told so, and may have it once the first has let go."""
    journal = opened(tmp_path)
    with pytest.raises(AuditError, match="another process writes this log"):
        opened(tmp_path)
    journal.close()

    opened(tmp_path).close()


def test_entries_out_of_order_are_never_written(tmp_path: Path) -> None:
    """A record with any other index than the next fails the journal."""
    journal = opened(tmp_path)
    with pytest.raises(OSError, match="out of order"):
        journal.append([Record(index=1, leaf=b"{}", private=b"")], [Slots(1, b"")])

    assert log(tmp_path).read_bytes() == b""


@pytest.mark.parametrize("which", [log, seal])
def test_a_deleted_file_is_noticed(tmp_path: Path, which: Callable[[Path], Path]) -> None:
    """Writing into a file that has no name any more is no evidence."""
    journal = opened(tmp_path)
    write(journal, range(1))
    which(tmp_path).unlink()

    with pytest.raises(FileNotFoundError):
        write(journal, range(1, 2))


def test_fewer_entries_than_are_known_are_refused(tmp_path: Path) -> None:
    """Whoever opens again within a process does not begin a second log in place of one that disappeared."""
    with pytest.raises(AuditError, match="has lost entries"):
        opened(tmp_path, least=1)

    assert list(Place.of(tmp_path, "w").private.iterdir()) == []


def test_a_batch_costs_one_sync(tmp_path: Path) -> None:
    """However many entries, one durable write holds them all, beside the slots and the space that are written ahead."""
    files = BrokenFiles()
    journal = opened(tmp_path, files=files)
    write(journal, range(3))
    before = files.durable
    scribe = Scribe(KEY, "o", "w", 3)
    scribe._draw(3)
    journal.append([scribe.write(entry(number))[0] for number in range(40)], [])

    assert files.durable - before == 1


def test_a_batch_longer_than_the_space_filled_ahead_is_written(tmp_path: Path) -> None:
    """A recording of many megabytes is one record like any other."""
    journal = opened(tmp_path, segment_bytes=64 * SMALL)
    scribe = Scribe(KEY, "o", "w", 0)
    body = bytes(range(256)) * 8 * 1024
    lines = []
    for number in range(3):
        record, slots = scribe.write(entry(number), packed=body if number else None)
        journal.append([record], [slots] if slots else [])
        lines.append(record.leaf)
    journal.close()

    assert lines == [whole.leaf for whole in segments.scan(seal(tmp_path).read_bytes(), 0)]


@pytest.mark.parametrize("worker", ["", "..", "a/b", ".hidden", "x" * 65, "w\n"])
def test_a_worker_cannot_lie_elsewhere(tmp_path: Path, worker: str) -> None:
    """A worker's name is a plain folder name; none leads out of the audit directory."""
    with pytest.raises(ConfigError):
        Place.of(tmp_path, worker)


def test_everything_is_closed_to_others(tmp_path: Path) -> None:
    """Folders are 0700 and files 0600."""
    journal = opened(tmp_path / "audit")
    write(journal, range(1))
    journal.close()
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in (tmp_path / "audit").rglob("*/w/*")}
    folders = {path.stat().st_mode & 0o777 for path in Place.of(tmp_path / "audit", "w")}

    assert ({False: 0o600}, {0o700}) == (modes, folders)
