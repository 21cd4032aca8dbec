"""Measure the gateway before Qdrant's gRPC interface, in one run beside the kit's no-op stream: part of ``make bench``.

The rules are the kit's (`tests/bench`): one machine, alternating rounds, answers checked before anything is measured, medians,
and ratios that pair the runs of one round. The records are the kit's own, as Qdrant's messages: a search for 10 (S) and for 100
(M), and a scroll through 1000 with their vectors (L). Upstream and driver are `tests/grpcload`, the no-op stream is the kit's
`noop.py`. The results are written to docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import grpc
from qdrant_client import grpc as messages

from chaos import report
from measure import DOCUMENT, MASKING, perf
from support.gateway import ROOT, running
from support.otlp import Receiver
from support.ports import free_port

q: Any = messages

MARKER: Final = "grpc"
LOAD: Final = ROOT / "tests" / "grpcload"
SIZES: Final = {"S": (10, 15, 0), "M": (100, 157, 0), "L": (1000, 180, 1536)}
"""Records of an answer, words of a text, dimensions of a vector: the kit's."""
CALLS: Final = {"S": "/qdrant.Points/Query", "M": "/qdrant.Points/Query", "L": "/qdrant.Points/Scroll"}
HUGE: Final = 256 << 20
LIFETIME: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where calls go, with which header field; the processes whose time counts, and whether answers come masked."""

    address: str
    field: str
    pids: list[tuple[str, int]]
    masked: bool = False


# --- messages -----------------------------------------------------------------------------------------------------------


def answer(size: str) -> Any:
    """Return the upstream's answer: the records of the kit."""
    count, words, dimensions = SIZES[size]
    chance = random.Random(20261123)  # noqa: S311 - chance that can be had again, no secret
    records = [perf.record(chance, index, words) for index in range(count)]
    made: Any = q.ScrollResponse(time=0.001) if size == "L" else q.QueryResponse(time=0.001)
    for index, (_, text, fields) in enumerate(records):
        point = made.result.add(id=q.PointId(num=index))
        for name, value in {**fields, "document": text}.items():
            point.payload[name].CopyFrom(
                q.Value(integer_value=value) if isinstance(value, int) else q.Value(string_value=value)
            )
        if dimensions:
            point.vectors.vector.dense.data.extend(chance.uniform(-1, 1) for _ in range(dimensions))
        if size != "L":
            point.score = 1 - index / count
    return made


def name(size: str) -> str:
    """Return the collection that is asked, by which the upstream knows its answer."""
    return f"perf-{size.lower()}"


def request(size: str) -> Any:
    """Return the call's message: a filter on one field, as the kit has it."""
    mine = q.Filter(must=[q.Condition(field=q.FieldCondition(key="tenant", match=q.Match(keyword="t1")))])
    payload = q.WithPayloadSelector(enable=True)
    if size == "L":
        vectors = q.WithVectorsSelector(enable=True)
        return q.ScrollPoints(collection_name=name(size), filter=mine, limit=1000, with_payload=payload, with_vectors=vectors)
    vector = q.VectorInput(dense=q.DenseVector(data=[random.Random(7).uniform(-1, 1) for _ in range(8)]))  # noqa: S311
    return q.QueryPoints(
        collection_name=name(size), query=q.Query(nearest=vector), filter=mine, limit=SIZES[size][0], with_payload=payload
    )


# --- what is measured ---------------------------------------------------------------------------------------------------


