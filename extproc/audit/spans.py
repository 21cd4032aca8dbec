"""Spans: one for each operation of an exchange, told from its Entry to an OpenTelemetry collector.

Nothing else imports opentelemetry. Only the members that the contract names go in (design, section 5), so no value of a
record, a filter or a vector can. Spans are never sampled away: whoever traces with 1 % of the traffic still wants all of the
evidence. They leave in the background; when the collector is slow or gone they are dropped, with a warning in the log, and no
exchange waits or fails for it.

The kind is CLIENT, as the semantic conventions have it for calls of a database: towards the database it is the gateway that
is the client. The SDK's processor queues and its exporter sends, but the messages are built here: the SDK's own road from
`start_span` to bytes costs some thirty times as much. Most of a span's bytes are those of a span before; the few members that
are each span's own go in front of them, because a message of protobuf is the concatenation of its parts.
"""

from __future__ import annotations

import functools
import re
import secrets
from collections.abc import Iterator, Sequence
from threading import Thread
from typing import Final, cast

import msgspec
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, SpanFlags, Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, TraceFlags

from extproc import __version__
from extproc.audit.entry import Entry, Fact
from extproc.audit.keys import Pseudonyms
from extproc.audit.orders import Origin

Value = str | int | tuple[str | int, ...]

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_SCOPE: Final = InstrumentationScope(name="vecgate", version=__version__)
_REMOTE: Final = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
_SAMPLED: Final = 1
_SPAN_ID: Final = b"\x12\x08"  # the member `span_id`, 2 in trace.proto, of eight bytes
_ERROR_STATUS: Final = 400  # from here on an HTTP status is a failure
_QUEUE: Final = 16_384
_DELAY_MS: Final = 1000
_CLOSE_SECONDS: Final = 3.0
_KEPT_SPANS: Final = 1024  # most of a span is that of a span before


class Spans:
    """Tells spans of entries. Without an endpoint it tells nothing, at no cost."""

    def __init__(self, exporter: _Exporter | None, pseudonyms: Pseudonyms | None) -> None:
        self._exporter = exporter
        self._processor = (
            BatchSpanProcessor(exporter, max_queue_size=_QUEUE, schedule_delay_millis=_DELAY_MS) if exporter else None
        )
        self._pseudonyms = pseudonyms

    @classmethod
    def create(
        cls, otlp: str | None, *, service: str = "vecgate", instance: str = "", pseudonyms: Pseudonyms | None = None
    ) -> Spans:
        """Return spans that go to the OTLP/gRPC endpoint `otlp` (``http://`` in the clear, ``https://`` with TLS).

        `service` and `instance` (the worker) become ``service.name`` and ``service.instance.id``. With `pseudonyms`,
        ``user.id`` is a keyed hash. What else OTLP needs (headers, certificates) comes from OpenTelemetry's own environment
        variables.
        """
        if otlp is None:
            return cls(None, pseudonyms)
        named: dict[str, Value] = {"service.name": service, "service.version": __version__}
        if instance:
            named["service.instance.id"] = instance
        resource = Resource(attributes=[_once(name, value) for name, value in named.items()])
        return cls(_Exporter(otlp, resource), pseudonyms)

    def tell(self, entry: Entry, *, index: int, origin: Origin) -> None:
        """Tell one span for each operation of `entry`, or one for a refusal that came before any was known.

        `index` is the entry's in the ledger. A traceparent that is not well formed begins a trace of its own (W3C Trace
        Context).
        """
        if self._processor is None:
            return
        principal, started = origin.principal, origin.started
        if principal is not None and self._pseudonyms is not None:
            principal = self._pseudonyms.of(principal)
        trace, parent, flags = _parent(origin.traceparent)
        own = _own(
            trace, parent, flags, started=started, ended=max(started, entry.time_ns), exchange=entry.exchange, index=index
        )
        shared = _Shared(
            engine=entry.engine,
            database=entry.database,
            operations=len(entry.facts),
            user=principal,
            error=_error(entry),
            approval=origin.approval,
            revision=entry.revision,
            decision=entry.decision or "deny",
            reasons=entry.reasons,
        )
        for fact in entry.facts or (None,):
            self._processor.on_end(_Ended(own + _SPAN_ID + secrets.token_bytes(8) + _recurring(shared, fact)))

    def close(self) -> None:
        """Send what waits, but give up after a few seconds. Blocks."""
        if self._processor is None or self._exporter is None:
            return
        # The processor itself would wait up to half a minute for a collector that does not answer.
        closing = Thread(target=self._processor.shutdown, name="spans-close", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)
        if closing.is_alive():
            self._exporter.shutdown()


# --- what a span says ---------------------------------------------------------------------------------------------------


