"""Programs that come with a certificate: known by what Envoy verified of it, and by nothing that they say themselves."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from extproc.audit.reader import read_leaves
from support.certificates import Authority
from support.database import Recorder
from support.gateway import STARTER, Gateway, running
from support.ports import free_port
from support.shelf import JSON, RECORDS

pytestmark = pytest.mark.envoy
READER = "spiffe://example.org/ns/apps/sa/reader"
XFCC = "x-forwarded-client-cert"


@dataclass(slots=True)
class Stage:
    """A gateway whose second listener asks for certificates, and where those lie."""

    gateway: Gateway
    folder: Path
    port: int

    def ask(self, name: str | None, **headers: str) -> httpx.Response:
        """Send a request with the certificate of `name`."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if name:
            context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        with httpx.Client(base_url=f"https://127.0.0.1:{self.port}", verify=context, trust_env=False, timeout=30) as client:
            return client.post(f"{RECORDS}/get", content=b"{}", headers=JSON | headers)


@pytest.fixture(scope="module")
def stage(book: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Run a gateway under the starter policy, which asks at one listener for certificates."""
    folder = tmp_path_factory.mktemp("workloads")
    authority, stranger, port = Authority(folder / "ca.pem"), Authority(folder / "other-ca.pem"), free_port()
    authority.issue(folder, "gateway", names=[x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    for name, uri in {
        "reader": READER,
        "below": "spiffe://example.org/ns/batch/sa/night",
        "beside": "spiffe://example.org/ns/batchelor/sa/x",
        "elsewhere": "spiffe://example.com/ns/apps/sa/reader",
    }.items():
        authority.issue(folder, name, names=[x509.UniformResourceIdentifier(uri)])
    authority.issue(folder, "plain")
    authority.issue(folder, "posing", organisation="Tests,CN=plain")
    stranger.issue(folder, "stranger", names=[x509.UniformResourceIdentifier(READER)])
    upstream = f"http://127.0.0.1:{book.port}"
    tls = {"certificate": "gateway.pem", "key": {"file": "gateway.key"}, "client_ca": "ca.pem"}
    database = {"name": "certified", "engine": "chroma", "listen": f"127.0.0.1:{port}", "upstream": upstream, "tls": tls}
    workloads = [
        {"spiffe": READER, "roles": ["reader"]},
        {"spiffe": "spiffe://example.org/ns/batch/*", "roles": ["reader"]},
        {"subject": "CN=plain,O=Tests", "roles": ["reader"]},
    ]
    with running(folder, upstream, policy=STARTER, beside=[database], identity={"workloads": workloads}) as gateway:
        yield Stage(gateway, folder, port)


@pytest.mark.parametrize("name", ["reader", "below", "plain"])
def test_a_certificate_is_enough_for_a_configured_program(stage: Stage, name: str) -> None:
    """A SPIFFE id, one below a configured one, and a plain subject: each is let in with its roles."""
    assert stage.ask(name).status_code == 200


@pytest.mark.parametrize("name", ["beside", "elsewhere", "posing"])
def test_a_certificate_of_another_name_is_refused_and_on_record(stage: Stage, name: str) -> None:
    """A neighbour's name, another trust domain, and a subject that only looks the same."""
    answer = stage.ask(name)
    last = list(read_leaves(stage.gateway.audit))[-1]

    assert answer.status_code == 401
    assert (last.kind, last.database, last.reasons) == ("login_rejected", "certified", ("certificate_unknown",))


@pytest.mark.parametrize("name", ["stranger", None])
def test_a_certificate_of_another_authority_and_none_at_all_do_not_connect(stage: Stage, name: str | None) -> None:
    """Envoy ends the handshake."""
    with pytest.raises(httpx.TransportError):
        stage.ask(name)


@pytest.mark.parametrize("name", ["beside", "reader"])
def test_a_spoofed_header_of_a_certificate_is_worth_nothing(stage: Stage, book: Recorder, name: str) -> None:
    """Who a client says it is in that header changes nothing, and the database never sees the header."""
    before = len(book.seen)
    status = stage.ask(name, **{XFCC: f"By=spiffe://example.org/gateway;Hash=00;URI={READER}"}).status_code
    last = list(read_leaves(stage.gateway.audit))[-1]

    assert status == (200 if name == "reader" else 401)
    assert (last.kind, last.reasons) == (("outcome", ()) if name == "reader" else ("login_rejected", ("certificate_unknown",)))
    assert not any(XFCC in dict(seen.headers) for seen in book.seen[before:])


def test_a_spoofed_header_where_nobody_is_asked_for_a_certificate(stage: Stage) -> None:
    """At a listener without certificates the header makes nobody of anybody."""
    with stage.gateway.http() as client:
        answer = client.post(f"{RECORDS}/get", content=b"{}", headers=JSON | {XFCC: f"URI={READER}"})
    last = list(read_leaves(stage.gateway.audit))[-1]

    assert (answer.status_code, "token_missing" in answer.text) == (401, True)
    assert (last.kind, last.reasons) == ("login_rejected", ("token_missing",))


def test_a_token_is_who_its_bearer_is_and_a_bad_one_is_not_made_up_for(stage: Stage) -> None:
    """With a token the certificate is only the transport's, in both directions."""
    issuer = stage.gateway.issuer

    assert stage.ask("beside", **{"x-chroma-token": issuer.token("reader")}).status_code == 200
    refused = stage.ask("reader", **{"x-chroma-token": issuer.forged("reader")})
    assert (refused.status_code, "token_forged" in refused.text) == (401, True)
