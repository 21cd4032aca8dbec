"""The clusters of Envoy's bootstrap: the workers, each database, the collector, issuers' key servers; and TLS on both sides.

The connection to the workers is tuned for whole bodies (large windows), for exchanges that last (no small circuit breaker),
and for leaving a dead worker at once. Everything that leaves this machine over TLS is verified by name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    Cluster,
    ClusterCommonLbConfig,
    ClusterDiscoveryType,
    ClusterDnsLookupFamily,
    ClusterLbPolicy,
    OutlierDetection,
    UpstreamConnectionOptions,
)
from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    DataSource,
    HealthCheck,
    HealthCheckGrpcHealthCheck,
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    Pipe,
    SocketAddress,
    TcpKeepalive,
    TransportSocket,
)
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    DownstreamTlsContext,
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
    TlsCertificate,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions, HttpProtocolOptionsExplicitHttpConfig
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any as Packed

from extproc.authorities import system_authorities
from extproc.config.doors import Door
from extproc.config.forms import Url
from extproc.config.types import ListenerTls, UpstreamTls
from extproc.secret import SecretFile, SecretSource

WORKERS: Final = "workers"
COLLECTOR: Final = "collector"
CONTROL: Final = "control"

_CONNECT_TIMEOUT: Final = timedelta(seconds=5)
_MOST_EXCHANGES: Final = 65536
"""Exchanges under way at once: each holds one gRPC stream for as long as it lasts, and Envoy's own default is 1024."""
_STREAM_WINDOW: Final = 16 << 20
_CONNECTION_WINDOW: Final = 64 << 20
_CHECK_INTERVAL: Final = timedelta(seconds=1)
_CHECK_TIMEOUT: Final = timedelta(seconds=10)
"""Generous, because a worker that masks a large answer is busy, not dead; a dead one is found by its refused connection."""
_ALPN: Final = {"rest": "http/1.1", "grpc": "h2"}
_HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def workers(sockets: Sequence[Path], buffer: int) -> Cluster:
    """Return the cluster of the ext_proc workers, one unix socket each; `buffer` is in bytes."""
    return Cluster(
        name=WORKERS,
        type=ClusterDiscoveryType.STATIC,
        connect_timeout=_CONNECT_TIMEOUT,
        per_connection_buffer_limit_bytes=buffer,
        lb_policy=ClusterLbPolicy.LEAST_REQUEST,
        load_assignment=_endpoints(WORKERS, [Address(pipe=Pipe(path=str(socket))) for socket in sockets]),
        typed_extension_protocol_options={_HTTP_OPTIONS: _http2()},
        circuit_breakers=_breakers(),
        # Without a panic threshold of zero Envoy would spread over dead workers once half of them are gone; and were changes of
        # health gathered, as they are for a second by default, it would go on asking one that it knows to be dead.
        common_lb_config=ClusterCommonLbConfig(healthy_panic_threshold=Percent(value=0.0), update_merge_window=timedelta(0)),
        health_checks=[
            HealthCheck(
                timeout=_CHECK_TIMEOUT,
                interval=_CHECK_INTERVAL,
                no_traffic_interval=_CHECK_INTERVAL,
                unhealthy_interval=timedelta(milliseconds=250),
                unhealthy_threshold=2,
                healthy_threshold=1,
                grpc_health_check=HealthCheckGrpcHealthCheck(),
            )
        ],
        # Only a connection that fails ejects a worker: an exchange that fails may be an attacker's doing.
        outlier_detection=OutlierDetection(
            split_external_local_origin_errors=True,
            consecutive_local_origin_failure=1,
            enforcing_consecutive_local_origin_failure=100,
            enforcing_consecutive_5xx=0,
            enforcing_consecutive_gateway_failure=0,
            enforcing_success_rate=0,
            enforcing_local_origin_success_rate=0,
            interval=timedelta(seconds=1),
            # Long, because the first health check that succeeds ends it.
            base_ejection_time=timedelta(seconds=30),
            max_ejection_time=timedelta(seconds=30),
            successful_active_health_check_uneject_host=True,
            max_ejection_percent=100,
        ),
    )


def database(name: str, door: Door, buffer: int) -> Cluster:
    """Return the cluster of what lies behind one door; `buffer` is in bytes."""
    options = _http2() if door.transport == "grpc" else _http1()
    return _remote(name, door.upstream, options, buffer, door.database.upstream_tls, alpn=_ALPN[door.transport])


def key_server(name: str, url: Url, tls: UpstreamTls) -> Cluster:
    """Return the cluster of an issuer's key server."""
    return _remote(name, url, _http1(), None, tls, alpn=_ALPN["rest"])


def control(socket: Path) -> Cluster:
    """Return the cluster of the control API, on its unix socket."""
    return Cluster(
        name=CONTROL,
        type=ClusterDiscoveryType.STATIC,
        connect_timeout=_CONNECT_TIMEOUT,
        load_assignment=_endpoints(CONTROL, [Address(pipe=Pipe(path=str(socket)))]),
    )


