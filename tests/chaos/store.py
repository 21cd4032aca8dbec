"""A made-up database on an event loop: fast, Chroma-shaped, and told by the caller what each request is answered with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

_LONGEST_HEAD: Final = 1 << 20
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as the database received it."""

    method: str
    target: str
    user_agent: str
    body: bytes


Answers = Callable[[Asked], Awaitable[tuple[int, bytes]]]
"""Gives the status and the JSON body for a request."""


@asynccontextmanager
async def serving(port: int, answers: Answers) -> AsyncIterator[None]:
    """Answer every request on a loopback port until the block ends."""
    connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connections[task] = writer
        try:
            while True:
                status, body = await answers(await _receive(reader))
                writer.write(
                    b"HTTP/1.1 %d -\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
                )
                for at in range(0, len(body), _CHUNK):
                    writer.write(body[at : at + _CHUNK])
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked is gone
        finally:
            del connections[task]
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", port, limit=_LONGEST_HEAD)
    try:
        yield
    finally:
        server.close()
        for writer in connections.values():
            writer.close()
        await asyncio.gather(*connections)


async def _receive(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, target, _ = first.split(" ")
    body = b""
    if fields.get("transfer-encoding", "").lower() == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif length := int(fields.get("content-length", 0)):
        body = await reader.readexactly(length)
    return Asked(method=method, target=target, user_agent=fields.get("user-agent", ""), body=body)
