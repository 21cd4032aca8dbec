"""A tiny OpenTelemetry collector (OTLP over gRPC, traces only) that keeps what it is sent, so that the demo can show it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

_SERVICE: Final = "opentelemetry.proto.collector.trace.v1.TraceService"
_MOST_SPANS: Final = 10_000

Value = str | int | float | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One span as it arrived; ids are hex."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Value]


class Collector:
    """What arrived, in order. Fed from gRPC's threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spans: list[Seen] = []
        self.port = 0

    def spans(self) -> tuple[Seen, ...]:
        """Return what has arrived so far."""
        with self._lock:
            return tuple(self._spans)

    def export(self, request: ExportTraceServiceRequest, context: object) -> ExportTraceServiceResponse:
        """Keep the spans of one OTLP request."""
        del context
        with self._lock:
            self._spans += list(_seen(request))[: _MOST_SPANS - len(self._spans)]
        return ExportTraceServiceResponse()


@contextmanager
def collecting() -> Iterator[Collector]:
    """Collect on a free port of loopback until the block ends."""
    collector = Collector()
    handler = grpc.unary_unary_rpc_method_handler(
        collector.export,
        request_deserializer=ExportTraceServiceRequest.FromString,
        response_serializer=ExportTraceServiceResponse.SerializeToString,
    )
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler}),))
    collector.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


def _seen(request: ExportTraceServiceRequest) -> Iterator[Seen]:
    for resource in request.resource_spans:
        service = next((each.value.string_value for each in resource.resource.attributes if each.key == "service.name"), "")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Seen(
                    service=service,
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    attributes={each.key: _value(each.value) for each in span.attributes},
                )


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(str(_value(each)) for each in value.array_value.values)
    plain: Any = getattr(value, kind) if kind else None
    return plain if isinstance(plain, (str, int, float, bool)) else None
