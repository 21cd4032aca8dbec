"""Each of Chroma's operations in operations.csv has a verdict: its own action, or a refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.errors import Error, Unrecognised
from extproc.protocols import routes
from extproc.protocols.adapter import Adapter, Reading
from support.chroma_rows import ROWS, request

_ID = "0953c020-14d8-44fc-af67-7dfb545a9d9a"
_NOTES = {"tenant": "acme", "database": "main", "name": "notes", "id": _ID}


def test_table_has_all_rows() -> None:
    """The table lists Chroma's 42 operations, each with a verdict, and a verdict for nothing else."""
    rows = [(row.method, row.template) for row in routes.rows("chroma")]

    assert len(rows) == 42
    assert set(rows) == ROWS.keys()


@pytest.mark.parametrize("route", routes.rows("chroma"), ids=lambda route: f"{route.method} {route.template}")
def test_each_row_has_its_verdict(route: routes.Route, adapter: Adapter, read: Callable[..., Reading]) -> None:
    """A row is read as one operation with its own action and scope, or refused because the operation is not supported."""
    verdict = ROWS[route.method, route.template]
    sent = request((route.method, route.template), **_NOTES)

    if verdict.action is None:
        with pytest.raises(Unrecognised) as caught:
            read(*sent)

        assert caught.value.code == "operation_unsupported"
    else:
        reading = read(*sent)
        if reading.questions:
            reading = adapter.resolve(reading, dict.fromkeys(reading.questions, _NOTES))

        assert verdict.action == route.action
        assert [(route.action, route.scope)] == [(each.action, each.scope) for each in reading.operations]


@pytest.mark.parametrize(
    "row", [row for row, verdict in ROWS.items() if verdict.action is not None], ids=lambda row: f"{row[0]} {row[1]}"
)
def test_each_request_is_forwarded_as_what_it_is(
    row: tuple[str, str], adapter: Adapter, ask: Callable[..., Reading], read: Callable[..., Reading]
) -> None:
    """What is forwarded is read as the same operation again, and nothing of it is lost."""
    method, path, body = request(row, **_NOTES)

    outgoing = adapter.write(ask(method, path, body))

    assert (outgoing.method, outgoing.target, outgoing.body is None) == (method, path, body is None)
    assert outgoing == adapter.write(ask(outgoing.method, outgoing.target, outgoing.body))
    assert read(method, path, body).operations == read(outgoing.method, outgoing.target, outgoing.body).operations


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_no_row_takes_a_member_or_parameter_that_is_not_known(row: tuple[str, str], read: Callable[..., Reading]) -> None:
    """On every route an unknown parameter, and an unknown member of the body, is refused."""
    method, path, body = request(row, **_NOTES)

    for target, sent in ((f"{path}?x=1", body), (path, {**(body or {}), "x": 1})):
        with pytest.raises(Error) as caught:
            read(method, target, sent)

        assert caught.value.code in {"parameter_unknown", "member_unknown", "body_unexpected", "operation_unsupported"}
