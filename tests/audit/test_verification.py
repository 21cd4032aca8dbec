"""Verification: whatever is changed is found and named, and what nobody changed is not."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from extproc.audit import note, segments
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.journal import Place
from extproc.audit.note import Signer
from extproc.audit.records import Finding
from extproc.audit.sealing import ERASED, SLOT_BYTES
from extproc.audit.segments import Record
from extproc.audit.tiles import Tile
from extproc.audit.verification import Verification
from support.evidence import FORMER, SIGNING, entry
from support.logs import SIGNER, Writer, audited, copies, files, flip, made, tamper, told

MANY = 700


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an orderly log of several bundles and segments, with tiles of two levels."""
    directory = tmp_path_factory.mktemp("log") / "audit"
    made(directory, MANY, segment_bytes=256 << 10)
    return directory


@pytest.fixture
def copy(log: Path, tmp_path: Path) -> Path:
    """Return a log of one's own."""
    return Path(shutil.copytree(log, tmp_path / "audit"))


def test_an_orderly_log_holds(log: Path) -> None:
    """No false alarm: size, root and keys are told, and nothing else is to tell."""
    found = audited(log).verified["w"]

    assert (found.size, found.waiting, found.torn, found.erased) == (MANY + 2, 0, 0, ())
    assert found.signed.keys == (SIGNER.verifier,)


@pytest.mark.parametrize("count", [0, 1, 253, 254, 255, 256, 509, 510, 511])
def test_logs_of_any_size_hold(tmp_path: Path, count: int) -> None:
    """At the borders of bundles and tiles too, open or closed."""
    writer = Writer(tmp_path)
    writer.grow(count, batch=100)
    writer.write(entry(1000))
    live = audited(tmp_path).verified["w"]
    writer.stop()

    assert (live.size + live.waiting, audited(tmp_path).verified["w"].size) == (count + 2, count + 3)


def test_a_log_after_crashes_holds(tmp_path: Path) -> None:
    """Killed at any state, before and after its next start, a log raises no alarm."""
    sizes = []
    for round_ in range(6):
        writer = Writer(tmp_path)
        writer.grow(90 + round_, batch=40)
        writer.write(entry(500))
        writer.journal.abandon()
        found = audited(tmp_path).verified["w"]
        sizes.append(found.size + found.waiting)

    assert sizes == [92 * (round_ + 1) + sum(range(round_ + 1)) for round_ in range(6)]


def test_a_flipped_byte_in_any_file_is_found(tmp_path: Path) -> None:
    """Of a small log, every file, and many bytes of each: the first, the last, and some between."""
    log = tmp_path / "audit"
    made(log, 6)
    chance = random.Random(7)  # noqa: S311 - repeatable
    missed = []
    for path in files(log):
        size = path.stat().st_size
        for at in {0, size - 1, *(chance.randrange(size) for _ in range(40))}:
            bit = 1 << chance.randrange(8)
            flip(path, at, bit)
            if not told(log):
                missed.append((path.name, at))
            flip(path, at, bit)

    assert missed == []
    assert told(log) == []


def test_two_hundred_random_tampers_are_found(log: Path, tmp_path: Path) -> None:
    """A bit flipped, a file removed, cut, made longer, or put in another's place: nothing of it goes by."""
    chance = random.Random(12)  # noqa: S311 - repeatable
    missed = []
    for scratch in copies(log, tmp_path / "scratch", 200):
        done = tamper(scratch, chance)
        if not told(scratch):
            missed.append(done)

    assert missed == []


def test_the_first_bad_place_is_named(copy: Path) -> None:
    """Each finding says which file, and which entry where it is one."""
    place = Place.of(copy, "w")
    bundle = place.log / Tile(None, 1).path
    content = bundle.read_bytes()
    bundle.write_bytes(content.replace(b'"exchange-300"', b'"exchange-3OO"'))
    in_bundle = told(copy)
    bundle.write_bytes(content)
    flip(place.log / Tile(0, 1).path, 7 * 32)
    in_tile = told(copy)
    flip(place.log / Tile(0, 1).path, 7 * 32)
    flip(place.log / "checkpoint", -5)

    assert ["record holds another leaf" in line and ", entry 301:" in line for line in in_bundle] == [True]
    assert in_tile == ["log/w/tile/0/001, entry 263: the tile does not hold the hashes of what is below it"]
    assert [line.startswith("log/w/checkpoint: ") for line in told(copy)] == [True]


