"""Attacks on Qdrant's interfaces, byte for byte: each is refused, or decided and forwarded in the one spelling of its decision.

Qdrant reads paths with regard to case and decodes each segment once, refuses a JSON key that comes twice in some places and not
in others, and merges what comes twice in a message. None of that is left to it here: what it gets has one reading.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from qdrant_client import grpc as messages
from qdrant_client import models as m

from extproc.audit.leaf import Leaf
from extproc.audit.reader import read_leaves
from support import rawgrpc, rawhttp
from support.qdrant import Call
from support.qdrant_gateway import Doors, guarded
from support.rawgrpc import frame
from support.rawhttp import Pairs

pytestmark = pytest.mark.envoy

q: Any = messages

KB = "/collections/kb"
SCROLL = f"{KB}/points/scroll"
QUESTIONS = {"/aliases"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A native error under `code`, one entry, nothing at the database."""

    code: str
    status: int = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Decided as these `actions` on a collection, and forwarded as the request `sent`, with no other byte of the client's."""

    sent: str
    actions: tuple[str, ...] = ("scroll",)
    collection: str = "kb"
    body: Any = None


@dataclass(frozen=True, slots=True)
class Closed:
    """Envoy's codec ends the connection without a reply, and nothing reaches the database."""


Outcome = Refused | Closed | Decided
CLOSED = Closed()

AMBIGUOUS = Refused(code="path_ambiguous")
NORMALISED = Refused(code="gateway_refused")
UNKNOWN = Refused(code="operation_unknown")
UNSUPPORTED = Refused(code="operation_unsupported")
PARAMETER = Refused(code="parameter_unknown")
MEMBER = Refused(code="member_unknown")
MALFORMED = Refused(code="request_malformed", status=400)
DUPLICATE = Refused(code="key_duplicate", status=400)
CONTENT = Refused(code="content_unsupported", status=415)
FILTER = Refused(code="filter_malformed", status=400)
BODY = Refused(code="body_unexpected", status=400)
ONE = b'{"limit":1}'
READ = Decided(sent=f"POST {SCROLL}", body=ONE)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Run a gateway under an allow-all policy in front of a stand-in with two collections."""
    with guarded(tmp_path_factory.mktemp("qdrant-smuggling"), limits={"body": "256KiB"}) as found:
        client = found.direct("rest")
        for name in ("kb", "payroll"):
            client.create_collection(name, vectors_config=m.VectorParams(size=2, distance=m.Distance.DOT))
            client.upsert(name, [m.PointStruct(id=1, vector=[1.0, 2.0], payload={"text": f"of {name}"})])
        yield found


def entries(doors: Doors) -> list[Leaf]:
    """Return what is on record."""
    return list(read_leaves(doors.gateway.audit))


def forwarded(doors: Doors, since: int) -> list[Call]:
    """Return what reached the database but for the gateway's own questions."""
    return [call for call in doors.database.seen[since:] if call.target not in QUESTIONS]


def check(doors: Doors, outcome: Outcome, since: tuple[int, int], said: str | None, status: int | None) -> None:
    """Assert that what was sent came to its outcome; `since` are the calls and entries that were there before."""
    calls, leaves = forwarded(doors, since[0]), entries(doors)[since[1] :]
    match outcome:
        case Refused():
            assert calls == []
            assert [leaf.reasons for leaf in leaves] == [(outcome.code,)]
            assert status == outcome.status
            assert said is None or outcome.code in said
        case Closed():
            assert (status, calls) == (None, [])
        case Decided():
            (call,) = calls
            assert f"{call.method} {call.target}" == outcome.sent
            assert call.body == (outcome.body or b"")
            assert [leaf.kind for leaf in leaves] == ["intent", "outcome"]
            for leaf in leaves:
                assert [(fact.action, fact.collection) for fact in leaf.facts] == [
                    (action, outcome.collection) for action in outcome.actions
                ]


def before(doors: Doors) -> tuple[int, int]:
    """Return how many calls and entries there are."""
    return len(doors.database.seen), len(entries(doors))


