"""What commands share: times as people write them."""

from __future__ import annotations

import time

import pytest
import typer

from extproc.commandline import moment

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-24T08:00Z", 1795507200),
        ("2026-11-24T08:00", 1795507200),
        ("2026-11-24T09:00+01:00", 1795507200),
        ("2026-11-24", 1795478400),
        ("", 0),
    ],
)
def test_times_are_read(text: str, seconds: int) -> None:
    """In UTC where they do not say."""
    assert moment(text) == seconds * SECOND


def test_durations_lie_before_now() -> None:
    """An hour ago is between two looks at the clock, an hour before each."""
    before = time.time_ns()
    found = moment("1h")

    assert before <= found + 3600 * SECOND <= time.time_ns()


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "12", "-1h"])
def test_what_is_no_time_is_bad_use(text: str) -> None:
    """With the option named."""
    with pytest.raises(typer.BadParameter) as refusal:
        moment(text, "--at")

    assert refusal.value.param_hint == "--at"
