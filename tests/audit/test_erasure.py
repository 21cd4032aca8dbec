"""Erasing: what was theirs is in no file any more, the log verifies, and a receipt tells it from tampering."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import msgspec
import pytest

from extproc.audit import erasure, proofs, reader
from extproc.audit.audition import Auditor
from extproc.audit.entry import Entry, Private
from extproc.audit.erasure import Subject
from extproc.audit.files import Files
from extproc.audit.journal import Place
from extproc.audit.ledger import Ledger
from extproc.audit.note import Signer
from extproc.audit.published import Published
from extproc.audit.sealing import ERASED, SLOT_BYTES
from extproc.errors import AuditError
from support.evidence import KEY, KEYS, PRINCIPAL, SIGNING, BrokenFiles, entry
from support.logs import SIGNER, Writer, audited, told

OTHER = msgspec.structs.replace(PRINCIPAL, id="https://idp.example.com#other", subject="other", person="omar@example.com")
BOTH = [Signer.load(f"o/{name}", SIGNING).verifier for name in ("w", "control")]
REASON = Private(claimed={"reason": "asked for by the person, ticket 77"})


def written(directory: Path) -> Ledger:
    """Write entries of two people, and open the log that receipts go to."""
    writer = Writer(directory, segment_bytes=4 << 10)
    for number in range(20):
        private = msgspec.structs.replace(entry().private, principal=OTHER if number % 4 == 0 else PRINCIPAL)
        body = b'{"ids":["record-%d"]}' % number
        writer.write(entry(number, body=body, private=private))
    writer.stop()
    return Ledger.open(directory, "control", KEYS, origin="o")


def content(folder: Path, pattern: str) -> bytes:
    """Return what is in all files of this name."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob(pattern)) if path.is_file())


def overwrite_first(directory: Path) -> None:
    """Destroy the key of the first entry."""
    path = min((directory / "private" / "w").glob("*.keys"))
    path.write_bytes(ERASED + path.read_bytes()[SLOT_BYTES:])


async def erased(directory: Path, subject: Subject, files: Files | None = None) -> dict[str, list[int]]:
    """Erase a subject's entries; return which they were."""
    ledger = written(directory)
    found = erasure.find(directory, KEY, subject)
    try:
        await erasure.erase(directory, found, log=ledger, origin="o", private=REASON, clock=lambda: 7, files=files)
    finally:
        await ledger.close()
    return found


@pytest.mark.parametrize(
    ("subject", "indexes"),
    [
        (Subject(person="omar@example.com"), [1, 5, 9, 13, 17]),
        (Subject(principal=OTHER.id), [1, 5, 9, 13, 17]),
        (Subject(record="record-6"), [7]),
        (Subject(record="record-6", collection="tickets", database="kb"), [7]),
        (Subject(exchange="exchange-6"), [7]),
        (Subject(worker="w", index=4), [4]),
        (Subject(person="omar@example.com", record="record-8"), [9]),
    ],
)
async def test_an_erased_subject_is_gone_and_the_log_holds(tmp_path: Path, subject: Subject, indexes: list[int]) -> None:
    """Their keys are zeros, nothing opens any more, every proof verifies as before, and the others' entries are untouched."""
    found = await erased(tmp_path, subject)
    entries = dict(enumerate(reader.read_entries(tmp_path, "w", KEY)))
    published = Published(Place.of(tmp_path, "w").log)
    shown = published.note()
    assert shown is not None

    assert found == {"w": indexes}
    assert [index for index, (_, opened) in entries.items() if opened is None] == indexes
    assert (told(tmp_path, keys=BOTH), list(audited(tmp_path, BOTH).verified["w"].erased)) == ([], indexes)
    for index in indexes:
        assert proofs.verify(proofs.inclusion(published, shown, index), [SIGNER.verifier]).place == index
    assert erasure.find(tmp_path, KEY, subject) == {}


