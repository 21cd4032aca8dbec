"""The report on what is only observed: what would have been refused, narrowed and masked, and nothing of what was refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from extproc.audit.entry import Fact
from extproc.audit.history import Recalled
from extproc.decision import Decision, Level, decode
from extproc.errors import EngineError
from extproc.operation import Operation
from extproc.policy.effect import Effect, effect
from extproc.policy.observed import Place, report, wanted
from extproc.policy.tally import Tally
from support.asking import asked
from support.exchange import KEY
from support.recall import recalled

OBSERVED = {"enforcement": "observe"}
DENIED = Decision(allow=False, reasons=("action_not_granted", "tenant_missing"))


def judge(operation: Operation, decision: Decision | EngineError) -> Effect:
    """Say to what a decision comes."""
    return effect(operation, decision, Level.METADATA, KEY)


def rows(tally: Tally[Place]) -> list[tuple[str, str, str, int]]:
    """Return the rows: what, action, roles, how often."""
    return [(row.key.what, row.key.action, row.key.roles, row.times) for row in tally]


def let_through(decision: Decision, number: int = 0, *, erased: bool = False, **changed: Any) -> Recalled:
    """Return the intent of a search that was let through, whatever was decided."""
    members = {"kind": "intent", "end": None, "detail": OBSERVED} | changed
    return recalled(asked(limit=200), decision=decision, number=number, erased=erased, **members)


def delivered(fact: Fact, *reasons: str) -> Recalled:
    """Return how a search ended."""
    outcome = recalled(asked(), decision=Decision(allow=True), kind="outcome", end="delivered", detail=OBSERVED)
    assert outcome.leaf is not None
    return replace(outcome, leaf=replace(outcome.leaf, facts=(fact,), reasons=reasons))


FACT = Fact(action="search", scope="records", collection="tickets", decision="allow")


def test_what_would_have_been_refused_counts_by_the_reason_that_the_caller_would_have_been_told() -> None:
    """Once a request, with how many callers of which roles."""
    found = report([let_through(DENIED, 1), let_through(DENIED, 2)], judge)

    assert found.requests == 2
    assert rows(found.refused) == [("action_not_granted", "search", "reader", 2)]
    assert rows(found.changed) == []


def test_what_would_have_been_narrowed_counts_by_how() -> None:
    """Only what this request asked for."""
    obligations = [{"type": "limit", "max": 50}, {"type": "vectors", "return": False}]
    decision = decode(json.dumps({"allow": True, "obligations": obligations}).encode())

    assert rows(report([let_through(decision)], judge).changed) == [("limit 50", "search", "reader", 1)]


def test_what_would_have_been_masked_counts_by_field() -> None:
    """From the answer as it was; values are only counted."""
    found = report([delivered(replace(FACT, masked_fields=("card", "email"), masked_values=6))], judge)

    assert (found.values, found.requests) == (6, 0)
    assert rows(found.changed) == [("card masked", "search", "reader", 1), ("email masked", "search", "reader", 1)]


def test_an_answer_that_would_not_have_been_released_counts_as_a_refusal() -> None:
    """Its reason stands in the outcome alone."""
    assert rows(report([delivered(FACT, "answer_partial")], judge).refused) == [("answer_partial", "search", "reader", 1)]


def test_of_erased_entries_the_leaf_still_says_what_would_have_been_refused() -> None:
    """Who asked is not known any more."""
    found = report([let_through(DENIED, erased=True), Recalled(missing="entry_unreadable")], judge)

    assert (found.erased, found.unreadable) == (1, 1)
    assert rows(found.refused) == [("action_not_granted", "search", "(erased)", 1)]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"kind": "outcome", "end": "delivered"}, True),
        ({"kind": "outcome", "end": "denied"}, False),
        ({"detail": {}}, False),
        ({"kind": "login_rejected"}, False),
    ],
)
def test_only_what_was_let_through_because_it_was_only_observed_is_wanted(changed: dict[str, Any], expected: bool) -> None:
    """What is refused in spite of it is no news."""
    leaf = let_through(DENIED, **changed).leaf
    assert leaf is not None

    assert wanted(leaf) is expected