# --- REST ---------------------------------------------------------------------------------------------------------------

JSON = ("content-type", "application/json")


def ask(doors: Doors, method: str, target: str, body: bytes | None, headers: Pairs = (JSON,)) -> rawhttp.Reply | None:
    """Send a request to the REST door as it stands."""
    fields = [("host", "kb"), ("connection", "close"), ("api-key", doors.gateway.issuer.token("admin")), *headers]
    with rawhttp.connected(doors.rest) as wire:
        wire.send(rawhttp.request(method, target, fields, body))
        return wire.reply(bodiless=method == "HEAD")


def checked(doors: Doors, outcome: Outcome, line: tuple[str, str], body: bytes | None, headers: Pairs = (JSON,)) -> None:
    """Send an attack to the REST door and assert that it comes to its outcome."""
    (method, target), since = line, before(doors)
    reply = ask(doors, method, target, body, headers)
    if reply is None:
        check(doors, outcome, since, None, None)
    else:
        said = reply.body.decode() + reply.headers.get("grpc-message", "")
        check(doors, outcome, since, None if method == "HEAD" else said, reply.status)


TARGETS: list[tuple[str, str, str, Outcome]] = [
    ("the twin that all others are held against", "POST", SCROLL, READ),
    ("encoded fixed segment", "POST", "/collections/kb/p%6fints/scroll", READ),
    ("encoded name", "POST", "/collections/%6bb/points/scroll", READ),
    ("encoded twice", "POST", "/collections/%256bb/points/scroll", AMBIGUOUS),
    ("encoded slash in a name", "POST", "/collections/kb%2f..%2fpayroll/points/scroll", NORMALISED),
    ("encoded slash for a slash", "POST", "/collections%2fkb/points/scroll", NORMALISED),
    ("dots", "POST", "/collections/payroll/../kb/points/scroll", READ),
    ("encoded dots", "POST", "/collections/payroll/%2e%2e/kb/points/scroll", READ),
    ("dots and a semicolon", "POST", "/collections/payroll/..;/kb/points/scroll", READ),
    ("doubled slash in front", "POST", f"/{SCROLL}", AMBIGUOUS),
    ("doubled slash within", "POST", "/collections/kb//points/scroll", AMBIGUOUS),
    ("doubled slash for a name", "POST", "/collections//points/scroll", AMBIGUOUS),
    ("trailing slash", "POST", f"{SCROLL}/", AMBIGUOUS),
    ("trailing slash behind a name", "GET", f"{KB}/", AMBIGUOUS),
    ("upper case", "POST", "/Collections/kb/Points/Scroll", UNKNOWN),
    ("upper-case action", "POST", f"{KB}/points/SCROLL", UNKNOWN),
    (
        "upper-case name",
        "POST",
        "/collections/KB/points/scroll",
        Decided(sent="POST /collections/KB/points/scroll", body=ONE, collection="KB"),
    ),
    ("backslash", "POST", "/collections\\kb/points/scroll", READ),
    ("encoded NUL", "POST", "/collections/kb%00/points/scroll", NORMALISED),
    ("path parameter", "POST", "/collections/kb;x=1/points/scroll", AMBIGUOUS),
    ("fragment", "POST", f"{SCROLL}#/x", NORMALISED),
    ("absolute form", "POST", f"http://elsewhere{SCROLL}", READ),
    (
        "name that is a route",
        "POST",
        "/collections/aliases/points/scroll",
        Decided(sent="POST /collections/aliases/points/scroll", body=ONE, collection="aliases"),
    ),
    (
        "aliases as a collection",
        "GET",
        "/collections/aliases",
        Decided(sent="GET /collections/aliases", actions=("describe_collection",), collection="aliases"),
    ),
    ("point that is a word", "GET", f"{KB}/points/scroll", MALFORMED),
    ("point beyond 64 bits", "GET", f"{KB}/points/18446744073709551616", MALFORMED),
    ("point with a sign", "GET", f"{KB}/points/+1", MALFORMED),
    ("point in full-width digits", "GET", f"{KB}/points/%EF%BC%91", MALFORMED),
    ("point with zeros in front", "GET", f"{KB}/points/007", Decided(sent=f"GET {KB}/points/7", actions=("get",))),
    (
        "UUID without dashes",
        "GET",
        f"{KB}/points/5C56C79369F34FBF87E6C4BF54C28C26",
        Decided(sent=f"GET {KB}/points/5c56c793-69f3-4fbf-87e6-c4bf54c28c26", actions=("get",)),
    ),
    ("shard with a sign", "POST", f"{KB}/shards/-0/points/scroll", MALFORMED),
    ("parameter unknown", "POST", f"{SCROLL}?collection_name=payroll", PARAMETER),
    ("parameter twice", "POST", f"{SCROLL}?timeout=1&timeout=2", PARAMETER),
    ("parameter in upper case", "POST", f"{SCROLL}?Timeout=1", PARAMETER),
    ("parameter that overrides the method", "POST", f"{SCROLL}?_method=DELETE", PARAMETER),
    ("parameter with an encoded name", "POST", f"{SCROLL}?%74imeout=1", PARAMETER),
    ("parameter of an odd value", "POST", f"{SCROLL}?consistency=all%26timeout=9", PARAMETER),
    ("recovery from elsewhere", "POST", f"{KB}/snapshots/upload", UNSUPPORTED),
    ("snapshot named by a path", "DELETE", f"{KB}/snapshots/..%2f..%2fconfig", NORMALISED),
    ("a peer's route", "POST", "/shards/0/points/scroll", UNKNOWN),
    ("another database's", "POST", "/v1/collections/kb/points/scroll", UNKNOWN),
]


