"""A small HTTP/2 client for requests that no proper client sends."""

from __future__ import annotations

import socket

import h2.config
import h2.connection
import h2.events

Fields = list[tuple[str, str]]


def exchange(port: int, fields: Fields, body: bytes | None, trailers: Fields | None) -> tuple[int | None, bytes]:
    """Send one request over HTTP/2 with prior knowledge; return status and body of the answer, or None for none."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, validate_outbound_headers=False))
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        connection.initiate_connection()
        connection.send_headers(1, fields, end_stream=body is None and trailers is None)
        if body is not None:
            connection.send_data(1, body, end_stream=trailers is None)
        if trailers is not None:
            connection.send_headers(1, trailers, end_stream=True)
        wire.sendall(connection.data_to_send())
        status, answer = None, b""
        while chunk := wire.recv(65536):
            for event in connection.receive_data(chunk):
                match event:
                    case h2.events.ResponseReceived(headers=headers):
                        status = int(dict(headers)[b":status"])
                    case h2.events.DataReceived(data=data):
                        answer += data or b""
                    case h2.events.StreamEnded() | h2.events.StreamReset() | h2.events.ConnectionTerminated():
                        return status, answer
                    case _:
                        pass
            wire.sendall(connection.data_to_send())
        return status, answer
