"""Measure what a decision costs on each engine, and what that makes of a whole gateway: a part of ``make bench``, or by itself.

A decision by itself: the starter policy, one question after the other, wall time and CPU time of this process and of the one
beside it. The whole: gateways on the kit's upstream, at size S, with decisions remembered and not, in alternating rounds. The
result is written to docs/performance.md between its own markers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

import measure
from chaos import report
from extproc.engines.build import build
from extproc.engines.cache import DecisionCache
from extproc.engines.embedded import EmbeddedEngine
from extproc.engines.engine import Engine
from extproc.engines.opa import OpaEngine
from extproc.engines.signature import SigningKey
from extproc.engines.source import Source
from extproc.up.bundles import BundleServer
from support.asking import asked
from support.gateway import ROOT, STARTER, running
from support.opa import Opa
from support.otlp import Sink
from support.processes import children

MARKER = "decisions"
RULE = "vecgate/authz/decision"
QUESTIONS = 3000
SECONDS, ROUNDS, CLIENTS = 3, 5, 16
BAR = 0.6
"""What we want of a gateway on OPA that remembers nothing, beside one on the embedded engine that does."""


def main() -> None:
    """Measure and write the document."""
    os.environ.setdefault("VECGATE_OPA", str(next(ROOT.glob(".cache/bin/opa-*"))))
    with tempfile.TemporaryDirectory(dir=ROOT / "var", prefix="decisions-") as directory:
        alone = uvloop.run(_alone(Path(directory)))
        with measure._upstream(), Sink() as sink:
            whole = _whole(Path(directory), sink)
    _write(alone, whole)


# --- a decision by itself ---


async def _alone(directory: Path) -> list[tuple[object, ...]]:
    rows = []
    embedded = EmbeddedEngine.load(STARTER, RULE, 60.0)
    running_process = embedded._policy.process._running
    rows.append(("embedded", *await _asked(embedded, running_process.pid if running_process else 0)))
    rows.append(("from memory", *await _asked(DecisionCache(embedded, clock=time.time), 0)))
    await embedded.close()
    with _opa(directory) as server:
        opa = OpaEngine(server.server, RULE, 60.0)
        rows.append(("OPA", *await _asked(opa, server.process.pid if server.process else 0)))
        await opa.close()
    return rows


@contextmanager
def _opa(directory: Path) -> Iterator[Opa]:
    key, source = SigningKey.create(), Source(path=STARTER)
    bundles = BundleServer(build(source.files(), STARTER, key).archive)
    server = Opa(program=os.environ["VECGATE_OPA"], folder=directory, key=key, bundles=bundles)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        bundles.close()


async def _asked(engine: Engine, beside: int) -> tuple[object, ...]:
    """Return median and 99th percentile in ms, and CPU ms of one decision: of this process, and of the one beside it."""
    question = asked()
    for _ in range(QUESTIONS // 10):
        await engine.decide(question)
    times, own, others = [], time.process_time(), _cpu(beside)
    for _ in range(QUESTIONS):
        began = time.perf_counter()
        await engine.decide(question)
        times.append(time.perf_counter() - began)
    own, others = time.process_time() - own, _cpu(beside) - others
    cut = statistics.quantiles(times, n=100)
    figures = (cut[49], cut[98], own / QUESTIONS, others / QUESTIONS)
    return tuple(round(figure * 1000, 4) for figure in figures)


def _cpu(pid: int) -> float:
    """Return the CPU seconds that a process has taken."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- a whole gateway ---