@pytest.mark.parametrize(("method", "target", "outcome"), [row[1:] for row in TARGETS], ids=[row[0] for row in TARGETS])
def test_targets(doors: Doors, method: str, target: str, outcome: Outcome) -> None:
    """However a path is spelt, it is what was decided that reaches the database."""
    checked(doors, outcome, (method, target), ONE if method == "POST" else None)


METHODS: list[tuple[str, tuple[str, str], bytes | None, Pairs, Outcome]] = [
    ("lower case", ("post", SCROLL), ONE, (JSON,), CLOSED),
    ("HEAD of a collection", ("HEAD", KB), None, (), UNSUPPORTED),
    ("OPTIONS", ("OPTIONS", SCROLL), None, (), UNKNOWN),
    ("made up", ("SEARCH", SCROLL), ONE, (JSON,), UNKNOWN),
    ("PUT for POST", ("PUT", SCROLL), ONE, (JSON,), UNKNOWN),
    ("GET with a body", ("GET", f"{KB}/points/1"), ONE, (JSON,), BODY),
    ("DELETE with a body", ("DELETE", KB), b"{}", (JSON,), BODY),
    ("overridden by a header field", ("POST", SCROLL), ONE, (JSON, ("x-http-method-override", "DELETE")), READ),
    ("overridden by another", ("POST", SCROLL), ONE, (JSON, ("x-method-override", "DELETE"), ("x-http-method", "PUT")), READ),
    (
        "rewritten by a header field",
        ("POST", SCROLL),
        ONE,
        (JSON, ("x-original-url", "/collections/payroll"), ("x-rewrite-url", "/telemetry")),
        READ,
    ),
    ("another key beside the token", ("POST", SCROLL), ONE, (JSON, ("api_key", "k")), CLOSED),
]


@pytest.mark.parametrize(("line", "body", "headers", "outcome"), [row[1:] for row in METHODS], ids=[row[0] for row in METHODS])
def test_methods(doors: Doors, line: tuple[str, str], body: bytes | None, headers: Pairs, outcome: Outcome) -> None:
    """A method is the one on the request line, and each has its own operation or none."""
    checked(doors, outcome, line, body, headers)


