"""Who is let in: every token that does not hold, on a real Envoy, and what the database receives of one that does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from chromadb.errors import ChromaAuthError
from joserfc import jwt
from joserfc.jws import JWSRegistry

from extproc.audit import keys
from extproc.audit.reader import open_private, read_leaves
from extproc.secret import SecretFile
from support.database import Recorder
from support.gateway import RAW_KEY, Gateway, chroma_client, running
from support.issuer import ISSUER, TestIssuer, new_key
from support.shelf import JSON, RECORDS

pytestmark = pytest.mark.envoy
NOW = int(time.time())

Credentials = Callable[[TestIssuer], dict[str, str]]


@pytest.fixture(scope="module")
def gateway(book: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway with two issuers under an allow-all policy: what is refused here is refused for its credential alone."""
    second = TestIssuer(issuer="https://other.test", key=new_key("k2"))
    directory = tmp_path_factory.mktemp("logins")
    keys = directory / "second"
    keys.mkdir()
    first = TestIssuer()
    issuers = [
        {"issuer": ISSUER, "audiences": ["vecgate"], "jwks": {"file": str(first.write_jwks(directory))}},
        {"issuer": second.issuer, "audiences": ["vecgate"], "jwks": {"file": str(second.write_jwks(keys))}},
    ]
    with running(directory, f"http://127.0.0.1:{book.port}", issuer=first, identity={"issuers": issuers}) as found:
        yield found


def token(**changes: Any) -> Credentials:
    """Return how to send a signed token with changed claims."""
    return lambda issuer: {"x-chroma-token": issuer.token("reader", **changes)}


ATTACKS: dict[str, tuple[Credentials, str]] = {
    "no token": (lambda _: {}, "token_missing"),
    "the raw database key": (lambda _: {"x-chroma-token": RAW_KEY}, "token_malformed"),
    "expired": (token(exp=NOW - 120, iat=NOW - 600), "token_expired"),
    "not yet valid": (token(nbf=NOW + 3600), "token_not_yet_valid"),
    "never expiring": (token(exp=None), "token_never_expires"),
    "living for a month": (token(exp=NOW + 30 * 86400), "token_too_long_lived"),
    "of unknown age": (token(iat=None), "token_too_long_lived"),
    "without a subject": (token(sub=None), "token_no_subject"),
    "with an empty subject": (token(sub=""), "token_no_subject"),
    "for another audience": (token(aud="someone-else"), "token_wrong_audience"),
    "without an audience": (token(aud=None), "token_wrong_audience"),
    "of an unknown issuer": (token(iss="https://evil.test"), "token_unknown_issuer"),
    "claiming the other issuer": (token(iss="https://other.test"), "token_forged"),
    "forged": (lambda issuer: {"x-chroma-token": issuer.forged("admin")}, "token_forged"),
    "issued in the future": (token(iat=NOW + 3600, exp=NOW + 4000), "token_not_yet_valid"),
    "under the other issuer's key id": (
        lambda issuer: {"x-chroma-token": issuer.signed({"kid": "k2"}, "admin")},
        "token_forged",
    ),
    "under a key id that is a path": (
        lambda issuer: {"x-chroma-token": issuer.signed({"kid": "../../../../dev/null"}, "admin")},
        "token_forged",
    ),
    "bringing its own key": (lambda issuer: {"x-chroma-token": stranger(issuer, jwk=True)}, "token_forged"),
    "naming where its key is": (lambda issuer: {"x-chroma-token": stranger(issuer, jwk=False)}, "token_forged"),
    "two in one field": (
        lambda issuer: {"x-chroma-token": f"{issuer.token('reader')},{issuer.token('reader')}"},
        "token_malformed",
    ),
    "algorithm none": (lambda issuer: {"x-chroma-token": issuer.unsigned("admin")}, "token_malformed"),
    "HMAC with the public key": (lambda issuer: {"x-chroma-token": issuer.confused("admin")}, "token_forged"),
    "two credentials": (
        lambda issuer: {"x-chroma-token": issuer.token("reader"), "authorization": f"Bearer {issuer.token('reader')}"},
        "token_ambiguous",
    ),
    "a good one beside a forged one": (
        lambda issuer: {"x-chroma-token": issuer.forged("admin"), "authorization": f"Bearer {issuer.token('reader')}"},
        "token_ambiguous",
    ),
    "basic authentication": (lambda _: {"authorization": "Basic YWRtaW46YWRtaW4="}, "token_malformed"),
    "spoofed metadata headers": (
        lambda _: {"x-jwt-payload": "e30", "x-envoy-jwt-payload": "e30", "vecgate-door": "kb"},
        "token_missing",
    ),
    "a spoofed certificate": (
        lambda _: {"x-forwarded-client-cert": "By=spiffe://td/gateway;URI=spiffe://td/ns/apps/sa/ingest"},
        "token_missing",
    ),
}


