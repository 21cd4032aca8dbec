"""Input that no well-behaved client sends: one clear native error each, one record, nothing at the database, and life goes on.

Every bad input carries a mark; at the end it is looked for in everything that the gateway has written.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator

import pytest

from support.otlp import Receiver, attributes
from support.rawhttp import Reply, chunked, connected, request
from support.smuggling import Attack, Bench, Closed, Outcome, Refused, Scene, ask, bench, is_native, is_refusal

pytestmark = pytest.mark.envoy

MARK = "zebra-7f3a91c5"
MARKED = MARK.encode()
LIMIT = 256 << 10
DEEP = 100_000
MALFORMED = Refused(code="request_malformed", status=400)
DUPLICATE = Refused(code="key_duplicate", status=400)
FILTER = Refused(code="filter_malformed", status=400)
BODY = Refused(code="body_unexpected", status=400)
MEMBER = Refused(code="member_unknown")
PARAMETER = Refused(code="parameter_unknown")
AMBIGUOUS = Refused(code="path_ambiguous")
UNKNOWN = Refused(code="operation_unknown")
UNSUPPORTED = Refused(code="operation_unsupported")
CONTENT = Refused(code="content_unsupported", status=415)
TOO_LARGE = Refused(code="request_too_large", status=413)
NORMALISED = Refused(code="gateway_refused", envoy="path_normalization_failed")
CODEC = Closed(envoy="http1.codec_error")
ONE = b'{"limit":1}'
V2 = "/api/v2"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Run an OTLP receiver."""
    with Receiver() as found:
        yield found


