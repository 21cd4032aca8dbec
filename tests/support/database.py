"""A real Chroma server for tests, and an upstream that only records what it is sent."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx

from support.httpserver import http_server
from support.ports import free_port

START_SECONDS = 60


@contextmanager
def chroma_server(directory: Path) -> Iterator[int]:
    """Run a real Chroma server on its own data until the block ends; give its port."""
    port = free_port()
    program = Path(sys.executable).with_name("chroma")
    with (directory / "chroma.log").open("w") as log:
        process = subprocess.Popen(
            [program, "run", "--host", "127.0.0.1", "--port", str(port), "--path", str(directory / "chroma")],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _await(f"http://127.0.0.1:{port}/api/v2/heartbeat", process)
            yield port
        finally:
            process.terminate()
            process.wait(20)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    message = f"nothing answered at {url}"
    raise AssertionError(message)


@dataclass(slots=True)
class Seen:
    """One request as the database received it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(slots=True)
class Recorder:
    """An upstream that records requests and gives the answers that a test sets by path.

    An answer is (status, header fields, body), or a callable that is given the handler and writes what it likes.
    """

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)

    def last(self) -> Seen:
        """Return the last request."""
        return self.seen[-1]


@contextmanager
def recorder() -> Iterator[Recorder]:
    """Run a recording upstream until the block ends."""
    book = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self._body()
            book.seen.append(Seen(self.command, self.path, [(k.lower(), v) for k, v in self.headers.items()], body))
            answer = book.answers.get(self.path.partition("?")[0], (200, {"content-type": "application/json"}, b"{}"))
            if callable(answer):
                answer(self)
                return
            status, fields, data = answer
            self.send_response_only(status)
            for name, value in fields.items():
                self.send_header(name, value)
            if status not in {204, 304} and "transfer-encoding" not in fields:
                self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding", "").lower() == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body
            return self.rfile.read(int(self.headers.get("content-length", 0)))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _handle

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server(Handler) as book.port:
        yield book
