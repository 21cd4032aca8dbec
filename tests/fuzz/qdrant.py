"""Requests of Qdrant as the targets make and settle them: over REST a head and a body, over gRPC a call and its message."""

from __future__ import annotations

from extproc.events import Request, Transport
from extproc.protocols.adapter import Adapter, Reading
from extproc.protocols.framing import framed
from extproc.protocols.qdrant_names import ALIASES
from fuzz import mutation
from fuzz.framing import headed
from fuzz.mutation import Bytes
from support import qdrant_asks as asks

TOLD = {"result": {"aliases": [{"alias_name": "also", "collection_name": "kb"}]}}
"""What the database says that its aliases are."""


def request(data: bytes) -> Request:
    """Return a request from an input: ``METHOD TARGET``, an empty line and the body; a target with a dot is a call's."""
    (first, *_), body = headed(data)
    method, _, target = first.decode("latin-1").partition(" ")
    return asks.grpc(target, framed(body)) if method == "GRPC" else asks.rest(method, target, body)


def settled(asked: Request) -> Reading:
    """Return the reading of a request with its questions answered. Raises `Error`."""
    adapter = adapter_of(asked)
    reading = adapter.read(asked, "kb")
    return adapter.resolve(reading, {ALIASES: TOLD}) if reading.questions else reading


def adapter_of(asked: Request) -> Adapter:
    """Return the adapter of a request's interface."""
    return asks.ADAPTERS[transport(asked)]


def transport(asked: Request) -> Transport:
    """Return a request's interface."""
    return asks.transport(asked)


def mutate(data: bytes, most: int, seed: int, plain: Bytes) -> bytes:
    """Change a message as bytes behind its head, anything else as JSON."""
    head, gap, body = data.partition(b"\n\n")
    if not head.startswith(b"GRPC") or not gap or seed % 8 == 0:
        return mutation.tree(data, most, seed, plain)
    return (head + gap + plain(body, max(most - len(head) - len(gap), 1)))[:most]
