"""Get-or-create on a real Envoy: of a collection that is there it is a look-up to policy, evidence and database alike."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import chromadb
import httpx
import pytest
import yaml
from chromadb.api.async_fastapi import AsyncFastAPI
from chromadb.errors import ChromaAuthError, NotFoundError

from extproc.audit.leaf import Leaf
from extproc.audit.reader import read_leaves
from support.database import Recorder, Seen
from support.gateway import RAW_KEY, STARTER, Gateway, chroma_client, running
from support.h2c import exchange
from support.shelf import COLLECTIONS, JSON, MODEL, RECORDS, fill

pytestmark = pytest.mark.envoy
TICKETS = f"{COLLECTIONS}/tickets"
MISSING = f"{COLLECTIONS}/missing"
NOT_FOUND = (404, JSON, b'{"error":"NotFoundError","message":"Collection [x] does not exist"}')


@pytest.fixture(scope="module")
def gateway(book: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway in front of the recorder, under the starter policy and a role `clerk` that may no more than connect."""
    directory = tmp_path_factory.mktemp("get-or-create")
    policy = shutil.copytree(STARTER, directory / "policy")
    data = yaml.safe_load((policy / "data.yaml").read_text())
    data["vecgate"]["roles"]["clerk"] = {"permissions": ["connect"]}
    (policy / "data.yaml").write_text(yaml.safe_dump(data))
    with running(directory, f"http://127.0.0.1:{book.port}", policy=policy) as found:
        yield found


@pytest.fixture(autouse=True)
def _fresh_shelf(book: Recorder) -> None:
    fill(book)
    book.answers[MISSING] = NOT_FOUND
    book.answers[COLLECTIONS] = (200, JSON, json.dumps(MODEL).encode())


def wanted(name: str, **more: Any) -> bytes:
    """Return the body with which the official client asks to get or create."""
    members = {"name": name, "metadata": None, "configuration": None, "schema": None, "get_or_create": True}
    return json.dumps(members | more).encode()


def get_or_create(gateway: Gateway, role: str, name: str, **more: Any) -> httpx.Response:
    """Ask to get or create a collection."""
    with gateway.http(role) as client:
        return client.post(COLLECTIONS, content=wanted(name, **more), headers=JSON)


def of_length(gateway: Gateway, token: str, body: bytes) -> tuple[int | None, bytes]:
    """Send a body of a stated length over HTTP/1.1."""
    answer = httpx.post(
        f"{gateway.url}{COLLECTIONS}", content=body, headers=JSON | {"x-chroma-token": token}, trust_env=False, timeout=30
    )
    return answer.status_code, answer.content


def in_chunks(gateway: Gateway, token: str, body: bytes) -> tuple[int | None, bytes]:
    """Send a body in chunks over HTTP/1.1."""
    pieces = iter([body[:9], body[9:]])
    answer = httpx.post(
        f"{gateway.url}{COLLECTIONS}", content=pieces, headers=JSON | {"x-chroma-token": token}, trust_env=False, timeout=30
    )
    return answer.status_code, answer.content


def in_frames(gateway: Gateway, token: str, body: bytes) -> tuple[int | None, bytes]:
    """Send a body over HTTP/2 without saying how long it is."""
    head = [(":method", "POST"), (":scheme", "http"), (":authority", "kb"), (":path", COLLECTIONS)]
    return exchange(gateway.port, [*head, *JSON.items(), ("x-chroma-token", token)], body, None)


# --- what the database receives -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("send", [of_length, in_chunks, in_frames])
def test_the_database_is_asked_for_the_collection_and_gets_no_body(
    gateway: Gateway, book: Recorder, send: Callable[..., tuple[int | None, bytes]]
) -> None:
    """However the body came, what reaches the database is a plain GET under the gateway's own credential."""
    book.seen.clear()

    status, answer = send(gateway, gateway.issuer.token("reader"), wanted("tickets", metadata={"mine": 1}))

    assert (status, json.loads(answer)) == (200, MODEL)
    received = book.last()
    headers = dict(received.headers)
    assert (received.method, received.target, received.body) == ("GET", TICKETS, b"")
    assert headers.get("content-length", "0") == "0"
    assert headers.keys().isdisjoint({"transfer-encoding", "content-type"})
    assert headers["x-chroma-token"] == RAW_KEY
    assert {seen.method for seen in book.seen} == {"GET"}


