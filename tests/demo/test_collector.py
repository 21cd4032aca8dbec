"""The demo's collector keeps what an OTLP exporter sends."""

import time

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from extproc.demo.collector import Seen, collecting


def test_spans_are_kept_as_they_came() -> None:
    """A span sent over gRPC is there afterwards with ids, parent, service and attributes."""
    span = Span(
        name="search tickets",
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        parent_span_id=b"\x03" * 8,
        start_time_unix_nano=time.time_ns(),
        attributes=[
            KeyValue(key="one", value=AnyValue(string_value="a")),
            KeyValue(key="two", value=AnyValue(int_value=2)),
            KeyValue(
                key="three", value=AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="b"), AnyValue(int_value=2)]))
            ),
            KeyValue(key="four", value=AnyValue()),
        ],
    )
    service = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value="vecgate"))])
    request = ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=service, scope_spans=[ScopeSpans(spans=[span])])]
    )
    with collecting() as collector, grpc.insecure_channel(f"127.0.0.1:{collector.port}") as channel:
        export = channel.unary_unary(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            request_serializer=ExportTraceServiceRequest.SerializeToString,
            response_deserializer=ExportTraceServiceResponse.FromString,
        )
        export(request, timeout=20)

        expected = Seen(
            service="vecgate",
            name="search tickets",
            trace="01" * 16,
            id="02" * 8,
            parent="03" * 8,
            attributes={"one": "a", "two": 2, "three": ("b", "2"), "four": None},
        )
        assert (expected,) == collector.spans()
