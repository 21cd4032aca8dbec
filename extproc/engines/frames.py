"""Frames between the engine and the process that evaluates: four bytes of length, one of kind, the content."""

from __future__ import annotations

import socket
import struct
from enum import Enum
from typing import Final

_HEAD: Final = struct.Struct(">Ic")
_LONGEST: Final = 1 << 28  # a policy and its data at most; 256 MiB


class Kind(Enum):
    """What a frame holds."""

    POLICY = b"P"
    """A bundle to compile, as JSON; the first frame."""
    INPUT = b"I"
    """A policy input to decide."""
    VALUE = b"V"
    """What came of it; empty for a policy that compiled."""
    REFUSED = b"C"
    """The message of a `ConfigError`."""
    FAILED = b"E"
    """The code and the message of an `EngineError`, two lines."""


def send(connection: socket.socket, kind: Kind, content: bytes) -> None:
    """Write one frame. Raises `OSError`."""
    connection.sendall(_HEAD.pack(len(content), kind.value) + content)


def receive(connection: socket.socket) -> tuple[Kind, bytes] | None:
    """Read one frame; None at the end of the stream. Raises `OSError`, `ValueError` for what is no frame."""
    head = _exactly(connection, _HEAD.size)
    if head is None:
        return None
    length, kind = _HEAD.unpack(head)
    if length > _LONGEST:
        message = "the frame is too long"
        raise ValueError(message)
    content = _exactly(connection, length)
    return None if content is None else (Kind(kind), content)


def _exactly(connection: socket.socket, length: int) -> bytes | None:
    first = connection.recv(length)
    if len(first) == length:
        return first
    content = bytearray(first)
    while first and len(content) < length:
        first = connection.recv(length - len(content))
        content += first
    return bytes(content) if len(content) == length else None
