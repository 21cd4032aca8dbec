"""Questions to the database: bounded, kept for a short time, forgotten by every worker at once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from extproc.authorities import system_authorities
from extproc.errors import CredentialRefused, SecretMissing, UpstreamError
from extproc.protocols.adapter import Question
from extproc.upstream import Generation, Upstream
from support.certificates import self_signed

QUESTION = Question(topic="collection", method="GET", target="/by-id/1")
OTHER = Question(topic="collection", method="GET", target="/by-id/2")


class Database:
    """Answers with whatever a test sets, and counts."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: Callable[[], httpx.Response] = lambda: httpx.Response(200, json={"name": "kb"})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        self.requests.append(request)
        return self.answer()


class Asker:
    """One worker's asker of a database, with a clock that a test moves."""

    def __init__(self, database: Database, path: Path) -> None:
        self.now = 0.0
        client = httpx.AsyncClient(transport=httpx.MockTransport(database), base_url="http://database")
        self.upstream = Upstream(
            client=client,
            credential=lambda: ("x-chroma-token", b"own-key"),
            generation=Generation(path),
            clock=lambda: self.now,
        )


@pytest.fixture
def database() -> Database:
    """Return a database."""
    return Database()


@pytest.fixture
def asker(database: Database, tmp_path: Path) -> Asker:
    """Return an asker of it."""
    return Asker(database, tmp_path / "generation")


async def test_a_question_is_asked_with_the_gateways_credential_and_kept_for_seconds(asker: Asker, database: Database) -> None:
    """Equal questions share an answer until it is a few seconds old."""
    assert await asker.upstream.ask((QUESTION,)) == {QUESTION: {"name": "kb"}}
    await asker.upstream.ask((QUESTION,))
    asker.now = 4.9
    await asker.upstream.ask((QUESTION, OTHER))
    asker.now = 5.1
    await asker.upstream.ask((QUESTION,))

    assert [request.url.path for request in database.requests] == ["/by-id/1", "/by-id/2", "/by-id/1"]
    assert {request.headers["x-chroma-token"] for request in database.requests} == {"own-key"}


async def test_a_question_may_have_a_body(asker: Asker, database: Database) -> None:
    """What is asked in a body is sent as JSON, and questions of other bodies are other questions."""
    first, second = (
        Question(topic="records", method="POST", target="/get", body=body) for body in (b'{"ids":["a"]}', b'{"ids":["b"]}')
    )

    facts = await asker.upstream.ask((first, second))

    assert list(facts) == [first, second]
    assert [(asked.method, asked.content, asked.headers["content-type"]) for asked in database.requests] == [
        ("POST", b'{"ids":["a"]}', "application/json"),
        ("POST", b'{"ids":["b"]}', "application/json"),
    ]


async def test_a_question_whose_time_would_tell_is_asked_each_time(asker: Asker, database: Database) -> None:
    """What is marked as not to be kept is never answered from memory."""
    question = Question(topic="collection", method="GET", target="/tickets", kept=False)
    await asker.upstream.ask((question,))
    await asker.upstream.ask((question,))

    assert len(database.requests) == 2


async def test_what_one_worker_makes_untrue_every_worker_forgets(database: Database, tmp_path: Path) -> None:
    """The workers share one small file, and each looks at it before it believes what it knows."""
    one, two = Asker(database, tmp_path / "generation"), Asker(database, tmp_path / "generation")
    await two.upstream.ask((QUESTION,))

    one.upstream.forget()
    await two.upstream.ask((QUESTION,))

    assert len(database.requests) == 2


async def test_an_answer_that_a_change_overtook_is_used_once(database: Database, tmp_path: Path) -> None:
    """A change while the question was under way leaves its answer out of what is kept."""
    one, two = Asker(database, tmp_path / "generation"), Asker(database, tmp_path / "generation")

    def changing() -> httpx.Response:
        two.upstream.forget()
        return httpx.Response(200, json={"name": "old"})

    database.answer = changing
    await one.upstream.ask((QUESTION,))
    await one.upstream.ask((QUESTION,))

    assert len(database.requests) == 2


