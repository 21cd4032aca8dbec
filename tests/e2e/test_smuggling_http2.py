"""Attacks that only HTTP/2 can carry, on the way to a database that speaks HTTP/1.1: none crosses as anything but itself.

Chroma is not asked directly here: what HTTP/2 could smuggle is made by whoever translates it, and that is the gateway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from extproc.audit.leaf import Leaf
from support.rawh2 import Fields, exchange
from support.smuggling import Bench, Decided, Scene, bench, is_canonical

pytestmark = pytest.mark.envoy

ONE = b'{"limit":1}'
FIELD = "http2.invalid.header.field"
MESSAGE = "http2.violation.of.messaging.rule"
RESET = "http2.remote_reset"

Change = Callable[[Fields], Fields]
Said = tuple[int | None, bytes]
Ended = dict[str, tuple[Said, list[Leaf]]]


@pytest.fixture(scope="module")
def stage(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Run a gateway in front of the real Chroma."""
    with bench(tmp_path_factory.mktemp("smuggling"), chroma) as found:
        yield found


def head(scene: Scene, method: str, path: str) -> Fields:
    """Return the head of a lawful request."""
    return [
        (b":method", method.encode()),
        (b":scheme", b"http"),
        (b":authority", b"kb"),
        (b":path", scene.fill(path).encode()),
        (b"x-chroma-token", scene["token"].encode()),
    ]


def more(*added: tuple[bytes, bytes]) -> Change:
    """Add fields behind the lawful ones."""
    return lambda fields: [*fields, *added]


def instead(name: bytes, *values: bytes) -> Change:
    """Put other values, or none, in the place of a pseudo field's."""

    def changed(fields: Fields) -> Fields:
        at = [each for each, _ in fields].index(name)
        return [*fields[:at], *((name, value) for value in values), *fields[at + 1 :]]

    return changed


BODIES: dict[str, tuple[Change, str]] = {
    "length too short": (more((b"content-length", b"5")), RESET),
    "length too long": (more((b"content-length", b"50")), RESET),
    "length of nothing": (more((b"content-length", b"0")), RESET),
    "two equal lengths": (more((b"content-length", b"11"), (b"content-length", b"11")), FIELD),
    "two lengths": (more((b"content-length", b"11"), (b"content-length", b"12")), FIELD),
    "signed length": (more((b"content-length", b"+11")), FIELD),
    "chunked": (more((b"transfer-encoding", b"chunked")), FIELD),
    "identity": (more((b"transfer-encoding", b"identity")), FIELD),
    "connection": (more((b"connection", b"x-chroma-token")), FIELD),
    "upgrade": (more((b"upgrade", b"websocket")), FIELD),
    "keep-alive": (more((b"keep-alive", b"1")), FIELD),
    "te": (more((b"te", b"gzip")), FIELD),
}

HEADS: dict[str, tuple[Change, str]] = {
    "length without a body": (more((b"content-length", b"5")), MESSAGE),
    "line break in a value": (more((b"user-agent", b"a\r\ntransfer-encoding: chunked")), FIELD),
    "line feed in a value": (more((b"user-agent", b"a\nx: y")), FIELD),
    "NUL in a value": (more((b"user-agent", b"a\0b")), FIELD),
    "line break in a name": (more((b"a: b\r\nx", b"y")), FIELD),
    "colon in a name": (more((b"transfer-encoding: chunked", b"y")), FIELD),
    "space in a name": (more((b"a b", b"y")), FIELD),
    "upper-case name": (more((b"X-A", b"y")), FIELD),
    "no name": (more((b"", b"y")), FIELD),
    "underscore in a name": (more((b"x_chroma_token", b"y")), "http2.unexpected_underscore"),
    "200 fields": (more(*((b"x-%d" % each, b"a") for each in range(200))), "http2.too_many_headers"),
    "request behind the path": (instead(b":path", b"/api/v2/version HTTP/1.1\r\nhost: x\r\n\r\nGET /"), FIELD),
    "space in the path": (instead(b":path", b"/api/v2/version /x"), FIELD),
    "empty path": (instead(b":path", b""), FIELD),
    "no path": (instead(b":path"), MESSAGE),
    "two paths": (instead(b":path", b"/api/v2/version", b"/api/v2/reset"), FIELD),
    "path without a slash": (instead(b":path", b"api/v2/version"), MESSAGE),
    "absolute path": (instead(b":path", b"http://kb/api/v2/version"), MESSAGE),
    "NUL in the path": (instead(b":path", b"/api/v2/version\0"), FIELD),
    "request behind the method": (instead(b":method", b"GET /x HTTP/1.1\r\n\r\nGET"), FIELD),
    "empty method": (instead(b":method", b""), FIELD),
    "two methods": (instead(b":method", b"GET", b"DELETE"), FIELD),
    "line break in the authority": (instead(b":authority", b"kb\r\nx: y"), FIELD),
    "path in the authority": (instead(b":authority", b"kb/api/v2/reset"), FIELD),
    "user in the authority": (instead(b":authority", b"a@kb"), FIELD),
    "no authority": (instead(b":authority"), MESSAGE),
    "path in the scheme": (instead(b":scheme", b"http://evil.test/x?"), FIELD),
    "unknown pseudo field": (lambda fields: [(b":evil", b"1"), *fields], FIELD),
    "pseudo field behind others": (lambda fields: [(b"x-a", b"b"), *fields], FIELD),
    "WebSocket": (lambda fields: [(b":protocol", b"websocket"), *instead(b":method", b"CONNECT")(fields)], FIELD),
}


