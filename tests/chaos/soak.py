"""The memory of a worker, of its policy's process and of Envoy over many mixed requests: ``make soak``.

A real gateway under the starter policy stands before a made-up database, and is asked what `mix` holds; a part of the requests
is denied, unknown, malformed or abandoned. Each kind must get the status that it should, or a gateway that refuses everything
would pass for a frugal one. Then large answers are masked, two at a time, on a fresh gateway, and the peaks are told.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from chaos import growth, http1, report, store
from chaos.mix import KINDS, Mix, Shelf
from chaos.storm import MASKING, scratch
from support import processes
from support.gateway import ROOT, STARTER, Gateway, running
from support.otlp import Sink
from support.ports import free_port
from support.shelf import COLLECTIONS, MODEL

_CLIENTS: Final = 8
_ABANDONED: Final = 0.005
"""The share of requests whose client hangs up at once."""
_CONNECTION_REQUESTS: Final = 100
_SEGMENTS_KEPT: Final = 2
_LARGE_AT_ONCE: Final = 2
_LARGE_ROWS: Final = 1000
_OK: Final = 200


@dataclass(slots=True, kw_only=True)
class Soak:
    """What was measured: memory by process, statuses by kind, and what is wrong."""

    rss: dict[str, list[growth.Sample]] = field(default_factory=dict)
    pss: dict[str, list[growth.Sample]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int | None]] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    descriptors: dict[str, tuple[int, int]] = field(default_factory=dict)
    audit_bytes: int = 0
    seconds: float = 0.0
    large: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many requests were answered or abandoned."""
        return sum(self.statuses.values())


# --- a run ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many requests, how many between two measurements, and the most seconds that they may take."""

    requests: int
    every: int
    seconds: float
    seed: int = 1


def soak(directory: Path, plan: Plan) -> Soak:
    """Ask the requests of `plan` of a gateway in `directory`, and measure."""
    seen, port = Soak(), free_port()
    with (
        Sink() as collector,
        running(
            directory,
            f"http://127.0.0.1:{port}",
            policy=STARTER,
            workers=1,
            audit={"otlp": collector.endpoint},
        ) as gateway,
    ):
        pids = _pids(gateway)
        before = {name: processes.descriptors(pid) for name, pid in pids.items()}
        asyncio.run(_Run(gateway, plan, seen, pids).all(port))
        if _pids(gateway) != pids:
            seen.findings.append("a process was started again")
        seen.descriptors = {name: (before[name], processes.descriptors(pid)) for name, pid in pids.items()}
        seen.audit_bytes += sum(path.stat().st_size for path in gateway.audit.rglob("*") if path.is_file())
    for (kind, status), count in seen.statuses.items():
        if status is not None and status != KINDS[kind][1]:
            seen.findings.append(f"{kind}: {count} answers have status {status}")
    return seen


def _pids(gateway: Gateway) -> dict[str, int]:
    (worker,) = processes.workers(gateway.process.pid)
    (evaluator,) = processes.evaluators(worker)
    (clerk,) = processes.clerks(worker)
    return {"worker": worker, "its policy's process": evaluator, "its log's process": clerk, "Envoy": gateway.envoy()}


