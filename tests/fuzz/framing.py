"""How one input holds several things: a head of lines before a body, or messages with their lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_LENGTH_BYTES = 2


def headed(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines of the head, and what stands behind the first empty line."""
    head, _, body = data.partition(b"\n\n")
    return head.split(b"\n"), body


def split(data: bytes) -> Iterator[bytes]:
    """Give the messages of a sequence; the last one may be cut short."""
    at = 0
    while at + _LENGTH_BYTES <= len(data):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[start - _LENGTH_BYTES : start])
        yield data[start:at]


def joined(messages: Iterable[bytes]) -> bytes:
    """Return messages as one input."""
    return b"".join(len(message).to_bytes(_LENGTH_BYTES) + message for message in messages if len(message) >> 16 == 0)
