"""A tap on the line to a database: what passes is passed on unchanged, and every request is written down as it came."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from support.database import Seen


@dataclass(slots=True)
class Tap:
    """Requests that went through `port`, in their order."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)


@contextmanager
def tapped(database: int) -> Iterator[Tap]:
    """Run a tap in front of a loopback port until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    tap = Tap(port=int(listener.getsockname()[1]))
    open_wires: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", database))
                open_wires.extend((client, server))
                threading.Thread(target=_requests, args=(tap, client, server), daemon=True).start()
                threading.Thread(target=_replies, args=(server, client), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield tap
    finally:
        for wire in (listener, *open_wires):
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()
        thread.join(5)


def _requests(tap: Tap, client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError, ValueError), client.makefile("rb") as file:
        while head := _until_blank(file):
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines if line)]
            raw, body = _body(file, dict(headers))
            tap.seen.append(Seen(method, target, headers, body))
            server.sendall(head + raw)
    with suppress(OSError):
        server.shutdown(socket.SHUT_WR)


def _until_blank(file: BinaryIO) -> bytes:
    head = b""
    while line := file.readline():
        head += line
        if line == b"\r\n":
            return head
    return b""


def _body(file: BinaryIO, headers: dict[str, str]) -> tuple[bytes, bytes]:
    """Return a body as it stood on the line, and what it holds."""
    if headers.get("transfer-encoding") != "chunked":
        body = file.read(int(headers.get("content-length", "0")))
        return body, body
    raw, body = b"", b""
    while True:
        line = file.readline()
        size = int(line, 16)
        chunk = file.read(size + 2)
        raw, body = raw + line + chunk, body + chunk[:size]
        if not size:
            return raw, body


def _replies(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while data := server.recv(65536):
            client.sendall(data)
        client.shutdown(socket.SHUT_WR)