async def test_nothing_of_the_person_is_in_any_file(tmp_path: Path) -> None:
    """Neither their values, nor the keys and wrapped keys with which what is sealed could be opened."""
    await written(tmp_path).close()
    before = content(tmp_path / "private" / "w", "*.keys")
    slots = [before[index * SLOT_BYTES : (index + 1) * SLOT_BYTES] for index in (1, 5, 9, 13, 17)]
    ledger = Ledger.open(tmp_path, "control", KEYS, origin="o")
    found = erasure.find(tmp_path, KEY, Subject(person="omar@example.com"))
    await erasure.erase(tmp_path, found, log=ledger, origin="o", private=REASON, clock=lambda: 7)
    await ledger.close()
    everything = content(tmp_path, "*")

    assert [text for text in ("omar@example.com", OTHER.id, "record-8", "ticket 77") if text.encode() in everything] == []
    assert [slot[16:] in everything for slot in slots] == [False] * 5
    assert everything.count(ERASED) >= 5


async def test_a_key_destroyed_beside_the_receipt_is_still_found(tmp_path: Path) -> None:
    """An erasure is no cover for destroying more."""
    await erased(tmp_path, Subject(person="omar@example.com"))
    overwrite_first(tmp_path)

    assert told(tmp_path, keys=BOTH) == ["private/w, entry 0: the key was destroyed, and no receipt says so"]


async def test_a_receipt_comes_before_the_first_key_goes(tmp_path: Path) -> None:
    """Where keys cannot be overwritten, the receipt is there already, nothing is lost, and erasing again does it."""
    files = BrokenFiles()
    files.frozen = True
    with pytest.raises(AuditError, match="cannot be overwritten"):
        await erased(tmp_path, Subject(worker="w", index=4), files)
    receipts = [leaf.detail for leaf in reader.read_leaves(tmp_path, "control") if leaf.kind == "administration"]

    assert receipts == [{"act": "erase", "entries": "4", "log": "o/w"}]
    assert erasure.find(tmp_path, KEY, Subject(worker="w", index=4)) == {"w": [4]}
    assert told(tmp_path, keys=BOTH) == []


@pytest.mark.parametrize("members", [{}, {"database": "kb"}, {"worker": "w"}, {"index": 3}])
def test_everything_cannot_be_erased_by_saying_nothing(members: dict[str, object]) -> None:
    """A subject names somebody, a record, or one entry."""
    with pytest.raises(AuditError):
        Subject(**members)  # type: ignore[arg-type]


def test_a_record_is_found_by_its_whole_id() -> None:
    """Escaped or not; a part of another id is not it."""
    assert erasure._holds(b'{"ids":["a\\u002d1"]}', "a-1")
    assert not erasure._holds(b'{"ids":["a-12"], "x": {"a-1": 3}}', "a-1")


def asked(**target: object) -> Private:
    """Return what is sealed of an act on this target."""
    return Private(principal=PRINCIPAL, inputs=(msgspec.Raw(msgspec.json.encode({"act": "erase", "target": target})),))


@pytest.mark.parametrize(
    ("private", "kind", "expected"),
    [
        (asked(person="omar@example.com"), "administration", ["person"]),
        (asked(id="person:omar@example.com"), "administration", ["person"]),
        (asked(id=OTHER.id), "administration", ["principal"]),
        (asked(id=f"principal:{OTHER.id}"), "administration", ["principal"]),
        (asked(id="record:T-1", person=None), "administration", ["record"]),
        (asked(id="T-1", person="somebody"), "administration", []),
        (asked(person="omar@example.com"), "outcome", []),
        (Private(claimed={"iss": OTHER.issuer, "sub": "other"}), "login_rejected", ["principal"]),
        (Private(claimed={"iss": OTHER.issuer, "sub": "omar@example.com"}), "login_rejected", ["person"]),
        (Private(principal=msgspec.structs.replace(PRINCIPAL, actor=OTHER.id)), "outcome", ["principal"]),
        (Private(principal=PRINCIPAL, returned=((), (msgspec.Raw(b'"T-1"'),))), "outcome", ["record"]),
        (Private(principal=PRINCIPAL, returned=((msgspec.Raw(b"12"),),)), "outcome", ["number"]),
    ],
)
async def test_whoever_is_named_in_an_entry_is_in_it(tmp_path: Path, private: Private, kind: str, expected: list[str]) -> None:
    """An act on somebody, a claim to be them, what was done in their name, a record that came back: that is theirs too."""
    writer = Writer(tmp_path)
    writer.write(msgspec.structs.replace(entry(0, body=None), kind=kind, private=private))
    writer.stop()
    subjects = {
        "person": Subject(person="omar@example.com"),
        "principal": Subject(principal=OTHER.id),
        "record": Subject(record="T-1"),
        "number": Subject(record="12"),
    }

    assert [name for name, subject in subjects.items() if erasure.find(tmp_path, KEY, subject) == {"w": [1]}] == expected