class _Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What all operations of one exchange have in common, and many exchanges too."""

    engine: str
    database: str
    operations: int
    user: str | None
    error: str | None
    approval: str | None
    revision: str
    decision: str
    reasons: tuple[str, ...]

    def attributes(self) -> Iterator[tuple[str, Value]]:
        """Give them as attributes; decision and reasons only where no operation tells its own."""
        yield "db.system.name", self.engine
        yield "db.namespace", self.database
        if self.operations > 1:
            yield "db.operation.batch.size", self.operations
        if self.user is not None:
            yield "user.id", self.user
        if self.error is not None:
            yield "error.type", self.error
        if self.approval is not None:
            yield "vecgate.approval.id", self.approval
        if self.revision:
            yield "vecgate.policy.revision", self.revision
        if not self.operations:
            yield "vecgate.decision", self.decision
            yield "vecgate.reasons", self.reasons


@functools.lru_cache(maxsize=_KEPT_SPANS)
def _recurring(shared: _Shared, fact: Fact | None) -> bytes:
    """Return what spans of many exchanges have in common, which is all but ids and times."""
    summary = _summary(fact)
    return Span(
        name=summary or shared.engine,
        kind=Span.SPAN_KIND_CLIENT,
        attributes=[_once(name, value) for name, value in (*shared.attributes(), *_told(fact, summary))],
        status=Status(code=Status.STATUS_CODE_ERROR) if shared.error is not None else None,
    ).SerializeToString()


def _own(trace: bytes, parent: bytes, flags: int, *, started: int, ended: int, exchange: str, index: int) -> bytes:
    """Return the members that the spans of one exchange share with no other's."""
    return Span(
        trace_id=trace,
        parent_span_id=parent,
        start_time_unix_nano=started,
        end_time_unix_nano=ended,
        attributes=(_once("vecgate.exchange.id", exchange), _once("vecgate.ledger.index", index)),
        flags=flags,
    ).SerializeToString()


def _told(fact: Fact | None, summary: str) -> Iterator[tuple[str, Value]]:
    """Give the attributes of one operation."""
    if fact is None:
        return
    if fact.collection is not None:
        yield "db.collection.name", fact.collection
    yield "db.operation.name", fact.action
    yield "db.query.summary", summary
    if fact.rows is not None:
        yield "db.response.returned_rows", fact.rows
    yield "vecgate.decision", fact.decision
    yield "vecgate.reasons", fact.reasons
    yield "vecgate.obligations", fact.obligations
    yield "vecgate.masked.fields", fact.masked_fields
    yield "vecgate.masked.values", fact.masked_values
    if fact.masked_entities:
        yield "vecgate.masked.entities", tuple(found.type for found in fact.masked_entities)
        yield "vecgate.masked.entity_values", tuple(found.values for found in fact.masked_entities)  # in the same order


def _summary(fact: Fact | None) -> str:
    if fact is None:
        return ""
    return fact.action if fact.collection is None else f"{fact.action} {fact.collection}"


def _error(entry: Entry) -> str | None:
    """Return why the exchange failed: the first reason of a refusal, else the status, else how it ended; None if it did not."""
    if entry.decision == "deny" and entry.reasons:
        return entry.reasons[0]
    if entry.status is not None and entry.status >= _ERROR_STATUS:
        return str(entry.status)
    return entry.end if entry.end in {"denied", "failed", "aborted"} else None


def _parent(traceparent: str | None) -> tuple[bytes, bytes, int]:
    """Return trace id, parent span id (empty: none) and OTLP's flags. See W3C Trace Context, section 3.2."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found is None or (found[4] is not None and found[0].startswith("00")) or not (int(found[1], 16) and int(found[2], 16)):
        return secrets.token_bytes(16), b"", SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | _SAMPLED
    return bytes.fromhex(found[1]), bytes.fromhex(found[2]), _REMOTE | _SAMPLED


def _once(name: str, value: Value) -> KeyValue:
    return KeyValue(key=name, value=_any(value))


def _any(value: Value) -> AnyValue:
    match value:
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
    return AnyValue(array_value=ArrayValue(values=list(map(_any, value))))


# --- how it leaves ------------------------------------------------------------------------------------------------------


class _Ended(ReadableSpan):
    """A message's bytes that the SDK's processor takes for a span: all that it looks at is whether it is sampled."""

    def __init__(self, message: bytes) -> None:
        self._context = _ALWAYS
        self.message = message


_ALWAYS: Final = SpanContext(trace_id=1, span_id=1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class _Exporter(OTLPSpanExporter):
    """The SDK's exporter (connection, TLS, retries), given messages that are made already."""

    def __init__(self, endpoint: str, resource: Resource) -> None:
        super().__init__(endpoint=endpoint)
        self._resource = resource

    def _translate_data(self, data: Sequence[ReadableSpan]) -> ExportTraceServiceRequest:
        spans = ScopeSpans(scope=_SCOPE, spans=[Span.FromString(cast("_Ended", span).message) for span in data])
        return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=self._resource, scope_spans=[spans])])
