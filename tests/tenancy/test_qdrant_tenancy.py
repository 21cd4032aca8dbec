"""Tenants at work at once before Qdrant, on both interfaces: as if each were alone; and the bugs that this must find."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from support.qdrant_gateway import Doors, guarded
from tenancy.drive import POLICY
from tenancy.qdrant_drive import drive

pytestmark = pytest.mark.envoy

SEED = random.SystemRandom().randrange(1 << 32)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Run a gateway of two workers under the policy of tenants."""
    with guarded(tmp_path_factory.mktemp("qdrant-tenancy"), policy=POLICY, workers=2) as found:
        yield found


def test_tenants_at_work_at_once_see_and_change_only_their_own(doors: Doors) -> None:
    """What each is told, and what the database then holds, is what a model gives for some order of their acts."""
    course = asyncio.run(drive(doors, steps=900, seed=SEED))

    assert course.findings == []
    # Without these the course would have proven little.
    assert course.returned > 50
    for over in ("rest", "grpc"):
        assert {
            f"upsert over {over}: 200",
            f"query_points over {over}: 200",
            f"query_points over {over}: not_found",
            f"query_points_groups over {over}: 200",
            f"retrieve over {over}: 200",
            f"facet over {over}: 200",
            f"search_matrix_pairs over {over}: 200",
        } <= course.told.keys()
