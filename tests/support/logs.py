"""Whole logs for tests: made by the real journal without waiting for the disk, verified, and tampered with."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from extproc.audit.audition import Audition, Auditor
from extproc.audit.entry import Entry
from extproc.audit.files import Files
from extproc.audit.journal import Journal
from extproc.audit.note import Note, Signer, Verifier
from extproc.audit.scribe import Scribe
from extproc.secret import Secret
from support.evidence import KEY, SIGNING, entry

SIGNER = Signer.load("o/w", SIGNING)


class FastFiles(Files):
    """Files that do not wait for the disk."""

    def open(self, path: Path, *, durable: bool, empty: bool = False) -> int:  # noqa: ARG002
        """Open."""
        return super().open(path, durable=False, empty=empty)

    def cut(self, descriptor: int, length: int) -> None:
        """Cut."""
        os.ftruncate(descriptor, length)

    def sync_folder(self, folder: Path) -> None:
        """Do nothing."""


class Writer:
    """Writes the log of worker `worker`; `start` entries name the keys that sign."""

    def __init__(
        self,
        directory: Path,
        worker: str = "w",
        *,
        segment_bytes: int = 16 << 10,
        signing: Sequence[Secret] = (SIGNING,),
        files: Files | None = None,
    ) -> None:
        signers = [Signer.load(f"o/{worker}", pem) for pem in signing]
        self.journal = Journal(directory, worker, signers=signers, segment_bytes=segment_bytes, files=files or FastFiles())
        self._scribe = Scribe(KEY, f"o/{worker}", worker, self.journal.following)
        self.write(Entry(kind="start", time_ns=1, detail={"keys": " ".join(str(each.verifier) for each in signers)}))

    def write(self, *entries: Entry) -> None:
        """Append entries in one batch."""
        written = [self._scribe.write(each) for each in entries]
        self.journal.append([record for record, _ in written], [slots for _, slots in written if slots])

    def grow(self, count: int, batch: int = 50) -> Note:
        """Append `count` made-up entries, some with a recording; return the checkpoint after the last batch, published."""
        shown = self.journal.sign()
        for start in range(0, count, batch):
            numbers = range(start, min(start + batch, count))
            self.write(*[entry(number, **({} if number % 3 else {"body": None})) for number in numbers])
            shown = self.journal.sign()
            self.journal.show(shown)
        return shown

    def stop(self) -> Note:
        """Say so and close; return the last checkpoint."""
        self.write(Entry(kind="stop", time_ns=2))
        shown = self.journal.sign()
        self.journal.show(shown)
        self.journal.close()
        return shown


def made(directory: Path, count: int, worker: str = "w", *, segment_bytes: int = 16 << 10) -> Note:
    """Write a whole orderly log; return its checkpoint."""
    writer = Writer(directory, worker, segment_bytes=segment_bytes)
    writer.grow(count)
    return writer.stop()


def audited(directory: Path, keys: Sequence[Verifier] = (SIGNER.verifier,), since: Sequence[Note] = ()) -> Audition:
    """Verify everything below `directory`."""
    return Auditor(directory=directory, keys=keys, since=since).audit()


def told(directory: Path, since: Sequence[Note] = (), keys: Sequence[Verifier] = (SIGNER.verifier,)) -> list[str]:
    """Return what `audited` finds amiss, a line each."""
    return [str(finding) for finding in audited(directory, keys, since).findings.values()]


def files(directory: Path) -> list[Path]:
    """Return every file below `directory`."""
    return sorted(path for path in directory.rglob("*") if path.is_file())


def flip(path: Path, at: int, with_: int = 1) -> None:
    """Change the byte at `at`."""
    content = bytearray(path.read_bytes())
    content[at] ^= with_
    path.write_bytes(content)


def tamper(directory: Path, chance: random.Random) -> str:
    """Do one thing to the files that an attacker could; return what it was."""
    everything = files(directory)
    path = chance.choice(everything)
    content = path.read_bytes()
    match chance.randrange(6):
        case 0 | 1:
            at = chance.randrange(len(content))
            flip(path, at, 1 << chance.randrange(8))
            return f"a bit flipped in {path.name} at {at}"
        case 2:
            path.unlink()
            return f"{path.name} removed"
        case 3:
            path.write_bytes(content[: chance.randrange(len(content))])
            return f"{path.name} cut"
        case 4:
            path.write_bytes(content + chance.randbytes(chance.randint(1, 80)))
            return f"{path.name} made longer"
        case _:
            other = chance.choice([each for each in everything if each.read_bytes() != content])
            path.write_bytes(other.read_bytes())
            return f"{path.name} made a copy of {other.name}"


def copies(directory: Path, scratch: Path, count: int) -> Iterator[Path]:
    """Give `count` copies of `directory`, one after the other in the same place."""
    for _ in range(count):
        shutil.copytree(directory, scratch)
        yield scratch
        shutil.rmtree(scratch)
