"""Random moments, a few of them: `make moments` has the many."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from chaos.moments import Kills, Losses
from extproc.audit.records import Finding
from extproc.errors import AuditError
from support import lossy


@pytest.mark.parametrize("seed", [1, 2])
def test_loss_of_power_breaks_no_promise(tmp_path: Path, seed: int) -> None:
    """Acknowledged entries stay, signed checkpoints hold, and the log verifies."""
    losses = Losses(tmp_path, random.Random(seed))  # noqa: S311 - repeatable
    for _ in range(12):
        losses.lose()

    assert len(losses.acknowledged) > 0


def test_a_broken_promise_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were records not waited for, the same test would fail."""
    monkeypatch.setattr(lossy, "_durable", lambda _: False)
    losses = Losses(tmp_path, random.Random(1))  # noqa: S311 - repeatable
    broken = 0
    for _ in range(12):
        try:
            losses.lose()
        except (AssertionError, AuditError, Finding):
            broken += 1

    assert broken > 0


def test_kills_break_no_promise(tmp_path: Path) -> None:
    """Of worker, clerk, or both."""
    kills = Kills(tmp_path, random.Random(3))  # noqa: S311 - repeatable
    for _ in range(4):
        kills.kill()

    assert len(kills.acknowledged) > 0
