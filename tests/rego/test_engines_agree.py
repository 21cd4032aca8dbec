"""OPA and the embedded engine decide alike, by the starter policy and by every example, in operations and in administration."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from extproc.administration import Act
from extproc.decision import Input, Level, combine
from extproc.operation import FieldCondition, Operation
from support.policies import ADMINISTRATION, AUTHORIZATION, POLICIES, STARTER, Policy, decisions, embedded
from support.questions import acts, context, granted_actions, operations, principal, seeded, vocabulary

NEVER = {"unknown", "internal", "raw_query", "script_exec", "export"}


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize(("entrypoint", "questions"), [(AUTHORIZATION, operations), (ADMINISTRATION, acts)])
def test_both_engines_decide_alike(
    opa: str, tmp_path: Path, policy: Policy, entrypoint: str, questions: Callable[[Policy], list[Any]]
) -> None:
    """Equal decisions on every input, allowed and denied; a denial says why, and what is allowed can be combined."""
    inputs = questions(policy)
    ours = embedded(policy, entrypoint, inputs)
    theirs = decisions(opa, tmp_path, policy, entrypoint, inputs)
    different = [(asked, one, other) for asked, one, other in zip(inputs, theirs, ours, strict=True) if one != other]

    assert different == []
    assert {True, False} == {decision.allow for decision in ours}
    for decision in ours:
        assert decision.allow != bool(decision.reasons)
        combine(decision, Level.METADATA)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_every_role_may_do_something(policy: Policy) -> None:
    """No role of the data is one that every rule forbids everything."""
    inputs = operations(policy)
    decided = zip(inputs, embedded(policy, AUTHORIZATION, inputs), strict=True)
    able = {role for asked, decision in decided if decision.allow for role in asked.principal.roles}

    assert set(policy.data["roles"]) - able == set()


def test_an_admin_is_granted_the_vocabulary_but_what_cannot_be_judged() -> None:
    """Every action is in some permission of an admin, but the five that nobody is granted; no word is made up."""
    data = STARTER.data
    granted = {action for name in data["roles"]["admin"]["permissions"] for action in data["permissions"][name]["actions"]}

    assert granted == set(vocabulary()) - NEVER


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_no_permission_grants_what_cannot_be_judged(policy: Policy) -> None:
    """The five are in no permission at all."""
    assert set(granted_actions(policy)).isdisjoint(NEVER)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_every_act_is_somebodys(policy: Policy) -> None:
    """No policy gives out an act that does not exist."""
    given = {act for each in policy.data["administration"] for act in each["acts"]}

    assert given <= set(get_args(Act))


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize(
    ("entrypoint", "reason"), [(AUTHORIZATION, "role_missing"), (ADMINISTRATION, "act_not_granted")]
)  # fmt: skip
def test_an_input_of_nothing_is_denied(opa: str, tmp_path: Path, policy: Policy, entrypoint: str, reason: str) -> None:
    """An empty input is denied with a reason by both engines, not undefined."""
    (ours,) = embedded(policy, entrypoint, [{}])
    (theirs,) = decisions(opa, tmp_path, policy, entrypoint, [{}])

    assert not ours.allow
    assert not theirs.allow
    assert reason in ours.reasons
    assert reason in theirs.reasons


def test_a_tenants_write_is_narrowed_and_stamped() -> None:
    """In the example with tenants, a write combines to the tenant's own condition and the tenant's own stamp."""
    (policy,) = (each for each in POLICIES if str(each) == "saas")
    random = seeded(policy)
    who = msgspec.structs.replace(principal(random), roles=("app",), claims={"tenant": "t1"})
    what = Operation(database="kb", engine="chroma", action="upsert", scope="records", writes=("tickets",), selector="ids")
    (decision,) = embedded(policy, AUTHORIZATION, [Input(principal=who, operation=what, context=context(random))])
    terms = combine(decision, Level.METADATA)

    assert terms.stamp == {"tenant": "t1"}
    assert terms.where == FieldCondition(operator="eq", field="tenant", value="t1")


HALF: dict[str, list[list[str]]] = {
    "a class that names nobody": [["classes", "pii", "seen_by"]],
    "a class that hides nothing": [["classes", "pii", "hides"]],
    "no classes": [["classes"]],
    "tenancy without exemptions": [["tenancy", "exempt"], ["tenancy", "shared"]],
    "tenancy without a field": [["tenancy", "field"]],
    "no tenancy": [["tenancy"]],
    "no limits": [["limits"]],
    "no high risks": [["high_risk"]],
    "high risks without measures": [["high_risk", "oversize_query", "queries"], ["high_risk", "bulk_delete", "ids"]],
    "no cache": [["cache"]],
    "no permissions": [["permissions"]],
}


@pytest.mark.parametrize("missing", HALF.values(), ids=HALF)
def test_half_a_policy_is_read_alike(opa: str, tmp_path: Path, missing: list[list[str]]) -> None:
    """Where a part of the data is missing, a part of a rule is undefined; that means the same to both engines."""
    (whole,) = (each for each in POLICIES if str(each) == "saas")
    inputs = operations(whole)[::4]
    data = yaml.safe_load((whole.bundle / "data.yaml").read_text(encoding="utf-8"))
    for *path, last in missing:
        holder = data["vecgate"]
        for part in path:
            holder = holder[part]
        del holder[last]
    shutil.copytree(whole.bundle, tmp_path / "half")
    (tmp_path / "half" / "data.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    half = Policy(tmp_path / "half", whole.library)

    assert decisions(opa, tmp_path, half, AUTHORIZATION, inputs) == embedded(half, AUTHORIZATION, inputs)
