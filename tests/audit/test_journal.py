"""The journal: after a crash at any byte nothing acknowledged is gone, no index is given twice, and the log does not fork."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from extproc.audit import note, segments, standalone
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.files import Files
from extproc.audit.journal import Journal, Place, Slots
from extproc.audit.note import Signer
from extproc.audit.published import Published
from extproc.audit.reader import open_private, read_leaves, read_lines
from extproc.audit.recovery import Recovered
from extproc.audit.scribe import Scribe
from extproc.audit.segments import Record
from extproc.errors import AuditError, ConfigError
from extproc.secret import Secret
from support.evidence import FORMER, KEY, SIGNING, BrokenFiles, entry

SMALL = 1 << 20


SIGNER = Signer.load("o/w", SIGNING)


def opened(
    directory: Path,
    *,
    segment_bytes: int = SMALL,
    files: Files | None = None,
    least: int = 0,
    signers: Sequence[Secret] = (SIGNING,),
) -> Journal:
    """Open the journal of worker ``w``."""
    who = [Signer.load("o/w", pem) for pem in signers]
    return Journal(directory, "w", signers=who, segment_bytes=segment_bytes, files=files or Files(), least=least)


def write(journal: Journal, numbers: range) -> list[bytes]:
    """Append entries in one batch; return their leaves."""
    scribe = Scribe(KEY, "o/w", "w", journal.following)
    written = [scribe.write(entry(number)) for number in numbers]
    journal.append([record for record, _ in written], [slots for _, slots in written if slots])
    return [record.leaf for record, _ in written]


def seal(directory: Path) -> Path:
    """Return the last segment."""
    return max(Place.of(directory, "w").private.glob("*.seal"))


def log(directory: Path) -> Path:
    """Return the folder of the log."""
    return Place.of(directory, "w").log


def tree(directory: Path) -> dict[str, bytes]:
    """Return what is published: checkpoint, tiles and bundles."""
    return {
        str(path.relative_to(log(directory))): path.read_bytes() for path in log(directory).rglob("[!.]*") if path.is_file()
    }


def intact(directory: Path, lines: list[bytes]) -> bool:
    """Say whether the log is exactly `lines`, under a checkpoint that holds, and every private part belongs to its leaf."""
    found = list(read_leaves(directory, "w"))
    return (
        standalone.main([str(log(directory)), str(SIGNER.verifier)]) == 0
        and lines == list(Published(log(directory)).leaves(0, len(lines))) == list(read_lines(directory, "w"))
        and all(open_private(directory, "w", leaf.index, KEY).private == entry().private for leaf in found)
    )


@pytest.fixture
def crashed(tmp_path: Path) -> tuple[Path, list[bytes], int, int]:
    """Two batches, abandoned after the first was published.

    Returns the directory, all leaves, and where in the segment the second batch begins and ends.
    """
    directory = tmp_path / "audit"
    journal = opened(directory)
    first = write(journal, range(3))
    journal.show(journal.sign())
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
    torn = [cut for cut in [*range(begin, end, 29), end - 1] if any(segment[cut:end])]  # zeros lost to zeros are not lost
    for cut in torn:
        copy = tmp_path / f"cut-{cut}"
        shutil.copytree(directory, copy)
        seal(copy).write_bytes(segment[:cut] + bytes(len(segment) - cut))
        journal = opened(copy)
        kept = journal.following
        after = write(journal, range(90, 92))
        journal.close()

        assert kept in {3, 4}
        assert intact(copy, lines[:kept] + after)
        shutil.rmtree(copy)


def test_a_crash_before_anything_was_published_changes_nothing(
    crashed: tuple[Path, list[bytes], int, int], tmp_path: Path
) -> None:
    """Whichever of tiles and checkpoint reached the disk, the same tree is grown again from the records, and the same note."""
    directory, lines, _, _ = crashed
    whole = tmp_path / "whole"
    shutil.copytree(directory, whole)
    opened(whole).close()
    early, late = tree(directory), tree(whole)
    for lost in [*early, "", "checkpoint tile"]:
        for there in (
            {},
            early,
            {name: late[name] for name in late if name != "checkpoint"} | {"checkpoint": early["checkpoint"]},
        ):
            copy = tmp_path / "copy"
            shutil.copytree(directory, copy)
            shutil.rmtree(log(copy))
            left = {name: content for name, content in there.items() if not name.startswith(tuple(lost.split()))}
            for name, content in left.items():
                (log(copy) / name).parent.mkdir(parents=True, exist_ok=True)
                (log(copy) / name).write_bytes(content)
            journal = opened(copy)
            journal.close()

            assert Recovered(restored=2 if "checkpoint" in left else 5) == journal.recovered
            seen = late if "checkpoint" in left else {name: late[name] for name in late if not name.endswith(".p/3")}
            assert seen.items() <= tree(copy).items()
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
    journal = opened(tmp_path, segment_bytes=64 * SMALL)
    journal.append([new], [])
    journal.abandon()

    assert journal.recovered.torn > 0
    assert [old.leaf, new.leaf] == [whole.leaf for whole in segments.scan(seal(tmp_path).read_bytes(), 0)]


def published(crashed: tuple[Path, list[bytes], int, int]) -> tuple[Path, list[bytes], int, int]:
    """Return the same, after everything was published."""
    opened(crashed[0]).close()
    return crashed


def test_leaves_whose_records_are_lost_keep_their_indexes(crashed: tuple[Path, list[bytes], int, int]) -> None:
    """With a damaged record the log goes on behind the last leaf, in a new segment, and says how many are lost."""
    directory, lines, begin, end = published(crashed)
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
    directory, lines, _, _ = published(crashed)
    shutil.rmtree(Place.of(directory, "w").private)
    journal = opened(directory)
    after = write(journal, range(9, 10))
    journal.close()

    assert Recovered(lost=5) == journal.recovered
    assert [*lines, *after] == list(read_lines(directory, "w"))


@pytest.mark.parametrize("name", ["checkpoint", "seal"])
def test_a_log_changed_while_nobody_looked_is_refused(crashed: tuple[Path, list[bytes], int, int], name: str) -> None:
    """A checkpoint with another root, and a record with another leaf under a checksum of its own, stop the start."""
    directory, _, _, _ = published(crashed)
    if name == "checkpoint":
        forged = Checkpoint("o/w", 5, bytes(32))
        (log(directory) / name).write_bytes(note.signed(forged.text, [SIGNER]).content)
    else:
        (first, *rest) = segments.scan(seal(directory).read_bytes(), 0)
        other = Record(index=0, leaf=first.leaf.replace(b'"allow"', b'"deny!"', 1), private=b"p")
        seal(directory).write_bytes(segments.header(0) + other.encode() + seal(directory).read_bytes()[rest[0].start :])

    with pytest.raises(AuditError, match="changed from outside"):
        opened(directory)


def test_a_checkpoint_that_does_not_hold_is_refused(crashed: tuple[Path, list[bytes], int, int]) -> None:
    """A size that was not signed stops the start."""
    directory, _, _, _ = published(crashed)
    path = log(directory) / "checkpoint"
    path.write_bytes(path.read_bytes().replace(b"\n5\n", b"\n4\n"))

    with pytest.raises(AuditError, match="changed from outside"):
        opened(directory)


def test_a_full_tile_that_was_changed_is_refused(tmp_path: Path) -> None:
    """What is published of the last segment is compared with its records."""
    journal = opened(tmp_path, segment_bytes=64 * SMALL)
    write(journal, range(300))
    journal.close()
    path = log(tmp_path) / "tile" / "0" / "000"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    with pytest.raises(AuditError, match="changed from outside"):
        opened(tmp_path)


@pytest.mark.parametrize("signers", [[FORMER], [FORMER, SIGNING]])
def test_keys_change_with_overlap_only(crashed: tuple[Path, list[bytes], int, int], signers: list[Secret]) -> None:
    """Another key alone does not go on with a log; beside the former one it signs, and may then go on alone."""
    directory, _, _, _ = published(crashed)
    if len(signers) == 1:
        with pytest.raises(AuditError, match="signed by another key"):
            opened(directory, signers=signers)
        return
    opened(directory, signers=signers).close()
    both = [str(Signer.load("o/w", pem).verifier) for pem in signers]

    assert [standalone.main([str(log(directory)), key]) for key in both] == [0, 0]
    opened(directory, signers=[FORMER]).close()
    assert [standalone.main([str(log(directory)), key]) for key in both] == [0, 1]


def test_a_log_of_another_name_is_refused(crashed: tuple[Path, list[bytes], int, int]) -> None:
    """A log keeps its name."""
    directory, _, _, _ = published(crashed)

    with pytest.raises(AuditError, match="is called o/w and not p/w"):
        Journal(directory, "w", signers=[Signer.load("p/w", SIGNING)], segment_bytes=SMALL, files=Files())


def test_a_log_of_an_earlier_form_is_refused(tmp_path: Path) -> None:
    """What version 0.1.0 wrote is not gone on with."""
    Place.of(tmp_path, "w").log.mkdir(parents=True)
    (Place.of(tmp_path, "w").log / "leaves.jsonl").write_text("{}\n")

    with pytest.raises(AuditError, match="earlier version"):
        opened(tmp_path)


@pytest.mark.parametrize("count", [254, 255, 256, 257, 512, 700])
def test_a_log_of_many_segments_is_gone_on_with_at_any_size(tmp_path: Path, count: int) -> None:
    """Killed at sizes around those of bundles, with records in many segments, the tree is grown again."""
    lines = []
    journal = opened(tmp_path, segment_bytes=100_000)
    for number in range(count):
        lines += write(journal, range(number, number + 1))
        if number % 100 == 50:
            journal.show(journal.sign())
    journal.abandon()
    journal = opened(tmp_path, segment_bytes=100_000)
    lines += write(journal, range(count, count + 2))
    journal.close()

    assert len(segments.firsts(Place.of(tmp_path, "w").private)) > 2
    assert lines == list(read_lines(tmp_path, "w"))
    assert standalone.main([str(log(tmp_path)), str(SIGNER.verifier)]) == 0


def test_partial_tiles_go_once_there_is_a_full_one(tmp_path: Path) -> None:
    """Of a full tile no partial one is left, and of the right edge those of each checkpoint until the log is closed."""
    journal = opened(tmp_path)
    for start, end in ((0, 2), (2, 5), (5, 260), (260, 262)):
        write(journal, range(start, end))
        journal.show(journal.sign())
    there = {name for name in tree(tmp_path) if name.startswith("tile/")}
    journal.close()
    left = {name for name in tree(tmp_path) if name.startswith("tile/")}

    closed = {"tile/0/000", "tile/entries/000", "tile/0/001.p/6", "tile/1/000.p/1", "tile/entries/001.p/6"}
    assert (there, left) == (closed | {"tile/0/001.p/4", "tile/entries/001.p/4"}, closed)


def test_segments_are_rotated_and_stay_readable(tmp_path: Path) -> None:
    """A full segment is followed by another that begins with the next entry, and slots drawn ahead go with it."""
    journal = opened(tmp_path, segment_bytes=4000)
    scribe = Scribe(KEY, "o/w", "w", 0)
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

    assert list(read_lines(tmp_path, "w")) == []


def test_a_deleted_file_is_noticed(tmp_path: Path) -> None:
    """Writing into a file that has no name any more is no evidence, and neither is a log whose folder is gone."""
    journal = opened(tmp_path / "seal")
    write(journal, range(1))
    seal(tmp_path / "seal").unlink()
    with pytest.raises(FileNotFoundError):
        write(journal, range(1, 2))
    journal = opened(tmp_path / "log")
    write(journal, range(1))
    shutil.rmtree(log(tmp_path / "log"))

    with pytest.raises(FileNotFoundError):
        journal.show(journal.sign())


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
    scribe = Scribe(KEY, "o/w", "w", 3)
    scribe._draw(3)
    journal.append([scribe.write(entry(number))[0] for number in range(40)], [])

    assert files.durable - before == 1


def test_a_batch_longer_than_the_space_filled_ahead_is_written(tmp_path: Path) -> None:
    """A recording of many megabytes is one record like any other."""
    journal = opened(tmp_path, segment_bytes=64 * SMALL)
    scribe = Scribe(KEY, "o/w", "w", 0)
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
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in (tmp_path / "audit").rglob("*/w/**/*")}
    folders = {path.stat().st_mode & 0o777 for path in Place.of(tmp_path / "audit", "w")}

    assert ({False: 0o600, True: 0o700}, {0o700}) == (modes, folders)


@pytest.mark.parametrize(("free", "warnings"), [(1 << 20, 1), (1 << 40, 0)])
def test_little_room_is_a_warning_before_there_is_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, free: int, warnings: int
) -> None:
    """Said for each megabyte of evidence, and not where there is room."""

    class Room(Files):
        def free(self, descriptor: int) -> int:
            """Return what the test says."""
            del descriptor
            return free

    journal = opened(tmp_path, files=Room())
    with caplog.at_level(logging.WARNING):
        write(journal, range(600))
    room = Files().free(journal._segment)
    journal.close()

    assert room > 0
    assert [("a gibibyte" in line) for line in caplog.messages] == [True] * warnings
