"""Decisions from memory: only those that say so, only for the same question, only while they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from extproc.decision import ApprovalObligation, BudgetObligation, Cache, Decision, Input, LimitObligation
from extproc.engines.cache import DecisionCache
from extproc.engines.engine import Decided
from extproc.errors import EngineError

Asked = Callable[..., Input]

NOW = 1_800_000_000.0
HELD = Decision(allow=True, obligations=(LimitObligation(max=3),), cache=Cache(ttl="30s"))


class FakeEngine:
    """Gives `answer`, and counts how often it was asked."""

    def __init__(self, answer: Decision | EngineError) -> None:
        self.answer = answer
        self.asked = 0
        self.closed = False
        self.revision = "r1"

    async def decide(self, asked: Input) -> Decided:
        """Return or raise the answer."""
        assert asked.operation.database == "kb"
        self.asked += 1
        if isinstance(self.answer, EngineError):
            raise self.answer
        return Decided(decision=self.answer, revision=self.revision)

    async def close(self) -> None:
        """Note the end."""
        self.closed = True


class Clock:
    """A clock that a test sets."""

    now = NOW

    def __call__(self) -> float:
        """Return Unix seconds."""
        return self.now


def parts(answer: Decision | EngineError = HELD, *, most: int = 100) -> tuple[FakeEngine, Clock, DecisionCache]:
    """Return an engine, a clock, and the cache between."""
    engine, clock = FakeEngine(answer), Clock()
    return engine, clock, DecisionCache(engine, clock, most=most)


async def test_the_same_question_is_decided_once(asked: Asked) -> None:
    """The time and the exchange do not make it another question."""
    engine, _, cache = parts()
    first = await cache.decide(asked(time_ns=1, exchange="e1"))
    second = await cache.decide(asked(time_ns=2, exchange="e2"))

    assert (first, second, engine.asked) == (Decided(decision=HELD, revision="r1"), first, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"roles": ("writer",)},
        {"roles": ("reader", "reader")},
        {"roles": ()},
        {"action": "scroll"},
        {"collection": None},
        {"collection": "tickets "},
        {"source": "192.0.2.8"},
        {"user_agent": "curl"},
        {"approval": {"id": "a", "approvers": []}},
        {"claims": {"sub": "ana", "exp": 2_000_000_000, "jti": "x"}},
        {"claims": {"sub": "ana", "exp": 2_000_000_001}},
        {"limit": 0},
    ],
)
async def test_any_other_question_is_asked(asked: Asked, change: dict[str, Any]) -> None:
    """Whatever else differs, the decision of one question is never the answer to another."""
    engine, _, cache = parts()
    await cache.decide(asked())
    await cache.decide(asked(**change))

    assert engine.asked == 2


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), ("1", 1), (None, "null"), ([1], 1)])
async def test_attack_values_that_python_takes_for_equal(asked: Asked, one: object, other: object) -> None:
    """Claims that are equal to Python but not to a policy are two questions."""
    engine, _, cache = parts()
    await cache.decide(asked(claims={"exp": 2_000_000_000, "a": one}))
    await cache.decide(asked(claims={"exp": 2_000_000_000, "a": other}))

    assert engine.asked == 2


@pytest.mark.parametrize(
    "answer",
    [
        Decision(allow=True),
        Decision(allow=False, reasons=("role_missing",)),
        Decision(allow=True, cache=Cache(ttl="0s")),
        Decision(allow=True, cache=Cache(ttl="30s"), obligations=(ApprovalObligation(approvers=("role:dba",)),)),
        Decision(allow=True, cache=Cache(ttl="30s"), obligations=(BudgetObligation(key="k", records=1, window="1h"),)),
    ],
)
async def test_what_is_not_to_be_kept_is_asked_again(asked: Asked, answer: Decision) -> None:
    """Without a lifetime, and with an approval or a budget, nothing is remembered."""
    engine, _, cache = parts(answer)
    await cache.decide(asked())
    await cache.decide(asked())

    assert engine.asked == 2


async def test_a_denial_is_kept_where_it_says_so(asked: Asked) -> None:
    """A denial with a lifetime is remembered like any other decision."""
    engine, _, cache = parts(Decision(allow=False, reasons=("role_missing",), cache=Cache(ttl="5s")))
    await cache.decide(asked())

    assert not (await cache.decide(asked())).decision.allow
    assert engine.asked == 1


async def test_a_failure_is_never_kept(asked: Asked) -> None:
    """An engine that failed is asked again."""
    engine, _, cache = parts(EngineError("down"))
    with pytest.raises(EngineError):
        await cache.decide(asked())
    engine.answer = HELD

    assert (await cache.decide(asked())).decision == HELD


@pytest.mark.parametrize(("later", "times"), [(0, 1), (29.9, 1), (30, 2), (31, 2), (-1, 2)])
async def test_a_decision_holds_for_its_time(asked: Asked, later: float, times: int) -> None:
    """A decision is used until its time is over, and not at all when the clock is set back."""
    engine, clock, cache = parts()
    await cache.decide(asked())
    clock.now = NOW + later
    await cache.decide(asked())

    assert times == engine.asked


@pytest.mark.parametrize(
    ("claims", "times"),
    [
        ({"exp": NOW + 10}, 1),
        ({"exp": int(NOW) + 6}, 1),
        ({"exp": NOW + 5}, 2),
        ({"exp": NOW}, 2),
        ({"exp": NOW - 1}, 2),
        ({}, 2),
        ({"exp": None}, 2),
        ({"exp": True}, 2),
        ({"exp": "2000000000"}, 2),
    ],
)
async def test_a_decision_does_not_outlive_its_token(asked: Asked, claims: dict[str, object], times: int) -> None:
    """A token that ends earlier ends the decision, and one that does not say when it ends is decided each time."""
    engine, clock, cache = parts()
    await cache.decide(asked(claims=claims))
    clock.now = NOW + 5
    await cache.decide(asked(claims=claims))

    assert times == engine.asked


async def test_another_revision_decides_anew(asked: Asked) -> None:
    """A decision of one policy is not used under another."""
    engine, _, cache = parts()
    await cache.decide(asked())
    engine.revision = "r2"
    await cache.decide(asked())

    assert (engine.asked, cache.revision) == (2, "r2")


async def test_a_decision_belongs_to_the_revision_that_made_it(asked: Asked) -> None:
    """A decision that came of a newer policy than was known is kept under that one, and never served under the old."""
    engine, _, cache = parts()
    decide = engine.decide

    async def replaced(asked: Input) -> Decided:
        engine.revision = "r2"
        return await decide(asked)

    engine.decide = replaced  # type: ignore[method-assign]
    first = await cache.decide(asked())
    engine.decide = decide  # type: ignore[method-assign]
    again = await cache.decide(asked())
    engine.revision = "r1"
    old = await cache.decide(asked())

    assert [first.revision, again.revision, old.revision] == ["r2", "r2", "r1"]
    assert engine.asked == 2


async def test_an_engine_without_a_revision_is_asked_each_time(asked: Asked) -> None:
    """Where it is not known which policy is in force, nothing is served from memory."""
    engine, _, cache = parts()
    await cache.decide(asked())
    engine.revision = ""
    await cache.decide(asked(limit=1))
    engine.revision = "r1"
    await cache.decide(asked())

    assert engine.asked == 2


async def test_attack_filling_the_cache(asked: Asked) -> None:
    """However many questions come, no more than the bound are kept, and the one in use stays."""
    engine, _, cache = parts(most=3)
    await cache.decide(asked())
    for number in range(10):
        await cache.decide(asked(collection=f"c{number}"))
        await cache.decide(asked())

    assert (engine.asked, len(cache._kept)) == (11, 3)


async def test_an_input_without_a_key_is_the_engines(asked: Asked) -> None:
    """What cannot be encoded is passed on, not failed over."""
    engine, _, cache = parts()
    for claims in ({"a": 1 << 70, "exp": 2_000_000_000}, {"a": "\ud800", "exp": 2_000_000_000}):
        await cache.decide(asked(claims=claims))
        await cache.decide(asked(claims=claims))

    assert engine.asked == 4


async def test_closing_forgets_and_closes(asked: Asked) -> None:
    """Nothing is left in memory, and the engine is closed."""
    engine, _, cache = parts()
    await cache.decide(asked())
    await cache.close()

    assert (engine.closed, len(cache._kept)) == (True, 0)
