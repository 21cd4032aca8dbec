"""A command's side: the token from a file, and what the API says as an answer or an error of one line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from extproc.config import load
from extproc.control.client import Client, control_url
from extproc.errors import ConfigError, Denied, Error, SecretMissing

CONFIG = """\
version: 1
databases: [{name: kb, engine: chroma, upstream: "http://127.0.0.1:8000"}]
identity: {issuers: [{issuer: "https://idp.test", jwks: {file: jwks.json}}]}
policy: {bundle: rego}
"""


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """Run a server that gives one answer, and notes path, credential and body of what it is asked."""
    asked: list[tuple[str, str, bytes]] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["content-length"]))
            asked.append((self.path, self.headers["authorization"], said))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """Return a file with a token, as an editor leaves it."""
    path = tmp_path / "token"
    path.write_text("a.b.c\n")
    return path


def test_the_token_of_the_file_is_shown(tmp_path: Path, token_file: Path) -> None:
    """As a bearer token; the answer is what was read."""
    with answering(200, b'{"value": [1]}') as (url, asked):
        found = Client.create(tmp_path / "none.yaml", token_file, url=f"{url}/").post("/v1/x", {"token": "t"})

    assert (found, [(path, shown, json.loads(body)) for path, shown, body in asked]) == (
        {"value": [1]},
        [("/v1/x", "Bearer a.b.c", {"token": "t"})],
    )


def test_a_refusal_says_why_in_one_line(tmp_path: Path, token_file: Path) -> None:
    """With the reason and the exchange, to be found in the log."""
    refusal = b'{"error": "class_not_seen", "message": "the policy does not allow this", "exchange": "0a"}'
    with answering(403, refusal) as (url, _), pytest.raises(Denied) as caught:
        Client.create(tmp_path, token_file, url=url).post("/v1/x", {})

    assert (caught.value.code, str(caught.value)) == (
        "class_not_seen",
        "the policy does not allow this (class_not_seen, exchange 0a)",
    )


@pytest.mark.parametrize(("status", "body", "said"), [(200, b"<html>", "is not the control API"), (502, b"no", "answered 502")])
def test_what_is_not_the_control_api_is_told(tmp_path: Path, token_file: Path, status: int, body: bytes, said: str) -> None:
    """Somebody else may listen there; nothing of what they say is shown."""
    with answering(status, body) as (url, _), pytest.raises(Error, match=said):
        Client.create(tmp_path, token_file, url=url).post("/v1/x", {})


def test_nobody_there_is_told(tmp_path: Path, token_file: Path) -> None:
    """The error names where it was sought, and not the token."""
    with pytest.raises(ConfigError, match=r"http://127\.0\.0\.1:9: the control API does not answer") as caught:
        Client.create(tmp_path, token_file, url="http://127.0.0.1:9").post("/v1/x", {})

    assert "a.b.c" not in str(caught.value)


def test_a_token_file_must_be_there(tmp_path: Path) -> None:
    """And hold something."""
    with pytest.raises(SecretMissing):
        Client.create(tmp_path, tmp_path / "none", url="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("control", "url"),
    [
        ("{listen: 127.0.0.1:8099}", "http://127.0.0.1:8099"),
        ("{listen: 127.0.0.1:8099, url: 'https://vecgate.example'}", "https://vecgate.example"),
        ("{listen: 0.0.0.0:8099, tls: {certificate: {file: c}, key: {file: k}}}", "https://0.0.0.0:8099"),
    ],
)
def test_where_the_control_api_is(tmp_path: Path, control: str, url: str) -> None:
    """Where the configuration says that people reach it, or else where it listens."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(f"{CONFIG}control: {control}\n")

    assert control_url(load(path)).rstrip("/") == url


def test_without_a_control_api_there_is_nothing_to_ask(tmp_path: Path, token_file: Path) -> None:
    """The error says what to do."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(CONFIG)
    with pytest.raises(ConfigError, match="no `control`"):
        Client.create(path, token_file)
