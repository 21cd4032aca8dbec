"""The official Python client, unchanged, through a real Envoy: every step gives what it gives without the gateway."""

from __future__ import annotations

import inspect
import itertools
import json
from typing import Any

import grpc
import pytest
from pydantic_core import to_jsonable_python
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import UnexpectedResponse

from extproc.audit.reader import read_leaves
from extproc.events import Transport
from support.qdrant_gateway import OVER, Doors
from support.qdrant_scenario import Names, steps

pytestmark = pytest.mark.envoy
NUMBERS = itertools.count()


def outcome(result: Any, names: Names) -> Any:
    """Return what came back, with the names of the run taken out; payloads over gRPC have no order."""
    plain = to_jsonable_python(result)
    return json.loads(json.dumps(plain, sort_keys=True).replace(names.main, "MAIN"))


def failure(error: Exception) -> str:
    """Return how a call failed: by the status, for the words are masked."""
    if isinstance(error, UnexpectedResponse):
        return f"status {error.status_code}"
    if isinstance(error, grpc.RpcError):
        return f"code {error.code()}"
    return type(error).__name__


async def played(client: Any, names: Names) -> list[tuple[str, Any]]:
    """Return the outcome of each step; calls are awaited where they must be."""
    found = []
    for method, args, kwargs in steps(names):
        try:
            result = getattr(client, method)(*args, **kwargs)
            result = await result if inspect.isawaitable(result) else result
        except (UnexpectedResponse, grpc.RpcError, QdrantException, ValueError) as error:
            found.append((method, failure(error)))
        else:
            found.append((method, outcome(result, names)))
    return found


@pytest.mark.parametrize("kind", ["synchronous", "asynchronous"])
@pytest.mark.parametrize("over", OVER)
async def test_the_scenario_is_the_same_with_and_without_the_gateway(qdrant_doors: Doors, over: Transport, kind: str) -> None:
    """Two runs of the same steps, one past the gateway and one through it, have the same results to the last digit."""
    doors = qdrant_doors
    run = f"{over}-{kind}-{next(NUMBERS)}"
    doors.database.clear()
    plain = doors.direct(over) if kind == "synchronous" else doors.direct_asynchronous(over)
    expected = await played(plain, Names(f"direct-{run}"))
    doors.database.clear()
    guarded = doors.client(over, "admin") if kind == "synchronous" else doors.asynchronous(over, "admin")
    actual = await played(guarded, Names(f"through-{run}"))

    failed = [method for method, found in expected if str(found).startswith(("status ", "code "))]
    assert failed == ["count", "count", "query_points", "create_collection"]
    assert actual == expected


@pytest.mark.parametrize("over", OVER)
def test_a_reader_is_told_no_natively(starter_doors: Doors, over: Transport) -> None:
    """Over REST it is the client's own exception with a status and our reason, over gRPC a status with the same."""
    with pytest.raises((UnexpectedResponse, grpc.RpcError)) as caught:
        starter_doors.client(over, "reader").delete_collection("kb")

    said = caught.value
    text = said.content.decode() if isinstance(said, UnexpectedResponse) else said.details()
    assert failure(said) in {"status 403", "code StatusCode.PERMISSION_DENIED"}
    assert "denied by Vecgate: action_not_granted (exchange " in text
    assert list(read_leaves(starter_doors.gateway.audit))[-1].reasons == ("action_not_granted",)
