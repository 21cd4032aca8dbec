"""What the kernel says of processes: who belongs to whom, whether one is gone, and how much memory it has."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MEMORY: Final = re.compile(r"^(Rss|Pss|Private_Clean|Private_Dirty): +(\d+) kB$", re.MULTILINE)
_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One process's memory in KiB: resident, the same with shared pages split among their users, and its own alone."""

    rss: int
    pss: int
    own: int


def children(pid: int) -> list[int]:
    """Return the direct children of a process; none where it is gone."""
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return found
    for task in tasks:
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended meanwhile; the others' are still to be had
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """Return all processes below a process."""
    return [each for child in children(pid) for each in (child, *descendants(child))]


def command(pid: int) -> list[str]:
    """Return the command line of a process; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def workers(supervisor: int) -> dict[int, str]:
    """Return the workers that a supervisor runs now: process id and the worker's name."""
    commands = {child: command(child) for child in children(supervisor)}
    return {pid: f"worker-{words[words.index('--worker') + 1]}" for pid, words in commands.items() if "--worker" in words}


def evaluators(worker: int) -> list[int]:
    """Return the processes in which a worker's policy runs."""
    return [child for child in children(worker) if "extproc.engines.evaluator" in command(child)]


def clerks(worker: int) -> list[int]:
    """Return the processes that keep a worker's audit log: one, or none while it starts."""
    return [child for child in children(worker) if "extproc.audit.clerk" in command(child)]


def runs(pid: int) -> bool:
    """Whether any thread of a process can still do something; the last one alone is a zombie that waits for its parent."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return len(threads) > 1 or state not in {"Z", "X"}


def stopped(pid: int) -> bool:
    """Whether every thread of a process has stopped, as SIGSTOP tells it to."""
    states = [path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) <= {"T"}


def memory(pid: int) -> Memory:
    """Return how much memory a process has now."""
    found = {name: int(size) for name, size in _MEMORY.findall(Path(f"/proc/{pid}/smaps_rollup").read_text())}
    return Memory(rss=found["Rss"], pss=found["Pss"], own=found["Private_Clean"] + found["Private_Dirty"])


def peak(pid: int) -> int:
    """Return the most resident memory (KiB) that a process had since the last `forget_peak`."""
    return int(_PEAK.findall(Path(f"/proc/{pid}/status").read_text())[0])


def forget_peak(pid: int) -> None:
    """Begin to count the peak anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def descriptors(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
