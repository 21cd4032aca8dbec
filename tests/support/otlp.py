"""A real OTLP/gRPC receiver of traces on a free loopback port, for tests."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Self

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_TRACES: Final = "opentelemetry.proto.collector.trace.v1.TraceService"


class Receiver:
    """Collects what is exported to `endpoint`; use it as a context manager.

    `spans` holds (resource attributes, span) in the order of arrival, `raw` the bytes of every export. With
    `refuse`, every export is answered with that gRPC status name instead and nothing is kept.
    """

    def __init__(self, *, refuse: str | None = None) -> None:
        self.spans: list[tuple[dict[str, Any], Span]] = []
        self.calls = 0
        self.raw = b""
        self._refuse = refuse
        self._arrived = threading.Condition()
        self._server = grpc.server(ThreadPoolExecutor(max_workers=2))
        service_grpc.add_TraceServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.stop(grace=None).wait()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802  # the name is the protocol's
        """Take one export."""
        with self._arrived:
            self.calls += 1
            self.raw += request.SerializeToString()
            if self._refuse is None:
                self.spans.extend(
                    (attributes(resource.resource.attributes), span)
                    for resource in request.resource_spans
                    for scope in resource.scope_spans
                    for span in scope.spans
                )
            self._arrived.notify_all()
        if self._refuse is not None:
            context.abort(grpc.StatusCode[self._refuse], "refused")
        return service.ExportTraceServiceResponse()

    def of_service(self, name: str) -> list[Span]:
        """Return the spans of one service so far."""
        with self._arrived:
            return [span for resource, span in self.spans if resource.get("service.name") == name]

    def wait(self, count: int, timeout: float = 10.0) -> list[tuple[dict[str, Any], Span]]:
        """Return all spans once at least `count` have come; after `timeout` seconds, those that have."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.spans) >= count, timeout)
            return list(self.spans)


class Sink:
    """Takes what is exported to `endpoint` and drops it unread, so that measuring pays for no reader."""

    def __init__(self) -> None:
        take = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
        handler = grpc.method_handlers_generic_handler(_TRACES, {"Export": take})
        self._server = grpc.server(ThreadPoolExecutor(max_workers=1), handlers=[handler])
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.stop(grace=None).wait()


def attributes(pairs: Any) -> dict[str, Any]:
    """Return attributes as plain values; arrays as lists."""
    return {pair.key: _plain(pair.value) for pair in _typed(pairs)}


def _typed(pairs: Any) -> list[KeyValue]:
    return list(pairs)


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    return None if kind is None else getattr(value, kind)
