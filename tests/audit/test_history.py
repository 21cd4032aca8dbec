"""Evidence recalled from the first entry to the last, as one entry at a time would be opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.audit import history, segments
from extproc.audit.history import Recalled, recall
from extproc.audit.journal import Place
from extproc.audit.ledger import Ledger
from extproc.audit.reader import open_private, read_leaves
from extproc.audit.sealing import ERASED, SLOT_BYTES
from extproc.errors import AuditError
from extproc.secret import Secret
from support.evidence import KEY, KEYS, entry

COUNT = 40
SEGMENT = 6000  # bytes; some ten entries


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """Return a directory with the evidence of two workers, of several segments each."""
    for worker in ("one", "two"):
        ledger = Ledger.open(tmp_path, worker, KEYS, segment_bytes=SEGMENT)
        for number in range(COUNT):
            await ledger.append(entry(number))
        await ledger.close()
    return tmp_path


def firsts(directory: Path, worker: str = "one") -> list[int]:
    """Return where a worker's segments begin."""
    return segments.firsts(Place.of(directory, worker).private)


def overwrite(directory: Path, first: int, kind: str, offset: int, data: bytes) -> None:
    """Write over a part of one of the first worker's files."""
    with (Place.of(directory, "one").private / segments.name(first, kind)).open("r+b") as file:
        file.seek(offset)
        file.write(data)


def missing(recalled: Iterator[Recalled]) -> list[str]:
    """Return why private parts are not there."""
    return [each.missing for each in recalled if each.missing]


def test_everything_is_recalled_once_and_in_order(directory: Path) -> None:
    """Leaves are those of the log, private parts those that are opened one by one."""
    recalled = list(recall(directory, KEY))
    opened = [open_private(directory, worker, index, KEY).private for worker in ("one", "two") for index in range(COUNT)]

    assert len(firsts(directory)) > 2
    assert [each.leaf for each in recalled] == list(read_leaves(directory))
    assert [each.private for each in recalled] == opened
    assert {each.missing for each in recalled} == {""}


def test_progress_adds_up_to_the_size(directory: Path) -> None:
    """Whoever is told of it can draw a bar that ends where it should, whatever is passed over."""
    middle = list(read_leaves(directory, "one"))[COUNT // 2].time
    for since in ("", middle, "9999"):
        told: list[int] = []
        list(recall(directory, KEY, since=since, advance=told.append))

        assert (sum(told), min(told) >= 0) == (history.size(directory), True)


@pytest.mark.parametrize("index", [0, 1, COUNT // 2, COUNT - 1])
def test_what_is_older_is_left_out(directory: Path, index: int) -> None:
    """An entry of exactly that time is still in."""
    since = list(read_leaves(directory, "one"))[index].time

    found = [each.leaf.index for each in recall(directory, KEY, since=since) if each.leaf]

    assert found == [*range(index, COUNT)] * 2


def test_segments_that_are_older_are_not_read(directory: Path) -> None:
    """A report on the last hour does not read a year: what lies in an old segment is not even looked at."""
    last = firsts(directory)[-1]
    since = list(read_leaves(directory, "one"))[last].time
    overwrite(directory, 0, "seal", segments.HEADER_BYTES + 200, b"damage")

    assert {each.missing for each in recall(directory, KEY, since=since)} == {""}
    assert missing(recall(directory, KEY)) == ["entry_unreadable"]


def test_what_is_not_wanted_is_not_opened(directory: Path) -> None:
    """Leaves choose; the key is not needed for the others."""
    found = list(recall(directory, KEY, wanted=lambda leaf: leaf.exchange == "exchange-7"))

    assert [each.leaf.index for each in found if each.leaf] == [7, 7]
    assert list(recall(directory, Secret(b"j" * 32), wanted=lambda _: False)) == []


def test_what_is_erased_or_does_not_open_is_said(directory: Path) -> None:
    """Each entry is there with its leaf, and with why its private part is not."""
    second = firsts(directory)[1]
    overwrite(directory, 0, "keys", 2 * SLOT_BYTES, ERASED)
    overwrite(directory, second, "keys", 0, b"x" * SLOT_BYTES)
    found = {each.leaf.index: each for each in recall(directory, KEY) if each.leaf and each.missing}

    assert {index: each.missing for index, each in found.items()} == {2: "entry_erased", second: "entry_unreadable"}
    assert [each.private for each in found.values()] == [None, None]
    assert set(missing(recall(directory, Secret(b"j" * 32)))) == {"entry_erased", "entry_unreadable"}


def test_a_damaged_record_hides_none_of_those_after_it(directory: Path) -> None:
    """It is told of as one that cannot be read."""
    stored = next(segments.walk(Place.of(directory, "one").private, 0))
    overwrite(directory, 0, "seal", stored.end - 1, b"\0\0")  # the end of the first, and the mark of the second
    beyond = [each.leaf.index for each in recall(directory, KEY) if each.leaf]
    overwrite(directory, 0, "seal", stored.end, b"V")
    damaged = list(recall(directory, KEY))

    assert beyond[0] == firsts(directory)[1]  # where no record begins the segment ends
    assert [each.leaf.index if each.leaf else each.missing for each in damaged[:3]] == ["entry_unreadable", 1, 2]
    assert len(damaged) == 2 * COUNT


def test_a_record_that_is_being_written_is_none_yet(directory: Path) -> None:
    """Zeros, half a record, or a whole one with half its bytes: all before it is there, and no damage is told."""
    last = firsts(directory)[-1]
    path = Place.of(directory, "one").private / segments.name(last, "seal")
    whole = path.read_bytes()
    *_, before, final = segments.walk(path.parent, last)
    cases = [
        (whole + bytes(5000), COUNT),
        (whole[: final.end - 3], COUNT - 1),
        (whole[: before.end + 10], COUNT - 1),
        (whole[: final.end - 9] + bytes(5000), COUNT - 1),
    ]
    for data, count in cases:
        path.write_bytes(data)

        assert [each.leaf.index for each in recall(directory, KEY) if each.leaf] == [*range(count), *range(COUNT)]
        assert missing(recall(directory, KEY)) == []


def test_files_that_are_not_there_are_an_error(directory: Path) -> None:
    """Evidence that cannot be read says so in our own words."""
    (Place.of(directory, "one").private / segments.name(0, "keys")).unlink()

    with pytest.raises(AuditError, match="the files of one cannot be read"):
        list(recall(directory, KEY))