def front(no_op: Path, upstream: int, ports: dict[str, int]) -> dict[str, Any]:
    """Return an Envoy before the upstream: by itself, and with the no-op stream, told of trailers as the gateway is."""
    modes = dict.fromkeys(("request_header_mode", "response_header_mode", "response_trailer_mode"), "SEND")
    modes |= dict.fromkeys(("request_body_mode", "response_body_mode"), "BUFFERED")
    stream = perf.typed(
        "filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service={"envoy_grpc": {"cluster_name": "py-noop"}, "timeout": "60s"},
        message_timeout="60s",
        processing_mode=modes,
    )
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "up", "timeout": "120s"}}]
    filters = {"plain": [], "py-noop": [{"name": "envoy.filters.http.ext_proc", "typed_config": stream}]}
    listeners = [perf.listener(name, port, filters[name], routes) for name, port in ports.items()]
    for each in listeners:
        manager = each["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http2_protocol_options"] = {"initial_stream_window_size": 16 << 20, "initial_connection_window_size": 64 << 20}
    clusters = [
        perf.cluster("up", {"socket_address": {"address": "127.0.0.1", "port_value": upstream}}, h2=True),
        perf.cluster("py-noop", {"pipe": {"path": str(no_op)}}, h2=True),
    ]
    return {"static_resources": {"listeners": listeners, "clusters": clusters}}


@contextmanager
def process(*command: Any, ready: str = "") -> Iterator[subprocess.Popen[str]]:
    """Run a program until the block ends; wait for the word that says it is ready, where it has one."""
    with tempfile.TemporaryFile("w") as log:
        found = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE if ready else log, stderr=log, text=True
        )
        try:
            if ready and (found.stdout is None or ready not in found.stdout.readline()):
                sys.exit(f"{command[0]} does not start")
            yield found
        finally:
            found.terminate()
            found.wait(20)


@contextmanager
def aliases() -> Iterator[int]:
    """Answer the gateway's own question, which goes to the REST interface, with no aliases; give the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = b'{"result":{"aliases":[]},"status":"ok","time":0.0}'
            self.send_response_only(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def targets(directory: Path, load: Path) -> Iterator[dict[str, Target]]:
    """Run the upstream, the Envoy with and without the no-op stream, and the gateway."""
    upstream, ports = free_port(), {"plain": free_port(), "py-noop": free_port()}
    no_op = directory / "no-op.sock"
    answers = [f"{name(size)}={directory / size}.answer" for size in SIZES]
    with ExitStack() as stack:
        stack.enter_context(process(load, "serve", "-listen", f"127.0.0.1:{upstream}", *answers, ready="ready"))
        floor = stack.enter_context(process(sys.executable, ROOT / "tests" / "bench" / "noop.py", f"unix:{no_op}"))
        perf.wait_for(no_op.exists)
        document = directory / "front.json"
        document.write_text(json.dumps(front(no_op, upstream, ports)))
        flags = ("--concurrency", "1", "--log-level", "error", "--disable-hot-restart")
        envoy = stack.enter_context(process(perf.VENV / "bin" / "envoy", "-c", document, *flags))
        receiver = stack.enter_context(Receiver())
        door = free_port()
        entry = {
            "name": "kb",
            "engine": "qdrant",
            "listen": f"127.0.0.1:{free_port()}",
            "upstream": f"http://127.0.0.1:{stack.enter_context(aliases())}",
            "grpc": {"listen": f"127.0.0.1:{door}", "upstream": f"http://127.0.0.1:{upstream}"},
            "credential": {"header": "api-key", "value": {"file": "kb.key"}},
        }
        audit = {"recording": "request", "otlp": receiver.endpoint}
        gateway = stack.enter_context(running(directory, "", policy=MASKING, databases=[entry], audit=audit))
        token = gateway.issuer.token("reader", exp=int(datetime.now(tz=UTC).timestamp()) + LIFETIME)
        yield {
            "plain": Target(address=f"127.0.0.1:{ports['plain']}", field="", pids=[("envoy", envoy.pid)]),
            "py-noop": Target(
                address=f"127.0.0.1:{ports['py-noop']}", field="", pids=[("envoy", envoy.pid), ("py-noop", floor.pid)]
            ),
            "gateway": Target(
                address=f"127.0.0.1:{door}",
                field=f"api-key: {token}",
                pids=[("", each) for each in perf.tree(gateway.process.pid)],
                masked=True,
            ),
        }


# --- measuring ----------------------------------------------------------------------------------------------------------


def wrong(size: str, target: Target, want: Any) -> str | None:
    """Return what is wrong with a target's answer, if anything."""
    with grpc.insecure_channel(target.address, options=[("grpc.max_receive_message_length", -1)]) as channel:
        call = channel.unary_unary(CALLS[size], q.QueryPoints.SerializeToString, type(want).FromString)
        metadata = [tuple(target.field.split(": ", 1))] if target.field else []
        got = call(request(size), metadata=metadata, timeout=60)
    if not target.masked:
        return None if got == want else "the answer differs from the upstream's"
    text = got.SerializeToString()
    if leaks := perf.leaks(text):
        return f"planted values came through: {leaks}"
    for point, other in zip(got.result, want.result, strict=True):
        if (point.id, point.vectors) != (other.id, other.vectors) or set(point.payload) != set(other.payload):
            return "ids, vectors or fields changed"
    return None