def _whole(directory: Path, sink: Sink) -> list[tuple[object, ...]]:
    """Return requests a second of gateways on each engine, remembering decisions and not, at size S."""
    forgetful = directory / "forgetful"
    shutil.copytree(measure.MASKING, forgetful)
    rules = forgetful / "decision.rego"
    rules.write_text(re.sub(r'\t"cache": .*\n', "", rules.read_text()))
    kinds = [(engine, policy) for engine in ("embedded", "opa") for policy in (measure.MASKING, forgetful)]
    found: dict[tuple[str, Path], list[dict[str, Any]]] = {kind: [] for kind in kinds}
    spent: dict[tuple[str, Path], list[dict[str, float]]] = {kind: [] for kind in kinds}
    with ExitStack() as stack:
        asks: dict[tuple[str, Path], tuple[Callable[[int], dict[str, Any]], int]] = {}
        for number, kind in enumerate(kinds):
            asks[kind] = stack.enter_context(_gateway(directory / str(number), sink, *kind))
        for kind in kinds:
            asks[kind][0](1)
        for number in range(ROUNDS):
            for kind in kinds[:: 1 if number % 2 else -1]:
                ask, pid = asks[kind]
                before = _by_process(pid)
                outcome = ask(SECONDS)
                if outcome["bad"]:
                    sys.exit(f"{kind[0]}: {outcome['bad']}")
                found[kind].append(outcome)
                spent[kind].append({name: (cpu - before.get(name, 0)) / outcome["n"] for name, cpu in _by_process(pid).items()})
    rates = {kind: statistics.median(each["rps"] for each in outcomes) for kind, outcomes in found.items()}
    first = rates[kinds[0]]
    return [
        (
            "OPA" if kind[0] == "opa" else kind[0],
            "yes" if kind[1] == measure.MASKING else "no",
            round(rates[kind], 1),
            round(statistics.median(each["p50"] for each in found[kind]), 2),
            round(statistics.median(each["p99"] for each in found[kind]), 2),
            round(rates[kind] / first, 3),
            _shown(spent[kind]),
        )
        for kind in kinds
    ]


@contextmanager
def _gateway(directory: Path, sink: Sink, engine: str, policy: Path) -> Iterator[tuple[Callable[[int], dict[str, Any]], int]]:
    """Run a gateway; give what asks it for some seconds, and its process id."""
    directory.mkdir(mode=0o700)
    audit = {"recording": "request", "otlp": sink.endpoint}
    upstream = f"http://127.0.0.1:{measure.UPSTREAM}"
    with running(directory, upstream, policy=policy, engine=engine, audit=audit) as gateway:
        token = gateway.issuer.token("reader", exp=int(time.time()) + 3600)
        fields = {"content-type": "application/json", "accept": "*/*", "x-chroma-token": token}
        script = directory / "ask.lua"
        lines = [f"wrk.headers[{json.dumps(name)}]={json.dumps(value)}" for name, value in fields.items()]
        script.write_text("\n".join(['wrk.method="POST"', *lines, f"wrk.body=[==[{measure.perf.request_body('S')}]==]", ""]))
        url = gateway.url + measure._path("S")
        yield lambda seconds: dict(measure.perf.wrk(url, script, CLIENTS, seconds)), gateway.process.pid


def _by_process(pid: int) -> dict[str, float]:
    """Return the CPU seconds of the processes below one, by what they are called."""
    found: dict[str, float] = {}
    for child in children(pid):
        name = Path(f"/proc/{child}/comm").read_text().strip()
        name = "worker" if name.startswith("python") else "OPA" if name.startswith("opa") else name
        found[name] = found.get(name, 0.0) + _cpu(child)
        for below in children(child):
            found["evaluator"] = found.get("evaluator", 0.0) + _cpu(below)
    return found


def _shown(rounds: list[dict[str, float]]) -> str:
    names = sorted({name for each in rounds for name in each})
    figures = {name: statistics.median(each.get(name, 0.0) for each in rounds) * 1000 for name in names}
    return ", ".join(f"{name} {round(figure, 2)}" for name, figure in figures.items() if round(figure, 2))


# --- the document ---


def _write(alone: list[tuple[object, ...]], whole: list[tuple[object, ...]]) -> None:
    day = datetime.now(tz=UTC).date().isoformat()
    ratio = whole[-1][5]
    text = "\n".join(
        (
            f"Measured {day} on {os.cpu_count()} cores. One decision of the starter policy, {QUESTIONS} in a row:",
            "",
            report.table(("decided", "p50 ms", "p99 ms", "CPU ms of the worker", "CPU ms of the engine's process"), alone),
            "",
            f"A whole gateway at S, {CLIENTS} clients, medians of {ROUNDS} alternating rounds of {SECONDS} s:",
            "",
            report.table(
                ("engine", "remembered", "requests/s", "p50 ms", "p99 ms", "of embedded, remembered", "CPU ms a request"), whole
            ),
            "",
            f"Wanted of OPA that remembers nothing: {BAR} of the embedded engine that does. Reached: {ratio}.",
        )
    )
    report.write(measure.DOCUMENT, MARKER, text)


if __name__ == "__main__":
    (ROOT / "var").mkdir(mode=0o700, exist_ok=True)
    main()
