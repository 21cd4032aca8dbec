"""Every target for a while, two at a time: ``make fuzz``.

Each target begins with its kept inputs, and ends with the fewest inputs that go the same ways, which are kept in their place.
An input on which a target fails, hangs or eats memory is a finding: it stays below ``findings/`` and is tried first the next
time.
When all targets ran, the table in docs/fuzzing.md is written anew.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fuzz.tokens import dictionary

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
CORPUS: Final = HERE / "corpus"
FINDINGS: Final = HERE / "findings"
TARGETS: Final = tuple(sorted(path.stem for path in (HERE / "targets").glob("*.py")))
DOCUMENT: Final = ROOT / "docs" / "fuzzing.md"
BEGIN, END = "<!-- begin: written by make fuzz -->", "<!-- end: written by make fuzz -->"
SEED: Final = "seed-"
"""How the name of an input begins that `fuzz.seeds` made; it is always kept."""

MOST_FILES: Final = 200
MOST_BYTES: Final = 300 << 10
_LONGEST_INPUT: Final = 4096
_HANG_SECONDS: Final = 25
_MOST_MEGABYTES: Final = 1024
_TOLD_EVERY: Final = 30
_DONE: Final = re.compile(r"^Done \d+ runs in (\d+) second", re.MULTILINE)
_STATUS: Final = re.compile(r"^#(\d+)\s.* cov: (\d+) .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one target."""

    target: str
    seconds: int
    executions: int
    edges: int
    files: int
    size: int
    findings: int

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        rate = self.executions // max(1, self.seconds)
        numbers = (self.seconds, self.executions, rate, self.edges)
        return (
            f"`{self.target}`",
            *(f"{each:,}" for each in numbers),
            f"{self.files} ({self.size >> 10} KB)",
            str(self.findings),
        )


class Run:
    """One target under way. `scratch` holds what it finds, beside what is kept."""

    def __init__(self, target: str, seconds: int, scratch: Path) -> None:
        self.target = target
        self._started = time.monotonic()
        self._found = scratch / target
        self._found.mkdir()
        self._log = scratch / f"{target}.log"
        self._earlier = list(FINDINGS.glob(f"{target}-*"))
        for finding in self._earlier:
            shutil.copy(finding, self._found)
        words = scratch / "words"
        words.write_text("\n".join(dictionary()), encoding="utf-8")
        arguments = (
            f"-max_total_time={seconds}",
            f"-max_len={_LONGEST_INPUT}",
            f"-timeout={_HANG_SECONDS}",
            f"-rss_limit_mb={_MOST_MEGABYTES}",
            f"-dict={words}",
            f"-artifact_prefix={FINDINGS}/{target}-",
        )
        kept = CORPUS / target
        kept.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                _engine(target, *arguments, self._found, kept),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=_environment(),
            )

    def status(self) -> tuple[int, int]:
        """Return executions and edges so far."""
        found = _STATUS.findall(self._log.read_text("utf-8", "replace"))
        return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)

    def outcome(self) -> Outcome:
        """Keep what is worth it, and say what came of the target that has ended."""
        done = _DONE.search(self._log.read_text("utf-8", "replace"))
        seconds = int(done[1]) if done else round(time.monotonic() - self._started)
        executions, edges = self.status()
        if self.process.returncode:
            _say(f"{self.target}: ended with status {self.process.returncode}; the end of what it said:")
            _say("\n".join(self._log.read_text("utf-8", "replace").splitlines()[-40:]))
        else:
            for finding in self._earlier:  # they were tried first
                finding.unlink()
            _keep(self.target, self._found)
        findings = max(len(list(FINDINGS.glob(f"{self.target}-*"))), int(self.process.returncode != 0))
        sizes = [path.stat().st_size for path in (CORPUS / self.target).iterdir()]
        return Outcome(
            target=self.target,
            seconds=seconds,
            executions=executions,
            edges=edges,
            files=len(sizes),
            size=sum(sizes),
            findings=findings,
        )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _environment() -> dict[str, str]:
    """Return the environment of a target: its files, if it writes any, are to be in memory."""
    memory = Path("/dev/shm")  # noqa: S108 - made and filled by `tempfile`
    return os.environ | ({"TMPDIR": str(memory)} if memory.is_dir() else {})