def drive(load: Path, directory: Path, size: str, target: Target, seconds: float) -> dict[str, Any]:
    """Return what one run of the driver gives, and the CPU milliseconds a request of each process."""
    before = perf.cpu(target.pids)
    flags = ["-rpc", CALLS[size], "-request", directory / f"{size}.request", "-connections", perf.CONNECTIONS[size]]
    command = [load, "drive", "-to", target.address, *flags, "-seconds", seconds, "-field", target.field]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    if found["failures"] or not found["requests"]:
        sys.exit(f"INVALID: {found['failures']} calls failed: {found['failure']}")
    after = perf.cpu(target.pids)
    found["cpu"] = {each: (after[each] - before[each]) / found["requests"] for each in after if each in before}
    return found


def main(arguments: list[str]) -> int:
    """Measure and write the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--sizes", default="SML")
    options, _ = parser.parse_known_args(arguments)
    scratch = ROOT / "var"
    scratch.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="bench-") as place:
        directory, load = Path(place), Path(place) / "grpcload"
        subprocess.run(["go", "build", "-buildvcs=false", "-o", load, "."], cwd=LOAD, check=True)
        for size in SIZES:
            (directory / f"{size}.answer").write_bytes(answer(size).SerializeToString())
            (directory / f"{size}.request").write_bytes(request(size).SerializeToString())
        with targets(directory, load) as found:
            runs: dict[tuple[str, str], list[dict[str, Any]]] = {(size, each): [] for size in options.sizes for each in found}
            for size in options.sizes:
                want = answer(size)
                for each, target in found.items():
                    if mistake := wrong(size, target, want):
                        sys.exit(f"INVALID, not measured: {each}/{size}: {mistake}")
                    drive(load, directory, size, target, 1)
                for number in range(options.rounds):
                    for each in list(found)[:: -1 if number % 2 else 1]:
                        runs[size, each].append(drive(load, directory, size, found[each], options.seconds))
    table = report.table(HEAD, rows(runs))
    when = datetime.now(tz=UTC).date().isoformat()
    told = (
        f"Measured {when} on {os.cpu_count()} cores, medians of {options.rounds} alternating rounds of {options.seconds:g} s."
    )
    report.write(DOCUMENT, MARKER, f"{told}\n\n{table}")
    sys.stdout.write(f"{table}\n")
    return 0


HEAD: Final = ("size", "target", "calls/s", "p50 ms", "p99 ms", "of no-op", "CPU ms a call by process")


def rows(runs: dict[tuple[str, str], list[dict[str, Any]]]) -> Iterator[tuple[object, ...]]:
    """Give the rows of the table."""
    for (size, each), found in runs.items():
        ratios = [run["rps"] / floor["rps"] for run, floor in zip(found, runs[size, "py-noop"], strict=True)]
        spent = {label: statistics.median(run["cpu"].get(label, 0) for run in found) for label in found[0]["cpu"]}
        cost = ", ".join(f"{label.partition(':')[0]} {value:.3f}" for label, value in spent.items() if value >= SHOWN)
        middle = [statistics.median(run[key] for run in found) for key in ("rps", "p50", "p99")]
        yield (size, each, *(f"{value:.2f}" for value in middle), f"{statistics.median(ratios):.3f}", cost)


SHOWN: Final = 0.0005
"""CPU milliseconds of a call below which a process is not shown."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
