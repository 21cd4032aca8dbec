"""What the demo's checks rest on: finding leaks, and reading refusals."""

from pathlib import Path
from typing import Any

import pytest

from extproc.demo.collector import Collector
from extproc.demo.stage import Evidence, Stage, Tokens, leaks
from extproc.demo.tickets import Ticket
from extproc.secret import Secret

TICKET = Ticket(
    id="T-1",
    text="",
    metadata={"name": "Ada Novak", "email": "ada@example.com", "phone": "+1 202 555 0100", "card": "4242424242424242"},
)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return a stage on which nothing runs."""
    return Stage(
        config=tmp_path / "vecgate.yaml",
        host="127.0.0.1",
        port=1,
        database_url="http://127.0.0.1:1",
        tokens=Tokens(reader="r", writer="w", admin="a", forged="f", expired="e", database_key="k"),
        tickets=(TICKET,),
        evidence=Evidence(directory=tmp_path, sealing_key=lambda: Secret(b"x" * 32), collector=Collector()),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[REDACTED]", []),
        ("write to ada@example.com", ["email of T-1"]),
        ('"4242424242424242"', ["card of T-1"]),
        ("card 4242 4242 4242 4242", ["card of T-1"]),
        ("Ada Novak, +1 202 555 0100", ["name of T-1", "phone of T-1"]),
    ],
)
def test_leaks_are_found_and_not_repeated(text: str, expected: list[str]) -> None:
    """A personal value is found in every spelling that the tickets use, and named without being quoted."""
    assert expected == leaks(text, [TICKET])


def test_refusal_is_read_from_what_the_client_shows(stage: Stage) -> None:
    """Reason and exchange come from the gateway's message, and are remembered for the look into the log."""

    def refused() -> None:
        raise ValueError("denied by Vecgate: policy_denied (exchange 00ff): not allowed")

    refusal = stage.refusal(refused)

    assert refusal is not None
    assert (refusal.reason, refusal.exchange) == ("policy_denied", "00ff")
    assert stage.refusals == [refusal]


def test_failure_of_something_else_is_no_refusal(stage: Stage) -> None:
    """A broken connection must not pass for the gateway's refusal."""

    def broken() -> Any:
        raise ConnectionError("connection refused")

    refusal = stage.refusal(broken)

    assert refusal is not None
    assert (refusal.reason, stage.refusals) == ("", [])


def test_what_was_done_is_no_refusal(stage: Stage) -> None:
    """An action that succeeds was not refused."""
    assert stage.refusal(lambda: None) is None