def _engine(target: str, *arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "fuzz.engine", target, *arguments]


def _keep(target: str, found: Path) -> None:
    """Put the fewest inputs that go all the ways in the place of those that are kept."""
    kept = CORPUS / target
    # First all that is new to libFuzzer, how often a way is gone included; if that is too much, each way once.
    for further in ((), ("-use_counters=0",)):
        merged = found.with_suffix(".merged")
        shutil.rmtree(merged, ignore_errors=True)
        merged.mkdir()
        limits = (f"-max_len={_LONGEST_INPUT}", f"-timeout={_HANG_SECONDS}", f"-rss_limit_mb={_MOST_MEGABYTES}")
        subprocess.run(
            _engine(target, "-set_cover_merge=1", *further, *limits, merged, kept, found),
            check=True,
            capture_output=True,
            cwd=ROOT,
            env=_environment(),
        )
        for seed in kept.glob(f"{SEED}*"):  # coverage does not see what is particular about them
            shutil.copy(seed, merged)
            (merged / seed.name.removeprefix(SEED)).unlink(missing_ok=True)  # libFuzzer's name for the same
        sizes = [path.stat().st_size for path in merged.iterdir()]
        if sizes and len(sizes) <= MOST_FILES and sum(sizes) <= MOST_BYTES:
            shutil.rmtree(kept)
            shutil.copytree(merged, kept)
            return
    _say(f"{target}: {len(sizes)} inputs of {sum(sizes) >> 10} KB are too many to keep; the old ones stay")


def run(targets: Sequence[str], seconds: int, jobs: int) -> list[Outcome]:
    """Run the targets, `jobs` at a time."""
    FINDINGS.mkdir(exist_ok=True)
    waiting = deque(targets)
    running: list[Run] = []
    outcomes: list[Outcome] = []
    told = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    _say(f"{waiting[0]}: {seconds} s begin; {len(targets) - len(waiting)} of {len(targets)} began before")
                    running.append(Run(waiting.popleft(), seconds, Path(scratch)))
                time.sleep(0.5)
                for each in [each for each in running if each.process.poll() is not None]:
                    running.remove(each)
                    outcomes.append(each.outcome())
                    _say(f"{each.target}: done, {outcomes[-1].findings} findings")
                if time.monotonic() - told > _TOLD_EVERY:
                    told = time.monotonic()
                    for each in running:
                        _say("{}: {:,} executions, {:,} edges".format(each.target, *each.status()))
        finally:
            for each in running:
                each.process.terminate()
                each.process.wait()
    return sorted(outcomes, key=lambda outcome: outcome.target)


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as a table in Markdown."""
    head = ("target", "seconds", "executions", "executions/s", "edges covered", "inputs kept", "findings")
    rows = [head, ("---",) + ("---:",) * (len(head) - 1), *(outcome.cells() for outcome in outcomes)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; return 1 where there is a finding."""
    parser = argparse.ArgumentParser(prog="make fuzz", description="Fuzz every reader of foreign bytes.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all by default: {' '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--jobs", type=int, default=2, help="how many targets at a time")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no such target: {' '.join(sorted(unknown))}")
    outcomes = run(asked.targets or TARGETS, asked.seconds, asked.jobs)
    _say(f"\n{table(outcomes)}")
    if not asked.targets:
        before, rest = DOCUMENT.read_text("utf-8").split(BEGIN)
        after = rest.split(END)[1]
        DOCUMENT.write_text(f"{before}{BEGIN}\n{table(outcomes)}{END}{after}", encoding="utf-8")
    found = sorted(FINDINGS.iterdir())
    for path in found:
        _say(f"finding: {path.relative_to(ROOT)}")
    return 1 if found or any(outcome.findings for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