@pytest.fixture(scope="module")
def ended(stage: Bench) -> Ended:
    """Return what came of all these attacks; Envoy takes a second over each, so they are made together."""
    scene, port = stage.scene(), stage.gateway.port
    posted = [*head(scene, "POST", "{records}/get"), (b"content-type", b"application/json")]
    got = head(scene, "GET", "/api/v2/version")
    bodies = {name: partial(exchange, port, change(posted), ONE) for name, (change, _) in BODIES.items()}
    heads = {name: partial(exchange, port, change(got), None) for name, (change, _) in HEADS.items()}
    return stage.together({**bodies, **heads})


@pytest.mark.parametrize("name", [*BODIES, *HEADS])
def test_what_would_be_something_else_in_http1_is_refused(ended: Ended, name: str) -> None:
    """A second opinion on where the body ends, more lines, other fields, another request: ended by Envoy, and on record."""
    said, (leaf,) = ended[name]

    assert said == (None, b"")
    assert (leaf.kind, leaf.decision, leaf.reasons) == ("outcome", "deny", ("protocol_refused",))
    assert leaf.detail == {"envoy": {**BODIES, **HEADS}[name][1]}


ODDITIES: dict[str, tuple[Change, Decided]] = {
    "none: the twin": (more(), Decided(action="meta", sent="GET /api/v2/version")),
    "host beside the authority": (more((b"host", b"evil.test")), Decided(action="meta", sent="GET /api/v2/version")),
    "https without TLS": (instead(b":scheme", b"https"), Decided(action="meta", sent="GET /api/v2/version")),
    "90 cookies": (
        more(*((b"cookie", b"a=%d" % each) for each in range(90))),
        Decided(action="meta", sent="GET /api/v2/version"),
    ),
    "dot segments": (instead(b":path", b"/api/x/../v2/version"), Decided(action="meta", sent="GET /api/v2/version")),
    "raw UTF-8": (
        instead(b":path", b"/api/v2/tenants/\xc3\xa9"),
        Decided(action="database_read", sent="GET /api/v2/tenants/%C3%A9"),
    ),
}


@pytest.mark.parametrize("name", list(ODDITIES))
def test_what_goes_on_is_what_was_decided(stage: Bench, name: str) -> None:
    """An oddity that HTTP/2 allows is forwarded in the one spelling, without anything else of the client's."""
    scene, since = stage.scene(), len(stage.tap.seen)
    change, outcome = ODDITIES[name]

    exchange(stage.gateway.port, change(head(scene, "GET", "/api/v2/version")))

    leaves = stage.entries(2)
    (seen,) = stage.forwarded(since)
    is_canonical(seen, outcome, scene)
    assert [(leaf.kind, leaf.facts[0].action) for leaf in leaves] == [("intent", outcome.action), ("outcome", outcome.action)]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        (b":method", b"get", "operation_unknown"),
        (b":method", b"FROB", "operation_unknown"),
        (b":path", b"//api/v2/version", "path_ambiguous"),
    ],
)
def test_what_no_rule_of_http2_forbids_is_refused_natively(stage: Bench, name: bytes, value: bytes, code: str) -> None:
    """Any word is a method and any text a path to HTTP/2; the table of operations knows better."""
    scene, since = stage.scene(), len(stage.tap.seen)

    status, body = exchange(stage.gateway.port, instead(name, value)(head(scene, "GET", "/api/v2/version")))

    (leaf,) = stage.entries(1)
    assert (status, leaf.reasons) == (403, (code,))
    assert code.encode() in body
    assert stage.forwarded(since) == []


def test_a_request_that_its_client_takes_back_is_not_taken_for_a_refused_one(stage: Bench) -> None:
    """A stream that its client resets is no offence: no entry says that the protocol was refused."""
    scene = stage.scene()
    fields = [*head(scene, "POST", "{records}/get"), (b"content-type", b"application/json")]

    for _ in range(5):
        exchange(stage.gateway.port, fields, taken_back=True)
    exchange(stage.gateway.port, head(scene, "GET", "/api/v2/version"))

    leaves = stage.entries(2)
    while leaves[-1].end != "delivered":
        leaves += stage.entries(1)
    assert [leaf for leaf in leaves if "protocol_refused" in leaf.reasons] == []