def rewritten(directory: Path, change: str) -> None:
    """Rewrite the only segment: with a record removed, two swapped, or one more at the end."""
    path = max(Place.of(directory, "w").private.glob("*.seal"))
    segment = path.read_bytes()
    first = int(path.stem)
    records = [
        Record(
            index=index,
            leaf=whole.leaf,
            private=segment[whole.private : whole.recording],
            recording=segment[whole.recording : whole.end],
        )
        for index, whole in enumerate(segments.scan(segment, first), first)
    ]
    match change:
        case "removed":
            del records[2]
        case "swapped":
            records[2], records[3] = records[3], records[2]
        case _:
            records.append(records[-1])
    whole_again = [
        Record(index=index, leaf=each.leaf, private=each.private, recording=each.recording).encode()
        for index, each in enumerate(records, first)
    ]
    path.write_bytes(segment[: segments.HEADER_BYTES] + b"".join(whole_again))


@pytest.mark.parametrize("change", ["removed", "swapped", "added"])
def test_a_record_removed_added_or_reordered_is_found(tmp_path: Path, change: str) -> None:
    """Also where every checksum was made anew."""
    made(tmp_path, 6)
    rewritten(tmp_path, change)

    assert len(told(tmp_path)) == 1


def test_a_forged_size_is_found(copy: Path) -> None:
    """A checkpoint of another size, signed by another key or left with its signature, does not hold."""
    path = Place.of(copy, "w").log / "checkpoint"
    shown = note.parse(path.read_bytes())
    found = Checkpoint.parse(shown.text)
    lines = []
    for size in (found.size - 1, found.size + 1, 0):
        forged = found._replace(size=size).text
        path.write_bytes(note.Note(forged, shown.signatures).content)
        lines.append(told(copy))
        path.write_bytes(note.signed(forged, [Signer.load("o/w", FORMER)]).content)
        lines.append(told(copy))

    assert [len(each) for each in lines] == [1] * 6


def test_a_log_rewritten_with_the_key_is_found_by_an_earlier_checkpoint(tmp_path: Path) -> None:
    """Whoever has the signing key can make another log that holds, and cannot make it agree with what somebody kept."""
    kept = made(tmp_path / "one", 300)
    made(tmp_path / "two", 400)
    other = Writer(tmp_path / "three")
    other.write(entry(77))
    other.grow(400)
    other.stop()

    assert told(tmp_path / "three") == []
    assert told(tmp_path / "two", since=[kept]) == ["log/w/checkpoint: its first 302 entries are not those of then"]
    assert told(tmp_path / "three", since=[kept]) == ["log/w/checkpoint: its first 302 entries are not those of then"]


def test_rollback_is_found_by_an_earlier_checkpoint(tmp_path: Path) -> None:
    """An older state put back holds together; with a checkpoint of later it is told. The log that grew on agrees with both."""
    writer = Writer(tmp_path / "audit")
    writer.grow(200)
    shutil.copytree(tmp_path / "audit", tmp_path / "older")
    later = writer.grow(200)
    middle = note.parse((tmp_path / "older/log/w/checkpoint").read_bytes())
    writer.stop()

    assert told(tmp_path / "older") == []
    assert told(tmp_path / "older", since=[later]) == ["log/w/checkpoint: then it had 401 entries, and now 201"]
    assert told(tmp_path / "audit", since=[later, middle]) == []


def test_an_earlier_checkpoint_of_another_log_is_told(tmp_path: Path) -> None:
    """Of a log of another gateway whose worker has the same name."""
    other = note.signed(Checkpoint("elsewhere/w", 1, bytes(32)).text, [Signer.load("elsewhere/w", SIGNING)])
    made(tmp_path, 10)

    assert audited(tmp_path, since=[other]).findings["w"].what == "it is of elsewhere/w, and this log is o/w"


def test_loss_of_a_whole_log_is_found(tmp_path: Path) -> None:
    """By an earlier checkpoint of it, or by its key; without either nobody could know."""
    made(tmp_path, 10, "v")
    kept = made(tmp_path, 10)
    shutil.rmtree(tmp_path / "log" / "w")
    shutil.rmtree(tmp_path / "private" / "w")

    assert list(audited(tmp_path, keys=[]).findings) == []
    assert [str(each) for each in audited(tmp_path, keys=[], since=[kept]).findings.values()] == ["log/w: the log o/w is gone"]
    assert [str(audited(tmp_path).findings["w"])] == ["log/w: the log o/w is gone"]


