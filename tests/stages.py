"""Where the CPU time of one exchange goes: the service without gRPC and Envoy, one exchange after the other, clock by stage.

The real adapter, policy, masks, book (on the disk that holds this checkout) and spans (to a real receiver). What the clerk
does in a process of its own is done here in the same thread, one entry at a time. Thread CPU time, so the time that the disk
takes is not in it.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from extproc import codec
from extproc.audit import orders
from extproc.audit.book import Book, Pace
from extproc.audit.entry import Entry
from extproc.audit.files import Files
from extproc.audit.journal import Journal
from extproc.audit.note import Signer
from extproc.audit.orders import Append, Origin
from extproc.audit.scribe import Scribe
from extproc.audit.spans import Spans
from extproc.audit.witness import Witness
from extproc.engines.cache import DecisionCache
from extproc.engines.embedded import EmbeddedEngine
from extproc.events import Fields
from extproc.guard import Guard
from extproc.pipeline import Exchange
from extproc.secret import Secret
from extproc.stream import Stream
from extproc.wire import ext_proc_pb2 as wire
from support.exchange import ISSUER, NAMESPACE, KnownCollections, bench

WORKER = ("codec", "identify", "recognise", "decide", "narrow", "answer", "hand over")
CLERK = ("take over", "seal", "commit", "publish", "span")
STAGES = (*WORKER, *CLERK)
ROUNDS = 5


class Clock:
    """Thread CPU time by stage, in seconds. What a stage takes within another is counted for both."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call`, counted for `stage`."""

        def counted(*arguments: Any, **named: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*arguments, **named)
            finally:
                self.spent[stage] += time.thread_time() - began

        return counted

    def awaited(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the coroutine function `call`, counted for `stage`; for one exchange at a time."""

        async def counted(*arguments: Any, **named: Any) -> Any:
            began = time.thread_time()
            try:
                return await call(*arguments, **named)
            finally:
                self.spent[stage] += time.thread_time() - began

        return counted


class Part:
    """A part of a guard with some of its methods replaced."""

    def __init__(self, part: Any, **methods: Callable[..., Any]) -> None:
        self._part = part
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


async def measure(
    directory: Path, *, policy: Path, otlp: str, target: str, body: bytes, answer: bytes, count: int
) -> dict[str, float]:
    """Return CPU milliseconds an exchange by stage, ``pipeline`` being the rest and ``all`` the sum: medians of rounds."""
    clock = Clock()
    desk = Desk(clock, directory, otlp)
    engine = DecisionCache(EmbeddedEngine.load(policy, "vecgate/authz/decision", 1.0), clock=time.time)
    try:
        guard = _guard(clock, desk, engine, target)
        messages = _messages(target, body, answer)
        await _exchange(clock, guard, messages)
        rounds = []
        for _ in range(ROUNDS):
            clock.spent.clear()
            for _ in range(count):
                began = time.thread_time()
                await _exchange(clock, guard, messages)
                clock.spent["all"] += time.thread_time() - began
            rounds.append({stage: clock.spent[stage] / count * 1000 for stage in (*STAGES, "all")})
    finally:
        await engine.close()
        desk.close()
    median = {stage: statistics.median(found[stage] for found in rounds) for stage in (*STAGES, "all")}
    return median | {"pipeline": median["all"] - sum(median[stage] for stage in STAGES)}


class Desk:
    """A ledger and its clerk in one thread."""

    def __init__(self, clock: Clock, directory: Path, otlp: str) -> None:
        self._clock = clock
        self._spans = Spans.create(otlp, instance="worker-0")
        signer = Signer("bench/worker-0", Ed25519PrivateKey.generate())

        def journal(least: int) -> Any:
            real = Journal(directory, "worker-0", signers=[signer], segment_bytes=64 << 20, files=Files(), least=least)
            return Part(real, append=clock.timed("commit", real.append))

        def scribe(following: int) -> Any:
            real = Scribe(Secret(b"k" * 32), signer.name, "worker-0", following)
            return Part(real, write=clock.timed("seal", real.write))

        self._book = Book(journal, scribe, pace=Pace(cadence=1.0, heartbeat=600.0, retry=1.0))

    async def append(self, entry: Entry, span: Origin | None = None) -> int:
        """Append, as far as it takes CPU time in either process."""
        frame = self._clock.timed("hand over", orders.frame)(Append(entry=entry, span=span))
        order = self._clock.timed("take over", orders.read_order)(frame[4:])
        (index,) = self._book.write([order.entry])
        self._clock.timed("publish", self._book.tend)()
        if order.span is not None:
            self._clock.timed("span", self._spans.tell)(order.entry, index=index, origin=order.span)
        return int(str(index))

    def close(self) -> None:
        """Close."""
        self._book.close()
        self._spans.close()


def _guard(clock: Clock, desk: Desk, engine: DecisionCache, target: str) -> Guard:
    guard = bench(engine).guard
    collections = KnownCollections()
    collections.answer |= {
        "id": target.split("/")[-2],
        "name": "perf",
        "tenant": "default_tenant",
        "database": "default_database",
    }
    adapter, identifier = guard.adapter, guard.identifier
    timed: dict[str, Any] = {
        "adapter": Part(
            adapter,
            read=clock.timed("recognise", adapter.read),
            resolve=clock.timed("recognise", adapter.resolve),
            narrow=clock.timed("narrow", adapter.narrow),
            write=clock.timed("narrow", adapter.write),
            read_answer=clock.timed("answer", adapter.read_answer),
            write_answer=clock.timed("answer", adapter.write_answer),
        ),
        "identifier": Part(identifier, identify=clock.timed("identify", identifier.identify)),
        "engine": Part(engine, decide=clock.awaited("decide", engine.decide)),
        "upstream": collections,
        "witness": Witness(
            log=desk,
            database="kb",
            engine="chroma",
            clock=time.time_ns,
        ),
    }
    return replace(guard, **timed)


async def _exchange(clock: Clock, guard: Guard, messages: list[bytes]) -> None:
    stream, exchange = Stream(max_body=1 << 26), Exchange(guard, exchange="0" * 32, traceparent=None)
    for message in messages:
        event = clock.timed("codec", _decoded)(message)
        whole = stream.receive(event)
        reply = await exchange.handle(whole) if whole is not None else None
        if reply is not None:
            clock.timed("codec", _encoded)(event, reply)


def _decoded(message: bytes) -> Any:
    return codec.decode(wire.ProcessingRequest.FromString(message))


def _encoded(event: Any, reply: Any) -> bytes:
    return bytes(codec.encode(event, reply).SerializeToString())


def _messages(target: str, body: bytes, answer: bytes) -> list[bytes]:
    """Return what Envoy sends for one request and its answer."""
    from google.protobuf.struct_pb2 import Struct  # noqa: PLC0415  # nobody else here speaks protobuf

    now = int(time.time())
    token, attributes = Struct(), Struct()
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": "vecgate",
        "sub": "reader",
        "iat": now,
        "exp": now + 3600,
        "roles": ["reader"],
    }
    token.update({"payload_0": claims})
    attributes.update({"source.address": "127.0.0.1:4567", "response.code_details": "via_upstream"})
    asked: Fields = (
        (":method", b"POST"),
        (":path", target.encode()),
        (":authority", b"127.0.0.1:8100"),
        ("content-type", b"application/json"),
        ("content-length", str(len(body)).encode()),
        ("x-chroma-token", b"e30.e30.e30"),
    )
    answered: Fields = (
        (":status", b"200"),
        ("content-type", b"application/json"),
        ("content-length", str(len(answer)).encode()),
    )
    told = {"envoy.filters.http.ext_proc": attributes.SerializeToString()}
    metadata = wire.Metadata(filter_metadata={NAMESPACE: token.SerializeToString()})
    return [
        wire.ProcessingRequest(request_headers=_head(asked), attributes=told, metadata_context=metadata).SerializeToString(),
        wire.ProcessingRequest(request_body=wire.HttpBody(body=body, end_of_stream=True)).SerializeToString(),
        wire.ProcessingRequest(response_headers=_head(answered), attributes=told).SerializeToString(),
        wire.ProcessingRequest(response_body=wire.HttpBody(body=answer, end_of_stream=True)).SerializeToString(),
    ]


def _head(fields: Fields) -> wire.HttpHeaders:
    return wire.HttpHeaders(
        headers=wire.HeaderMap(headers=[wire.HeaderValue(key=name, raw_value=value) for name, value in fields])
    )


def run(directory: Path, **asked: Any) -> dict[str, float]:
    """Return what `measure` finds."""
    return asyncio.run(measure(directory, **asked))
