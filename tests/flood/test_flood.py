"""A flood of bad tokens: the short form of ``make flood``."""

from __future__ import annotations

from pathlib import Path

import pytest

from flood.drive import WORKERS, flood

pytestmark = pytest.mark.envoy


def test_a_flood_is_counted_exactly_in_a_bounded_number_of_entries(tmp_path: Path) -> None:
    """Each of 1,500 bad tokens got its 401 and is in the log, by reason, in less than one entry each."""
    found = flood(tmp_path, 1500)

    assert found.statuses == {401: 1500}
    assert found.logged == {"token_forged": 1000, "token_expired": 500}
    # A minute may end meanwhile, but hardly ten; and each sum is one entry for each reason.
    assert found.entries <= WORKERS * 10 * (100 + 2)
    assert found.entries < 1500
