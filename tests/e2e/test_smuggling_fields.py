"""Attacks by a request's line and header fields: versions, spellings, credentials, what others would read in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.gateway import RAW_KEY
from support.rawhttp import Pairs
from support.smuggling import Attack, Bench, Closed, Decided, Outcome, Refused, ask, bench

pytestmark = pytest.mark.envoy

ONE = b'{"limit":1}'
VERSION = Decided(action="meta", sent="GET /api/v2/version", means="200")
CODEC = Closed(envoy="http1.codec_error")
CHARACTERS = Closed(envoy="http1.invalid_characters")
CONNECTION = Closed(envoy="http1.connection_header_rejected")
UNDERSCORE = Closed(envoy="http1.unexpected_underscore")
OLD = Closed(envoy="low_version")
AMBIGUOUS = Refused(code="token_ambiguous", status=401)
MISSING = Refused(code="token_missing", status=401)
TOKEN_MALFORMED = Refused(code="token_malformed", status=401)
CONTENT = Refused(code="content_unsupported", status=415)
UPGRADE = Refused(code="gateway_refused", envoy="upgrade_failed")
NO_HOST = Refused(code="gateway_refused", envoy="missing_host_header")


@pytest.fixture(scope="module")
def stage(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Run a gateway in front of the real Chroma."""
    with bench(tmp_path_factory.mktemp("smuggling"), chroma, tuple(ATTACKS.values())) as found:
        yield found


def fields(name: str, headers: Pairs, chroma: str, gateway: Outcome, *, token: bool = True) -> Attack:
    """Return an attack by the header fields of a GET."""
    return ask(name, "GET", "/api/v2/version", None, headers, chroma=chroma, gateway=gateway, token=token)


def line(name: str, raw: bytes, chroma: str, gateway: Outcome) -> Attack:
    """Return an attack by the raw `raw` in front of the credential of a GET."""
    tail = b"x-chroma-token: {token}\r\nconnection: close\r\n\r\n"
    return Attack(
        name=name,
        raw=lambda scene: scene.fill((raw + tail).decode("latin-1")).encode("latin-1"),
        chroma=chroma,
        gateway=gateway,
    )


GET = b"GET /api/v2/version HTTP/1.1\r\nhost: kb\r\n"