async def test_no_such_thing_is_an_answer_that_is_not_kept(asker: Asker, database: Database) -> None:
    """What does not exist yet may exist in a moment."""
    database.answer = lambda: httpx.Response(404, json={"error": "NotFoundError"})
    assert await asker.upstream.ask((QUESTION,)) == {QUESTION: None}
    await asker.upstream.ask((QUESTION,))

    assert len(database.requests) == 2


def failing() -> httpx.Response:
    """Fail as a database that is down."""
    message = "refused"
    raise httpx.ConnectError(message)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx.Response(500, text="a stack trace with secret-value"),
        lambda: httpx.Response(403, text="secret-value"),
        lambda: httpx.Response(302, headers={"location": "http://169.254.169.254/"}),
        lambda: httpx.Response(200, text="<html>secret-value"),
        lambda: httpx.Response(200, content=b'"' + b"x" * (5 << 20) + b'"'),
        failing,
    ],
    ids=["error", "forbidden", "redirect", "not JSON", "endless", "down"],
)
async def test_anything_but_a_plain_answer_is_an_error_that_shows_nothing(
    asker: Asker, database: Database, answer: Callable[[], httpx.Response]
) -> None:
    """Errors, redirects, garbage and floods are one reason, and none of their text is in it."""
    database.answer = answer

    with pytest.raises(UpstreamError) as caught:
        await asker.upstream.ask((QUESTION,))

    assert caught.value.code == "question_unanswered"
    assert "secret-value" not in str(caught.value)


async def test_a_database_that_refuses_the_gateways_key_says_so_and_nothing_else(asker: Asker, database: Database) -> None:
    """Somebody has to see to the key, so it is a reason of its own."""
    database.answer = lambda: httpx.Response(401, text="secret-value")

    with pytest.raises(CredentialRefused) as caught:
        await asker.upstream.ask((QUESTION,))

    assert caught.value.code == "credential_refused"
    assert "secret-value" not in str(caught.value)
    assert len(database.requests) == 1


async def test_without_a_credential_nothing_is_asked(database: Database, tmp_path: Path) -> None:
    """A missing credential file stops questions as it stops requests."""

    def gone() -> tuple[str, bytes]:
        raise SecretMissing("kb.key")

    client = httpx.AsyncClient(transport=httpx.MockTransport(database), base_url="http://database")
    upstream = Upstream(client=client, credential=gone, generation=Generation(tmp_path / "g"), clock=lambda: 0.0)

    with pytest.raises(SecretMissing):
        await upstream.ask((QUESTION,))
    assert database.requests == []


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Return a self-signed certificate for another name than the host's, and its key."""
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    self_signed(*paths, "chroma.example")
    return paths


@pytest.mark.parametrize(("sni", "trusted", "answered"), [
    ("chroma.example", True, True),
    (None, True, False),
    ("other.example", True, False),
    ("chroma.example", False, False),
])  # fmt: skip
async def test_the_database_is_verified_under_the_configured_name(
    tmp_path: Path, certificate: tuple[Path, Path], sni: str | None, *, trusted: bool, answered: bool
) -> None:
    """A certificate for `upstream_tls.sni` is taken although the host is another; no other name and no other authority is."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(*certificate)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=own)
    port = server.sockets[0].getsockname()[1]
    authorities = certificate[0] if trusted else system_authorities().path
    upstream = Upstream(
        client=Upstream.client(f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=authorities)),
        credential=lambda: None,
        generation=Generation(tmp_path / "g"),
        clock=lambda: 0.0,
        sni=sni,
    )
    async with server:
        if answered:
            assert await upstream.ask((QUESTION,)) == {QUESTION: {}}
        else:
            with pytest.raises(UpstreamError):
                await upstream.ask((QUESTION,))
        await upstream.close()
