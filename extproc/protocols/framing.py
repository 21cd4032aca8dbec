"""gRPC's length-prefixed messages: exactly one in each body of a unary call, and not compressed.

A frame is a byte that says whether the message is compressed, four bytes of its length, big-endian, and the message
(https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). It knows no message and no database.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from extproc.errors import Malformed, Unsupported
from extproc.events import Fields, Head

_PREFIX: Final = 5
_CONTENT: Final = re.compile(rb"application/grpc(?:\+proto)?")
_TIMEOUT: Final = re.compile(rb"[0-9]{1,8}[HMSmun]")
OWN_FIELDS: Final[Fields] = (("content-type", b"application/grpc"), ("te", b"trailers"))
"""The header fields that every call has."""


def require_grpc(head: Head) -> None:
    """Refuse a request that is not a gRPC call in plain protobuf. Raises `Unsupported`, `Malformed`."""
    if head.values(":method") != [b"POST"]:
        raise Unsupported("a call is a POST")
    if _one(head.values("content-type"), _CONTENT) is None:
        raise Unsupported("the content type must be application/grpc")
    if any(
        value.strip().lower() != b"identity" for name in ("grpc-encoding", "content-encoding") for value in head.values(name)
    ):
        raise Unsupported("the message must not be compressed")
    if head.values("grpc-timeout") and _one(head.values("grpc-timeout"), _TIMEOUT) is None:
        raise Malformed("the deadline is not one that gRPC knows")


def own_fields(head: Head) -> Fields:
    """Return the header fields that a call needs on its way to the database; the client's own deadline is among them."""
    return (*OWN_FIELDS, *(("grpc-timeout", value) for value in head.values("grpc-timeout")))


def _one(values: Sequence[bytes], form: re.Pattern[bytes]) -> re.Match[bytes] | None:
    return form.fullmatch(values[0]) if len(values) == 1 else None


def unframed(body: bytes) -> memoryview:
    """Return the one message in `body`. Raises `Malformed` for none, for several, and for a part of one; `Unsupported`."""
    if len(body) < _PREFIX:
        raise Malformed("the body is not a message of gRPC", code="frame_malformed")
    if body[0] != 0:
        raise Unsupported("the message must not be compressed", code="frame_compressed")
    length = int.from_bytes(body[1:_PREFIX], "big")
    if length > len(body) - _PREFIX:
        raise Malformed("the body breaks off within a message", code="frame_malformed")
    if length < len(body) - _PREFIX:
        raise Malformed("a call has exactly one message", code="frame_repeated")
    return memoryview(body)[_PREFIX:]


def framed(message: bytes) -> bytes:
    """Return `message` in its frame."""
    return b"".join((b"\0", len(message).to_bytes(4, "big"), message))