def test_the_connections_live_on(gateway: Gateway, book: Recorder) -> None:
    """Look-ups and other requests in turn share one connection of the client's and one to the database, none broken."""
    connections = []
    book.seen.clear()

    def answer(found: dict[str, Any]) -> Callable[[BaseHTTPRequestHandler], None]:
        def write(handler: BaseHTTPRequestHandler) -> None:
            if handler.headers.get("user-agent") == "one-connection":  # and no question of the gateway's own
                connections.append(handler.client_address)
            data = json.dumps(found).encode()
            handler.send_response_only(200)
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)

        return write

    book.answers[TICKETS] = answer(MODEL)
    book.answers[f"{RECORDS}/upsert"] = answer({})
    upsert = json.dumps({"ids": ["a"], "embeddings": [[1, 2, 3]]}).encode()
    token = gateway.issuer.token("writer")
    requests = [(COLLECTIONS, wanted("tickets")), (f"{RECORDS}/upsert", upsert)] * 3
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as wire, wire.makefile("rb") as answers:
        for path, body in requests:
            head = f"POST {path} HTTP/1.1\r\nhost: kb\r\ncontent-type: application/json\r\nx-chroma-token: {token}\r\n"
            wire.sendall(f"{head}user-agent: one-connection\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            assert answers.readline().split()[1] == b"200"
            fields = dict(line.strip().lower().split(b": ", 1) for line in iter(answers.readline, b"\r\n"))
            assert json.loads(answers.read(int(fields[b"content-length"]))) == (MODEL if path == COLLECTIONS else {})

    assert len(connections) == len(requests)
    assert len(set(connections)) == 1
    assert [json.loads(seen.body) for seen in book.seen if seen.target.endswith("/upsert")] == [json.loads(upsert)] * 3


def test_a_collection_that_goes_meanwhile_is_not_made_anew(gateway: Gateway, book: Recorder) -> None:
    """The database said that it is there, and then it is gone: the client is told so, and nothing is created."""
    found = iter([(200, json.dumps(MODEL | {"name": "fleeting"}).encode()), NOT_FOUND[::2]])

    def answer(handler: BaseHTTPRequestHandler) -> None:
        status, data = next(found)
        handler.send_response_only(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    book.answers[f"{COLLECTIONS}/fleeting"] = answer
    book.seen.clear()

    response = get_or_create(gateway, "admin", "fleeting")

    assert (response.status_code, response.json()["error"]) == (404, "NotFoundError")
    assert [(seen.method, seen.target) for seen in book.seen] == [("GET", f"{COLLECTIONS}/fleeting")] * 2


# --- who may ----------------------------------------------------------------------------------------------------------


def posted(book: Recorder) -> list[Seen]:
    """Return what might have created something."""
    return [seen for seen in book.seen if seen.method != "GET"]


def last(gateway: Gateway) -> list[Leaf]:
    """Return the leaves of the last exchange."""
    leaves = list(read_leaves(gateway.audit))
    return [leaf for leaf in leaves if leaf.exchange == leaves[-1].exchange]


def test_a_reader_gets_and_does_not_create(gateway: Gateway, book: Recorder) -> None:
    """Of a collection that is there a reader gets it, as a look-up on record; of one that is missing, a denial."""
    book.seen.clear()

    there = get_or_create(gateway, "reader", "tickets")
    leaves = last(gateway)
    missing = get_or_create(gateway, "reader", "missing")
    refused = last(gateway)

    assert (there.status_code, there.json()) == (200, MODEL)
    assert [(leaf.kind, leaf.facts[0].action, leaf.facts[0].collection) for leaf in leaves] == [
        ("intent", "describe_collection", "tickets"),
        ("outcome", "describe_collection", "tickets"),
    ]
    assert missing.status_code == 403
    assert [(leaf.decision, leaf.facts[0].action) for leaf in refused] == [("deny", "create_collection")]
    assert posted(book) == []


def test_an_admin_creates_what_is_missing(gateway: Gateway, book: Recorder) -> None:
    """A creation is forwarded as the creation that it is, with all that the client sent."""
    book.seen.clear()

    response = get_or_create(gateway, "admin", "missing", metadata={"mine": 1})

    assert response.status_code == 200
    (created,) = posted(book)
    assert (created.method, created.target) == ("POST", COLLECTIONS)
    assert json.loads(created.body) == json.loads(wanted("missing", metadata={"mine": 1}))
    assert {leaf.facts[0].action for leaf in last(gateway)} == {"create_collection"}


@pytest.mark.parametrize("role", ["clerk", "stranger"])
def test_a_denial_does_not_tell_whether_the_collection_is_there(gateway: Gateway, book: Recorder, role: str) -> None:
    """To a caller without a grant the answers for a collection that exists and for one that does not are alike."""
    book.seen.clear()

    answers = [get_or_create(gateway, role, name) for name in ("tickets", "missing")]
    told = [
        (
            answer.status_code,
            answer.text.replace(leaf.exchange, "ID"),
            sorted((name, value) for name, value in answer.headers.items() if name != "date"),
        )
        for answer, leaf in zip(answers, list(read_leaves(gateway.audit))[-2:], strict=True)
    ]

    assert told[0] == told[1]
    assert "(exchange ID)" in told[0][1]
    assert told[0][0] == 403
    assert posted(book) == []


# --- the official clients -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_workers(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway of two workers under the starter policy in front of the real Chroma."""
    directory = tmp_path_factory.mktemp("get-or-create-real")
    with running(directory, f"http://127.0.0.1:{chroma}", policy=STARTER, workers=2) as found:
        yield found


def test_a_readers_usual_code_works(two_workers: Gateway, chroma: int) -> None:
    """`get_or_create_collection` gives a reader the collection as it is, whatever else is sent; the database keeps its own."""
    direct = chroma_client(chroma)
    made = direct.create_collection("goc-usual", metadata={"topic": "tickets"}, embedding_function=None)

    got = two_workers.chroma("reader").get_or_create_collection(
        "goc-usual", metadata={"topic": "mine"}, configuration={"hnsw": {"space": "ip"}}, embedding_function=None
    )

    assert (got.id, got.name, got.metadata) == (made.id, "goc-usual", {"topic": "tickets"})
    assert got.count() == 0
    unchanged = direct.get_collection("goc-usual", embedding_function=None)
    assert (unchanged.metadata, unchanged.configuration) == (made.metadata, made.configuration)


async def test_the_asynchronous_client_reads_the_answer(two_workers: Gateway, chroma: int) -> None:
    """The asynchronous client takes the look-up's answer for its own."""
    made = chroma_client(chroma).create_collection("goc-async", embedding_function=None)
    client = await chromadb.AsyncHttpClient(
        host="127.0.0.1", port=two_workers.port, headers={"x-chroma-token": two_workers.issuer.token("reader")}
    )
    try:
        got = await client.get_or_create_collection("goc-async", embedding_function=None)

        assert (got.id, got.name) == (made.id, "goc-async")
        with pytest.raises(ChromaAuthError, match="action_not_granted"):
            await client.get_or_create_collection("goc-async-missing", embedding_function=None)
    finally:
        # Asynchronous clients of one event loop share their connections, and with them the headers of the first.
        await AsyncFastAPI._clients.popitem()[1].aclose()


def test_what_is_known_of_a_collection_follows_what_happens_to_it(two_workers: Gateway, chroma: int) -> None:
    """No worker goes by what was true before a collection was created, renamed or deleted through the gateway."""
    reader, admin, direct = two_workers.chroma("reader"), two_workers.chroma("admin"), chroma_client(chroma)
    names = ("goc-story", "goc-story-renamed")

    def reached(name: str) -> set[str]:
        """Ask both workers often enough; return how it went."""
        found = set()
        for _ in range(8):
            try:
                found.add(reader.get_or_create_collection(name, embedding_function=None).name)
            except ChromaAuthError:
                found.add("denied")
        return found

    assert reached("goc-story") == {"denied"}
    with pytest.raises(NotFoundError):
        direct.get_collection("goc-story")
    collection = admin.get_or_create_collection("goc-story", embedding_function=None)
    assert reached("goc-story") == {"goc-story"}
    collection.modify(name="goc-story-renamed")
    assert [reached(name) for name in names] == [{"denied"}, {"goc-story-renamed"}]
    admin.delete_collection("goc-story-renamed")
    assert reached("goc-story-renamed") == {"denied"}
    again = admin.get_or_create_collection("goc-story-renamed", embedding_function=None)
    assert again.id != collection.id
    assert reached("goc-story-renamed") == {"goc-story-renamed"}
