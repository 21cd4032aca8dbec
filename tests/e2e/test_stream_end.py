"""What a real Envoy does when a stream ends, and that our service never lets it end the open way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from extproc.server import Servicer
from extproc.wire import ext_proc_pb2 as wire
from support.database import Recorder, recorder
from support.envoy import envoy, service, write_config

pytestmark = pytest.mark.envoy
CODEC = {
    "request_deserializer": wire.ProcessingRequest.FromString,
    "response_serializer": wire.ProcessingResponse.SerializeToString,
}
UNMASKED = b'{"ids":["a"],"documents":["4929 1234 5678 9012"]}'
ANSWERS = {
    "request_headers": wire.ProcessingResponse(request_headers=wire.HeadersResponse()),
    "request_body": wire.ProcessingResponse(request_body=wire.BodyResponse()),
    "response_headers": wire.ProcessingResponse(response_headers=wire.HeadersResponse()),
    "response_body": wire.ProcessingResponse(response_body=wire.BodyResponse()),
}


async def post(config: Path, port: int, process: Any, book: Recorder) -> tuple[int, bytes]:
    """Return status and body of one request that goes through Envoy and `process`."""
    book.answers["/x"] = (200, {"content-type": "application/json"}, UNMASKED)
    async with service(config, process, **CODEC), envoy(config, port) as client:
        response = await client.post("/x", content=b"{}", headers={"content-type": "application/json"})
        return response.status_code, response.content


@pytest.mark.parametrize("phase", list(ANSWERS))
async def test_pinned_a_clean_end_of_the_stream_lets_the_answer_through_unmasked(tmp_path: Path, phase: str) -> None:
    """Envoy takes a stream that ends without an error as leave to go on, whatever failure_mode_allow says."""

    async def ends_cleanly(messages: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:
        async for message in messages:
            if message.WhichOneof("request") == phase:
                return
            yield ANSWERS[message.WhichOneof("request")]

    with recorder() as book:
        config, port, _ = write_config(tmp_path, f"http://127.0.0.1:{book.port}")

        assert await post(config, port, ends_cleanly, book) == (200, UNMASKED)


class Quitter(Servicer):
    """Our servicer with a defect: its answering ends by itself at one kind of message."""

    def __init__(self, phase: str) -> None:
        super().__init__(guards={}, authorities={}, max_body=1 << 20)
        self.phase = phase

    async def _answer(self, context: Any) -> object:
        while True:
            message = await context.read()
            if message.WhichOneof("request") == self.phase:
                return message
            await context.write(ANSWERS[message.WhichOneof("request")])


@pytest.mark.parametrize("phase", list(ANSWERS))
async def test_a_handler_that_returns_early_aborts_the_stream_and_nothing_comes_out(tmp_path: Path, phase: str) -> None:
    """If answering ends before Envoy half-closed, the stream is aborted: the client gets an error and none of the answer."""
    with recorder() as book:
        config, port, _ = write_config(tmp_path, f"http://127.0.0.1:{book.port}")

        status, body = await post(config, port, Quitter(phase).process, book)

        assert status == 500
        assert b"4929" not in body


@pytest.mark.parametrize("phase", ["request_body", "response_body"])
async def test_a_service_that_is_stopped_mid_exchange_lets_nothing_through(tmp_path: Path, phase: str) -> None:
    """A server stopped while it holds an exchange cancels the stream, and Envoy refuses instead of going on."""
    reached = asyncio.Event()

    async def hangs(messages: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:
        async for message in messages:
            if message.WhichOneof("request") == phase:
                reached.set()
                await asyncio.sleep(60)
            yield ANSWERS[message.WhichOneof("request")]

    with recorder() as book:
        book.answers["/x"] = (200, {"content-type": "application/json"}, UNMASKED)
        config, port, _ = write_config(tmp_path, f"http://127.0.0.1:{book.port}")
        async with service(config, hangs, **CODEC) as server, envoy(config, port) as client:
            asking = asyncio.create_task(client.post("/x", content=b"{}"))
            await asyncio.wait_for(reached.wait(), 30)
            await server.stop(0)
            response = await asking

        assert response.status_code == 500
        assert b"4929" not in response.content
