"""Requests to the Chroma adapter, and the database's word on what a collection is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from extproc.events import Head, Request, Response, Side
from extproc.protocols import adapter_for
from extproc.protocols.adapter import Adapter, Reading

COLLECTION = "0953c020-14d8-44fc-af67-7dfb545a9d9a"
DATABASE = "/api/v2/tenants/acme/databases/main"


@pytest.fixture(scope="session")
def adapter() -> Adapter:
    """Return the adapter of Chroma."""
    return adapter_for("chroma")


@pytest.fixture(scope="session")
def records() -> str:
    """Return the path below which the records of the collection `notes` are reached."""
    return f"{DATABASE}/collections/{COLLECTION}"


@pytest.fixture(scope="session")
def collections() -> str:
    """Return the path of the collections."""
    return f"{DATABASE}/collections"


@pytest.fixture(scope="session")
def read(adapter: Adapter) -> Callable[..., Reading]:
    """Return a function that has the adapter read a request: (method, path, body as JSON or bytes, further fields)."""

    def read(method: str, path: str, body: Any = None, fields: tuple[tuple[str, bytes], ...] | None = None) -> Reading:
        data = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        sent = (("content-type", b"application/json"),) if fields is None else fields
        head = Head(
            side=Side.REQUEST,
            fields=((":method", method.encode()), (":path", path.encode("latin-1")), *sent),
            end_of_stream=not data,
        )
        return adapter.read(Request(method=method, target=path, head=head, body=data), "kb")

    return read


@pytest.fixture(scope="session")
def ask(adapter: Adapter, read: Callable[..., Reading]) -> Callable[..., Reading]:
    """Return a function as `read`, which also answers the adapter's question: the collection is called `notes`."""

    def ask(*request: Any) -> Reading:
        reading = read(*request)
        told = {"id": COLLECTION, "name": "notes", "tenant": "acme", "database": "main"}
        return adapter.resolve(reading, dict.fromkeys(reading.questions, told)) if reading.questions else reading

    return ask


@pytest.fixture(scope="session")
def response() -> Callable[..., Response]:
    """Return a function that makes a response: (body as JSON or bytes, status)."""

    def response(body: Any, status: int = 200) -> Response:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        head = Head(side=Side.RESPONSE, fields=((":status", str(status).encode()),), end_of_stream=not data)
        return Response(status=status, head=head, body=data)

    return response