class _Run:
    """One run's clients, and the measuring between their requests."""

    def __init__(self, gateway: Gateway, plan: Plan, seen: Soak, pids: dict[str, int]) -> None:
        self._gateway, self._plan, self._seen, self._pids = gateway, plan, seen, pids
        self._chance = random.Random(plan.seed)  # noqa: S311  # a run that can be had again
        self._mix = Mix(gateway.issuer, self._chance)

    async def all(self, port: int) -> None:
        """Ask everything."""
        loop, plan, seen = asyncio.get_running_loop(), self._plan, self._seen
        began = loop.time()
        async with store.serving(port, Shelf(self._chance).answer):
            self._measure()
            for _ in range(plan.requests // plan.every):
                await asyncio.gather(*(self._client(plan.every // _CLIENTS) for _ in range(_CLIENTS)))
                self._measure()
                seen.audit_bytes += _prune(self._gateway.audit)
                seen.seconds = loop.time() - began
                if seen.seconds > plan.seconds:
                    seen.findings.append(f"only {seen.requests} requests were answered in {seen.seconds:.0f} s")
                    return

    async def _client(self, count: int) -> None:
        seen = self._seen
        async with http1.Connection(self._gateway.port) as connection:
            for number in range(1, count + 1):
                kind, request = self._mix.next()
                status: int | None = None
                if self._chance.random() < _ABANDONED:
                    await connection.send_and_leave(request)
                else:
                    try:
                        status = (await connection.ask(request)).status
                    except http1.Broken as broken:
                        seen.findings.append(f"{kind}: {broken.kind}")
                seen.statuses[kind, status] += 1
                if number % _CONNECTION_REQUESTS == 0:
                    await connection.close()

    def _measure(self) -> None:
        seen = self._seen
        for name, pid in self._pids.items():
            found = processes.memory(pid)
            seen.rss.setdefault(name, []).append(growth.Sample(requests=seen.requests, kib=found.rss))
            seen.pss.setdefault(name, []).append(growth.Sample(requests=seen.requests, kib=found.pss))
        measured = ", ".join(f"{name} {samples[-1].kib} KiB" for name, samples in seen.rss.items())
        sys.stdout.write(f"{seen.requests} requests: {measured}\n")
        sys.stdout.flush()


def _prune(audit: Path) -> int:
    """Delete segments that are full and done with, so that the disk is not; return how many bytes they held."""
    freed = 0
    for path in sorted(audit.glob("private/*/*.seal"))[:-_SEGMENTS_KEPT]:
        for file in (path, path.with_suffix(".keys")):
            freed += file.stat().st_size
            file.unlink()
    return freed


# --- large answers ----------------------------------------------------------------------------------------------------------


def large(directory: Path, seen: Soak, *, rounds: int) -> None:
    """Have the benchmark's largest answer masked, two at a time, `rounds` times."""
    kit = _kit()
    kit.generate(directory / "data")
    body, port = (directory / "data" / "L.json").read_bytes(), free_port()
    model = json.dumps(MODEL | {"id": kit.ID["L"]}).encode()

    async def answer(asked: store.Asked) -> tuple[int, bytes]:
        return 200, body if asked.target.endswith("/get") else model

    with running(directory, f"http://127.0.0.1:{port}", policy=MASKING, workers=1) as gateway:
        fields = {"content-type": "application/json", "x-chroma-token": gateway.issuer.token("reader")}
        request = http1.request("POST", f"{COLLECTIONS}/{kit.ID['L']}/get", fields, kit.request_body("L").encode())

        async def ask(connection: http1.Connection) -> str:
            return _wrong(kit, await connection.ask(request))

        async def run() -> None:
            async with store.serving(port, answer):
                await _large(gateway, ask, seen, rounds)

        asyncio.run(run())


async def _large(gateway: Gateway, ask: Callable[[http1.Connection], Awaitable[str]], seen: Soak, rounds: int) -> None:
    """Have `ask` ask, two at a time, and note peaks; it returns what is wrong with an answer."""
    pids = {name: pid for name, pid in _pids(gateway).items() if name != "its policy's process"}
    rest = {name: processes.memory(pid).rss for name, pid in pids.items()}
    peaks: dict[str, list[int]] = {name: [] for name in pids}

    async def client() -> None:
        async with http1.Connection(gateway.port) as connection:
            if found := await ask(connection):
                seen.findings.append(f"a large answer {found}")

    for _ in range(rounds):
        for pid in pids.values():
            processes.forget_peak(pid)
        await asyncio.gather(*(client() for _ in range(_LARGE_AT_ONCE)))
        for name, pid in pids.items():
            peaks[name].append(processes.peak(pid))
    for name, pid in pids.items():
        last = (peaks[name][0], max(peaks[name]), peaks[name][-1], processes.memory(pid).rss)
        seen.large.append((name, *(_mib(kib) for kib in (rest[name], *last))))


def _wrong(kit: Any, reply: http1.Reply) -> str:
    """Return what is wrong with a large answer, or nothing."""
    if reply.status != _OK:
        return f"has status {reply.status}"
    if kit.leaks(reply.body):
        return "holds planted values"
    return "" if len(json.loads(reply.body)["embeddings"]) == _LARGE_ROWS else "is not whole"


def _kit() -> Any:
    """Return the measuring kit, which is a program and no module."""
    path = ROOT / "tests" / "bench" / "perf.py"
    specification = importlib.util.spec_from_file_location("perf", path)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


# --- make soak --------------------------------------------------------------------------------------------------------------


def _mib(kib: float) -> str:
    return f"{kib / 1024:.1f}"


def rows(seen: Soak) -> Iterator[tuple[str, ...]]:
    """Give a line for each process."""
    for name, samples in seen.rss.items():
        middle, end = growth.second_half(samples)[0], samples[-1]
        fits = [growth.slope(growth.second_half(each[name])) * 100_000 for each in (seen.rss, seen.pss)]
        opened = "{} → {}".format(*seen.descriptors[name])
        yield name, _mib(samples[0].kib), _mib(middle.kib), _mib(end.kib), *(_mib(fit) for fit in fits), opened


def judge(seen: Soak, most_growth: float) -> None:
    """Add a finding for each process that still grows by more than `most_growth` MiB in 100,000 requests."""
    for name, samples in seen.rss.items():
        grown = growth.slope(growth.second_half(samples)) * 100_000 / 1024
        if grown > most_growth:
            seen.findings.append(f"{name} grows by {grown:.1f} MiB in 100,000 requests")


def main(arguments: list[str]) -> int:
    """Run what `arguments` ask for, and write what it came to into the documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--every", type=int, default=4_000, help="requests between two measurements")
    parser.add_argument("--seconds", type=float, default=1500, help="the most that they may take")
    parser.add_argument("--large", type=int, default=10, help="how often two large answers are masked at a time")
    parser.add_argument("--most-growth", type=float, default=2.0, help="MiB in 100,000 requests, by the second half")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--document", type=Path, default=report.ROBUSTNESS)
    options = parser.parse_args(arguments)
    with scratch("soak-") as directory:
        plan = Plan(requests=options.requests, every=options.every, seconds=options.seconds, seed=options.seed)
        seen = soak(directory, plan)
    judge(seen, options.most_growth)
    with scratch("soak-") as directory:
        large(directory, seen, rounds=options.large)
    report.write(options.document, "soak", told(seen))
    sys.stdout.write(f"{told(seen)}\n")
    sys.stdout.writelines(f"FINDING {finding}\n" for finding in seen.findings[:50])
    return 1 if seen.findings else 0


def told(seen: Soak) -> str:
    """Return the results as Markdown."""
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    head = f"Measured {when} on {os.cpu_count()} cores: {seen.requests} requests, {seen.requests / seen.seconds:.0f} a second."
    fit = "by a line through the second half, in 100,000 requests"
    columns = ("MiB", "at the start", "half-way", "at the end", f"growth of RSS {fit}", f"growth of PSS {fit}", "descriptors")
    kinds = [(kind, status or "abandoned", count) for (kind, status), count in sorted(seen.statuses.items(), key=str)]
    return "\n\n".join(
        [
            head,
            report.table(columns, rows(seen)),
            f"Evidence written: {_mib(seen.audit_bytes / 1024)} MiB. Findings: {len(seen.findings)}.",
            report.table(("request", "answered", "count"), kinds),
            report.table(
                (
                    f"RSS in MiB, {_LARGE_AT_ONCE} answers of 19 MB at a time",
                    "before the first",
                    "peak of the first",
                    "highest peak",
                    "peak of the last",
                    "after the last",
                ),
                seen.large,
            ),
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
