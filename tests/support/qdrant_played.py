"""Steps of a scenario played by a client of Qdrant, and what came of each in a form that can be compared."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from typing import Any

import grpc
from pydantic_core import to_jsonable_python
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import UnexpectedResponse

from support.qdrant_scenario import Step


def outcome(result: Any, name: str) -> Any:
    """Return what came back as plain values, with the name of the collection taken out; payloads over gRPC have no order."""
    plain = to_jsonable_python(result)
    return json.loads(json.dumps(plain, sort_keys=True).replace(name, "MAIN"))


def failure(error: Exception) -> str:
    """Return how a call failed: by the status, for the words are masked."""
    if isinstance(error, UnexpectedResponse):
        return f"status {error.status_code}"
    if isinstance(error, grpc.RpcError):
        return f"code {error.code()}"
    return type(error).__name__


async def played(client: Any, steps: Iterable[Step], name: str) -> list[tuple[str, Any]]:
    """Return the outcome of each step, whichever kind of client it is; `name` is the collection's."""
    found = []
    for method, args, kwargs in steps:
        try:
            result = getattr(client, method)(*args, **kwargs)
            result = await result if inspect.isawaitable(result) else result
        except (UnexpectedResponse, grpc.RpcError, QdrantException, ValueError) as error:
            found.append((method, failure(error)))
        else:
            found.append((method, outcome(result, name)))
    return found
