"""Erasing: what was theirs is in no file any more, the log verifies, and a receipt tells it from tampering."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from extproc.audit import erasure, proofs, reader
from extproc.audit.entry import Private
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
