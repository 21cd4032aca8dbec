"""Each of Qdrant's operations in operations.csv has a verdict on its interface: its own action, or a refusal."""

from __future__ import annotations

import pytest

from extproc.errors import Error, Unrecognised
from extproc.events import Request, Transport
from extproc.protocols import routes
from support import qdrant_asks as asks
from support.qdrant_requests import GRPC, HEALTH, REST, path, verdict

ROWS: list[tuple[Transport, routes.Route]] = [
    *(("rest", row) for row in routes.rows("qdrant")),
    *(("grpc", row) for row in routes.rows("qdrant", "grpc") if row.template not in HEALTH),
]
SERVED = [
    (over, row) for over, row in ROWS if (REST[row.method, row.template] if over == "rest" else verdict(row.template)).actions
]


def named(row: object) -> str:
    """Return a name for a row in a test's id."""
    return f"{row.method} {row.template}" if isinstance(row, routes.Route) else str(row)


def request(over: Transport, row: routes.Route) -> Request:
    """Return a lawful request of a row; of a row that is refused, one as good as any."""
    if over == "rest":
        return asks.rest(row.method, path(row.template), REST[row.method, row.template].sent)
    sent = verdict(row.template).sent
    return asks.grpc(row.template, b"\0\0\0\0\0" if sent is None else sent)


def test_every_row_has_a_verdict_and_nothing_else_has() -> None:
    """The table lists 204 operations on the two interfaces, of which two answer for the server's health."""
    rest, grpc = routes.rows("qdrant"), routes.rows("qdrant", "grpc")

    assert (len(rest), len(grpc), len(rest) + len(grpc)) == (102, 102, 204)
    assert {(row.method, row.template) for row in rest} == REST.keys()
    assert {f"/qdrant.{name}" for name in GRPC} | HEALTH < {row.template for row in grpc}


@pytest.mark.parametrize(("over", "row"), ROWS, ids=named)
def test_each_row_has_its_verdict(over: Transport, row: routes.Route) -> None:
    """A row is read as operations of its own actions and scope, or refused because it is served for nobody."""
    expected = (REST[row.method, row.template] if over == "rest" else verdict(row.template)).actions

    if not expected:
        with pytest.raises(Unrecognised) as caught:
            asks.read(request(over, row))

        assert caught.value.code == "operation_unsupported"
    else:
        reading = asks.read(request(over, row))

        assert tuple(each.action for each in reading.operations) == expected
        assert {each.scope for each in reading.operations} == {row.scope}
        assert row.action in {*expected, "batch_mixed"}


@pytest.mark.parametrize(("over", "row"), SERVED, ids=named)
def test_what_is_forwarded_is_read_as_the_same(over: Transport, row: routes.Route) -> None:
    """A request that nothing is asked of is forwarded as it is understood, and understood as it is forwarded."""
    sent = request(over, row)
    outgoing = asks.ADAPTERS[over].write(asks.read(sent))
    forwarded = asks.again(outgoing, over)

    assert asks.read(forwarded).operations == asks.read(sent).operations
    assert asks.ADAPTERS[over].write(asks.read(forwarded)) == outgoing


@pytest.mark.parametrize(("method", "template"), REST, ids=str)
def test_no_row_takes_a_member_or_parameter_that_is_not_known(method: str, template: str) -> None:
    """On every route an unknown parameter, and an unknown member of the body, is refused."""
    target, body = path(template), REST[method, template].sent

    for sent in (asks.rest(method, f"{target}?x=1", body), asks.rest(method, target, {**(body or {}), "x": 1})):
        with pytest.raises(Error) as caught:
            asks.read(sent)

        assert caught.value.code in {"parameter_unknown", "member_unknown", "body_unexpected", "operation_unsupported"}


@pytest.mark.parametrize("rpc", [f"/qdrant.{name}" for name in GRPC])
def test_no_message_takes_a_member_that_is_not_known(rpc: str) -> None:
    """A member of a number that the compiled messages do not have is refused on every call."""
    message = type(verdict(rpc).sent).FromString(verdict(rpc).sent.SerializeToString() + b"\xfa\x7f\x01x")

    with pytest.raises(Unrecognised) as caught:
        asks.read(asks.grpc(rpc, message))

    assert caught.value.code == "member_unknown"
