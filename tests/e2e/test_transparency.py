"""What comes back is the database's own, field by field and byte by byte, but for what masking makes untrue.

Every answer is asked for twice, with and without the gateway, over plain HTTP/1.1 and without a library that hides anything.
What Envoy itself changes is small and is all here: names come in lower case, a repeated field that is one list comes as one
list, what belongs to one connection ends there, and a date is added where the database gives none.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from support.database import Recorder
from support.gateway import STARTER, Gateway, running
from support.shelf import DATABASE, EMAIL, JSON, RECORDS, TEXT, fill, get_answer

pytestmark = pytest.mark.envoy
COUNT, GET = f"{RECORDS}/count", f"{RECORDS}/get"
DATE = ("date", "Mon, 01 Jan 2001 00:00:00 GMT")
Pairs = list[tuple[str, str]]

OWN: Pairs = [
    ("Content-Type", "application/json; charset=UTF-8"),
    ("Set-Cookie", "b=2; Path=/"),
    ("X-Custom", "One  Two"),
    ("Server", "Uvicorn/0.1 (Weird)"),
    ("set-cookie", "a=1; HttpOnly"),
    ("X-CUSTOM", "three, four"),
    ("Retry-After", "7"),
    ("WWW-Authenticate", 'Basic realm="X"'),
    ("WWW-Authenticate", 'Digest realm="y, z"'),
    ("Vary", "Accept, Origin"),
    ("X-Request-Id", "the-databases-own"),
    ("traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"),
    ("chroma-trace-id", "Zz"),
    ("Via", "1.1 front"),
    ("Location", "http://127.0.0.1:8000/x"),
    ("Access-Control-Allow-Origin", "*"),
    ("X-Envoy-Upstream-Service-Time", "5"),
    ("X-Empty", ""),
    ("X-Bytes", "größe"),
    ("x_under_score", "yes"),
    ("Age", "3"),
]
"""Fields that hold of a masked answer as well as of the database's own."""
UNTRUE: Pairs = [
    ("ETag", 'W/"aBc"'),
    ("Last-Modified", "Mon, 01 Jan 2001 00:00:00 GMT"),
    ("Accept-Ranges", "bytes"),
    ("Content-Encoding", "identity"),
    ("Content-MD5", "Q2hlY2sgSW50ZWdyaXR5IQ=="),
    ("Digest", "sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="),
    ("Content-Digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
    ("Repr-Digest", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"),
    ("Signature-Input", 'sig=("content-digest")'),
    ("Signature", "sig=:AAAA:"),
    ("Cache-Control", "public, max-age=60"),
    ("CDN-Cache-Control", "max-age=60"),
    ("Surrogate-Control", "max-age=60"),
    ("Expires", "Mon, 01 Jan 2035 00:00:00 GMT"),
]
"""Fields that hold of the database's own answer only."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as a client receives it, names in lower case."""

    status: int
    fields: Pairs
    body: bytes

    def get(self, name: str) -> str | None:
        """Return the field `name`, which must not come twice."""
        found = [value for field, value in self.fields if field == name]
        assert len(found) <= 1
        return found[0] if found else None


@pytest.fixture(scope="module")
def gateway(book: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under the starter policy, which masks a reader's records and leaves an admin's alone."""
    with running(tmp_path_factory.mktemp("transparency"), f"http://127.0.0.1:{book.port}", policy=STARTER) as found:
        yield found


@pytest.fixture(autouse=True)
def _fresh_shelf(book: Recorder) -> None:
    fill(book)


def ask(port: int, method: str, target: str, token: str = "", **more: str) -> Told:
    """Return the answer to one request; a POST asks for everything."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = b"{}" if method == "POST" else None
        connection.request(method, target, body, {"x-chroma-token": token, **(JSON if body else {}), **more})
        response = connection.getresponse()
        return Told(response.status, [(name.lower(), value) for name, value in response.msg.items()], response.read())
    finally:
        connection.close()


def guarded(gateway: Gateway, method: str, target: str, role: str = "reader", **more: str) -> Told:
    """Return the answer that a caller of this role gets through the gateway."""
    return ask(gateway.port, method, target, gateway.issuer.token(role), **more)


def raw(status: int, fields: Pairs, body: bytes = b"") -> bytes:
    """Return an answer as bytes of the wire; its framing is among the fields."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode() + body


def sized(status: int, fields: Pairs, body: bytes) -> bytes:
    """Return an answer whose length is told."""
    return raw(status, [*fields, ("Content-Length", str(len(body)))], body)


def chunked(fields: Pairs, *parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return an answer in chunks."""
    data = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return raw(200, [*fields, ("Transfer-Encoding", "chunked")], data + end)


def shelve(book: Recorder, target: str, *pieces: bytes, close: bool = False) -> None:
    """Let the database answer `target` with these bytes, one piece after the other."""

    def answer(handler: Any) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
        handler.close_connection = close

    book.answers[target] = answer


# --- nothing is masked ---


@pytest.mark.parametrize(("method", "target"), [("GET", COUNT), ("HEAD", COUNT), ("POST", GET)])
def test_an_answer_in_which_nothing_is_masked_is_the_databases_own(
    gateway: Gateway, book: Recorder, method: str, target: str
) -> None:
    """Status, every field with its value, repeated ones in their order, and each byte of the body: no difference at all."""
    body = json.dumps(get_answer(), indent=3).encode()
    answer = sized(200, [*OWN, *UNTRUE, ("Date", DATE[1])], body)
    shelve(book, target, answer if method != "HEAD" else answer.removesuffix(body))

    direct = ask(book.port, method, target)

    assert guarded(gateway, method, target, "admin") == direct
    assert direct.fields.count(DATE) == 1
    assert direct.body == (b"" if method == "HEAD" else body)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_status_of_success_is_the_databases_own(gateway: Gateway, book: Recorder, status: int) -> None:
    """Whatever success the database tells of, the client is told."""
    shelve(book, COUNT, raw(204, [*OWN, DATE]) if status == 204 else sized(status, [*OWN, DATE], b"1"))

    assert guarded(gateway, "GET", COUNT) == ask(book.port, "GET", COUNT)


def test_bytes_that_are_no_text_come_as_they_are(gateway: Gateway, book: Recorder) -> None:
    """Bodies and values of fields are not decoded on the way."""
    body = bytes(range(256))
    shelve(book, COUNT, raw(200, [("Content-Type", "application/octet-stream"), DATE, ("content-length", "256")], body))

    told = guarded(gateway, "GET", COUNT)

    assert told == ask(book.port, "GET", COUNT)
    assert told.body == body


def test_over_http_2_it_is_the_databases_own_as_well(gateway: Gateway, book: Recorder) -> None:
    """A client that speaks HTTP/2 sees the same fields and the same bytes."""
    shelve(book, COUNT, sized(200, [*OWN, *UNTRUE, DATE], b"[1,\t2]"))
    direct = ask(book.port, "GET", COUNT)

    with httpx.Client(http1=False, http2=True, trust_env=False) as client:
        token = gateway.issuer.token("reader")
        response = client.get(f"{gateway.url}{COUNT}", headers={"x-chroma-token": token})

    fields = [(name.decode().lower(), value.decode("latin-1")) for name, value in response.headers.raw]
    assert (response.http_version, response.status_code) == ("HTTP/2", direct.status)
    assert (fields, response.content) == (direct.fields, direct.body)


@pytest.mark.parametrize("name", ["cache-control", "vary"])
def test_a_repeated_field_that_is_a_list_comes_as_one_list(gateway: Gateway, book: Recorder, name: str) -> None:
    """Envoy joins what comes twice of the fields that it knows, in their order; to a recipient that is the same list."""
    shelve(book, COUNT, sized(200, [(name, "one"), ("x-between", "1"), (name, "two"), DATE], b"1"))

    told = guarded(gateway, "GET", COUNT)

    assert told.fields == [(name, "one,two"), ("x-between", "1"), DATE, ("content-length", "1")]


def test_what_belongs_to_one_connection_ends_there(gateway: Gateway, book: Recorder) -> None:
    """The database's connection is not the client's, so its fields about it do not cross."""
    hops = [("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("Upgrade", "h2c")]
    shelve(book, COUNT, sized(200, [*hops, ("x-own", "1"), DATE], b"1"))

    assert guarded(gateway, "GET", COUNT).fields == [("x-own", "1"), DATE, ("content-length", "1")]


def test_an_answer_without_a_date_gets_one_and_nothing_else(gateway: Gateway, book: Recorder) -> None:
    """A date is what HTTP asks of whoever passes an answer on; no name of the gateway, no time that it took, no id."""
    shelve(book, COUNT, sized(200, [], b"1"))

    assert [name for name, _ in guarded(gateway, "GET", COUNT).fields] == ["content-length", "date"]


# --- framing and time ---


def test_an_answer_in_chunks_stays_in_chunks_and_loses_its_trailers(gateway: Gateway, book: Recorder) -> None:
    """The bytes are the same; trailers, which Envoy takes from no HTTP/1.1 server, end at the gateway."""
    answer = chunked([DATE], b"[1,", b"\t2]", end=b"0\r\nx-trailing: only-here\r\n\r\n")
    shelve(book, COUNT, answer)
    token = gateway.issuer.token("reader")

    told = guarded(gateway, "GET", COUNT)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as wire:
        lines = (f"GET {COUNT} HTTP/1.1", "host: kb", f"x-chroma-token: {token}", "connection: close", "", "")
        wire.sendall("\r\n".join(lines).encode())
        received = b"".join(iter(lambda: wire.recv(65536), b""))

    assert told == Told(200, [DATE, ("transfer-encoding", "chunked")], b"[1,\t2]")
    assert received.endswith(b"\r\n0\r\n\r\n")
    assert b"only-here" not in received


def test_an_answer_that_ends_with_its_connection_comes_in_chunks(gateway: Gateway, book: Recorder) -> None:
    """An answer of unknown length needs chunks on a connection that stays open; its bytes are the same."""
    shelve(book, COUNT, raw(200, [DATE], b"[1]"), close=True)

    assert guarded(gateway, "GET", COUNT) == Told(200, [DATE, ("transfer-encoding", "chunked")], b"[1]")


def test_an_answer_that_comes_in_pieces_is_masked_as_a_whole(gateway: Gateway, book: Recorder) -> None:
    """However slowly it comes, nothing is let go before all of it is there: a value that is cut in two is masked."""
    body = json.dumps(get_answer()).encode()
    cut = body.index(TEXT.encode()) + 10
    shelve(book, GET, *chunked([DATE], body[:cut], body[cut:]).partition(body[:cut]))

    told = guarded(gateway, "POST", GET)

    assert json.loads(told.body)["documents"] == ["my card [CREDIT_CARD] was charged twice"]
    assert ask(book.port, "POST", GET).body == body


@pytest.mark.parametrize("role", ["reader", "admin"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_an_answer_that_breaks_off_is_an_error_without_a_byte_of_it(
    gateway: Gateway, book: Recorder, framing: str, role: str
) -> None:
    """Half an answer is none, for a caller who may see all of it too."""
    body = json.dumps(get_answer()).encode()
    whole = sized(200, [DATE], body) if framing == "length" else chunked([DATE], body, end=b"5\r\nab")
    shelve(book, GET, whole[:-1], close=True)

    told = guarded(gateway, "POST", GET, role)

    assert told.status == 502
    assert TEXT.encode() not in told.body
    assert EMAIL.encode() not in told.body


# --- something is masked ---


def test_a_masked_answer_keeps_its_fields_but_for_the_untrue(gateway: Gateway, book: Recorder) -> None:
    """Its length is its own, no validator, digest or signature of the database's bytes is left, and no cache may keep it."""
    shelve(book, GET, sized(200, [*UNTRUE, *OWN, DATE], json.dumps(get_answer()).encode()))
    untrue = {name.lower() for name, _ in UNTRUE} | {"content-length"}

    direct, told = ask(book.port, "POST", GET), guarded(gateway, "POST", GET)

    assert told.body != direct.body
    assert told.status == direct.status
    assert [field for field in told.fields if field[0] not in untrue] == [f for f in direct.fields if f[0] not in untrue]
    assert told.get("content-length") == str(len(told.body))
    assert told.get("cache-control") == "no-store"
    assert {name for name, _ in told.fields} & untrue == {"content-length", "cache-control"}


def test_a_masked_answer_in_chunks_stays_in_chunks(gateway: Gateway, book: Recorder) -> None:
    """A masked body of an answer without a length gets none beside its chunks."""
    shelve(book, GET, chunked([DATE], json.dumps(get_answer()).encode()))

    told = guarded(gateway, "POST", GET)

    assert sorted(told.fields) == [("cache-control", "no-store"), DATE, ("transfer-encoding", "chunked")]
    assert json.loads(told.body)["documents"] == ["my card [CREDIT_CARD] was charged twice"]


# --- what is not passed on ---


def reason(told: Told) -> str:
    """Return the message of a native refusal that carries no field of the database's."""
    assert [name for name, _ in told.fields] == ["content-type", "content-length", "date"]
    document = json.loads(told.body)
    assert document["error"] == "InternalError"
    message: str = document["message"]
    return message


@pytest.mark.parametrize("target", [COUNT, GET])
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "identity, gzip"])
def test_an_encoded_answer_is_not_passed_on(gateway: Gateway, book: Recorder, coding: str, target: str) -> None:
    """The database was offered no coding, whatever the client accepts, so one that comes is a refusal."""
    shelve(book, target, sized(200, [("Content-Encoding", coding), ("x-own", "1"), DATE], b"not what it seems"))
    method = "POST" if target == GET else "GET"

    told = guarded(gateway, method, target, **{"accept-encoding": "gzip, br, zstd"})

    assert (told.status, "answer_encoded" in reason(told)) == (502, True)
    assert "accept-encoding" not in {name for name, _ in book.last().headers}


@pytest.mark.parametrize("role", ["reader", "admin"])
@pytest.mark.parametrize("target", [COUNT, GET])
def test_a_part_of_an_answer_is_not_passed_on(gateway: Gateway, book: Recorder, target: str, role: str) -> None:
    """The database was asked for no range, whatever the client wants, and a part cannot be masked as what it is a part of."""
    body = json.dumps(get_answer()).encode()
    shelve(book, target, sized(206, [("Content-Range", f"bytes 0-{len(body) - 1}/{len(body) + 1}"), DATE], body))
    method = "POST" if target == GET else "GET"

    told = guarded(gateway, method, target, role, **{"range": f"bytes=0-{len(body) - 1}", "if-range": '"a"'})

    assert (told.status, "answer_partial" in reason(told)) == (502, True)
    assert not {"range", "if-range"} & {name for name, _ in book.last().headers}


CONDITIONS = {
    "if-none-match": "*",
    "if-match": '"a"',
    "if-modified-since": DATE[1],
    "if-unmodified-since": DATE[1],
    "cache-control": "only-if-cached",
}


def test_a_conditional_request_is_answered_as_if_it_were_none(gateway: Gateway, book: Recorder) -> None:
    """No condition reaches the database, so the answer is whole: what it was compared with may have been masked."""
    shelve(book, GET, sized(200, [("ETag", '"a"'), DATE], json.dumps(get_answer()).encode()))

    told = guarded(gateway, "POST", GET, **CONDITIONS)

    assert (told.status, told.get("etag"), json.loads(told.body)["ids"]) == (200, None, ["t1"])
    assert not CONDITIONS.keys() & {name for name, _ in book.last().headers}


@pytest.mark.parametrize("status", [101, 300, 302, 304, 307])
def test_an_answer_that_is_neither_a_success_nor_an_error_is_not_passed_on(
    gateway: Gateway, book: Recorder, status: int
) -> None:
    """Nobody asked for it, and following it would lead past the gateway."""
    shelve(book, COUNT, raw(status, [("Location", "http://127.0.0.1:8000/x"), ("content-length", "0")][: status != 101 and 2]))

    told = guarded(gateway, "GET", COUNT)

    assert (told.status, "answer_unrecognised" in reason(told)) == (502, True)


AMBIGUOUS = {
    "two lengths": [("content-length", "1"), ("content-length", "1")],
    "length and chunks": [("content-length", "1"), ("transfer-encoding", "chunked")],
    "a coding beside the chunks": [("transfer-encoding", "gzip, chunked")],
    "a signed length": [("content-length", "+1")],
    "no field name": [("x y", "1"), ("content-length", "1")],
}


@pytest.mark.parametrize("fields", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_an_answer_that_two_readers_could_take_apart_differently_is_not_passed_on(
    gateway: Gateway, book: Recorder, fields: Pairs
) -> None:
    """What the wire leaves open is refused before it is read."""
    shelve(book, COUNT, raw(200, fields, b"1\r\n1\r\n0\r\n\r\n"), close=True)

    told = guarded(gateway, "GET", COUNT)

    assert (told.status, "gateway_refused" in reason(told)) == (502, True)


# --- errors ---


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "InvalidArgumentError"),
        (404, "NotFoundError"),
        (409, "ChromaError"),
        (429, "RateLimitError"),
        (503, "InternalError"),
    ],
)
def test_an_error_keeps_its_status_and_its_name_and_nothing_that_may_quote(
    gateway: Gateway, book: Recorder, status: int, name: str
) -> None:
    """The client raises what it would raise without a gateway; neither text nor fields that may quote cross, for nobody."""
    body = json.dumps({"error": name, "message": f"not so: {EMAIL}"}).encode()
    shelve(book, GET, sized(status, [*OWN, ("x-quoted", EMAIL), DATE], body))

    for role in ("reader", "admin"):
        told = guarded(gateway, "POST", GET, role)

        assert (told.status, json.loads(told.body)["error"]) == (status, name)
        assert EMAIL not in repr(told)
        assert told.get("content-length") == str(len(told.body))


def test_an_encoded_error_is_not_passed_on(gateway: Gateway, book: Recorder) -> None:
    """An error whose name cannot be read becomes the gateway's own."""
    shelve(book, COUNT, sized(404, [("content-encoding", "gzip"), DATE], b"what this says nobody knows"))

    told = guarded(gateway, "GET", COUNT)

    assert (told.status, "answer_encoded" in reason(told)) == (502, True)


# --- the real one ---


def test_the_real_chroma_answers_an_admin_as_it_does_without_a_gateway(starter_gateway: Gateway, chroma: int) -> None:
    """Every answer of a session in which nothing is masked: status, fields but the time of day, and what the body says."""
    collection = starter_gateway.chroma("admin").create_collection("transparent", embedding_function=None)
    collection.add(ids=["t1"], embeddings=[[1.0, 2.0]], documents=[TEXT], metadatas=[{"email": EMAIL}])
    records = f"{DATABASE}/collections/{collection.id}"
    asked = [
        ("GET", "/api/v2/version"),
        ("GET", "/api/v2/pre-flight-checks"),
        ("GET", "/api/v2/tenants/default_tenant"),
        ("GET", DATABASE),
        ("GET", f"{DATABASE}/collections/transparent"),
        ("GET", f"{records}/count"),
        ("HEAD", f"{records}/count"),
        ("POST", f"{records}/get"),
    ]

    for method, target in asked:
        direct = ask(chroma, method, target)
        told = guarded(starter_gateway, method, target, "admin")
        undated = [[field for field in each.fields if field[0] != "date"] for each in (told, direct)]

        # Chroma writes the members of a collection's schema in another order each time.
        said = [json.loads(each.body or b"null") for each in (told, direct)]

        assert (target, told.status, said[0], undated[0]) == (target, 200, said[1], undated[1])
        assert direct.status == 200
        assert [name for name, _ in told.fields] == [name for name, _ in direct.fields]
