"""All logs of an audit directory verified together, and what only shows across them: a log that is gone, keys destroyed.

An entry whose key was destroyed has been erased if a receipt in any of the logs says so; otherwise it was tampered with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from extproc.audit import note, reader
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.note import Kind, Note, Unverified, Verifier
from extproc.audit.receipts import accounted
from extproc.audit.records import Finding
from extproc.audit.verification import Verification, Verified
from extproc.errors import AuditError

Progress = Callable[[str, int, int], None]
_PATIENCE: Final = 3  # attempts: what a worker writes meanwhile may be seen half
_PAUSE: Final = 0.2
_UNTIL_SIGNED: Final = 1.5  # seconds; an entry is under a checkpoint within one


@dataclass(frozen=True, slots=True, kw_only=True)
class Audition:
    """What holds and what does not, log by log."""

    verified: dict[str, Verified] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Verifies what lies below `directory`: `keys` count, `since` are earlier checkpoints, of any of the logs."""

    directory: Path
    keys: Sequence[Verifier] = ()
    since: Sequence[Note] = ()
    leaves_only: bool = False
    mirrored: bool = False

    def audit(self, progress: Progress = lambda _log, _done, _all: None) -> Audition:
        """Return what was found. Raises `AuditError` where there is nothing to verify."""
        workers = reader.workers(self.directory)
        if not workers:
            raise AuditError(f"{self.directory}: there is no log below it")
        found = self._round(workers, progress)
        for _ in range(_PATIENCE - 1):
            if not any(_unaccounted(found)) or not any(reader.in_use(self.directory, each) for each in workers):
                break
            time.sleep(_UNTIL_SIGNED)  # somebody may erase while we look, and then the receipt came after we had read its log
            found = self._round(workers, progress)
        for worker, finding in (*self._missing(workers, found), *_unaccounted(found)):
            found.findings.setdefault(worker, finding)
        return found

    def _round(self, workers: Sequence[str], progress: Progress) -> Audition:
        """Verify each log."""
        found = Audition()
        for worker in workers:
            try:
                found.verified[worker] = self._verified(worker, progress)
            except Finding as broken:
                found.findings[worker] = broken
        return found

    def _verified(self, worker: str, progress: Progress) -> Verified:
        """Verify one log; what does not hold must not hold again, where a worker may be writing."""
        for attempt in range(_PATIENCE):
            verification = Verification(
                self.directory,
                worker,
                given=self.keys,
                since=[each for each in self.since if Checkpoint.parse(each.text).origin.endswith(f"/{worker}")],
                leaves_only=self.leaves_only,
                mirrored=self.mirrored,
                progress=lambda done, all_: progress(worker, done, all_),
            )
            try:
                return verification.run()
            except Finding:
                if attempt + 1 == _PATIENCE or not reader.in_use(self.directory, worker):
                    raise
            time.sleep(_PAUSE)
        raise AssertionError  # the last attempt returns or raises

    def _missing(self, workers: Sequence[str], found: Audition) -> Iterable[tuple[str, Finding]]:
        """Give each log that somebody has seen, or names a key of, and that is not there."""
        seen = [Checkpoint.parse(each.text).origin for each in self.since]
        named = [each.name for each in self.keys if each.kind is Kind.SIGNER]
        there = {verified.origin for verified in found.verified.values()}
        for origin in dict.fromkeys([*seen, *named]):
            worker = origin.rpartition("/")[2]
            if worker not in workers:
                yield worker, Finding(f"log/{worker}", f"the log {origin} is gone")
            elif origin not in there:
                yield worker, Finding(f"log/{worker}", f"this is not the log {origin}")


def _unaccounted(found: Audition) -> Iterable[tuple[str, Finding]]:
    """Give each log with an entry whose key is gone and of which no receipt speaks."""
    receipts = accounted(said.detail for verified in found.verified.values() for said in verified.said)
    for worker, verified in found.verified.items():
        ranges = receipts.get(verified.origin, [])
        index = next((index for index in verified.erased if not any(index in each for each in ranges)), None)
        if index is not None:
            yield worker, Finding(f"private/{worker}", "the key was destroyed, and no receipt says so", index)


def read_checkpoint(path: Path) -> Note:
    """Return the checkpoint in a file. Raises `AuditError`."""
    try:
        found = note.parse(path.read_bytes())
        Checkpoint.parse(found.text)
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror}") from error
    except Unverified as error:
        raise AuditError(f"{path}: {error}") from error
    return found
