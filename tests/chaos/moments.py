"""Logs whose power fails, whose process is killed, or that are tampered with, over and over: ``python -m chaos.moments``.

After each loss the log is opened again and held against what was acknowledged and what was signed before: every acknowledged
entry is there, in its place; every checkpoint that anybody could have seen is still one of this log; and a verifier finds
nothing. Then a large log is tampered with, once in each copy, and every time the verifier must find something.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from chaos.report import ROBUSTNESS, table, write
from extproc.audit import merkle
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.files import Files
from extproc.audit.journal import Journal
from extproc.audit.note import Signer
from extproc.audit.reader import read_lines
from extproc.audit.scribe import Scribe
from extproc.audit.verification import Verification
from extproc.errors import AuditError
from support.evidence import KEY, SIGNING, entry
from support.logs import copies, made, tamper, told
from support.lossy import LossyFiles, PowerLoss

SEGMENT_BYTES = 24 << 10
_OPERATIONS = 120
_MOMENTS_OF_A_LOG = 25  # after which a new one is begun, for each is read from end to end every time
_MOMENT = 0.4
_LARGE_SEGMENT = 4 << 20
_TRIES, _LOOK_EVERY = 600, 0.05
_SIGNER = Signer.load("o/w", SIGNING)


class Losses:
    """The log in `directory`, whose power fails at moments that `chance` chooses."""

    def __init__(self, directory: Path, chance: random.Random) -> None:
        self.directory = directory
        self.acknowledged: list[bytes] = []
        self.seen: list[Checkpoint] = []
        self._chance = chance
        self._number = 0

    def lose(self) -> None:
        """Write until the power fails, lose what was not synced, and hold what is left against what was promised."""
        files = LossyFiles(self._chance, self._chance.randrange(_OPERATIONS))
        journal: Journal | None = None
        try:
            journal = self._opened(files)
            self._write(journal)
        except PowerLoss:
            pass
        finally:
            if journal is not None:
                journal.abandon()
        files.lose()
        self.hold()

    def hold(self) -> None:
        """Open the log with nothing failing. Raises `AssertionError` for any promise that is not kept."""
        journal = self._opened(Files())
        journal.abandon()
        lines = list(read_lines(self.directory, "w"))
        found = Verification(self.directory, "w", given=[_SIGNER.verifier]).run()
        assert found.size == len(lines)
        assert lines[: len(self.acknowledged)] == self.acknowledged
        hashes = [merkle.leaf_hash(line) for line in lines]
        for checkpoint in self.seen:
            assert merkle.fold(merkle.peaks(hashes[: checkpoint.size])) == checkpoint.root
        self.seen = self.seen[-20:]
        self.acknowledged = lines  # what turned up may have been seen by now

    def _opened(self, files: Files) -> Journal:
        return _opened(self.directory, files)

    def _write(self, journal: Journal) -> None:
        """Append and sign in turns until the power fails, or the writer stops in good order."""
        scribe = Scribe(KEY, "o/w", "w", journal.following)
        while self._chance.random() < 0.98:
            numbers = range(self._number, self._number + self._chance.randint(1, 60))
            self._number = numbers.stop
            written = [scribe.write(entry(number)) for number in numbers]
            journal.append([record for record, _ in written], [slots for _, slots in written if slots])
            self.acknowledged += [record.leaf for record, _ in written]
            if self._chance.random() < 0.5:
                signed = journal.sign()
                self.seen.append(Checkpoint.parse(signed.text))  # a witness has it
                if self._chance.random() < 0.8:
                    journal.show(signed)
        journal.close()


class Kills:
    """The log in `directory`, whose worker or clerk is killed at moments that `chance` chooses."""

    def __init__(self, directory: Path, chance: random.Random) -> None:
        self.directory = directory
        self.acknowledged: dict[int, str] = {}
        self._chance = chance

    def kill(self) -> None:
        """Let entries be appended for a moment, kill, and hold what is left against what was acknowledged."""
        with subprocess.Popen(
            [sys.executable, "-m", "chaos.appender", str(self.directory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # that its clerk is gone
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        ) as worker:
            assert worker.stdout is not None
            clerk = int(worker.stdout.readline())
            time.sleep(self._chance.random() * _MOMENT)
            killed = self._chance.choice([[worker.pid], [clerk], [clerk, worker.pid]])
            for process in killed:
                os.kill(process, signal.SIGKILL)
            lines = worker.stdout.read().split("\n")  # until both have let go of it
        for line in lines[:-1]:
            index, _, exchange = line.partition(" ")
            self.acknowledged[int(index)] = exchange
        self._hold()

    def _hold(self) -> None:
        """Raises `AssertionError` for any promise that is not kept."""
        _opened(self.directory, Files()).abandon()
        found = Verification(self.directory, "w", given=[_SIGNER.verifier]).run()
        leaves = [json.loads(line) for line in read_lines(self.directory, "w")]
        assert found.size == len(leaves)
        there = {index: leaves[index]["exchange"] for index in self.acknowledged if index < len(leaves)}
        assert there == self.acknowledged


def tampered(directory: Path, chance: random.Random, *, entries: int, times: int) -> None:
    """Tamper with copies of one large log. Raises `AssertionError` for one that is taken for whole, or that was and is not."""
    made(directory / "audit", entries, segment_bytes=_LARGE_SEGMENT)
    assert told(directory / "audit") == []
    for scratch in copies(directory / "audit", directory / "scratch", times):
        done = tamper(scratch, chance)
        assert told(scratch) != [], done


def _opened(directory: Path, files: Files) -> Journal:
    """Open the log, as soon as a clerk that was left alone has tidied up."""
    for _ in range(_TRIES):
        try:
            return Journal(directory, "w", signers=[_SIGNER], segment_bytes=SEGMENT_BYTES, files=files)
        except AuditError as error:
            if error.code != "audit_in_use":
                raise
        time.sleep(_LOOK_EVERY)
    raise TimeoutError


def _shared_out(moments: int) -> list[int]:
    """Return how many of the moments each log gets."""
    return [min(_MOMENTS_OF_A_LOG, moments - start) for start in range(0, moments, _MOMENTS_OF_A_LOG)]


def main() -> None:
    """Lose power, kill, and tamper, as often as the arguments say; print what was held."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--losses", type=int, default=200)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--tampers", type=int, default=200)
    parser.add_argument("--entries", type=int, default=50_000, help="of the log that is tampered with")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))  # noqa: S311 - to be had again
    options = parser.parse_args()
    print(f"seed {options.seed}")  # noqa: T201
    chance = random.Random(options.seed)  # noqa: S311
    started = time.monotonic()
    lost = killed = 0
    for moments in _shared_out(options.losses):
        with tempfile.TemporaryDirectory() as name:
            losses = Losses(Path(name), chance)
            for _ in range(moments):
                losses.lose()
            lost += len(losses.acknowledged)
    for moments in _shared_out(options.kills):
        with tempfile.TemporaryDirectory() as name:
            kills = Kills(Path(name), chance)
            for _ in range(moments):
                kills.kill()
            killed += len(kills.acknowledged)
    with tempfile.TemporaryDirectory() as name:
        tampered(Path(name), chance, entries=options.entries, times=options.tampers)
    rows = [
        ("losses of power", options.losses),
        ("entries of those logs", f"{lost:,}"),
        ("kills", options.kills),
        ("entries that were acknowledged before one", f"{killed:,}"),
        ("tampers with another log, each found", options.tampers),
        ("entries of that log", f"{options.entries:,}"),
        ("promises that were not kept", 0),  # the first would have ended this
        ("seconds", f"{time.monotonic() - started:,.0f}"),
    ]
    text = f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, seed {options.seed}.\n\n{table(('', ''), rows)}"
    print(text)  # noqa: T201
    write(ROBUSTNESS, "moments", text)


if __name__ == "__main__":
    main()
