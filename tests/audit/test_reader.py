"""Reading evidence back, and what is said where that cannot be."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from extproc.audit import leaf, segments, tiles
from extproc.audit.journal import Place
from extproc.audit.ledger import Ledger
from extproc.audit.reader import open_private, read_leaves, read_lines, workers
from extproc.audit.sealing import ERASED, SLOT_BYTES
from extproc.errors import AuditError
from extproc.secret import Secret
from support.evidence import KEY, KEYS, PERSON, entry


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    """Return a directory with the evidence of two workers, two entries each."""
    for worker in ("one", "two"):
        ledger = Ledger.open(tmp_path, worker, KEYS)
        for number in range(2):
            await ledger.append(entry(number))
        await ledger.close()
    return tmp_path


def test_the_leaves_of_all_workers_are_read(directory: Path) -> None:
    """Without a name every log is read, one after the other."""
    expected = [("vecgate/one", 0), ("vecgate/one", 1), ("vecgate/two", 0), ("vecgate/two", 1)]

    assert expected == [(found.log, found.index) for found in read_leaves(directory)]
    assert workers(directory) == ["one", "two"]


async def test_entries_are_read_before_they_are_published(tmp_path: Path) -> None:
    """What is durable is read at once, from its record; one that is still being written is left out."""
    ledger = Ledger.open(tmp_path, "one", KEYS, cadence=3600.0)
    for number in range(3):
        await ledger.append(entry(number))
    before = [found.index for found in read_leaves(tmp_path)]
    await ledger.flush()
    await ledger.append(entry(3))
    after = [found.index for found in read_leaves(tmp_path)]
    (segment,) = Place.of(tmp_path, "one").private.glob("*.seal")
    content = segment.read_bytes().rstrip(b"\0")
    segment.write_bytes(content[:-1])

    assert (before, after) == ([0, 1, 2], [0, 1, 2, 3])
    assert [found.index for found in read_leaves(tmp_path)] == [0, 1, 2]
    await ledger.close()


def test_a_log_is_read_where_there_is_nothing_else(directory: Path) -> None:
    """Whoever has only what is published reads that."""
    shutil.rmtree(directory / "private")

    assert workers(directory) == ["one", "two"]
    assert [found.index for found in read_leaves(directory, "one")] == [0, 1]


@pytest.mark.parametrize("line", [b"{}", b'{"kind":"\xff"}', b'{"x":' + b"[" * 5000])
def test_what_is_no_leaf_is_an_error(directory: Path, line: bytes) -> None:
    """What is in a bundle and is not a leaf is reported, not skipped."""
    path = Place.of(directory, "one").log / "tile" / "entries" / "000.p" / "2"
    path.write_bytes(tiles.bundle([tiles.leaves(path.read_bytes())[0], line]))

    with pytest.raises(AuditError, match="no leaf"):
        list(read_leaves(directory, "one"))


@pytest.mark.parametrize("kind", ["seal", "keys"])
def test_a_file_that_is_a_directory_or_gone_is_an_error(directory: Path, kind: str) -> None:
    """Evidence whose files cannot be read says so in our own words."""
    path = Place.of(directory, "one").private / segments.name(0, kind)
    path.unlink()
    if kind == "seal":  # one that is only gone is simply no segment
        path.mkdir()
    (Place.of(directory, "two").log / "tile" / "entries" / "000.p" / "2").unlink()

    with pytest.raises(AuditError) as caught:
        open_private(directory, "one", 0, KEY)
    assert caught.value.code == "entry_unreadable"
    with pytest.raises(AuditError, match="No such file"):
        list(read_leaves(directory, "two"))


def test_commitments_open_with_the_salts_of_the_private_part(directory: Path) -> None:
    """Whoever holds the key can prove who did it from the leaf alone."""
    found = next(read_leaves(directory, "one"))
    opened = open_private(directory, "one", 0, KEY)

    assert found.commitments["person"] == leaf.commitment("person", opened.salts.person, PERSON)


def test_leaf_and_ciphertexts_belong_together(directory: Path) -> None:
    """The digests in the log are those of what lies in the segment, and the segment holds the leaf itself."""
    record, _ = segments.find(Place.of(directory, "one").private, 1)
    line = list(read_lines(directory, "one"))[1]
    found = msgspec.json.decode(line)

    assert (line, sha256(record.private).hexdigest(), sha256(record.recording).hexdigest()) == (
        record.leaf,
        found["private"],
        found["recording"]["sha256"],
    )


def test_an_erased_entry_is_gone_and_its_leaf_stands(directory: Path) -> None:
    """Overwriting the slot makes the private part unreadable for ever, of this entry alone."""
    keys = Place.of(directory, "one").private / segments.name(0, "keys")
    with keys.open("r+b") as file:
        file.seek(SLOT_BYTES)
        file.write(ERASED)

    with pytest.raises(AuditError) as caught:
        open_private(directory, "one", 1, KEY)
    assert caught.value.code == "entry_erased"
    assert entry().private == open_private(directory, "one", 0, KEY).private
    assert len(list(read_leaves(directory, "one"))) == 2


def test_another_sealing_key_opens_nothing(directory: Path) -> None:
    """Without the right sealing key the private part is not to be had."""
    with pytest.raises(AuditError) as caught:
        open_private(directory, "one", 0, Secret(b"j" * 32))

    assert caught.value.code == "entry_unreadable"


def test_a_private_part_moved_to_another_worker_does_not_open(directory: Path) -> None:
    """Evidence of one worker cannot be passed off as another's."""
    one, two = (Place.of(directory, worker).private for worker in ("one", "two"))
    for kind in ("seal", "keys"):
        (two / segments.name(0, kind)).write_bytes((one / segments.name(0, kind)).read_bytes())

    with pytest.raises(AuditError) as caught:
        open_private(directory, "two", 0, KEY)
    assert caught.value.code == "entry_unreadable"


def test_nothing_private_lies_on_the_disk_in_the_clear(directory: Path) -> None:
    """No personal value and no part of a request is in any file below the audit directory."""
    content = b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())

    assert [value for value in (PERSON, "subject-4711", "203.0.113.77", "078-05-1120") if value.encode() in content] == []
