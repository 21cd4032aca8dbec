"""Workers killed under load, a few times: the short form of ``make chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.storm import Weather, storm

pytestmark = pytest.mark.envoy


@pytest.mark.parametrize(("workers", "kills"), [(2, 3), (1, 2)], ids=["two workers", "one worker"])
def test_killed_workers_leave_no_answer_without_evidence_and_no_value_unmasked(
    tmp_path: Path, workers: int, kills: int
) -> None:
    """After each kill the same gateway serves again; what clients and database saw is on record, and no log is torn."""
    seen = storm(tmp_path, Weather(workers=workers, kills=kills, seconds=45))

    assert seen.findings == []
    assert seen.kills == kills
    assert seen.successes > kills
    assert len(seen.costs) >= workers - 1
    # Without such a one the storm would have proven little.
    assert any(answer.status is None or answer.status >= 500 for answer in seen.answers)


def test_a_kill_costs_only_what_the_dead_worker_held_however_soon_it_follows(tmp_path: Path) -> None:
    """A worker that dies a moment after it or the other one came back is left at once, not a second later."""
    seen = storm(tmp_path, Weather(workers=2, kills=4, seconds=60, waits=("all",), pause=0.05))

    assert seen.findings == []
    assert len(seen.costs) == 4
