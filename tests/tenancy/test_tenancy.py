"""Tenants at work at once: the short form of ``make tenancy``, and the bugs that it must find."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.gateway import ROOT, Gateway, running
from tenancy.acts import LOADER, TENANTS, Act, Maker
from tenancy.drive import POLICY, drive
from tenancy.model import Model, Record

pytestmark = pytest.mark.envoy

SEEDED = ROOT / "tests" / "tenancy" / "seeded"
SEED = random.SystemRandom().randrange(1 << 32)
BUGS = [
    "second conjunct dropped",
    "client's filter alone",
    "filter not on get",
    "filter not on query",
    "filter not on count",
    "filter not on delete",
    "foreign not refused",
    "stamp not on updates",
    "nothing reserved",
]


@pytest.fixture(scope="module")
def gateway(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway of two workers under the policy of tenants."""
    with running(tmp_path_factory.mktemp("tenancy"), f"http://127.0.0.1:{chroma}", policy=POLICY, workers=2) as found:
        yield found


def test_tenants_at_work_at_once_see_and_change_only_their_own(gateway: Gateway, chroma: int) -> None:
    """What each is told, and what Chroma then holds, is what a model gives for some order of their acts."""
    course = asyncio.run(drive(gateway, chroma, steps=800, seed=SEED))

    assert course.findings == []
    assert course.foreign_read == 0
    # Without these the course would have proven little.
    assert course.returned > 50
    assert {
        "upsert: 200",
        "upsert: record_foreign",
        "delete: 200",
        "get: 200",
        "query: 200",
        "count: 200",
    } <= course.told.keys()


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_found(bug: str, chroma: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that leaves out one thing is found out."""
    monkeypatch.setenv("PYTHONPATH", str(SEEDED))
    monkeypatch.setenv("VECGATE_SEEDED_BUG", bug)
    with running(tmp_path, f"http://127.0.0.1:{chroma}", policy=POLICY, workers=2) as broken:
        course = asyncio.run(drive(broken, chroma, steps=6000, seed=SEED))

    assert len(course.findings) >= 1, f"seed {SEED}"
    assert any("no order of these acts" in finding for finding in course.findings)


def maker() -> Maker:
    """Return a maker of acts that are always the same."""
    return Maker(random.Random(7))  # noqa: S311 - chance that can be had again, no secret


def test_the_same_seed_makes_the_same_acts() -> None:
    """A course that found something can be gone again."""
    one, other = maker(), maker()

    assert [one.round() for _ in range(50)] == [other.round() for _ in range(50)]


def test_acts_meet_on_the_same_ids_and_use_every_operator() -> None:
    """In a few hundred rounds every operation, every operator and every id comes up for every tenant."""
    made = maker()
    acts = [act for _ in range(400) for act in made.round()]
    operators = [
        "$eq",
        "$ne",
        "$lt",
        "$lte",
        "$gt",
        "$gte",
        "$in",
        "$nin",
        "$and",
        "$or",
        "$contains",
        "$not_contains",
        "$regex",
    ]

    assert all(f"'{operator}'" in str(acts) for operator in operators)
    for tenant in TENANTS:
        own = [act for act in acts if act.actor == tenant]
        assert {act.operation for act in own} == {"add", "upsert", "update", "delete", "get", "query", "count"}
    assert any(act.actor == LOADER for act in acts)


def test_the_model_knows_whose_a_record_is() -> None:
    """What lies beyond the filter is not there for a tenant, and is there for the loader."""
    record = Record([0.0, 0.0], None, {"tenant": "t1"})
    secret = Record([0.0, 0.0], None, {"tenant": "t1", "secret": True})
    model = Model({"own": record, "secret": secret})

    counted = [model.do(Act(actor=actor, operation="count", body=None)).told for actor in ("t1", "t2", LOADER)]
    written = [model.do(Act(actor=actor, operation="update", body={"ids": ["own"]})).reason or "done" for actor in ("t1", "t2")]

    assert (counted, written) == ([1, 0, 2], ["done", "record_foreign"])