def test_loss_of_one_half_is_found(tmp_path: Path) -> None:
    """Records without their log, and a log without its records."""
    lines = []
    for folder in ("log", "private"):
        made(tmp_path / folder, 10)
        shutil.rmtree(tmp_path / folder / folder / "w")
        lines.append(told(tmp_path / folder))

    assert lines == [["log/w/checkpoint: there is none"], ["private/w, entry 0: the record is damaged or gone"]]


def test_one_log_in_the_place_of_another_is_found(tmp_path: Path) -> None:
    """Two logs of one gateway cannot change places."""
    for worker in "vw":
        made(tmp_path, 5, worker)
    for folder in ("log", "private"):
        (tmp_path / folder / "v").rename(tmp_path / folder / "x")
        (tmp_path / folder / "w").rename(tmp_path / folder / "v")
        (tmp_path / folder / "x").rename(tmp_path / folder / "w")

    assert sorted(audited(tmp_path, keys=[]).findings) == ["v", "w"]


def test_a_destroyed_key_without_a_receipt_is_found(copy: Path) -> None:
    """Zeros in the place of a key are not taken for an erasure that nobody decided."""
    path = min(Place.of(copy, "w").private.glob("*.keys"))
    content = path.read_bytes()
    path.write_bytes(content[: 3 * SLOT_BYTES] + ERASED + content[4 * SLOT_BYTES :])

    assert told(copy) == ["private/w, entry 3: the key was destroyed, and no receipt says so"]


def test_a_rotation_is_followed(tmp_path: Path) -> None:
    """With the old key and a checkpoint from the overlap the log's own record tells the new key; without one it does not."""
    new, old = Signer.load("o/w", FORMER).verifier, SIGNER.verifier
    for number, signing in enumerate([(SIGNING,), (FORMER, SIGNING), (FORMER,)]):
        writer = Writer(tmp_path, signing=signing)
        writer.grow(20)
        shown = writer.stop()
        if number == 1:
            overlap = shown

    assert audited(tmp_path, [old], [overlap]).findings == {}
    assert audited(tmp_path, [new]).findings == {}
    assert audited(tmp_path, []).findings == {}
    assert [str(each) for each in audited(tmp_path, [old]).findings.values()] == [
        "log/w/checkpoint: none of the keys that count for o/w has signed this"
    ]


def test_a_signature_of_somebody_unknown_is_found(copy: Path) -> None:
    """Each signature on a checkpoint is of a key that the log or the auditor names."""
    path = Place.of(copy, "w").log / "checkpoint"
    shown = note.parse(path.read_bytes())
    path.write_bytes(note.signed(shown.text, [SIGNER, Signer.load("someone", FORMER)]).content)

    assert told(copy) == ["log/w/checkpoint: a signature of someone is by a key that nobody knows"]


@pytest.mark.parametrize("name", ["note.txt", "tile/0/x002", "tile/9/000", "tile/entries/002.p/0", "tile/0/001.p/256"])
def test_a_file_that_belongs_nowhere_is_found(copy: Path, name: str) -> None:
    """Nothing is in the folder that the log does not explain."""
    path = Place.of(copy, "w").log / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(32))

    assert [line.startswith(f"log/w/{name}: ") for line in told(copy)] == [True]


def test_leaves_alone_can_be_verified(copy: Path) -> None:
    """Who was given only the public half verifies that."""
    shutil.rmtree(copy / "private")
    verification = Verification(copy, "w", given=[SIGNER.verifier], leaves_only=True)

    assert verification.run().size == MANY + 2
    with pytest.raises(Finding, match="damaged or gone"):
        Verification(copy, "w", given=[SIGNER.verifier]).run()


def test_progress_is_told(log: Path) -> None:
    """How many of how many, up to all of them."""
    seen: list[tuple[int, int]] = []
    Verification(log, "w", given=[SIGNER.verifier], progress=lambda done, whole: seen.append((done, whole))).run()

    assert seen == [(256, 702), (512, 702), (702, 702)]