async def test_keys_are_destroyed_beside_a_worker_that_goes_on_writing(tmp_path: Path) -> None:
    """Over many segments: no slot of the writer's is touched, none of the erased comes back, and the log verifies."""
    writer = Writer(tmp_path, segment_bytes=2 << 10)
    ledger = Ledger.open(tmp_path, "control", KEYS, origin="o")
    gone: list[int] = []
    for turn in range(12):
        writer.write(*[entry(10 * turn + each) for each in range(7)])
        writer.journal.show(writer.journal.sign())
        wanted = [writer.journal.following - 1, *([7 * turn - 2] if turn else [])]
        await erasure.erase(tmp_path, {"w": sorted(wanted)}, log=ledger, origin="o", private=REASON, clock=lambda: 7)
        gone += wanted
    writer.stop()
    await ledger.close()
    again = Writer(tmp_path, segment_bytes=2 << 10)
    again.write(*[entry(each) for each in range(200, 210)])
    again.stop()
    found = [opened is None for _, opened in reader.read_entries(tmp_path, "w", KEY)]

    assert [index for index, erased_ in enumerate(found) if erased_] == sorted(gone)
    assert len(list((tmp_path / "private" / "w").glob("*.keys"))) > 5
    assert (told(tmp_path, keys=BOTH), list(audited(tmp_path, BOTH).verified["w"].erased)) == ([], sorted(gone))


async def test_slots_that_a_writer_has_put_ahead_do_not_bring_a_key_back(tmp_path: Path) -> None:
    """A key that is destroyed stays so when its writer ends, dies, or opens the log anew."""
    writer = Writer(tmp_path)
    writer.write(entry(0), entry(1))
    ledger = Ledger.open(tmp_path, "control", KEYS, origin="o")
    await erasure.erase(tmp_path, {"w": [2]}, log=ledger, origin="o", private=REASON, clock=lambda: 7)
    writer.write(entry(2))
    writer.journal.abandon()
    again = Writer(tmp_path)
    again.stop()
    await ledger.close()

    assert [opened is None for _, opened in reader.read_entries(tmp_path, "w", KEY)].index(True) == 2
    assert told(tmp_path, keys=BOTH) == []


async def test_an_erasure_during_a_verification_is_no_finding(tmp_path: Path) -> None:
    """The receipt came after its log was read, and the key went before the other was."""
    writer = Writer(tmp_path)
    writer.write(entry(0), entry(1))
    writer.journal.show(writer.journal.sign())
    ledger = Ledger.open(tmp_path, "control", KEYS, origin="o")
    await ledger.append(Entry(kind="start", time_ns=1, detail={"keys": str(BOTH[1])}))
    read, gone = threading.Event(), threading.Event()

    def progress(log: str, _done: int, _all: int) -> None:
        if log == "control":
            read.set()
            gone.wait(60)

    verified = asyncio.create_task(asyncio.to_thread(Auditor(directory=tmp_path, keys=BOTH).audit, progress))
    await asyncio.to_thread(read.wait, 60)
    await erasure.erase(tmp_path, {"w": [2]}, log=ledger, origin="o", private=REASON, clock=lambda: 7)
    gone.set()
    found = await verified
    writer.stop()
    await ledger.close()

    assert (found.findings, found.verified["w"].erased) == ({}, (2,))


async def test_keys_that_retention_has_removed_are_not_made_again(tmp_path: Path) -> None:
    """A file with nothing but zeros would belong to nothing."""
    ledger = written(tmp_path)
    found = erasure.find(tmp_path, KEY, Subject(person="omar@example.com"))
    path = min((tmp_path / "private" / "w").glob("*.keys"))
    path.unlink()
    await erasure.erase(tmp_path, found, log=ledger, origin="o", private=REASON, clock=lambda: 7)
    await ledger.close()

    assert not path.exists()