LINES = [
    line("HTTP/1.0", b"GET /api/v2/version HTTP/1.0\r\nhost: kb\r\n", "200", OLD),
    line("HTTP/1.2", b"GET /api/v2/version HTTP/1.2\r\nhost: kb\r\n", "400", OLD),
    line("HTTP/2.0 in text", b"GET /api/v2/version HTTP/2.0\r\nhost: kb\r\n", "400", OLD),
    line("HTTP/0.9", b"GET /api/v2/version\r\n", "400", OLD),
    line("HTTP/1.01", b"GET /api/v2/version HTTP/1.01\r\nhost: kb\r\n", "400", CODEC),
    line("lower-case protocol", b"GET /api/v2/version http/1.1\r\nhost: kb\r\n", "400", CODEC),
    line("lower-case method", b"get /api/v2/version HTTP/1.1\r\nhost: kb\r\n", "405", CODEC),
    line("method in two cases", b"Delete {collections}/{name} HTTP/1.1\r\nhost: kb\r\n", "405", CODEC),
    line("method unknown", b"FROB {collections} HTTP/1.1\r\nhost: kb\r\n", "405", CODEC),
    line("CONNECT with a path", b"CONNECT {collections} HTTP/1.1\r\nhost: kb\r\n", "405", Closed(envoy="http1.invalid_url")),
    line("space in front", b" " + GET, "400", CODEC),
    line("empty lines in front", b"\r\n\r\n" + GET, "200", VERSION),
    line("two spaces", b"GET  /api/v2/version HTTP/1.1\r\nhost: kb\r\n", "400", VERSION),
    line("space in the target", b"GET {collections} /x HTTP/1.1\r\nhost: kb\r\n", "400", CODEC),
    line("raw UTF-8 in the target", b"GET /api/v2/tenants/\xc3\xa9 HTTP/1.1\r\nhost: kb\r\n", "404", CODEC),
    line("target without a slash", b"GET api/v2/version HTTP/1.1\r\nhost: kb\r\n", "400", CODEC),
    line("authority for a target", b"GET kb:80 HTTP/1.1\r\nhost: kb\r\n", "404", CODEC),
    line("star for a target", b"GET * HTTP/1.1\r\nhost: kb\r\n", "404", Closed(envoy="http1.invalid_url")),
    line("file for a target", b"GET file:///api/v2/version HTTP/1.1\r\nhost: kb\r\n", "400", Closed(envoy="http1.invalid_url")),
    line(
        "https for a target",
        b"GET https://kb/api/v2/version HTTP/1.1\r\nhost: kb\r\n",
        "200",
        Closed(envoy="http1.https_url_on_plaintext_connection"),
    ),
    line(
        "target of 70 000 characters",
        b"GET /%b HTTP/1.1\r\nhost: kb\r\n" % (b"a" * 70_000),
        "414",
        Closed(envoy="http1.headers_too_large"),
    ),
    line("bare line feeds", GET.replace(b"\r\n", b"\n"), "200", VERSION),
    line("bare carriage return in front of the credential", GET + b"x-a: b\r", "400", MISSING),
    line("bare carriage return in a field that is forwarded", GET + b"user-agent: a\rx-evil: b\r\n", "400", VERSION),
    line("folded field", GET + b"user-agent: a\r\n b\r\n", "400", VERSION),
    line("field without a colon", GET + b"nonsense\r\n", "400", CODEC),
    line("field without a name", GET + b": b\r\n", "400", CODEC),
    line("space behind a field's name", GET + b"x-a : b\r\n", "400", CODEC),
    line("NUL in a field", GET + b"x-a: a\0b\r\n", "400", CHARACTERS),
    line("control character in a field", GET + b"x-a: a\x01b\r\n", "400", CHARACTERS),
    line("bytes beyond ASCII in a field", GET + b"user-agent: a\xff\xc3\xa9\r\n", "200", VERSION),
    line("two hosts", GET + b"host: evil.test\r\n", "200", VERSION),
    line("no host", b"GET /api/v2/version HTTP/1.1\r\n", "200", NO_HOST),
    line(
        "path in the host",
        b"GET /api/v2/version HTTP/1.1\r\nhost: kb/api/v2/reset\r\n",
        "200",
        Closed(envoy="http.invalid_authority"),
    ),
    line("user in the host", b"GET /api/v2/version HTTP/1.1\r\nhost: kb@evil.test\r\n", "200", VERSION),
]