def stranger(issuer: TestIssuer, *, jwk: bool) -> str:
    """Return a token whose header shows a stranger's key, or says where to get it."""
    key = new_key("k9")
    shown = {"jwk": key.as_dict(private=False)} if jwk else {"jku": "https://evil.test/keys", "x5u": "https://evil.test/x"}
    registry = JWSRegistry(strict_check_header=False)
    return jwt.encode({"alg": "ES256", "kid": "k1"} | shown, issuer.claims("admin"), key, registry=registry)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_credential_that_does_not_hold_gets_a_native_401_and_is_on_record(
    gateway: Gateway, book: Recorder, name: str
) -> None:
    """The database sees nothing, the client its own error form, and the log the reason."""
    credentials, code = ATTACKS[name]
    before = len(book.seen)

    with gateway.http() as client:
        response = client.post(f"{RECORDS}/get", content=b"{}", headers=JSON | credentials(gateway.issuer))

    assert response.status_code == 401
    assert response.json()["error"] == "AuthError"
    assert code in response.json()["message"]
    assert len(book.seen) == before
    last = list(read_leaves(gateway.audit))[-1]
    assert (last.kind, last.decision, last.reasons) == ("login_rejected", "deny", (code,))
    assert last.exchange in response.json()["message"]


def test_a_header_name_with_an_underscore_is_refused_before_anything_reads_it(gateway: Gateway, book: Recorder) -> None:
    """A header that could be taken for another one by its underscore is refused by Envoy itself."""
    before = len(book.seen)
    with gateway.http("reader") as client, pytest.raises(httpx.TransportError):
        client.post(f"{RECORDS}/get", content=b"{}", headers=JSON | {"payload_0": "e30"})

    assert len(book.seen) == before


def test_a_token_in_the_query_string_is_no_credential(gateway: Gateway, book: Recorder) -> None:
    """Tokens in URLs end in logs, so they are not even looked at."""
    before = len(book.seen)

    with gateway.http() as client:
        response = client.post(
            f"{RECORDS}/get", params={"access_token": gateway.issuer.token("reader")}, content=b"{}", headers=JSON
        )

    assert response.status_code == 401
    assert "token_missing" in response.json()["message"]
    assert len(book.seen) == before
    last = list(read_leaves(gateway.audit))[-1]
    assert (last.kind, last.decision, last.reasons) == ("login_rejected", "deny", ("token_missing",))
    assert last.exchange in response.json()["message"]


def test_a_rejected_login_says_who_it_claimed_to_be_and_where_it_came_from(gateway: Gateway) -> None:
    """Both are sealed in the entry; nobody verified the claim, so no principal is named."""
    with gateway.http() as client:
        client.post(f"{RECORDS}/get", content=b"{}", headers=JSON | {"x-chroma-token": gateway.issuer.forged("admin")})
    last = list(read_leaves(gateway.audit))[-1]
    worker = last.log.rpartition("/")[2]
    key = keys.sealing_key(SecretFile(path=gateway.directory / "var" / "keys" / "sealing.key"))

    private = open_private(gateway.audit, worker, last.index, key).private

    assert last.reasons == ("token_forged",)
    assert (private.claimed, private.principal) == ({"iss": ISSUER, "sub": "user-admin"}, None)
    assert private.source == "127.0.0.1"


def test_the_refusal_comes_before_the_body_is_read(gateway: Gateway) -> None:
    """A caller without a token is refused on the head alone, however much it would like to send."""

    def endless() -> Iterator[bytes]:
        yield b'{"ids":["'
        for _ in range(200):
            time.sleep(0.02)
            yield b"x" * 100

    with gateway.http() as client:
        started = len(list(read_leaves(gateway.audit)))
        try:
            status = client.post(f"{RECORDS}/get", content=endless(), headers=JSON).status_code
        except httpx.TransportError:
            status = 401  # the connection was closed in the middle of the sending, after the answer

    assert status == 401
    assert len(list(read_leaves(gateway.audit))) == started + 1


@pytest.mark.parametrize("header", ["x-chroma-token", "authorization"])
def test_the_database_receives_the_gateways_key_and_nothing_of_the_clients(
    gateway: Gateway, book: Recorder, header: str
) -> None:
    """Of a good request the database gets its own key once; neither the token nor any other field of the client's."""
    secret = gateway.issuer.token("reader")
    sent = {header: f"Bearer {secret}" if header == "authorization" else secret}
    extra = {
        "cookie": "session=1",
        "x-http-method-override": "DELETE",
        "x-forwarded-for": "6.6.6.6",
        "x-envoy-retry-on": "5xx",
        "x-proxy-user": "root",
        "accept-encoding": "gzip",
    }

    with gateway.http() as client:
        response = client.post(f"{RECORDS}/get", content=b'{ "ids" : ["t1"] }', headers=JSON | extra | sent)

    assert response.status_code == 200
    received = book.last()
    names = [name for name, _ in received.headers]
    assert [value for name, value in received.headers if name == "x-chroma-token"] == [RAW_KEY]
    assert not {*extra, "authorization"} & set(names)
    assert secret not in str(received)
    assert received.body == b'{"ids":["t1"]}'


def test_the_official_client_raises_its_own_authentication_error(gateway: Gateway) -> None:
    """A developer with a bad token sees the client's own exception, with the reason in it."""
    with pytest.raises((ChromaAuthError, ValueError, Exception), match="token_expired") as caught:
        chroma_client(gateway.port, gateway.issuer.token("reader", exp=NOW - 120, iat=NOW - 600)).list_collections()

    assert "Auth" in type(caught.value).__name__ or "Auth" in str(caught.value)


def test_health_probes_need_no_credential_and_reach_no_database(gateway: Gateway, book: Recorder) -> None:
    """Probes and clients ask for the heartbeat without a token; the gateway answers by itself, in Chroma's form."""
    before = len(book.seen)

    with gateway.http() as client:
        response = client.get("/api/v2/heartbeat")

    assert response.status_code == 200
    assert response.json()["nanosecond heartbeat"] > 0
    assert len(book.seen) == before
