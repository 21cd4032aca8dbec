"""Where the policy does not say who administers, the configuration does."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from extproc.administration import Act, Input, Target
from extproc.control.admins import Admins
from extproc.operation import Context
from support.evidence import PRINCIPAL

ADMINS = Admins(("role:platform-admin", "group:ops"))


def reasons(act: Act, *, roles: tuple[str, ...] = (), groups: tuple[str, ...] = (), kind: str = "human") -> tuple[str, ...]:
    """Return why an act is refused; nothing where it is allowed."""
    principal = msgspec.structs.replace(PRINCIPAL, roles=roles, groups=groups, kind=kind)
    context = Context(time_ns=1, source="", user_agent="", approval=None, exchange="e")
    asked = Input(principal=principal, act=act, target=Target(), context=context)
    decided = asyncio.run(ADMINS.decide(asked)).decision
    assert decided.allow == (not decided.reasons)
    return decided.reasons


@pytest.mark.parametrize("holds", [{"roles": ("platform-admin",)}, {"groups": ("ops", "other")}])
def test_whom_the_configuration_names_may_act(holds: dict[str, Any]) -> None:
    """By role and by group."""
    assert (reasons("lock_change", **holds), reasons("mask_reveal", **holds)) == ((), ())


@pytest.mark.parametrize(
    "holds", [{}, {"roles": ("ops",)}, {"groups": ("platform-admin",)}, {"roles": ("role:platform-admin",)}]
)
def test_nobody_else_may(holds: dict[str, Any]) -> None:
    """A group is no role, and a role no group."""
    assert reasons("policy_read", **holds) == ("act_not_granted",)


def test_a_program_does_not_look_behind_a_mask() -> None:
    """Whatever role it has."""
    assert reasons("mask_reveal", roles=("platform-admin",), kind="workload") == ("human_needed",)
    assert reasons("erase", roles=("platform-admin",), kind="workload") == ()


@pytest.mark.parametrize("target", [Target(person=PRINCIPAL.person), Target(id=PRINCIPAL.id)])
def test_nobody_erases_their_own_traces(target: Target) -> None:
    """By person and by principal; reading them is another thing, and so are others' traces."""
    principal = msgspec.structs.replace(PRINCIPAL, roles=("platform-admin",))
    context = Context(time_ns=1, source="", user_agent="", approval=None, exchange="e")
    erase = Input(principal=principal, act="erase", target=target, context=context)
    others = msgspec.structs.replace(erase, target=Target(person="somebody@example.com"))
    read = msgspec.structs.replace(erase, act="session_read")

    assert [asyncio.run(ADMINS.decide(each)).decision.reasons for each in (erase, others, read)] == [("own_erasure",), (), ()]


def test_without_names_nobody_may() -> None:
    """An empty list names nobody."""
    principal = msgspec.structs.replace(PRINCIPAL, roles=("", "admin"), groups=("",))
    context = Context(time_ns=1, source="", user_agent="", approval=None, exchange="e")
    asked = Input(principal=principal, act="erase", target=Target(), context=context)

    assert asyncio.run(Admins(()).decide(asked)).decision.reasons == ("act_not_granted",)
