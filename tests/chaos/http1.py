"""Keep-alive HTTP/1.1 connections on an event loop, for load: requests ready made, and every byte that came back.

A connection that breaks keeps what it had heard until then, because half an answer may hold a value just as a whole one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final, Self

_CHUNK: Final = 1 << 20
_HEAD_END: Final = b"\r\n\r\n"


class Broken(Exception):
    """No whole answer came; `kind` says what came instead, `heard` is all that was sent."""

    def __init__(self, kind: str, heard: bytes) -> None:
        super().__init__(kind)
        self.kind = kind
        self.heard = heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. `raw` is all of it as it came, `closing` whether the connection ends with it."""

    status: int
    fields: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def closing(self) -> bool:
        """Whether the other side hangs up after it."""
        return self.fields.get("connection", "").lower() == "close"


@dataclass(slots=True)
class Connection:
    """One keep-alive connection to a loopback port, made when it is needed."""

    port: int
    timeout: float = 60.0
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def ask(self, request: bytes) -> Reply:
        """Send `request` and return the answer. Raises `Broken`; then the next request makes a new connection."""
        heard = bytearray()
        try:
            async with asyncio.timeout(self.timeout):
                reader, writer = await self._connected()
                writer.write(request)
                reply = await _receive(reader, heard)
        except (OSError, TimeoutError, EOFError) as error:
            await self.close()
            kind = "nothing in time" if isinstance(error, TimeoutError) else "connection closed"
            raise Broken(kind, bytes(heard)) from error
        if reply.closing:
            await self.close()
        return reply

    async def send_and_leave(self, request: bytes) -> None:
        """Send `request` and hang up without waiting for the answer."""
        try:
            _, writer = await self._connected()
            writer.write(request)
            await writer.drain()
        except OSError:
            pass
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        if self._streams is None:
            return
        _, writer = self._streams
        self._streams = None
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            return

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port, limit=4 * _CHUNK)
        return self._streams


def request(method: str, target: str, fields: dict[str, str], body: bytes | None = None) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {target} HTTP/1.1", "host: kb", *(f"{name}: {value}" for name, value in fields.items())]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + _HEAD_END + (body or b"")


async def _receive(reader: asyncio.StreamReader, heard: bytearray) -> Reply:
    """Take one answer off `reader`, into `heard` byte for byte. Raises `EOFError` where it ends early."""
    while (end := heard.find(_HEAD_END)) < 0:
        await _more(reader, heard)
    first, *lines = heard[:end].decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    start, status = end + len(_HEAD_END), int(first.split()[1])
    if fields.get("transfer-encoding", "").lower() == "chunked":
        while not heard.endswith(b"0" + _HEAD_END, start):
            await _more(reader, heard)
    else:
        length = int(fields.get("content-length", 0))
        while len(heard) < start + length:
            await _more(reader, heard)
    return Reply(status=status, fields=fields, body=bytes(heard[start:]), raw=bytes(heard))


async def _more(reader: asyncio.StreamReader, heard: bytearray) -> None:
    chunk = await reader.read(_CHUNK)
    if not chunk:
        raise EOFError
    heard += chunk