BODIES: list[tuple[str, bytes, Outcome]] = [
    ("key twice", b'{"limit":1,"limit":1000}', DUPLICATE),
    ("key twice, once escaped", b'{"limit":1,"\\u006cimit":1000}', DUPLICATE),
    ("key in two cases", b'{"limit":1,"Limit":1000}', DUPLICATE),
    ("key in the wrong case", b'{"Limit":1000}', MEMBER),
    ("key escaped", b'{"\\u006cimit":1}', READ),
    ("key unknown", b'{"limit":1,"collection_name":"payroll"}', MEMBER),
    ("key with a NUL", b'{"limit\\u0000":1}', MEMBER),
    ("older spelling", b'{"limit":1,"with_vectors":true}', MEMBER),
    ("key twice in a filter", b'{"filter":{"must":[{"key":"a","match":{"value":1}}],"must":[]}}', MALFORMED),
    ("key unknown in a filter", b'{"filter":{"must":[{"has_id":[1]}],"or":[]}}', MEMBER),
    ("clause of two kinds", b'{"filter":{"must":[{"has_id":[1],"is_empty":{"key":"a"}}]}}', FILTER),
    ("clause of two predicates", b'{"filter":{"must":[{"key":"a","match":{"value":1},"range":{"gt":0}}]}}', FILTER),
    ("filter that is a list", b'{"filter":[]}', FILTER),
    ("filter as text", b'{"filter":"{}"}', FILTER),
    ("NaN", b'{"limit":NaN}', MALFORMED),
    ("limit that is text", b'{"limit":"1"}', MALFORMED),
    ("limit with a fraction", b'{"limit":1.0}', MALFORMED),
    ("limit below zero", b'{"limit":-1}', MALFORMED),
    ("limit beyond 64 bits", b'{"limit":18446744073709551616}', MALFORMED),
    ("limit as minus zero", b'{"limit":-0}', Decided(sent=f"POST {SCROLL}", body=b'{"limit":0}')),
    ("two documents", b'{"limit":1}{"limit":1000}', MALFORMED),
    ("a line of each", b'{"limit":1}\n{"limit":1000}', MALFORMED),
    ("comment", b'{"limit":1/**/}', MALFORMED),
    ("trailing comma", b'{"limit":1,}', MALFORMED),
    ("byte order mark", b"\xef\xbb\xbf" + ONE, MALFORMED),
    ("UTF-16", ONE.decode().encode("utf-16"), MALFORMED),
    ("bytes that are no UTF-8", b'{"order_by":"\xff"}', MALFORMED),
    ("half of a surrogate pair", b'{"order_by":"\\ud800"}', MALFORMED),
    ("list", b'[{"limit":1}]', MALFORMED),
    ("nothing", b"", MALFORMED),
    ("deep", b'{"filter":' + b'{"must":[' * 500 + b"]}" * 500 + b"}", MALFORMED),
    ("blanks", b' { "limit" : 1 } ', READ),
    ("compressed", gzip.compress(ONE), MALFORMED),
]