@pytest.fixture(scope="module")
def stage(chroma: int, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Run a gateway with a small body limit, its spans exported, in front of the real Chroma."""
    directory, spans = tmp_path_factory.mktemp("bad"), {"otlp": receiver.endpoint}
    with bench(directory, chroma, tuple(INPUTS.values()), limits={"body": "256KiB"}, audit=spans) as found:
        yield found


def bad(name: str, method: str, target: str, gateway: Outcome, body: bytes | None = None, **more: object) -> Attack:
    """Return a bad input; nobody asks Chroma about it."""
    fields = [(each.replace("_", "-"), str(value)) for each, value in more.items() if each != "kind"]
    kind = ("content-type", str(more.get("kind", "application/json")))
    return ask(name, method, target, body, fields, chroma="", gateway=gateway, kind=kind, keep=True)


def get(name: str, body: bytes, gateway: Outcome) -> Attack:
    """Return a bad body."""
    return bad(name, "POST", "{records}/get", gateway, body)


def line(name: str, raw: bytes, gateway: Closed) -> Attack:
    """Return bad lines of a head."""
    return Attack(name=name, raw=lambda scene: scene.fill(raw.decode()).encode(), chroma="", gateway=gateway)


def chunked_fields(scene: Scene) -> list[tuple[str, str]]:
    """Return the header fields of a request whose body comes in chunks."""
    return [
        ("host", "kb"),
        ("x-chroma-token", scene["token"]),
        ("content-type", "application/json"),
        ("transfer-encoding", "chunked"),
    ]


BODIES = [
    get("not JSON", MARKED, MALFORMED),
    get("nothing at all", b"", MALFORMED),
    get("not an object", json.dumps([MARK]).encode(), MALFORMED),
    get("cut off", b'{"ids":["%b' % MARKED, MALFORMED),
    get("two documents", b'{"ids":["%b"]}{}' % MARKED, MALFORMED),
    get("NaN", b'{"where":{"%b":NaN}}' % MARKED, MALFORMED),
    get("infinity", b'{"where":{"%b":-Infinity}}' % MARKED, MALFORMED),
    get("number out of range", b'{"where":{"%b":1e999}}' % MARKED, MALFORMED),
    get("whole number out of range", b'{"where":{"%b":18446744073709551616}}' % MARKED, MALFORMED),
    get("duplicate keys", b'{"ids":["%b"],"ids":[]}' % MARKED, DUPLICATE),
    get("duplicate keys in a filter", b'{"where":{"%b":1,"%b":2}}' % (MARKED, MARKED), MALFORMED),
    get("case-colliding keys", b'{"ids":["%b"],"IDS":[]}' % MARKED, DUPLICATE),
    get("unknown key", b'{"%b":1}' % MARKED, MEMBER),
    get("unknown column", b'{"include":["%b"]}' % MARKED, MEMBER),
    get("unknown operator", b'{"where":{"n":{"$%b":1}}}' % MARKED, Refused(code="operator_unknown")),
    get("wrong type", b'{"limit":"%b"}' % MARKED, MALFORMED),
    get("filter of two keys", b'{"where":{"a":"%b","b":1}}' % MARKED, FILTER),
    get("100 000 levels", b'{"where":%b}' % (b"[" * DEEP + b"]" * DEEP), MALFORMED),
    get("invalid UTF-8", b'{"ids":["%b\xff"]}' % MARKED, MALFORMED),
    get("half a surrogate pair", b'{"ids":["%b\\ud800"]}' % MARKED, MALFORMED),
    get("over the limit", b'{"ids":["%b"]}' % (MARKED * (LIMIT // len(MARKED) + 1)), TOO_LARGE),
    Attack(
        name="over the limit in chunks",
        raw=lambda scene: request("POST", scene.fill("{records}/get"), chunked_fields(scene)) + chunked(MARKED, b" " * LIMIT),
        chroma="",
        gateway=TOO_LARGE,
    ),
    bad("compressed", "POST", "{records}/get", CONTENT, gzip.compress(MARKED), content_encoding="gzip"),
    bad("compressed in vain", "POST", "{records}/get", CONTENT, ONE, content_encoding=MARK),
    bad("wrong content type", "POST", "{records}/get", CONTENT, ONE, kind=f"text/{MARK}"),
    bad("form", "POST", "{records}/get", CONTENT, b"ids=%b" % MARKED, kind="application/x-www-form-urlencoded"),
    bad("wrong charset", "POST", "{records}/get", CONTENT, ONE, kind=f"application/json; charset={MARK}"),
    bad("body where there is none", "GET", "{records}/count", BODY, b'{"ids":["%b"]}' % MARKED),
]

TARGETS = [
    bad("encoded slash", "GET", f"{V2}/tenants/{MARK}%2f", NORMALISED),
    bad("encoded backslash", "GET", f"{V2}/tenants/{MARK}%5c", NORMALISED),
    bad("encoded NUL", "GET", f"{V2}/tenants/{MARK}%00", NORMALISED),
    bad("fragment", "GET", f"{V2}/version#{MARK}", NORMALISED),
    bad("encoded percent sign", "GET", f"{V2}/tenants/{MARK}%25", AMBIGUOUS),
    bad("escape that is none", "GET", f"{V2}/tenants/{MARK}%zz", AMBIGUOUS),
    bad("empty segment", "GET", f"{V2}/tenants//{MARK}", AMBIGUOUS),
    bad("trailing slash", "GET", f"{V2}/tenants/{MARK}/", AMBIGUOUS),
    bad("path parameter", "GET", f"{V2}/tenants/a;{MARK}", AMBIGUOUS),
    bad("dots that lead nowhere", "GET", f"{V2}/{MARK}/../../{MARK}", UNKNOWN),
    bad("upper case", "GET", f"/API/V2/tenants/{MARK}", UNKNOWN),
    bad("unknown route", "GET", f"{V2}/{MARK}", UNKNOWN),
    bad("route of another engine", "POST", f"/collections/{MARK}/points/search", UNKNOWN, b"{}"),
    bad("older API", "GET", f"/api/v1/{MARK}", UNSUPPORTED),
    bad("unknown parameter", "GET", f"{{collections}}?{MARK}=1", PARAMETER),
    bad("wrong value of a parameter", "GET", f"{{collections}}?limit={MARK}", PARAMETER),
    bad("parameter twice", "GET", "{collections}?limit=1&limit=1", PARAMETER),
    bad("name in the place of an id", "POST", f"{{collections}}/{MARK}/get", MALFORMED, ONE),
    bad(
        "id of nothing",
        "POST",
        "{collections}/00000000-0000-4000-8000-000000000000/get",
        Refused(code="not_found", status=404),
        ONE,
    ),
    bad("unknown method", "PROPFIND", f"{V2}/tenants/{MARK}", UNKNOWN),
    bad("wrong method", "GET", "{records}/get", UNKNOWN),
    bad("method override", "POST", "{collections}/{name}", UNKNOWN, b"{}", X_HTTP_Method_Override="DELETE", X_Mark=MARK),
]

HEADS = [
    line("HTTP/1.0", b"GET /%b HTTP/1.0\r\nhost: kb\r\n\r\n" % MARKED, Closed(envoy="low_version")),
    line("HTTP/0.9", b"GET /%b\r\n\r\n" % MARKED, Closed(envoy="low_version")),
    line("no HTTP", b"%b\r\n\r\n" % MARKED, CODEC),
    line("no method", b"%b / HTTP/1.1\r\nhost: kb\r\n\r\n" % MARKED, CODEC),
    line("no header field", b"GET / HTTP/1.1\r\nhost: kb\r\n%b\r\n\r\n" % MARKED, CODEC),
    line(
        "NUL in a field", b"GET / HTTP/1.1\r\nhost: kb\r\nx-a: %b\0\r\n\r\n" % MARKED, Closed(envoy="http1.invalid_characters")
    ),
    line("underscore", b"GET / HTTP/1.1\r\nhost: kb\r\n%b_: a\r\n\r\n" % MARKED, Closed(envoy="http1.unexpected_underscore")),
    line("huge field", b"GET / HTTP/1.1\r\nx-a: %b\r\n\r\n" % (MARKED * 8000), Closed(envoy="http1.headers_too_large")),
    line("huge target", b"GET /%b HTTP/1.1\r\n\r\n" % (MARKED * 8000), Closed(envoy="http1.headers_too_large")),
    line(
        "too many fields", b"GET / HTTP/1.1\r\n%b\r\n" % (b"x-a: %b\r\n" % MARKED * 101), Closed(envoy="http1.too_many_headers")
    ),
    line("two lengths", b"POST /%b HTTP/1.1\r\nhost: kb\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}" % MARKED, CODEC),
    line(
        "length and chunks",
        b"POST /%b HTTP/1.1\r\nhost: kb\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" % MARKED,
        Closed(envoy="http1.content_length_and_chunked_not_allowed"),
    ),
    line(
        "chunk of no length",
        b"POST {records}/get HTTP/1.1\r\nhost: kb\r\nx-chroma-token: {token}\r\ntransfer-encoding: chunked\r\n\r\n%b\r\n"
        % MARKED,
        CODEC,
    ),
]

FIELDS = [
    bad("credential that is none", "GET", f"{V2}/version", Refused(code="token_ambiguous", status=401), x_chroma_token=MARK),
    bad(
        "credential of another kind",
        "GET",
        f"{V2}/version",
        Refused(code="token_ambiguous", status=401),
        authorization=f"Basic {MARK}",
    ),
    bad(
        "upgrade",
        "GET",
        f"{V2}/version",
        Refused(code="gateway_refused", envoy="upgrade_failed"),
        connection="upgrade",
        upgrade=MARK,
    ),
]

FIELDS += [
    bad(
        "marks all over the head",
        "GET",
        f"http://{MARK}{V2}/{MARK}?{MARK}=1",
        PARAMETER,
        User_Agent=MARK,
        Referer=MARK,
        Cookie=MARK,
        X_Client_Trace_Id=MARK,
        X_Request_Id=MARK,
        X_Forwarded_For=MARK,
        X_Envoy_Downstream_Service_Cluster=MARK,
        Traceparent=MARK,
        Tracestate=f"a={MARK}",
        Grpc_Timeout=MARK,
    )
]

INPUTS = {each.name: each for theme in (BODIES, TARGETS, HEADS, FIELDS) for each in theme}


def good(scene: Scene) -> bytes:
    """Return a request that is allowed and ends the connection."""
    fields = [("host", "kb"), ("x-chroma-token", scene["token"]), ("connection", "close")]
    return request("GET", scene.fill("{records}/count"), fields)


def may_follow(outcome: Refused, following: Reply | None) -> bool:
    """Return whether `following` is what a good request gets behind a bad one on the same connection.

    Envoy closes behind a 400 and behind its own refusals, because it does not trust what would come next; behind a body that is
    too large it does so if it has not read all of it.
    """
    if outcome.status == 400 or outcome.envoy:
        return following is None
    return (following is not None and following.status == 200) or (following is None and outcome.status == 413)


def assert_all_is_well(stage: Bench, scene: Scene) -> str:
    """Assert that a good request on a new connection is served; return its exchange."""
    with connected(stage.gateway.port) as connection:
        connection.send(good(scene))
        reply = connection.reply()
    assert reply is not None
    assert (reply.status, reply.body) == (200, b"1")
    intent, outcome = stage.entries(2)
    assert (intent.kind, outcome.end) == ("intent", "delivered")
    return outcome.exchange


@pytest.mark.parametrize("name", list(INPUTS))
def test_a_bad_input_gets_one_error_and_one_record(stage: Bench, name: str) -> None:
    """It reaches no database, and the next request is served, on the same connection where the protocol allows it."""
    bad_input, scene = INPUTS[name], stage.scene()
    if isinstance(bad_input.gateway, Closed):
        stage.check(bad_input)
        assert_all_is_well(stage, scene)
        return
    assert isinstance(bad_input.gateway, Refused)
    outcome, since = bad_input.gateway, len(stage.tap.seen)

    with connected(stage.gateway.port) as connection:
        connection.send(bad_input.raw(scene))
        reply = connection.reply()
        (leaf,) = stage.entries(1)
        connection.send(good(scene))
        following = connection.reply()

    assert reply is not None
    assert (reply.status, scene.state()) == (outcome.status, scene.kept)
    is_native(reply, outcome, leaf)
    is_refusal(leaf, outcome)
    assert may_follow(outcome, following)
    if following is None:
        assert stage.forwarded(since) == []
        assert_all_is_well(stage, scene)
    else:
        assert [seen.method for seen in stage.forwarded(since)] == ["GET"]
        assert [each.end for each in stage.entries(2)] == [None, "delivered"]


def test_a_body_that_never_ends_reaches_no_database(stage: Bench) -> None:
    """A client that goes away in the middle of a body gets no answer and asked for nothing; the next one is served."""
    scene, since = stage.scene(), len(stage.tap.seen)
    fields = [
        ("host", "kb"),
        ("x-chroma-token", scene["token"]),
        ("content-type", "application/json"),
        ("content-length", "500"),
    ]

    with connected(stage.gateway.port) as connection:
        connection.send(request("POST", scene.fill("{records}/delete"), fields) + b'{"ids":["r1"],"x":"%b' % MARKED)
        connection.finish()
        assert connection.reply() is None

    assert stage.tap.seen[since:] == []
    assert_all_is_well(stage, scene)
    assert scene.state() == scene.kept


def await_spans(receiver: Receiver, exchange: str) -> None:
    """Wait until the span of an exchange has come, and Envoy's around it; those of the exchanges before it came earlier."""
    for _ in range(600):
        told = [
            span for span in receiver.of_service("vecgate") if attributes(span.attributes)["vecgate.exchange.id"] == exchange
        ]
        if {span.parent_span_id for span in told} & {span.span_id for span in receiver.of_service("vecgate-envoy")}:
            return
        time.sleep(0.05)
    pytest.fail("no span came")


def test_no_value_of_a_bad_input_is_written_down(stage: Bench, receiver: Receiver) -> None:
    """Neither the program's own messages, nor any file of evidence, nor any span, ours or Envoy's, holds the mark."""
    scene = stage.scene()
    for each in INPUTS.values():
        if isinstance(each.gateway, Closed):
            stage.check(each)
            continue
        with connected(stage.gateway.port) as connection:
            connection.send(each.raw(scene))
            assert connection.reply() is not None
        assert len(stage.entries(1)) == 1
    with connected(stage.gateway.port) as connection:
        kind, close = ("content-type", f"application/grpc+{MARK}"), ("connection", "close")
        connection.send(
            request("GET", f"{V2}/{MARK}?{MARK}=1", [("host", MARK), ("x-chroma-token", scene["token"]), kind, close])
        )
        assert connection.reply() is not None
    assert len(stage.entries(1)) == 1
    await_spans(receiver, assert_all_is_well(stage, scene))

    stored = b"".join(path.read_bytes() for path in stage.gateway.audit.rglob("*") if path.is_file())

    assert MARK not in "".join(stage.gateway.errors)
    assert MARKED not in stored
    assert MARKED not in receiver.raw
