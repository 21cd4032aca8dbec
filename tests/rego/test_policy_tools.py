"""The starter policy: clean under OPA's own tools, and the same on OPA and on the embedded engine."""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from extproc.decision import Decision, Input, combine, decode
from extproc.decision import Level as RecordLevel
from extproc.engines.embedded import EmbeddedEngine
from extproc.operation import Context, FieldCondition, Operation, Principal, Returns

ROOT = Path(__file__).resolve().parents[2]
REGO = ROOT / "rego"
SCHEMAS = REGO / "schemas"
DATA = yaml.safe_load((REGO / "data.yaml").read_text(encoding="utf-8"))["vecgate"]
NEVER = {"unknown", "internal", "raw_query", "script_exec", "export"}


def vocabulary() -> dict[str, str]:
    """Return every action, with one of its scopes."""
    with (ROOT / "extproc" / "protocols" / "operations.csv").open(encoding="utf-8") as table:
        return {row["action"]: row["scope"] for row in csv.DictReader(table)}


def asked(roles: tuple[str, ...], action: str, scope: str, selector: Any) -> Input:
    """Return a policy input."""
    return Input(
        principal=Principal(
            id="https://idp.example#ana",
            issuer="https://idp.example",
            subject="ana",
            person=None,
            kind="human",
            roles=roles,
            groups=("ops",),
            claims={"sub": 'a"n\\a', "exp": 2_000_000_000, "realm_access": {"roles": list(roles)}},
        ),
        operation=Operation(
            database="kb",
            engine="chroma",
            action=action,
            scope=scope,
            collection="tickets",
            selector=selector,
            filter=FieldCondition(operator="in", field="status", value=("open", 'o"d\n', 1.5)),
            tests=("status",),
            fields=("status",),
            returns=Returns(payload=True),
        ),
        context=Context(time_ns=1_800_000_000_123_456_789, source="::1", user_agent="é\\", approval=None, exchange="e"),
    )


def inputs() -> list[Input]:
    """Return every action under every combination of roles, and every selector of those that have a say in it."""
    roles = [(), ("reader",), ("writer",), ("admin",), ("reader", "admin"), ("Reader", "root"), ('re"ader', "reader"), ("",)]
    everything = [
        asked(each, action, scope, "ids") for each in roles for action, scope in [*vocabulary().items(), ("odd", "records")]
    ]
    selected = itertools.product(roles, ("delete_records", "update_payload", "scroll"), ("none", "filter", "all"))
    return [*everything, *(asked(each, action, "records", selector) for each, action, selector in selected)]


def by_opa(opa: str, folder: Path, questions: list[Input]) -> list[Decision]:
    """Return what OPA decides, all in one run."""
    (folder / "input.json").write_bytes(msgspec.json.encode(questions))
    query = "[decision | some asked in input; decision := data.vecgate.authz.decision with input as asked]"
    command = [opa, "eval", "--format=json", "--bundle", str(REGO), "--input", str(folder / "input.json"), query]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    values = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
    return [decode(json.dumps(value).encode()) for value in values]


@pytest.fixture
async def engine() -> AsyncIterator[EmbeddedEngine]:
    """Run the starter policy on the embedded engine."""
    loaded = EmbeddedEngine.load(REGO, "vecgate/authz/decision", 60.0)
    yield loaded
    await loaded.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["fmt", "--fail", "--list", str(REGO), str(ROOT / "tests" / "policies")],
        ["check", "--strict", "--schema", str(SCHEMAS), str(REGO)],
        ["test", "--bundle", "--schema", str(SCHEMAS), str(REGO)],
        ["test", "--bundle", "--coverage", "--threshold", "100", "--schema", str(SCHEMAS), str(REGO)],
        ["check", "--strict", "--bundle", "--schema", str(SCHEMAS), str(ROOT / "tests" / "policies" / "allow_all")],
    ],
    ids=lambda arguments: " ".join(arguments[:3]),
)
def test_opas_own_tools(opa: str, arguments: list[str]) -> None:
    """Format, strict check with schemas, tests and full coverage are clean."""
    done = subprocess.run([opa, *arguments], capture_output=True, text=True, check=False)

    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_a_bundle_can_be_built(opa: str, tmp_path: Path) -> None:
    """OPA builds a bundle of the policy without its tests."""
    command = [opa, "build", "--ignore", "*_test.rego", "--bundle", str(REGO), "--output", str(tmp_path / "bundle.tar.gz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_misspelt_field_of_the_input_is_found(opa: str, tmp_path: Path) -> None:
    """`opa check` with our schemas refuses a policy that reads what no input has."""
    source = "package vecgate.authz\n\ndenials contains x if x := input.principal.rolez\n"
    (tmp_path / "slip.rego").write_text(source, encoding="utf-8")
    command = [opa, "check", "--strict", "--schema", str(SCHEMAS), str(REGO), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "undefined ref: input.principal.rolez" in done.stderr


async def test_both_engines_decide_alike(opa: str, tmp_path: Path, engine: EmbeddedEngine) -> None:
    """For every action and role, OPA and the embedded engine give equal decisions."""
    questions = inputs()
    theirs = by_opa(opa, tmp_path, questions)
    ours = [(await engine.decide(question)).decision for question in questions]
    different = [
        (q.principal.roles, q.operation.action, t, o) for q, t, o in zip(questions, theirs, ours, strict=True) if t != o
    ]

    assert different == []
    assert {True, False} == {decision.allow for decision in ours}


async def test_every_decision_can_be_fulfilled(engine: EmbeddedEngine) -> None:
    """What the starter policy asks for combines, and a denial always says why."""
    for question in inputs():
        decision = (await engine.decide(question)).decision
        assert decision.allow != bool(decision.reasons)
        combine(decision, RecordLevel.METADATA)


def test_an_admin_is_granted_the_vocabulary_but_what_cannot_be_judged() -> None:
    """Every action is in some permission of an admin, but the five that nobody is granted; no word is made up."""
    granted = {action for name in DATA["roles"]["admin"]["permissions"] for action in DATA["permissions"][name]["actions"]}

    assert granted == set(vocabulary()) - NEVER


def test_no_permission_grants_what_cannot_be_judged() -> None:
    """The five are in no permission at all."""
    assert {action for each in DATA["permissions"].values() for action in each["actions"]}.isdisjoint(NEVER)


def test_an_input_of_nothing_is_denied(opa: str, tmp_path: Path) -> None:
    """An empty input is denied with a reason, not undefined."""
    query = "data.vecgate.authz.decision"
    (tmp_path / "input.json").write_text("{}", encoding="utf-8")
    command = [opa, "eval", "--format=json", "--bundle", str(REGO), "--input", str(tmp_path / "input.json"), query]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    value = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
    assert value == {"allow": False, "reasons": ["role_missing"]}
