"""HTTP/2 frame by frame, for requests that no HTTP/2 library will send; nothing in them is checked."""

from __future__ import annotations

import socket

import hpack
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD_BYTES = 9
_SECONDS = 10

Fields = list[tuple[bytes, bytes]]


def exchange(
    port: int, fields: Fields, body: bytes | None = None, source: str = "127.0.0.1", *, taken_back: bool = False
) -> tuple[int | None, bytes]:
    """Send one request; return status and body of the answer, or None where the stream or the connection is ended instead.

    With `taken_back` the request is reset by its client before its end.
    """
    with socket.create_connection(("127.0.0.1", port), _SECONDS, (source, 0)) as wire:
        wire.sendall(_PREFACE + SettingsFrame(0).serialize() + _request(fields, body, taken_back=taken_back))
        if taken_back:
            wire.shutdown(socket.SHUT_WR)
        return _answer(wire)


def _request(fields: Fields, body: bytes | None, *, taken_back: bool) -> bytes:
    head = HeadersFrame(1, hpack.Encoder().encode(fields), flags=["END_HEADERS"])
    if taken_back:
        return bytes(head.serialize() + RstStreamFrame(1, error_code=8).serialize())
    if body is None:
        head.flags.add("END_STREAM")
        return bytes(head.serialize())
    return bytes(head.serialize() + DataFrame(1, body, flags=["END_STREAM"]).serialize())


def _answer(wire: socket.socket) -> tuple[int | None, bytes]:
    decoder, waiting, status, body = hpack.Decoder(), b"", None, b""
    while chunk := _received(wire):
        waiting += chunk
        while len(waiting) >= _HEAD_BYTES:
            frame, length = Frame.parse_frame_header(memoryview(waiting[:_HEAD_BYTES]))
            if len(waiting) < _HEAD_BYTES + length:
                break
            frame.parse_body(memoryview(waiting[_HEAD_BYTES : _HEAD_BYTES + length]))
            waiting = waiting[_HEAD_BYTES + length :]
            match frame:
                case HeadersFrame():
                    status = int(dict(decoder.decode(bytes(frame.data), raw=True))[b":status"])
                case DataFrame():
                    body += bytes(frame.data)
                case RstStreamFrame() | GoAwayFrame():
                    return status, body
                case _:
                    pass
            if "END_STREAM" in frame.flags:
                return status, body
    return status, body


def _received(wire: socket.socket) -> bytes:
    try:
        return wire.recv(65536)
    except ConnectionResetError:
        return b""
