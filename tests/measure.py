"""Measure the gateway with the kit in `tests/bench`, in one run beside the shared no-op stream: ``make bench``.

One worker, one Envoy thread, recording at level ``request``, decisions cached for 30 s, spans exported, the audit directory on
the disk that holds this checkout. Then the latency that the gateway adds for a single client, and the CPU time of one exchange
by stage. All of it is written to docs/performance.md, unless the kit found the run invalid. Arguments go on to `perf.py`.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stages
from chaos import report
from support.gateway import ROOT, Gateway, running
from support.otlp import Sink

KIT = ROOT / "tests" / "bench" / "perf.py"
UPSTREAM = 42002
MASKING = ROOT / "tests" / "policies" / "masking"
DETECTING = ROOT / "tests" / "policies" / "detecting"
DOCUMENT = ROOT / "docs" / "performance.md"
MARKER, DEARER_MARKER = "bench", "dearer"
BARS = {"S": (0.55, 0.4), "M": (0.6, 1.0), "L": (0.33, 2.0)}
"""What we want of the no-op stream's and of the Go masker's requests a second, by size."""
DEARER = {
    "answers recorded as well (`full`)": (MASKING, "full", "masked", {"S": 0.45, "M": 0.4, "L": 0.15}),
    "five entities looked for in every text": (DETECTING, "request", "shape", {"M": 0.2}),
}
"""What costs more: the policy, the recording level, how the kit checks answers, what we want of the no-op stream's requests."""
ALONE_SECONDS, ALONE_ROUNDS = 3, 3
EXCHANGES = {"S": 300, "M": 100, "L": 3}

sys.path.insert(0, str(KIT.parent))
os.environ.setdefault("PERF_VENV", str(Path(sys.executable).parents[1]))
perf: Any = importlib.import_module("perf")  # the kit, found by the line before


def main(arguments: list[str]) -> int:
    """Measure, write the document, return the kit's exit status."""
    scratch = ROOT / "var"
    scratch.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="bench-") as name, _upstream(), Sink() as sink:
        directory = Path(name)
        with _gateway(directory / "gateway", sink) as (gateway, token):
            result = _kit(gateway, token, arguments)
        _measure_dearer(directory, sink, arguments)
        with _gateway(directory / "alone", sink) as (gateway, token):
            alone = _alone(gateway, token)
        by_stage = {size: _stages(directory / f"stages-{size}", sink, size) for size in EXCHANGES}
    _write(result, alone, by_stage)
    importlib.import_module("decisions").main()  # it imports this module
    return 0


def _measure_dearer(directory: Path, sink: Sink, arguments: list[str]) -> None:
    """Measure what costs more, and write it down."""
    found = []
    for number, (what, (policy, level, expect, wanted)) in enumerate(DEARER.items()):
        with _gateway(directory / f"dearer-{number}", sink, policy, level) as (gateway, token):
            result = _kit(gateway, token, [*arguments, "--gateway-expect", expect, "--sizes", "".join(wanted)])
        rows = _gateways(result["rows"])
        found += [(what, size, rows[size]["rps"], bar, rows[size]["vs_py_noop"]) for size, bar in wanted.items()]
    head = ("what costs more", "size", "requests/s", "wanted of no-op", "reached")
    report.write(DOCUMENT, DEARER_MARKER, report.table(head, found))


def _kit(gateway: Gateway, token: str, arguments: list[str]) -> dict[str, Any]:
    """Return what the kit finds of a gateway. Exits where it finds its own run invalid."""
    into = Path(tempfile.gettempdir()) / "perf" / "vecgate.json"
    into.unlink(missing_ok=True)
    target = ["--gateway", gateway.url, "--header", f"x-chroma-token: {token}", "--pid", str(gateway.process.pid)]
    status = subprocess.run([sys.executable, KIT, *target, "--json", into, *arguments], check=False).returncode
    if status or not into.exists():
        sys.exit(status or 1)
    found: dict[str, Any] = json.loads(into.read_text())
    return found


@contextmanager
def _upstream() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, KIT, "--upstream-only"], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("ready"):
            sys.exit("the kit's upstream does not start")
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _gateway(directory: Path, sink: Sink, policy: Path = MASKING, level: str = "request") -> Iterator[tuple[Gateway, str]]:
    directory.mkdir(exist_ok=True)
    audit = {"recording": level, "otlp": sink.endpoint}
    with running(directory, f"http://127.0.0.1:{UPSTREAM}", policy=policy, audit=audit) as gateway:
        time.sleep(1)
        yield gateway, gateway.issuer.token("reader", exp=int(time.time()) + 3600)


