"""The official Python client, unchanged, through a real Envoy: every step gives what it gives without the gateway."""

from __future__ import annotations

import itertools

import grpc
import pytest
from qdrant_client.http.exceptions import UnexpectedResponse

from extproc.audit.reader import read_leaves
from extproc.events import Transport
from support.qdrant_gateway import OVER, Doors
from support.qdrant_played import failure, played
from support.qdrant_scenario import Names, steps

pytestmark = pytest.mark.envoy
NUMBERS = itertools.count()


@pytest.mark.parametrize("kind", ["synchronous", "asynchronous"])
@pytest.mark.parametrize("over", OVER)
async def test_the_scenario_is_the_same_with_and_without_the_gateway(qdrant_doors: Doors, over: Transport, kind: str) -> None:
    """Two runs of the same steps, one past the gateway and one through it, have the same results to the last digit."""
    doors = qdrant_doors
    run = f"{over}-{kind}-{next(NUMBERS)}"
    doors.database.clear()
    plain = doors.direct(over) if kind == "synchronous" else doors.direct_asynchronous(over)
    expected = await played(plain, steps(Names(f"direct-{run}")), f"direct-{run}")
    doors.database.clear()
    guarded = doors.client(over, "admin") if kind == "synchronous" else doors.asynchronous(over, "admin")
    actual = await played(guarded, steps(Names(f"through-{run}")), f"through-{run}")

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
