"""The policy guide says what is so: its policies load, pass their tests and decide as it tells; its tables are complete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from extproc import administration
from extproc.administration import Act
from extproc.check import check
from extproc.decision import Decision, Input, LimitObligation, MaskObligation, decode
from support.docs import blocks, tables
from support.gateway import merge
from support.issuer import TestIssuer
from support.policies import (
    ADMINISTRATION,
    AUTHORIZATION,
    LIBRARY,
    ROOT,
    SCHEMAS,
    STARTER,
    Policy,
    decisions,
    embedded,
    run,
)
from support.questions import acts, operations

GUIDE = ROOT / "docs" / "policy.md"
CONFIG = """\
version: 1
databases: [{name: kb, engine: chroma, listen: "127.0.0.1:8100", upstream: "http://127.0.0.1:8000"}]
identity: {issuers: [{issuer: "https://idp.test", jwks: {file: jwks.json}}]}
"""


def data_blocks() -> list[str]:
    """Return the guide's data, in its order."""
    return [block.text for block in blocks("yaml", GUIDE) if block.text.startswith("vecgate:")]


def first_rule() -> str:
    """Return the policy that stands alone."""
    (found,) = (block.text for block in blocks("rego", GUIDE) if "default decision" in block.text)
    return found


def grown(folder: Path, steps: int) -> Policy:
    """Write the policy as it is after some of the steps of the guide's data, with all of its rules and tests."""
    bundle = folder / "policy"
    bundle.mkdir(exist_ok=True)
    data: dict[str, Any] = {}
    for text in data_blocks()[:steps]:
        data = merge(data, yaml.safe_load(text))
    (bundle / "data.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    for index, block in enumerate(blocks("rego", GUIDE)):
        if block.text != first_rule():
            test = "_test" if "package vecgate.authz_test" in block.text else ""
            (bundle / f"guide_{index}{test}.rego").write_text(block.text, encoding="utf-8")
    return Policy(bundle, LIBRARY)


def checked(folder: Path, policy: Policy) -> None:
    """Let the gateway look at a policy; it must hold."""
    TestIssuer().write_jwks(folder)
    named: dict[str, str] = {"bundle": str(policy.bundle)} | ({"library": str(policy.library)} if policy.library else {})
    (folder / "vecgate.yaml").write_text(CONFIG + yaml.safe_dump({"policy": named}), encoding="utf-8")
    check(folder / "vecgate.yaml")


def asked(role: str, **changes: Any) -> Input:
    """Return the guide's own input, with a role and changes of the operation."""
    question = msgspec.json.decode(json.dumps(shown_input()), type=Input)
    return msgspec.structs.replace(
        question,
        principal=msgspec.structs.replace(question.principal, roles=(role,)),
        operation=msgspec.structs.replace(question.operation, **changes),
    )


def shown_input() -> Any:
    """Return the input that the guide shows."""
    (found,) = (json.loads(block.text) for block in blocks("json", GUIDE) if '"operation"' in block.text)
    return found


@pytest.mark.envoy
def test_the_first_rule_is_a_policy(opa: str, tmp_path: Path) -> None:
    """It is formatted, fits the schemas, is taken by the gateway, and decides as the guide says, on both engines."""
    bundle = tmp_path / "first"
    bundle.mkdir()
    (bundle / "decision.rego").write_text(first_rule(), encoding="utf-8")
    policy = Policy(bundle)
    run(opa, "fmt", "--fail", "--list", str(bundle))
    run(opa, "check", "--strict", "--schema", str(SCHEMAS), *policy.for_opa)
    checked(tmp_path, policy)
    inputs = [asked("reader"), asked("reader", action="upsert"), asked("writer")]
    denied = Decision(allow=False, reasons=("not_for_you",))

    expected = [Decision(allow=True, obligations=(LimitObligation(max=10),)), denied, denied]
    assert embedded(policy, AUTHORIZATION, inputs) == expected
    assert decisions(opa, tmp_path, policy, AUTHORIZATION, inputs) == expected


@pytest.mark.envoy
@pytest.mark.parametrize("steps", range(1, len(data_blocks()) + 1))
def test_the_policy_of_the_guide_is_taken_at_every_step(tmp_path: Path, steps: int) -> None:
    """Whoever follows the guide has a policy that the gateway takes, wherever they stop."""
    checked(tmp_path, grown(tmp_path, steps))


def test_the_policy_of_the_guide_holds(opa: str, tmp_path: Path) -> None:
    """Its rules are formatted, fit the schemas and pass their tests; both engines decide alike."""
    policy = grown(tmp_path, len(data_blocks()))
    run(opa, "fmt", "--fail", "--list", str(policy.bundle))
    run(opa, "check", "--strict", "--schema", str(SCHEMAS), *policy.for_opa)
    run(opa, "test", "--schema", str(SCHEMAS), *policy.for_opa)

    for entrypoint, inputs in ((AUTHORIZATION, operations(policy)), (ADMINISTRATION, acts(policy))):
        assert embedded(policy, entrypoint, inputs) == decisions(opa, tmp_path, policy, entrypoint, inputs)


def decided(folder: Path, steps: int, *inputs: Input) -> list[Decision]:
    """Return what the guide's policy decides after some steps."""
    return embedded(grown(folder, steps), AUTHORIZATION, list(inputs))


def limits(decision: Decision) -> set[int]:
    """Return the limits of a decision."""
    return {each.max for each in decision.obligations if isinstance(each, LimitObligation)}


def test_the_data_do_what_is_said_of_them(tmp_path: Path) -> None:
    """The first data, then the grants, then the limits, each as the guide tells."""
    many = asked("writer", action="delete_records", selector="ids", ids=101)
    reader, writer, upsert, bulk = decided(
        tmp_path, 1, asked("reader"), asked("writer"), asked("writer", action="upsert"), many
    )
    masked = {
        role: {field for each in decision.obligations if isinstance(each, MaskObligation) for field in each.fields}
        for role, decision in (("reader", reader), ("writer", writer))
    }
    payroll, tickets, page = decided(
        tmp_path,
        2,
        asked("accountant", reads=("payroll-2026",)),
        asked("accountant"),
        asked("accountant", action="scroll", reads=("payroll-2026",)),
    )
    wide, allowed = decided(tmp_path, 4, asked("reader"), many)

    assert masked == {"reader": {"email", "name", "api_key"}, "writer": {"api_key"}}
    assert (limits(reader), upsert.allow, upsert.cache, reader.cache is None) == ({50}, True, None, False)
    assert [payroll.allow or payroll.reasons, tickets.reasons, page.reasons] == [
        ("payroll_closed",),
        ("place_not_granted",),
        ("action_not_granted", "payroll_closed"),
    ]
    assert (bulk.reasons, allowed.allow, limits(wide)) == (("bulk_delete_restricted",), True, {50})


def test_the_decision_of_the_guide_is_made(opa: str, tmp_path: Path) -> None:
    """The starter policy decides the input that is shown as is shown, on both engines."""
    (shown,) = (decode(block.text.encode()) for block in blocks("json", GUIDE) if '"allow"' in block.text)

    assert embedded(STARTER, AUTHORIZATION, [shown_input()]) == [shown]
    assert decisions(opa, tmp_path, STARTER, AUTHORIZATION, [shown_input()]) == [shown]


def test_the_act_of_the_guide_is_decided() -> None:
    """The input of administration that is shown is one, and the starter policy allows it."""
    (shown,) = (block.text for block in blocks("json", GUIDE) if '"act"' in block.text)
    question = msgspec.json.decode(shown, type=administration.Input)

    assert embedded(STARTER, ADMINISTRATION, [question]) == [Decision(allow=True)]


# --- tables -------------------------------------------------------------------------------------------------------------


def rows(first: str) -> list[list[str]]:
    """Return the table of the guide in whose first column `first` stands, without the backticks."""
    (found,) = (table for table in tables(GUIDE) if any(row[0].startswith(f"`{first}`") for row in table))
    return [[row[0].strip("`"), *row[1:]] for row in found]


def reasons(package: str) -> Iterator[list[str]]:
    """Give each reason of a package, with its description and its remedy."""
    for path in sorted((LIBRARY / package).glob("*.rego")):
        text = path.read_text(encoding="utf-8")
        for found in re.finditer(r'^# METADATA\n((?:#.*\n)+)denials contains "(\w+)"', text, re.MULTILINE):
            note = yaml.safe_load(re.sub(r"^# ?", "", found[1], flags=re.MULTILINE))
            yield [found[2], note["description"].strip(), note["custom"]["remedy"]]


@pytest.mark.parametrize(("package", "first"), [("authz", "role_missing"), ("admin", "act_not_granted")])
def test_every_reason_is_told(package: str, first: str) -> None:
    """The table has each reason of the library in the words of its METADATA, and none that is gone."""
    assert sorted(rows(first)) == sorted(reasons(package))


def test_every_act_is_told() -> None:
    """The table names each act of the closed list."""
    assert sorted(row[0] for row in rows("token_issue")) == sorted(get_args(Act))


def test_every_kind_of_high_risk_is_told() -> None:
    """With the reason that it is denied with."""
    told = {row[0]: row[2].strip("`") for row in rows("bulk_delete")}

    assert told.keys() == STARTER.data["high_risk"].keys()
    assert set(told.values()) <= {reason for reason, *_ in reasons("authz")}


def test_what_rules_may_use_is_there(opa: str) -> None:
    """Each name that the guide offers is a public rule of the library."""
    offered = {name for row in rows("touched") for name in re.findall(r"\w+", row[0])}
    parsed = [json.loads(run(opa, "parse", "--format=json", str(path))) for path in (LIBRARY / "authz").glob("*.rego")]

    assert offered <= {rule["head"]["name"] for each in parsed for rule in each["rules"]}


def test_the_files_of_the_starter_policy_are_told() -> None:
    """The table names every file of rules, and none that is gone."""
    there = {str(path.relative_to(ROOT)) for path in STARTER.rules}

    assert {row[0] for row in rows("rego/data.yaml")} == there | {"rego/data.yaml", "rego/schemas/"}


def test_the_examples_are_told() -> None:
    """The table names every example."""
    (table,) = (each for each in tables(GUIDE) if each[0][0].startswith("[`examples/"))
    there = {f"examples/{path.name}" for path in (ROOT / "examples").iterdir()}

    assert {re.findall(r"`([^`]+)`", row[0])[0] for row in table} == there
