"""The starter policy and the examples are clean under OPA's own tools."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.policies import LIBRARY, POLICIES, ROOT, SCHEMAS, STARTER, Policy, run

SCHEMA = ("--schema", str(SCHEMAS))
COVERED = ("--coverage", "--threshold", "100")


def test_every_file_is_formatted(opa: str) -> None:
    """`opa fmt` would change nothing."""
    run(opa, "fmt", "--fail", "--list", str(ROOT / "rego"), str(ROOT / "examples"), str(ROOT / "tests" / "policies"))


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_opas_own_tools(opa: str, policy: Policy) -> None:
    """Strict check with schemas, tests and full coverage are clean."""
    run(opa, "check", "--strict", *SCHEMA, *policy.for_opa)
    run(opa, "test", *SCHEMA, *policy.for_opa)
    run(opa, "test", *COVERED, *SCHEMA, *policy.for_opa)


def test_the_library_is_covered_by_its_own_tests(opa: str) -> None:
    """Without any data its tests hold and reach every line, so they hold beside whatever data there are."""
    run(opa, "test", *COVERED, *SCHEMA, str(LIBRARY))


def test_the_policy_of_the_tests_is_clean(opa: str) -> None:
    """What other tests load passes the strict check."""
    run(opa, "check", "--strict", "--bundle", *SCHEMA, str(ROOT / "tests" / "policies" / "allow_all"))


def test_a_bundle_can_be_built(opa: str, tmp_path: Path) -> None:
    """OPA builds a bundle of the starter policy without its tests."""
    run(opa, "build", "--ignore", "*_test.rego", *STARTER.for_opa, "--output", str(tmp_path / "bundle.tar.gz"))


@pytest.mark.parametrize(
    ("package", "slip"),
    [("authz", "input.principal.rolez"), ("admin", "input.target.persons"), ("admin", "input.operation.action")],
)
def test_a_misspelt_field_of_the_input_is_found(opa: str, tmp_path: Path, package: str, slip: str) -> None:
    """`opa check` with our schemas refuses a policy that reads what no input of its entry point has."""
    (tmp_path / "slip.rego").write_text(f"package vecgate.{package}\n\ndenials contains x if x := {slip}\n", encoding="utf-8")
    command = [opa, "check", "--strict", *SCHEMA, str(LIBRARY), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert f"undefined ref: {slip}" in done.stderr


@pytest.mark.parametrize("path", sorted({path for policy in POLICIES for path in policy.rules}), ids=lambda path: path.stem)
def test_every_public_rule_says_what_it_is(opa: str, path: Path) -> None:
    """Title and description stand on each, and on a denial what somebody can do about it."""
    parsed = json.loads(run(opa, "parse", "--format=json", "--json-include=locations", str(path)))
    lacking = [
        f"{path.name}:{rule['location']['row']}" for rule in parsed["rules"] if not rule["head"]["name"].startswith("_")
        and not told(rule)
    ]  # fmt: skip

    assert lacking == []


def told(rule: dict[str, Any]) -> bool:
    """Whether a rule has its METADATA: a denial of its own, any other at least that of its name."""
    notes = [note for note in rule.get("annotations", ()) if note.get("title") and note.get("description")]
    if rule["head"]["name"] == "denials":
        return any(note["scope"] == "rule" and note.get("custom", {}).get("remedy") for note in notes)
    return bool(notes)
