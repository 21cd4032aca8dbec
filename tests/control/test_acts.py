"""Acts: decided by the policy, on record before and after; what is not on record is not done."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from extproc.administration import Input, Target
from extproc.audit.entry import Entry
from extproc.control.acts import Acts
from extproc.control.callers import Caller
from extproc.decision import ApprovalObligation, BudgetObligation, Decision, LimitObligation, RecordObligation
from extproc.engines.engine import Decided
from extproc.errors import AuditError, Denied, EngineError, Error, Malformed, Unauthenticated
from extproc.operation import Context
from support.evidence import PRINCIPAL

CONTEXT = Context(time_ns=7, source="10.0.0.1", user_agent="cli", approval=None, exchange="e1")
CALLER = Caller(principal=PRINCIPAL, context=CONTEXT)
TARGET = Target(database="kb", collection="tickets", fields=("a-field-name",))


@dataclass(slots=True)
class Story:
    """A judge and a log, and what happened in order."""

    outcome: Decision | Exception
    full: bool = False
    told: list[Any] = field(default_factory=list)
    revision: str = "r1"

    async def decide(self, asked: Input) -> Decided:
        """Decide as told."""
        self.told.append(asked)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Decided(decision=self.outcome, revision="r2")

    async def append(self, entry: Entry) -> int:
        """Write, or fail as on a full disk."""
        if self.full:
            raise AuditError("the disk is full")
        self.told.append(entry)
        return len(self.told)

    def perform(self, error: Exception | None = None) -> str:
        """Perform an act that notes that it was done, or fails."""

        async def do() -> str:
            self.told.append("done")
            if error is not None:
                raise error
            return "what comes of it"

        acts = Acts(judge=self, log=self, clock=lambda: 9)
        return asyncio.run(acts.perform(CALLER, "mask_reveal", TARGET, do))

    @property
    def entries(self) -> list[Entry]:
        """What was written."""
        return [each for each in self.told if isinstance(each, Entry)]


def test_an_allowed_act_is_on_record_before_and_after() -> None:
    """First the decision, then the entry, then the act, then its end; both entries name the act and the revision."""
    story = Story(Decision(allow=True, obligations=(RecordObligation(level="request"),)))

    assert story.perform() == "what comes of it"
    asked, intent, done, outcome = story.told
    assert (asked.act, asked.target, done) == ("mask_reveal", TARGET, "done")
    assert [(each.kind, each.decision, each.end, each.revision) for each in (intent, outcome)] == [
        ("administration", "allow", None, "r2"),
        ("administration", "allow", "delivered", "r2"),
    ]
    assert [(fact.action, fact.scope, fact.collection) for fact in intent.facts] == [("mask_reveal", "gateway", "tickets")]
    assert (intent.database, intent.exchange, intent.private.source) == ("kb", "e1", "10.0.0.1")


def test_the_whole_input_is_sealed_and_no_field_is_in_the_open() -> None:
    """Names of fields may come from records, so they are in the private part alone, once."""
    story = Story(Decision(allow=True))
    story.perform()
    intent, outcome = story.entries

    assert [b"a-field-name" in bytes(each) for each in intent.private.inputs] == [True]
    assert (outcome.private.inputs, "a-field-name" in repr((intent.facts, intent.detail))) == ((), False)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Decision(allow=False, reasons=("act_not_granted", "human_needed")), "act_not_granted"),
        (Decision(allow=False), "policy_denied"),
        (EngineError("it is late", code="policy_late"), "policy_late"),
        (Decision(allow=True, obligations=(ApprovalObligation(approvers=("role:a",)),)), "approval_unavailable"),
        (Decision(allow=True, obligations=(BudgetObligation(key="k", records=1, window="1h"),)), "budget_unavailable"),
        (Decision(allow=True, obligations=(LimitObligation(max=1),)), "obligation_unsupported"),
    ],
)
def test_a_denied_act_is_not_done_and_is_on_record(outcome: Decision | Exception, code: str) -> None:
    """Whatever the reason; the entry says it."""
    story = Story(outcome)
    with pytest.raises(Denied) as caught:
        story.perform()
    (entry,) = story.entries

    assert caught.value.code == code
    assert ("done" in story.told, entry.decision, entry.end, code in entry.reasons) == (False, "deny", "denied", True)


def test_what_cannot_be_written_is_not_done() -> None:
    """A full disk denies."""
    story = Story(Decision(allow=True), full=True)
    with pytest.raises(AuditError):
        story.perform()

    assert "done" not in story.told


@pytest.mark.parametrize(("error", "code"), [(Malformed("no"), "request_malformed"), (KeyError("x"), "internal_error")])
def test_an_act_that_fails_is_on_record_as_a_failure(error: Exception, code: str) -> None:
    """The entry names the kind of failure and nothing of its text."""
    story = Story(Decision(allow=True))
    with pytest.raises(type(error)):
        story.perform(error)

    assert [(each.end, each.reasons) for each in story.entries] == [(None, ()), ("failed", (code,))]
    assert Error.default_code == "internal_error"


def test_a_rejected_login_is_on_record_with_what_it_claimed() -> None:
    """The claims of a token that does not hold are sealed."""
    story = Story(Decision(allow=True))
    acts = Acts(judge=story, log=story, clock=lambda: 9)
    asyncio.run(acts.rejected(CONTEXT, {"sub": "mallory"}, Unauthenticated("no", code="token_forged")))
    (entry,) = story.entries

    assert (entry.kind, entry.reasons, entry.status, entry.private.claimed) == (
        "login_rejected",
        ("token_forged",),
        401,
        {"sub": "mallory"},
    )
