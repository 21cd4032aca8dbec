"""What never reached this service: requests that Envoy's own codec refused, told by its access log, put on record.

A header section too large, underscores in a name, two lengths at once, a method that is none: Envoy hangs up on these, or
resets the stream, before any filter runs. Its access log service (envoy.service.accesslog.v3) sends a line for each; the line
becomes an entry. No path and no header of the request is in it, and none is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc

from extproc.audit.entry import ENVOY_DETAILS, Entry, Private
from extproc.audit.witness import Log
from extproc.wire import access_log_pb2 as wire

SERVICE: Final = "envoy.service.accesslog.v3.AccessLogService"
LOG_PREFIX: Final = "vecgate/"
"""Our Envoy's log names are this and the door's name."""

_NANOSECONDS: Final = 1_000_000_000


class AccessLog:
    """Puts lines of Envoy's access log on record.

    `databases` gives the name and the engine of the database behind each door, `clock` Unix nanoseconds.
    """

    def __init__(self, *, log: Log, databases: dict[str, tuple[str, str]], clock: Callable[[], int]) -> None:
        self._log = log
        self._databases = databases
        self._clock = clock

    async def stream(
        self, messages: AsyncIterator[wire.StreamAccessLogsMessage], context: Any
    ) -> wire.StreamAccessLogsResponse:
        """Take one stream of lines; only its first message names the log."""
        del context
        door = ""
        async for message in messages:
            if message.identifier.log_name:
                door = message.identifier.log_name.removeprefix(LOG_PREFIX)
            for line in message.http_logs.log_entry:
                await self._log.append(self._entry(door, line))
        return wire.StreamAccessLogsResponse()

    def _entry(self, door: str, line: wire.HttpAccessLogEntry) -> Entry:
        database, engine = self._databases.get(door, ("", ""))
        common, details = line.common_properties, line.response.response_code_details
        started = common.start_time.seconds * _NANOSECONDS + common.start_time.nanos
        return Entry(
            kind="outcome",
            time_ns=started or self._clock(),
            database=database,
            engine=engine,
            decision="deny",
            reasons=("protocol_refused",),
            status=line.response.response_code.value or None,
            end="denied",
            detail={"envoy": details} if ENVOY_DETAILS.fullmatch(details) else {},
            private=Private(source=common.downstream_remote_address.socket_address.address),
        )


def handler(access_log: AccessLog) -> Any:
    """Return the gRPC handler of the service."""
    method = grpc.stream_unary_rpc_method_handler(
        access_log.stream,
        request_deserializer=wire.StreamAccessLogsMessage.FromString,
        response_serializer=wire.StreamAccessLogsResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(SERVICE, {"StreamAccessLogs": method})
