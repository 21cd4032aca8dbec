"""What may be told to a caller who was refused: the reason, what it means and what to do; nothing of anything else."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.decision import Decision, LimitObligation
from extproc.errors import EngineError
from extproc.policy.effect import Effect
from extproc.policy.explanation import Advice, Explained, Explanation, advice, differences
from extproc.policy.tracing import Given, Traced
from support.asking import asked

SECRETS = ("salary-lists", "alice@corp.test", "boss", "tenant-9", "/etc/policy/payroll.rego:7", "7788", "hidden_reason")
RULE = Given(
    rule="data.vecgate.authz.denials",
    value="payroll_closed",
    element=True,
    place=SECRETS[4],
    names={"role": SECRETS[2], "who": SECRETS[1]},
    title="Payroll closed",
    description=f"Only {SECRETS[2]} sees {SECRETS[0]}.",
    remedy="Ask the owner of the payroll data for the group.",
)


def explained(decision: Decision | EngineError, *given_by: Given) -> Explained:
    """Return an operation whose input and decision hold what nobody may be told."""
    question = asked(collection=SECRETS[0], roles=(SECRETS[2],), claims={"tenant": SECRETS[3]}, source="192.0.2.1")
    effect = Effect(refusal="payroll_closed")
    return Explained(input=question, decision=decision, effect=effect, traced=Traced(decision=decision, given=given_by))


def refused(reason: str, *operations: Explained, status: int | None = 403) -> Explanation:
    """Return the explanation of a refusal."""
    return Explanation(
        revision=SECRETS[5], operations=operations, reason=reason, status=status, exchange="e1", notes=[SECRETS[0]]
    )


DENIED = Decision(allow=False, reasons=("payroll_closed", SECRETS[6]), obligations=(LimitObligation(max=7788),))


def test_the_caller_is_told_what_the_author_wrote_for_them() -> None:
    """Title and remedy of the rule that gave the reason, and the reason that the caller was told already."""
    told = advice(refused("payroll_closed", explained(DENIED, RULE)))

    assert told == Advice(exchange="e1", reason="payroll_closed", title="Payroll closed", remedy=RULE.remedy)


def test_the_caller_is_told_nothing_else() -> None:
    """No input, no other reason, no rule, place, description or variable, no obligation, no note."""
    other = Given(rule="x", value=SECRETS[6], element=True, place="p", names={}, title=SECRETS[6], remedy=SECRETS[6])
    told = advice(refused("payroll_closed", explained(DENIED, RULE, other)))
    assert told is not None

    assert [each for each in SECRETS if each in json.dumps(asdict(told))] == []


def test_a_rule_without_title_gives_plain_words() -> None:
    """What an author did not write for callers is not told to them, a description least of all."""
    silent = Given(rule="d", value="payroll_closed", element=True, place="p", names={}, description=SECRETS[0])

    assert advice(refused("payroll_closed", explained(DENIED, silent))) == Advice(
        exchange="e1",
        reason="payroll_closed",
        title="The request was refused",
        remedy="Ask whoever administers the policy, and name the exchange.",
    )


@pytest.mark.parametrize(
    ("reason", "status", "title"),
    [
        ("masked_field_predicate", 403, "A hidden field is asked about"),
        ("record_foreign", 403, "The id is taken"),
        ("record_outside_filter", 403, "The record would not be yours"),
        ("record_busy", 403, "Others write these records"),
        ("obligation_unsupported", 403, "This cannot be done within your bounds"),
        ("request_malformed", 400, "The request cannot be read"),
        ("token_expired", 401, "The caller is not known"),
        ("collection_unknown", 404, "There is no such thing"),
        ("body_too_large", 413, "The request is too large"),
        ("content_type_unknown", 415, "The content cannot be read"),
        ("audit_unavailable", 500, "The gateway cannot do it now"),
        ("answer_partial", 502, "The database did not answer as it should"),
        ("policy_late", 403, "The request was refused"),
        ("anything", None, "The request was refused"),
    ],
)
def test_the_gateways_own_reasons_have_words(reason: str, status: int | None, title: str) -> None:
    """For each that a caller can do something about, else for its status."""
    told = advice(refused(reason, status=status))
    assert told is not None

    assert (told.title, bool(told.remedy)) == (title, True)


def test_who_is_not_refused_is_advised_of_nothing() -> None:
    """There is nothing to advise."""
    assert advice(Explanation(revision="r")) is None


OUTCOMES = st.sampled_from(
    [
        Decision(allow=True),
        Decision(allow=True, obligations=(LimitObligation(max=1),)),
        Decision(allow=False),
        Decision(allow=False, reasons=("a",)),
        EngineError("late", code="policy_late"),
        EngineError("none", code="policy_undefined"),
    ]
)


@given(OUTCOMES, OUTCOMES)
def test_a_difference_is_told_exactly_where_there_is_one(one: Decision | EngineError, other: Decision | EngineError) -> None:
    """And once, however many operations differ so."""
    operation = explained(one)
    both = Explained(input=operation.input, decision=one, effect=operation.effect, traced=Traced(decision=other, given=()))
    told = list(differences((both, both)))

    assert len(told) == (0 if one is other or one == other else 1)
