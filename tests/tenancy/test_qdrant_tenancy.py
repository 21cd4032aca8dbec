"""Tenants at work at once before Qdrant, on both interfaces: as if each were alone; and the bugs that this must find."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gateway import ROOT
from support.qdrant_gateway import Doors
from tenancy.qdrant_acts import LOADER, TENANTS, WRITES, Act, Maker
from tenancy.qdrant_drive import drive, stage
from tenancy.qdrant_model import Model, Point

pytestmark = pytest.mark.envoy

SEEDED = ROOT / "tests" / "tenancy" / "seeded"
SEED = random.SystemRandom().randrange(1 << 32)


BUGS = [
    "second conjunct dropped",
    "client's filter alone",
    "filter not on gets",
    "filter not on scrolls",
    "filter not on counts",
    "filter not on facets",
    "filter not on matrices",
    "filter not on queries",
    "filter not on groups",
    "starts not asked for",
    "starts elsewhere not asked for",
    "records beside groups not hidden",
    "filter lost over gRPC",
    "stamp not on payloads",
    "upserts over others' points",
    "filter not on deletions",
]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Run a gateway of two workers under the policy of tenants."""
    with stage(tmp_path_factory.mktemp("qdrant-tenancy")) as found:
        yield found


def test_tenants_at_work_at_once_see_and_change_only_their_own(doors: Doors) -> None:
    """What each is told, and what the database then holds, is what a model gives for some order of their acts."""
    course = asyncio.run(drive(doors, steps=900, seed=SEED))

    assert course.findings == []
    assert course.foreign_read == 0
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


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_found(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that leaves out one thing is found out."""
    monkeypatch.setenv("PYTHONPATH", str(SEEDED))
    monkeypatch.setenv("VECGATE_SEEDED_BUG", f"qdrant: {bug}")
    with stage(tmp_path) as broken:
        course = asyncio.run(drive(broken, steps=6000, seed=7))

    assert len(course.findings) >= 1


def maker() -> Maker:
    """Return a maker of acts that are always the same."""
    return Maker(random.Random(7))  # noqa: S311 - chance that can be had again, no secret


def test_the_same_seed_makes_the_same_acts() -> None:
    """A course that found something can be gone again."""
    one, other = maker(), maker()

    assert [one.round() for _ in range(50)] == [other.round() for _ in range(50)]


def test_acts_use_every_way_to_ask_on_both_interfaces() -> None:
    """In a few hundred rounds every method comes up for every tenant over either interface, and every way to start."""
    made = maker()
    acts = [act for _ in range(800) for act in made.round()]
    reads = {
        "scroll",
        "retrieve",
        "count",
        "facet",
        "search_matrix_pairs",
        "query_points",
        "query_points_groups",
        "query_batch_points",
    }

    for tenant in TENANTS:
        for over in ("rest", "grpc"):
            assert {act.method for act in acts if (act.actor, act.over) == (tenant, over)} == reads | WRITES
    for word in ("recommend=", "discover=", "prefetch=", "FormulaQuery(", "LookupLocation(", "WithLookup(", "update_filter"):
        assert word in str(acts), word
    assert any(act.actor == LOADER for act in acts)


def test_the_model_knows_whose_a_point_is() -> None:
    """What lies beyond the filter is not there for a tenant, and is there for the loader."""
    own = Point([0.0, 0.0, 0.0], {"tenant": "t1"})
    secret = Point([0.0, 0.0, 0.0], {"tenant": "t1", "secret": True})
    model = Model({1: own, 2: secret})
    count = {"count_filter": None}
    change = {"payload": {"n": 1}, "points": [1]}

    counted = [model.do(Act(actor=actor, over="rest", method="count", arguments=count)).told for actor in ("t1", "t2", LOADER)]
    model.do(Act(actor="t2", over="rest", method="set_payload", arguments=change))
    foreign = dict(model.points[1].payload)
    model.do(Act(actor="t1", over="rest", method="set_payload", arguments=change))

    assert [each["count"] for each in counted] == [1, 0, 2]
    assert (foreign, model.points[1].payload) == ({"tenant": "t1"}, {"tenant": "t1", "n": 1})