def _alone(gateway: Gateway, token: str) -> dict[str, dict[str, float]]:
    """Return the p50 in milliseconds that one client sees by itself: of the upstream, and through the gateway; by size."""
    targets = {"upstream": (f"http://127.0.0.1:{UPSTREAM}", {}), "gateway": (gateway.url, {"x-chroma-token": token})}
    found: dict[str, dict[str, float]] = {}
    for size in EXCHANGES:
        rounds: dict[str, list[float]] = {name: [] for name in targets}
        for number in range(ALONE_ROUNDS):
            for name in list(targets)[:: 1 if number % 2 else -1]:
                rounds[name].append(_p50(size, *targets[name]))
        found[size] = {name: statistics.median(values) for name, values in rounds.items()}
    return found


def _p50(size: str, url: str, headers: Mapping[str, str]) -> float:
    fields = {"content-type": "application/json", "accept": "*/*", **headers}
    script = "".join(f"wrk.headers[{json.dumps(name)}]={json.dumps(value)}\n" for name, value in fields.items())
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(f'wrk.method="POST"\n{script}wrk.body=[==[{perf.request_body(size)}]==]\n')
        file.flush()
        return float(perf.wrk(url + _path(size), file.name, 1, ALONE_SECONDS)["p50"])


def _stages(directory: Path, sink: Sink, size: str) -> dict[str, float]:
    answer = (perf.WORK / "data" / f"{size}.json").read_bytes()
    body = perf.request_body(size).encode()
    return stages.run(
        directory,
        policy=MASKING,
        otlp=sink.endpoint,
        target=_path(size),
        body=body,
        answer=answer,
        count=EXCHANGES[size],
    )


def _path(size: str) -> str:
    return f"{perf.BASE}/{perf.ID[size]}/{perf.OP[size]}"


# --- the document -------------------------------------------------------------------------------------------------------


def _write(result: dict[str, Any], alone: dict[str, dict[str, float]], by_stage: dict[str, dict[str, float]]) -> None:
    day = datetime.now(tz=UTC).date().isoformat()
    rounds = f"{result['rounds']} alternating rounds of {result['seconds']} s"
    text = "\n".join(
        (
            f"Measured {day} on {result['cpus']} cores, medians of {rounds}.",
            "",
            _rates(result["rows"]),
            "",
            report.table(("size", "wanted of no-op", "reached", "wanted of Go masker", "reached"), _reached(result["rows"])),
            "",
            "One client by itself:",
            "",
            report.table(("size", "upstream p50 ms", "gateway p50 ms", "added ms"), _added(alone)),
            "",
            "CPU milliseconds of one exchange by stage, the service alone, without gRPC:",
            "",
            report.table(("size", *stages.STAGES, "pipeline", "all"), _spent(by_stage)),
        )
    )
    report.write(DOCUMENT, MARKER, text)


def _rates(rows: list[dict[str, Any]]) -> str:
    head = ("size", "target", "requests/s", "p50 ms", "p99 ms", "of no-op", "of Go masker", "CPU ms a request by process")
    return report.table(
        head,
        [
            (
                row["size"],
                row["target"],
                row["rps"],
                row["p50_ms"],
                row["p99_ms"],
                row["vs_py_noop"],
                row["vs_go_mask"],
                ", ".join(f"{name.partition(':')[0]} {value}" for name, value in row["cpu_ms"].items() if value),
            )
            for row in rows
        ],
    )


def _gateways(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the gateway's own rows by size."""
    return {row["size"]: row for row in rows if row["target"] == "gateway"}


def _reached(rows: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    gateway = _gateways(rows)
    return [
        (size, noop, gateway[size]["vs_py_noop"], masker, gateway[size]["vs_go_mask"])
        for size, (noop, masker) in BARS.items()
        if size in gateway
    ]


def _added(alone: dict[str, dict[str, float]]) -> list[tuple[object, ...]]:
    return [(size, p50["upstream"], p50["gateway"], round(p50["gateway"] - p50["upstream"], 2)) for size, p50 in alone.items()]


def _spent(by_stage: dict[str, dict[str, float]]) -> list[tuple[object, ...]]:
    return [
        (size, *(round(spent[stage], 3) for stage in (*stages.STAGES, "pipeline", "all"))) for size, spent in by_stage.items()
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