def collector(url: Url) -> Cluster:
    """Return the cluster of an OpenTelemetry collector, which speaks gRPC."""
    return _remote(COLLECTOR, url, _http2(), None, None, alpn=_ALPN["grpc"])


def _remote(name: str, url: Url, options: Packed, buffer: int | None, tls: UpstreamTls | None, *, alpn: str) -> Cluster:
    address = Address(socket_address=SocketAddress(address=url.host, port_value=url.port))
    return Cluster(
        name=name,
        type=ClusterDiscoveryType.STATIC if _is_ip(url.host) else ClusterDiscoveryType.STRICT_DNS,
        dns_lookup_family=ClusterDnsLookupFamily.V4_PREFERRED,
        connect_timeout=_CONNECT_TIMEOUT,
        per_connection_buffer_limit_bytes=buffer,
        load_assignment=_endpoints(name, [address]),
        typed_extension_protocol_options={_HTTP_OPTIONS: options},
        circuit_breakers=_breakers(),
        upstream_connection_options=UpstreamConnectionOptions(tcp_keepalive=TcpKeepalive()),
        transport_socket=upstream_socket(url, tls or UpstreamTls(), alpn) if url.tls else None,
    )


def _http1() -> Packed:
    explicit = HttpProtocolOptionsExplicitHttpConfig(http_protocol_options=Http1ProtocolOptions())
    return Packed.pack(HttpProtocolOptions(explicit_http_config=explicit))


def _http2() -> Packed:
    # No keepalive pings: gRPC servers hang up on a peer that pings more often than every five minutes.
    protocol = Http2ProtocolOptions(
        initial_stream_window_size=_STREAM_WINDOW,
        initial_connection_window_size=_CONNECTION_WINDOW,
    )
    return Packed.pack(
        HttpProtocolOptions(explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http2_protocol_options=protocol))
    )


def _breakers() -> CircuitBreakers:
    most = _MOST_EXCHANGES
    return CircuitBreakers(
        thresholds=[CircuitBreakersThresholds(max_connections=most, max_pending_requests=most, max_requests=most)]
    )


def _endpoints(name: str, addresses: list[Address]) -> ClusterLoadAssignment:
    endpoints = [LbEndpoint(endpoint=Endpoint(address=address)) for address in addresses]
    return ClusterLoadAssignment(cluster_name=name, endpoints=[LocalityLbEndpoints(lb_endpoints=endpoints)])


def downstream_socket(tls: ListenerTls) -> TransportSocket | None:
    """Return TLS towards clients, or None where the configuration says that something else encrypts."""
    if tls.certificate is None or tls.key is None:
        return None
    context = DownstreamTlsContext(
        require_client_certificate=tls.client_ca is not None,
        common_tls_context=CommonTlsContext(
            tls_params=TlsParameters(tls_minimum_protocol_version=TlsParametersTlsProtocol.TLSv1_2),
            alpn_protocols=["h2", "http/1.1"],
            tls_certificates=[TlsCertificate(certificate_chain=source(tls.certificate), private_key=source(tls.key))],
            validation_context=CertificateValidationContext(trusted_ca=source(tls.client_ca)) if tls.client_ca else None,
        ),
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=Packed.pack(context))


def upstream_socket(url: Url, tls: UpstreamTls, alpn: str) -> TransportSocket:
    """Return TLS towards `url` for the protocol `alpn`, verified by the name or address that is connected to.

    Raises `ConfigError`.
    """
    name = tls.sni or url.host
    kind = SubjectAltNameMatcherSanType.IP_ADDRESS if _is_ip(name) else SubjectAltNameMatcherSanType.DNS
    own = []
    if tls.certificate and tls.key:
        own = [TlsCertificate(certificate_chain=source(tls.certificate), private_key=source(tls.key))]
    context = UpstreamTlsContext(
        sni="" if _is_ip(name) else name,
        common_tls_context=CommonTlsContext(
            tls_params=TlsParameters(
                tls_minimum_protocol_version=TlsParametersTlsProtocol.TLSv1_2,
                tls_maximum_protocol_version=TlsParametersTlsProtocol.TLSv1_3,
            ),
            alpn_protocols=[alpn],
            tls_certificates=own,
            validation_context=CertificateValidationContext(
                trusted_ca=source(tls.ca or system_authorities()),
                match_typed_subject_alt_names=[SubjectAltNameMatcher(san_type=kind, matcher=StringMatcher(exact=name))],
            ),
        ),
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=Packed.pack(context))


def source(material: SecretSource) -> DataSource:
    """Return where Envoy itself reads `material`: it never stands in the bootstrap."""
    if isinstance(material, SecretFile):
        return DataSource(filename=str(material.path))
    return DataSource(environment_variable=material.name)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
