"""The gRPC edge: Envoy's streams in, replies out; the standard health service; a drain that loses nothing.

Two facts shape it. A clean end of an ext_proc stream lets the traffic through untouched whatever Envoy is told about failures,
so this servicer answers every message until Envoy half-closes, or aborts with an error; it never just returns. And whoever
reaches this port could forge identities, so it is a Unix socket that only this user may open.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from extproc import accesslog, codec
from extproc.errors import ConfigError, Error, Malformed, StreamError, TooLarge, UpstreamError
from extproc.events import Continue, Event, Head, Immediate, Reply, Side
from extproc.guard import Guard
from extproc.pipeline import Exchange
from extproc.private import private_directory
from extproc.stream import Stream
from extproc.wire import ext_proc_pb2 as wire

SERVICE: Final = "envoy.service.ext_proc.v3.ExternalProcessor"
DOOR_METADATA: Final = "vecgate-door"
"""gRPC metadata with which our own Envoy says through which door a stream comes."""

_MESSAGE_OVERHEAD: Final = 1 << 20
"""Bytes that a message may have beside the body: heads, attributes, claims."""

_LETTING_GO: Final = 1.0
"""Seconds that Envoy has to let go of a stream on which all is said, before it is read from again."""

_log = logging.getLogger(__name__)


class Servicer:
    """Drives one `Stream` and one `Exchange` for each gRPC stream. `guards` are by door, `authorities` name doors."""

    def __init__(self, *, guards: Mapping[str, Guard], authorities: Mapping[str, str], max_body: int) -> None:
        self._guards = guards
        self._authorities = authorities
        self._max_body = max_body

    async def process(self, _: object, context: grpc.aio.ServicerContext) -> None:
        """Answer every message of one stream, in order, until Envoy half-closes.

        Should the answering ever end by itself before that, the stream is aborted: to Envoy a clean end would mean that the
        rest of the exchange may pass unseen. (It cannot end so as it stands; this holds it to that.)
        """
        if await self._answer(context) is not grpc.aio.EOF:
            await context.abort(grpc.StatusCode.INTERNAL, "the service ended before the exchange did")

    async def _answer(self, context: grpc.aio.ServicerContext) -> object:
        """Answer messages; return the last thing that was read."""
        stream = Stream(max_body=self._max_body)
        exchange: Exchange | None = None
        try:
            while (message := await context.read()) is not grpc.aio.EOF:
                event = codec.decode(message)
                if exchange is None:
                    codec.require_buffering(message)
                    exchange = self._begin(event, context)
                reply = await _reply(stream, exchange, event)
                await context.write(codec.encode(event, reply))
                if isinstance(reply, Immediate) or codec.is_last(message):
                    # Envoy lets go now, by half-closing and resetting the stream at once, which cancels this task. Whoever
                    # reads or returns just then leaves a hundred bytes behind in gRPC (grpc/grpc#43360), every time.
                    await asyncio.sleep(_LETTING_GO)
        except Error as error:
            _log.error("a stream was aborted: %s", error.code)
            await context.abort(grpc.StatusCode.INTERNAL, error.code)
        finally:
            if exchange is not None and not exchange.over:
                # Envoy may be gone and this task cancelled; that something was aborted is still written down.
                await asyncio.shield(_ended(exchange))
        return message

    def _begin(self, event: Event, context: grpc.aio.ServicerContext) -> Exchange:
        metadata = dict(context.invocation_metadata() or ())
        name = metadata.get(DOOR_METADATA) or self._by_authority(event)
        guard = self._guards.get(name)
        if guard is None:
            raise StreamError("a stream of no configured database")
        return Exchange(guard, exchange=secrets.token_hex(16), traceparent=metadata.get("traceparent"))

    def _by_authority(self, event: Event) -> str:
        if not isinstance(event, Head) or event.side is not Side.REQUEST:
            return ""
        return self._authorities.get(b"".join(event.values(":authority")).decode("latin-1").lower(), "")


async def _reply(stream: Stream, exchange: Exchange, event: Event) -> Reply:
    try:
        whole = stream.receive(event)
    except (Malformed, TooLarge, UpstreamError) as error:
        return await exchange.refuse(error)
    return Continue() if whole is None else await exchange.handle(whole)


async def _ended(exchange: Exchange) -> None:
    try:
        await exchange.ended()
    except Error as error:
        _log.error("the end of an exchange is not on record: %s", error.code)


class Server:
    """One worker's gRPC server on one private socket."""

    def __init__(self, *, servicer: Servicer, access_log: accesslog.AccessLog, socket: Path, max_body: int) -> None:
        limit = max_body + _MESSAGE_OVERHEAD
        self._socket = socket
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", limit),
                ("grpc.so_reuseport", 0),
            ]
        )
        process = grpc.stream_stream_rpc_method_handler(
            servicer.process,
            request_deserializer=wire.ProcessingRequest.FromString,
            response_serializer=wire.ProcessingResponse.SerializeToString,
        )
        handlers: list[Any] = [
            grpc.method_handlers_generic_handler(SERVICE, {"Process": process}),
            accesslog.handler(access_log),
        ]
        self._server.add_generic_rpc_handlers(tuple(handlers))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    async def start(self) -> None:
        """Listen. Raises `ConfigError` where the socket's directory is open to others, or the socket cannot be made."""
        private_directory(self._socket.parent)
        if self._socket.is_socket():
            self._socket.unlink()
        try:
            self._server.add_insecure_port(f"unix:{self._socket}")
        except RuntimeError as error:
            raise ConfigError(f"{self._socket}: cannot listen there; is another service using it?") from error
        await self._server.start()
        self._socket.chmod(0o700)
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def drain(self, grace: float) -> None:
        """Say that no more is taken, let what is under way end within `grace` seconds, and stop; the rest is aborted."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
