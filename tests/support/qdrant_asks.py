"""Requests to Qdrant over either interface, read by its adapter in the test's own process."""

from __future__ import annotations

import json
from typing import Any

from extproc.events import Fields, Head, Request, Response, Side, Transport
from extproc.protocols import adapter_for
from extproc.protocols.adapter import Adapter, Outgoing, Reading
from extproc.protocols.framing import framed
from extproc.protocols.qdrant_names import ALIASES

ADAPTERS: dict[Transport, Adapter] = {"rest": adapter_for("qdrant", "rest"), "grpc": adapter_for("qdrant", "grpc")}


def rest(method: str, target: str, body: Any = None) -> Request:
    """Return a request over REST; a body that is no bytes is sent as JSON."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    fields: Fields = ((":method", method.encode()), (":path", target.encode()))
    if data:
        fields += (("content-type", b"application/json"),)
    return Request(method=method, target=target, head=Head(side=Side.REQUEST, fields=fields, end_of_stream=not data), body=data)


def grpc(rpc: str, message: Any) -> Request:
    """Return a call over gRPC with one message, or with bytes that are no frame."""
    data = message if isinstance(message, bytes) else framed(message.SerializeToString())
    fields = ((":method", b"POST"), (":path", rpc.encode()), ("content-type", b"application/grpc"), ("te", b"trailers"))
    return Request(method="POST", target=rpc, head=Head(side=Side.REQUEST, fields=fields, end_of_stream=False), body=data)


def read(request: Request, aliases: dict[str, str] | None = None) -> Reading:
    """Return a request as the adapter of its interface understands it once the database has told its `aliases`."""
    adapter = ADAPTERS[transport(request)]
    reading = adapter.read(request, "kb")
    if not reading.questions:
        return reading
    assert reading.questions == (ALIASES,)
    told = [{"alias_name": name, "collection_name": own} for name, own in (aliases or {}).items()]
    return adapter.resolve(reading, {ALIASES: {"result": {"aliases": told}}})


def transport(request: Request) -> Transport:
    """Return the interface of a request."""
    return "grpc" if request.head.values("content-type") == [b"application/grpc"] else "rest"


def again(outgoing: Outgoing, over: Transport) -> Request:
    """Return what is forwarded as a request that a client might have sent."""
    if over == "rest":
        return rest(outgoing.method, outgoing.target, outgoing.body)
    return grpc(outgoing.target, outgoing.body or b"")


def answer(body: Any, over: Transport) -> Response:
    """Return a success of the database's: JSON over REST, a message over gRPC."""
    data = json.dumps(body).encode() if over == "rest" else framed(body.SerializeToString())
    return Response(status=200, head=Head(side=Side.RESPONSE, fields=((":status", b"200"),), end_of_stream=False), body=data)