FIELDS = [
    fields("underscore in a name", [("x_a", "b")], "200", UNDERSCORE),
    fields("underscore in the credential's name", [("x_chroma_token", "{token}")], "200", UNDERSCORE, token=False),
    fields("field of 100 000 characters", [("x-a", "a" * 100_000)], "200", Closed(envoy="http1.headers_too_large")),
    fields("200 fields", [(f"x-{each}", "a") for each in range(200)], "431", Closed(envoy="http1.too_many_headers")),
    fields("credential twice", [("x-chroma-token", "{token}")], "200", AMBIGUOUS),
    fields("credential in both places", [("authorization", "Bearer {token}")], "200", AMBIGUOUS),
    fields("list of credentials", [("x-chroma-token", "{token}, {token}")], "200", TOKEN_MALFORMED, token=False),
    fields("credential for a proxy", [("proxy-authorization", "Bearer {token}")], "200", MISSING, token=False),
    fields("credential in a cookie", [("cookie", "x-chroma-token={token}")], "200", MISSING, token=False),
    fields("the database's own key", [("x-chroma-token", RAW_KEY)], "200", TOKEN_MALFORMED, token=False),
    fields("the database's own key beside a token", [("x-chroma-token", RAW_KEY)], "200", AMBIGUOUS),
    fields("the database's own key as a bearer", [("authorization", f"Bearer {RAW_KEY}")], "200", AMBIGUOUS),
    fields("credential named hop-by-hop", [("connection", "x-chroma-token")], "200", MISSING),
    fields("host named hop-by-hop", [("connection", "host")], "200", NO_HOST),
    fields("the gateway's fields named hop-by-hop", [("connection", "x-request-id, x-forwarded-for")], "200", CONNECTION),
    fields("the path named hop-by-hop", [("connection", ":path")], "200", CONNECTION),
    fields(
        "upgrade to WebSocket",
        [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")],
        "200",
        UPGRADE,
    ),
    fields("upgrade to anything", [("connection", "upgrade"), ("upgrade", "foo")], "200", UPGRADE),
    fields(
        "upgrade to HTTP/2",
        [("connection", "upgrade, http2-settings"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABk")],
        "200",
        VERSION,
    ),
    fields(
        "forwarded for others",
        [
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-host", "evil.test"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("x-forwarded-prefix", "/x"),
            ("via", "1.1 x"),
            ("x-original-url", "/api/v2/reset"),
            ("x-rewrite-url", "/api/v2/reset"),
            ("x-forwarded-client-cert", "Subject=admin"),
        ],
        "200",
        VERSION,
    ),
    fields(
        "Envoy's own fields",
        [
            ("x-envoy-original-path", "/api/v2/reset"),
            ("x-envoy-upstream-rq-timeout-ms", "1"),
            ("x-envoy-retry-on", "5xx"),
            ("x-envoy-max-retries", "9"),
            ("x-envoy-internal", "true"),
            ("x-envoy-original-dst-host", "127.0.0.1:1"),
            ("x-envoy-expected-rq-timeout-ms", "1"),
            ("x-envoy-decorator-operation", "x"),
            ("x-envoy-attempt-count", "9"),
            ("x-envoy-downstream-service-cluster", "x"),
            ("x-envoy-upstream-alt-stat-name", "x"),
            ("x-envoy-external-address", "10.0.0.1"),
            ("x-envoy-force-trace", "1"),
        ],
        "200",
        VERSION,
    ),
    fields(
        "the gateway's own words",
        [
            ("vecgate-door", "other"),
            ("x-jwt-payload", "e30"),
            ("payload-0", "e30"),
            ("x-vecgate-principal", "admin"),
        ],
        "200",
        VERSION,
    ),
    fields("tenant in a field", [("x-chroma-tenant", "acme"), ("x-tenant", "acme"), ("x-database", "people")], "200", VERSION),
    fields("cookies", [("cookie", "a=b"), ("cookie", "c=d")], "200", VERSION),
    fields(
        "conditions",
        [("if-none-match", "*"), ("if-modified-since", "Sat, 01 Jan 2050 00:00:00 GMT"), ("if-match", "x")],
        "200",
        VERSION,
    ),
    fields("a part only", [("range", "bytes=0-0"), ("if-range", "x")], "200", VERSION),
    fields("encoded answer", [("accept-encoding", "gzip, br, zstd"), ("te", "gzip, trailers")], "200", VERSION),
    fields("own id of the request", [("x-request-id", "{token}")], "200", VERSION),
    ask(
        "length named hop-by-hop",
        "POST",
        "{records}/get",
        ONE,
        [("connection", "content-length")],
        chroma="200 shows tickets",
        gateway=Decided(action="scroll", collection="tickets", sent="POST {records}/get", body=ONE),
    ),
    ask(
        "content type named hop-by-hop",
        "POST",
        "{records}/get",
        ONE,
        [("connection", "content-type")],
        chroma="200 shows tickets",
        gateway=CONTENT,
    ),
    ask(
        "upgrade with a body",
        "POST",
        "{records}/get",
        ONE,
        [("connection", "upgrade"), ("upgrade", "websocket")],
        chroma="200 shows tickets",
        gateway=UPGRADE,
    ),
    ask(
        "unmet expectation",
        "POST",
        "{records}/get",
        ONE,
        [("expect", "200-ok")],
        chroma="200 shows tickets",
        gateway=Decided(action="scroll", collection="tickets", sent="POST {records}/get", body=ONE),
    ),
]

THEMES = (LINES, FIELDS)
ATTACKS = {each.name: each for theme in THEMES for each in theme}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_by_line_or_field(stage: Bench, name: str) -> None:
    """It means to Chroma what is pinned here; Envoy or the service refuses it on record, or it goes on as it was decided."""
    attack = ATTACKS[name]

    assert stage.directly(attack) == attack.chroma
    stage.check(attack)


def test_every_attack_has_a_name_of_its_own() -> None:
    """No attack is lost by having another's name."""
    assert len(ATTACKS) == sum(map(len, THEMES))
