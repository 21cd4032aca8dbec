"""HTTP/1.1 by hand: requests byte for byte as an attacker would write them, and replies as they come.

Nothing here is helpful on purpose: no header is added, none is checked, and a request need not be one at all.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

_SECONDS = 10
_FIRST_FINAL = 200
_WITHOUT_BODY = frozenset({204, 304})

Pairs = Iterable[tuple[str, str | bytes]]


def request(method: str, target: str, headers: Pairs = (), body: bytes | None = None, *, version: str = "HTTP/1.1") -> bytes:
    """Return the bytes of a request; `content-length` is written for a `body`, and nothing else that is not named."""
    lines = [f"{method} {target} {version}".encode("latin-1")]
    lines += [
        name.encode("latin-1") + b": " + (value if isinstance(value, bytes) else value.encode()) for name, value in headers
    ]
    if body is not None:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def chunked(*chunks: bytes) -> bytes:
    """Return a body in chunks, ended."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One final reply, and whether an interim one came before it."""

    status: int
    headers: dict[str, str]
    body: bytes
    interim: bool = False


class Connection:
    """One connection. What is sent is sent at once; replies are read one by one."""

    def __init__(self, wire: socket.socket, file: BinaryIO) -> None:
        self._wire = wire
        self._file = file

    def send(self, raw: bytes) -> None:
        """Send bytes; a peer that has closed already is found out by `reply`."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._wire.sendall(raw)

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        with suppress(OSError):
            self._wire.shutdown(socket.SHUT_WR)

    def reply(self, *, bodiless: bool = False) -> Reply | None:
        """Return the next reply, or None where the peer closed without one; `bodiless` for the answer to HEAD."""
        try:
            return self._reply(bodiless=bodiless)
        except (ConnectionResetError, BrokenPipeError):
            return None

    def _reply(self, *, bodiless: bool) -> Reply | None:
        interim = False
        while line := self._file.readline():
            status = int(line.split()[1])
            headers = dict(self._fields())
            if status >= _FIRST_FINAL:
                body = b"" if bodiless or status in _WITHOUT_BODY else self._body(headers)
                return Reply(status=status, headers=headers, body=body, interim=interim)
            interim = True
        return None

    def _fields(self) -> Iterator[tuple[str, str]]:
        while (line := self._file.readline()) not in {b"\r\n", b"\n", b""}:
            name, _, value = line.decode("latin-1").partition(":")
            yield name.strip().lower(), value.strip()

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._file.readline() or b"0", 16):
                body += self._file.read(size)
                self._file.readline()
            self._file.readline()
            return body
        if "content-length" in headers:
            return self._file.read(int(headers["content-length"]))
        return self._file.read()


@contextmanager
def connected(port: int, source: str = "127.0.0.1") -> Iterator[Connection]:
    """Open a connection to a loopback port until the block ends."""
    with socket.create_connection(("127.0.0.1", port), _SECONDS, (source, 0)) as wire, wire.makefile("rb") as file:
        yield Connection(wire, file)
