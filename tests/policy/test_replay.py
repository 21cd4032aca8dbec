"""A candidate over what is on record: who gains, who loses, which fields become clear, and what cannot be said."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from extproc.audit.history import Recalled
from extproc.decision import Decision, Input, Level, decode
from extproc.engines.engine import Decided
from extproc.errors import EngineError
from extproc.operation import Operation
from extproc.policy.effect import Effect, effect
from extproc.policy.replay import Replay, replay, wanted
from support.asking import asked
from support.exchange import KEY, FixedEngine
from support.obliged import mask
from support.recall import TIME, recalled


def allowed(*obligations: dict[str, Any]) -> Decision:
    """Return a decision to allow under these obligations."""
    return decode(json.dumps({"allow": True, "obligations": obligations}).encode())


DENIED = Decision(allow=False, reasons=("action_not_granted",))
OPEN = allowed()


def judge(operation: Operation, decision: Decision | EngineError) -> Effect:
    """Say to what a decision comes."""
    return effect(operation, decision, Level.METADATA, KEY)


def rows(found: Replay) -> list[tuple[str, str, str, int]]:
    """Return what moved: sense, what, roles, how often."""
    return [(row.key.change.sense, row.key.change.what, row.key.roles, row.times) for row in found.moved]


async def replayed(*entries: Recalled, candidate: Decision | Exception) -> Replay:
    """Return what comes of a candidate that always gives the same."""
    return await replay(entries, FixedEngine(candidate), judge)


async def test_who_gains_and_who_loses_is_told_with_how_often_and_when() -> None:
    """A denial that would be lifted is a gain, an allowance that would end a loss, each with its callers and times."""
    entries = [
        recalled(asked(), decision=OPEN, number=1),
        recalled(asked(exchange="e2"), decision=OPEN, number=2),
        recalled(asked(action="delete_records", roles=()), decision=DENIED, number=3),
    ]

    lost = await replayed(*entries, candidate=DENIED)
    gained = await replayed(*entries, candidate=OPEN)

    assert rows(lost) == [("loss", "refused: action_not_granted", "reader", 2)]
    assert (lost.operations, lost.evaluated, lost.unchanged) == (3, 2, 1)
    assert rows(gained) == [("gain", "allowed (was action_not_granted)", "(no role)", 1)]
    (row,) = lost.moved
    assert (row.first, row.last, row.callers) == (TIME.format(1), TIME.format(2), {"https://idp.example#ana"})


async def test_fields_that_become_clear_are_named() -> None:
    """Each field by itself, and no value."""
    found = await replayed(recalled(asked(), decision=allowed(mask("email", "name"))), candidate=allowed(mask("name")))

    assert rows(found) == [("gain", "email: redact → clear", "reader", 1)]


async def test_a_candidate_that_fails_to_decide_refuses() -> None:
    """As a gateway would."""
    found = await replayed(recalled(asked(), decision=OPEN), candidate=EngineError("late", code="policy_late"))

    assert rows(found) == [("loss", "refused: policy_late", "reader", 1)]


async def test_a_refusal_without_a_decision_is_compared_by_its_reason() -> None:
    """Where the recorded policy gave none, the candidate's allowance is a gain."""
    entry = recalled(asked(), decision=None, reasons=("policy_undefined",))

    assert rows(await replayed(entry, candidate=OPEN)) == [("gain", "allowed (was policy_undefined)", "reader", 1)]


async def test_inputs_that_differ_by_time_and_exchange_alone_are_put_once() -> None:
    """What else differs is put again: the caller's address, the action, and another recorded decision."""
    engine = FixedEngine(OPEN)
    entries = [
        recalled(asked(exchange="a", time_ns=1), decision=OPEN),
        recalled(asked(exchange="b", time_ns=2), decision=OPEN),
        recalled(asked(claims={"exp": 2_000_000_000, "sub": "ana"}), decision=OPEN),  # the same in another order
        recalled(asked(source="192.0.2.8"), decision=OPEN),
        recalled(asked(action="count"), decision=OPEN),
        recalled(asked(), decision=DENIED),
    ]

    found = await replay(entries, engine, judge)

    assert (found.operations, found.evaluated, len(engine.seen)) == (6, 4, 4)


async def test_of_what_is_erased_or_unreadable_nothing_is_said() -> None:
    """Both are counted, and neither stops the rest."""
    unreadable = recalled(asked(), decision=OPEN)
    assert unreadable.private is not None
    foreign = msgspec.structs.replace(unreadable.private, inputs=(msgspec.Raw(b'{"of": "another version"}'),))
    found = await replayed(
        recalled(asked(), decision=OPEN, erased=True),
        Recalled(missing="entry_unreadable"),
        msgspec.structs.replace(unreadable, private=foreign),
        recalled(asked(), decision=OPEN),
        candidate=OPEN,
    )

    assert (found.entries, found.operations, found.erased, found.unreadable, found.unchanged) == (4, 1, 1, 2, 1)


async def test_every_operation_of_a_batch_is_put() -> None:
    """One entry may hold many."""
    batch = recalled(asked(action="search"), asked(action="count"), decision=OPEN)

    assert (await replayed(batch, candidate=OPEN)).operations == 2


class ByAction:
    """Denies one action."""

    revision = "sha256:test"

    async def decide(self, question: Input) -> Decided:
        """Decide."""
        return Decided(decision=DENIED if question.operation.action == "count" else OPEN, revision=self.revision)

    async def close(self) -> None:
        """Hold nothing."""


async def test_what_is_seen_is_what_was_let_through_and_the_candidate_refuses() -> None:
    """Without a candidate everything that was let through; never what was refused."""
    entries = [
        recalled(asked(action="search"), decision=OPEN),
        recalled(asked(action="count"), decision=OPEN),
        recalled(asked(action="count", exchange="again"), decision=OPEN),
        recalled(asked(action="delete_records"), decision=DENIED),
    ]

    everything = await replay(entries, None, judge)
    refused = await replay(entries, ByAction(), judge)

    assert {act.action for act in everything.seen.grants()["reader"]} == {"search", "count"}
    assert everything.seen.operations == 3
    assert {act.action for act in refused.seen.grants()["reader"]} == {"count"}
    assert refused.seen.operations == 2


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"kind": "intent"}, True),
        ({"kind": "outcome", "end": "denied"}, True),
        ({"kind": "outcome", "end": "failed"}, True),
        ({"kind": "outcome", "end": "delivered"}, False),
        ({"kind": "outcome", "end": "denied", "facts": ()}, False),
        ({"kind": "login_rejected"}, False),
    ],
)
def test_only_entries_with_policy_inputs_are_wanted(changed: dict[str, Any], expected: bool) -> None:
    """How an exchange ended that its intent told already is passed over."""
    leaf = recalled(asked(), decision=OPEN, **changed).leaf
    assert leaf is not None

    assert wanted(leaf) is expected
