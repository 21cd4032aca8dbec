"""Inputs to ask a policy with: what its own data speak of, in many combinations, the same in every run."""

from __future__ import annotations

import csv
import itertools
from functools import cache
from random import Random
from typing import Any, get_args

import msgspec

from extproc import administration
from extproc.administration import Act, Target
from extproc.decision import Input
from extproc.operation import Batch, Context, FieldCondition, Operation, Principal
from support.policies import ROOT, Policy

HOUR = 3_600_000_000_000
COLLECTIONS = ("tickets", "help-en", "handbook", "health-cases", "personnel-2026", "catalogue", "ci-shop-1", "ci-cart-1")
MOST = 400


@cache
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
