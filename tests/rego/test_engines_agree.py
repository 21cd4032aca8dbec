"""OPA and the embedded engine decide alike, by the starter policy and by every example, in operations and in administration."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, get_args

import msgspec
import pytest

from extproc import administration
from extproc.administration import Act, Target
from extproc.decision import Decision, Input, Level, combine, decode
from extproc.engines.bundle import read_bundle
from extproc.engines.process import Process
from extproc.operation import Batch, Context, FieldCondition, Operation, Principal
from support.policies import ADMINISTRATION, AUTHORIZATION, POLICIES, ROOT, STARTER, Policy, decisions

NEVER = {"unknown", "internal", "raw_query", "script_exec", "export"}
HOUR = 3_600_000_000_000
COLLECTIONS = ("tickets", "help-en", "handbook", "health-cases", "personnel-2026", "catalogue", "ci-shop-1", "ci-cart-1")
MOST = 400
DEADLINE = 60.0


def vocabulary() -> dict[str, str]:
    """Return every action, with one of its scopes."""
    with (ROOT / "extproc" / "protocols" / "operations.csv").open(encoding="utf-8") as table:
        return {row["action"]: row["scope"] for row in csv.DictReader(table)}


def principal(random: Random, *roles: str) -> Principal:
    """Return a caller with `roles` and perhaps an odd one."""
    choose = random.choice
    subject = choose(("ana", "job", 'o"d\\\n'))
    return Principal(
        id=f"https://idp.example#{subject}",
        issuer="https://idp.example",
        subject=subject,
        person=choose((None, "ana@example.com", "omar@example.com")),
        kind=choose(("human", "workload")),
        roles=(*roles, *choose(((), (), ("root",), ('re"ader', "")))),
        groups=choose(((), ("berlin", "ops"), ("data-protection",))),
        claims={"sub": subject, "exp": 2_000_000_000}
        | choose(({}, {"tenant": "t1"}, {"tenant": 't"2\\'}, {"tenant": ""}, {"tenant": 7}, {"tenant": ["t1"]}))
        | choose(({}, {"repository": "shop"}, {"repository": ""})),
    )


def some(random: Random, roles: list[str]) -> list[str]:
    """Return none, one or two of `roles`."""
    return random.sample(roles, random.choice((0, 1, 1, 1, 2)))


def seeded(policy: Policy) -> Random:
    """Return the same choices in every run."""
    return Random(str(policy))  # noqa: S311  # test data


def context(random: Random) -> Context:
    """Return circumstances at some hour of some day."""
    source = random.choice(("10.20.3.4", "192.0.2.7", "fd00:20::7", "::1"))
    time_ns = 1_800_000_000_123_456_789 + random.randrange(1000) * HOUR
    return Context(time_ns=time_ns, source=source, user_agent="é\\", approval=None, exchange="e")


def operation(random: Random, actions: list[str]) -> Operation:
    """Return an operation: mostly of what some role may do, on some collections, of every size."""
    choose = random.choice
    scopes = vocabulary()
    action = choose(actions) if random.random() < 0.9 else choose([*scopes, "no_such_action"])
    touched = tuple(random.sample(COLLECTIONS, choose((0, 1, 1, 1, 2))))
    writes = random.random() < 0.5
    return Operation(
        database="kb",
        engine="chroma",
        action=action,
        scope=choose((scopes.get(action, "records"), "records")),
        collection=touched[0] if touched else None,
        namespace=choose((None, "default_tenant/default_database")),
        reads=() if writes else touched,
        writes=touched if writes else (),
        selector=choose(("none", "ids", "filter", "all")),
        ids=choose((0, 3, 300, 20_000)),
        limit=choose((None, 10, 100, 20_000)),
        offset=choose((None, 0, 2_000_000)),
        filter=choose((None, FieldCondition(operator="in", field="status", value=("open", 'o"d\n', 1.5)))),
        fields=("status",),
        probe=choose(("vector", "id", "text", "none")),
        size=choose((2048, 1 << 26)),
        batch=Batch(index=0, count=choose((1, 50, 5000))),
    )


def granted_actions(policy: Policy) -> list[str]:
    """Return what some permission of a policy grants."""
    return sorted({action for each in policy.data["permissions"].values() for action in each["actions"]})


def operations(policy: Policy) -> list[Any]:
    """Return inputs: every role with every action that is granted to somebody, three times, and more at random."""
    random = seeded(policy)
    roles, actions = sorted(policy.data["roles"]), granted_actions(policy)
    asked = [
        (principal(random, role), msgspec.structs.replace(operation(random, actions), action=action))
        for role, action, _ in itertools.product(roles, actions, range(3))
    ]
    asked += [(principal(random, *some(random, roles)), operation(random, actions)) for _ in range(MOST)]
    return [Input(principal=who, operation=what, context=context(random)) for who, what in asked]


def acts(policy: Policy) -> list[Any]:
    """Return inputs of every act, by every kind of caller, on what is and is not their own."""
    random = seeded(policy)
    named = {who.removeprefix("role:") for each in policy.data["administration"] for who in each["for"]}
    choose = random.choice
    asked = []
    for _ in range(MOST):
        target = Target(
            id=choose((None, "T-1", "https://idp.example#job")),
            person=choose((None, "ana@example.com", "omar@example.com")),
            roles=choose(((), ("reader",), ("platform-admin",))),
            fields=choose(((), ("product",), ("email",), ("patient.name",), ("document", "api_key"))),
        )
        who = principal(random, *some(random, sorted(named | set(policy.data["roles"]))))
        act: Act = choose(get_args(Act))
        asked.append(administration.Input(principal=who, act=act, target=target, context=context(random)))
    return asked


def embedded(policy: Policy, entrypoint: str, inputs: list[Any]) -> list[Decision]:
    """Return what the embedded engine decides."""
    process = Process(read_bundle(policy.bundle, policy.library), entrypoint)
    process.start()
    try:
        return [decode(process.evaluate(msgspec.json.encode(each), DEADLINE)) for each in inputs]
    finally:
        process.stop()


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