@pytest.mark.parametrize(("body", "outcome"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_bodies(doors: Doors, body: bytes, outcome: Outcome) -> None:
    """JSON that parsers read in different ways is refused; all other reaches the database in one spelling."""
    checked(doors, outcome, ("POST", SCROLL), body)


CONTENTS: list[tuple[str, Pairs, bytes, Outcome]] = [
    ("none", (), ONE, CONTENT),
    ("text", (("content-type", "text/plain"),), ONE, CONTENT),
    ("form", (("content-type", "application/x-www-form-urlencoded"),), b"limit=1", CONTENT),
    ("multipart", (("content-type", "multipart/form-data; boundary=x"),), ONE, CONTENT),
    ("two", (JSON, ("content-type", "text/plain")), ONE, CONTENT),
    ("MessagePack", (("content-type", "application/msgpack"),), b"\x81\xa5limit\x01", CONTENT),
    ("another alphabet", (("content-type", "application/json; charset=utf-16"),), ONE, CONTENT),
    ("gzip", (JSON, ("content-encoding", "gzip")), gzip.compress(ONE), CONTENT),
    ("gRPC", (("content-type", "application/grpc"),), frame(b""), Refused(code="content_unsupported", status=200)),
]


@pytest.mark.parametrize(("headers", "body", "outcome"), [row[1:] for row in CONTENTS], ids=[row[0] for row in CONTENTS])
def test_contents(doors: Doors, headers: Pairs, body: bytes, outcome: Outcome) -> None:
    """What is not plain JSON is refused, whatever it says that it is."""
    checked(doors, outcome, ("POST", SCROLL), body, headers)


UUID = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"
TWICE = b'{"points":[{"id":"%b","vector":[1, 2]},{"id":"%b","vector":[1, 2]}]}' % (UUID.encode(), UUID.encode())

WRITES: list[tuple[str, str, str, Any, Outcome]] = [
    ("deletion of points and by filter", "POST", f"{KB}/points/delete", {"points": [1], "filter": {}}, MALFORMED),
    ("deletion of neither", "POST", f"{KB}/points/delete", {}, MALFORMED),
    (
        "deletion by a filter of nothing",
        "POST",
        f"{KB}/points/delete",
        {"filter": {}},
        Decided(sent=f"POST {KB}/points/delete", actions=("delete_records",), body=b'{"filter":{}}'),
    ),
    ("points and columns", "PUT", f"{KB}/points", {"points": [], "batch": {"ids": [], "vectors": []}}, MALFORMED),
    (
        "two changes in one",
        "POST",
        f"{KB}/points/batch",
        {"operations": [{"delete": {"points": [1]}, "clear_payload": {"points": [1]}}]},
        MALFORMED,
    ),
    ("an unknown change", "POST", f"{KB}/points/batch", {"operations": [{"drop": {}}]}, MEMBER),
    (
        "the same id twice in two spellings",
        "PUT",
        f"{KB}/points",
        {"points": [{"id": each, "vector": [1, 2]} for each in (UUID, UUID.replace("-", "").upper())]},
        Decided(sent=f"PUT {KB}/points", actions=("upsert",), body=TWICE),
    ),
]


@pytest.mark.parametrize(("method", "target", "body", "outcome"), [row[1:] for row in WRITES], ids=[row[0] for row in WRITES])
def test_writes(doors: Doors, method: str, target: str, body: Any, outcome: Outcome) -> None:
    """What leaves open which records it is about is refused."""
    checked(doors, outcome, (method, target), json.dumps(body).encode())


# --- gRPC ---------------------------------------------------------------------------------------------------------------

POINTS = "/qdrant.Points"


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def member(number: int, value: bytes | int) -> bytes:
    """Return one member of a message as bytes: a number, or what has a length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


NAME = member(1, b"kb")
OTHER = member(1, b"payroll")


def read(body: bytes, rpc: str = "Scroll", action: str = "scroll") -> Decided:
    """Return that a call is forwarded with this message."""
    return Decided(sent=f"POST {POINTS}/{rpc}", actions=(action,), body=body)


LIMITED = NAME + member(4, 1)


def has_id(number: int) -> bytes:
    """Return a filter, of which must: has_id: has_id: num: a number."""
    return member(2, member(3, member(1, member(1, number))))


FIRST, SECOND = has_id(1), has_id(2)
CHOSEN = member(3, member(1, member(1, member(1, 1))))
BY_FILTER = member(3, member(2, FIRST))
DELETED = {"rpc": "Delete", "action": "delete_records"}
SEARCH = q.SearchPoints(collection_name="payroll", vector=[1, 2], limit=1).SerializeToString()

CALLS: list[tuple[str, str, bytes, Outcome]] = [
    ("the twin that all others are held against", "Scroll", LIMITED, read(LIMITED)),
    ("collection twice: the last counts", "Scroll", OTHER + LIMITED, read(LIMITED)),
    (
        "collection twice, the other last",
        "Scroll",
        LIMITED + OTHER,
        Decided(sent=f"POST {POINTS}/Scroll", collection="payroll", body=OTHER + member(4, 1)),
    ),
    ("limit twice", "Scroll", NAME + member(4, 1000) + member(4, 1), read(LIMITED)),
    (
        "filter twice: both are one",
        "Scroll",
        NAME + member(2, FIRST) + member(2, SECOND),
        read(NAME + member(2, FIRST + SECOND)),
    ),
    ("selection twice: the last counts", "Delete", NAME + BY_FILTER + CHOSEN, read(NAME + CHOSEN, **DELETED)),
    ("selection twice, by filter last", "Delete", NAME + CHOSEN + BY_FILTER, read(NAME + BY_FILTER, **DELETED)),
    ("selection of nothing", "Delete", NAME + member(3, b""), MALFORMED),
    ("no selection", "Delete", NAME, MALFORMED),
    ("clause of nothing", "Scroll", NAME + member(2, member(2, b"")), MALFORMED),
    (
        "point without an id, which Qdrant refuses",
        "Upsert",
        NAME + member(3, b""),
        read(NAME + member(3, b""), "Upsert", "upsert"),
    ),
    ("point with a word for an id", "Get", NAME + member(2, member(2, b"me")), MALFORMED),
    ("query of nothing", "Query", NAME + member(3, b""), MALFORMED),
    (
        "another collection within a batch",
        "SearchBatch",
        NAME + member(2, SEARCH),
        Refused(code="collection_ambiguous", status=400),
    ),
    ("members in another order", "Scroll", member(4, 1) + NAME, read(LIMITED)),
    ("number in too many bytes", "Scroll", NAME + b"\x20\x81\x80\x00", read(LIMITED)),
    ("key in too many bytes", "Scroll", NAME + b"\xa0\x80\x00\x01", read(LIMITED)),
    ("number beyond 32 bits", "Scroll", NAME + b"\x20" + varint((1 << 40) + 1), read(LIMITED)),
    ("unknown member", "Scroll", LIMITED + member(100, b"x"), MEMBER),
    ("member of number 0", "Scroll", LIMITED + b"\x02\x00", MALFORMED),
    ("unknown member of the largest number", "Scroll", LIMITED + member((1 << 29) - 1, 1), MEMBER),
    (
        "unknown member deep in a filter",
        "Scroll",
        LIMITED + member(2, member(2, member(1, member(1, b"a") + member(77, 1)))),
        MEMBER,
    ),
    (
        "unknown member in a payload",
        "Upsert",
        NAME + member(3, member(1, member(1, 1)) + member(3, member(1, b"k") + member(2, member(4, b"v") + member(99, b"x")))),
        MEMBER,
    ),
    ("member of another kind", "Scroll", NAME + b"\x25\1\0\0\0", MEMBER),
    ("group", "Scroll", LIMITED + b"\xa3\x06\xa4\x06", MEMBER),
    ("group that is left open", "Scroll", LIMITED + b"\xa3\x06", MALFORMED),
    ("length beyond the end", "Scroll", LIMITED + b"\x12\x7f", MALFORMED),
    ("number without an end", "Scroll", NAME + b"\x20" + b"\xff" * 11, MALFORMED),
    ("name that is no UTF-8", "Scroll", member(1, b"\xff"), MALFORMED),
    ("name of a path", "Scroll", member(1, b"kb/../payroll"), MALFORMED),
    ("no name", "Scroll", b"", MALFORMED),
]


def called(doors: Doors, outcome: Outcome, path: str, body: bytes, *changes: tuple[str, str | None]) -> None:
    """Send a call to the gRPC door as it stands and assert that it comes to its outcome, in gRPC's own status."""
    since = before(doors)
    said = rawgrpc.call(doors.grpc, path, body, doors.gateway.issuer.token("admin"), *changes)
    if isinstance(outcome, Refused) and said.status is not None:
        outcome = Refused(code=outcome.code, status=STATUS.get(outcome.status, outcome.status))
    check(doors, outcome, since, said.message or said.body.decode("latin-1"), said.http if said.status is None else said.status)


STATUS = {400: 3, 403: 7, 415: 12}
"""gRPC's status for a refusal."""


@pytest.mark.parametrize(("rpc", "body", "outcome"), [row[1:] for row in CALLS], ids=[row[0] for row in CALLS])
def test_messages(doors: Doors, rpc: str, body: bytes, outcome: Outcome) -> None:
    """A message is read as protobuf has it, and forwarded in one spelling; a member that nobody knows is refused."""
    called(doors, outcome, f"{POINTS}/{rpc}", frame(body))


SENT = frame(LIMITED)
FRAME = Refused(code="frame_malformed", status=400)
PATHS: list[tuple[str, str, Outcome]] = [
    ("lower case", "/qdrant.points/scroll", UNKNOWN),
    ("encoded", "/qdrant.Points/%53croll", read(LIMITED)),
    ("trailing slash", "/qdrant.Points/Scroll/", UNKNOWN),
    ("doubled slash", "//qdrant.Points/Scroll", UNKNOWN),
    ("dots", "/qdrant.Points/../qdrant.Points/Scroll", read(LIMITED)),
    ("parameter", "/qdrant.Points/Scroll?method=Delete", UNKNOWN),
    ("without its package", "/Points/Scroll", UNKNOWN),
    ("with a dot in front", "/.qdrant.Points/Scroll", UNKNOWN),
    ("peers' own", "/qdrant.PointsInternal/Scroll", UNSUPPORTED),
    ("of the REST interface", SCROLL, UNKNOWN),
]


@pytest.mark.parametrize(("path", "outcome"), [row[1:] for row in PATHS], ids=[row[0] for row in PATHS])
def test_names_of_calls(doors: Doors, path: str, outcome: Outcome) -> None:
    """A call has one name."""
    called(doors, outcome, path, SENT)


FRAMES: list[tuple[str, bytes, list[tuple[str, str | None]], Outcome]] = [
    ("two messages", SENT * 2, [], Refused(code="frame_repeated", status=400)),
    ("an empty one behind", SENT + frame(b""), [], Refused(code="frame_repeated", status=400)),
    ("an empty one in front", frame(b"") + SENT, [], Refused(code="frame_repeated", status=400)),
    ("a byte too many", SENT + b"\0", [], Refused(code="frame_repeated", status=400)),
    ("a byte too few", SENT[:-1], [], FRAME),
    ("no frame", LIMITED, [], Refused(code="frame_compressed", status=415)),
    ("marked as compressed", frame(gzip.compress(LIMITED), compressed=True), [], Refused(code="frame_compressed", status=415)),
    ("compressed and said so", frame(gzip.compress(LIMITED), compressed=True), [("grpc-encoding", "gzip")], CONTENT),
    ("said to be compressed", SENT, [("grpc-encoding", "deflate")], CONTENT),
    ("said not to be", SENT, [("grpc-encoding", "identity")], read(LIMITED)),
    ("in base64", SENT, [("content-type", "application/grpc-web-text")], Refused(code="content_unsupported", status=415)),
    ("as JSON", b'{"collectionName":"kb"}', [("content-type", "application/grpc+json")], CONTENT),
    ("overridden method", SENT, [("x-http-method-override", "DELETE"), ("grpc-method", "Delete")], read(LIMITED)),
    ("of another host", SENT, [(":authority", "payroll.internal")], read(LIMITED)),
]


@pytest.mark.parametrize(("body", "changes", "outcome"), [row[1:] for row in FRAMES], ids=[row[0] for row in FRAMES])
def test_frames(doors: Doors, body: bytes, changes: list[tuple[str, str | None]], outcome: Outcome) -> None:
    """A call is one message, in plain protobuf."""
    called(doors, outcome, f"{POINTS}/Scroll", body, *changes)


def test_http1_at_the_door_of_grpc(doors: Doors) -> None:
    """A call that comes over HTTP/1.1 is one like any other, or none; it never reaches the REST interface."""
    since = before(doors)
    fields = [("host", "kb"), ("connection", "close"), ("te", "trailers"), ("content-type", "application/grpc")]
    fields += [("api-key", doors.gateway.issuer.token("admin"))]
    with rawhttp.connected(doors.grpc) as wire:
        wire.send(rawhttp.request("POST", f"{POINTS}/Scroll", fields, SENT))
        wire.reply()

    assert [call.target for call in forwarded(doors, since[0])] in ([], [f"{POINTS}/Scroll"])
