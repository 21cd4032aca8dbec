"""gRPC calls frame by frame over HTTP/2, for what no gRPC library will send."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events

_SECONDS = 20

Fields = list[tuple[str, str]]


@dataclass(slots=True)
class Said:
    """What came back: HTTP's status, gRPC's status and message, and the bytes of the body."""

    http: int | None = None
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def status(self) -> int | None:
        """Return gRPC's status."""
        return int(self.fields["grpc-status"]) if "grpc-status" in self.fields else None

    @property
    def message(self) -> str:
        """Return gRPC's message."""
        return unquote(self.fields.get("grpc-message", ""))


def frame(message: bytes, *, compressed: bool = False) -> bytes:
    """Return a message in its frame."""
    return bytes([compressed]) + len(message).to_bytes(4, "big") + message


def call(
    port: int, path: str, body: bytes, token: str | None, *changes: tuple[str, str | None], open_end: bool = False
) -> Said:
    """Make one call; `changes` are header fields that are put in, or, with None, taken out. With `open_end` it never ends."""
    head = {
        ":method": "POST",
        ":scheme": "http",
        ":authority": "kb",
        ":path": path,
        "content-type": "application/grpc",
        "te": "trailers",
        **({"api-key": token} if token else {}),
    }
    for name, value in changes:
        head[name] = value or ""
        if value is None:
            del head[name]
    return exchange(port, list(head.items()), body, open_end=open_end)


def exchange(port: int, fields: Fields, body: bytes, *, open_end: bool = False) -> Said:
    """Send one request and wait for the end of its answer."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, validate_outbound_headers=False))
    said = Said()
    with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as wire:
        connection.initiate_connection()
        connection.send_headers(1, fields)
        connection.send_data(1, body, end_stream=not open_end)
        wire.sendall(connection.data_to_send())
        while chunk := wire.recv(65536):
            for event in connection.receive_data(chunk):
                match event:
                    case h2.events.ResponseReceived(headers=headers) | h2.events.TrailersReceived(headers=headers):
                        found = {name.decode(): value.decode() for name, value in headers or ()}
                        said.http = int(found.pop(":status", said.http or 0))
                        said.fields.update(found)
                    case h2.events.DataReceived(data=data):
                        said.body += data or b""
                    case h2.events.StreamEnded() | h2.events.StreamReset() | h2.events.ConnectionTerminated():
                        return said
                    case _:
                        pass
            wire.sendall(connection.data_to_send())
    return said
