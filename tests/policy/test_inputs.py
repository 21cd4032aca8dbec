"""Tests of policies, rewritten so that they tell their inputs."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from extproc.policy.inputs import HELPER, telling, told

SOURCE = """package a_test

import data.a

asked(x) := {"x": x, "é": `raw
text`}

test_simple if a.allow with input as {"x": "é"}

test_two if { "é" == "é"; a.allow with input as asked([1, {"k": "v"}]) with data.q as 1 }

test_every if {
	every r in ["b", "c"] {
		d := a.allow with input as asked(r)
		d == true
	}
}

test_lines if {
	not a.allow with input as {
		"y": 1, # a comment with a ) in it
	}
}

test_nested if a.allow with input as {"x": [z | z := input.z with input as {"z": 5}]}

test_part if a.allow with input.x as 3

test_function if a.allow with input as f(4)

f(n) := asked(n)
"""
POLICY = "package a\n\nallow if input.x\n"


def parsed(opa: str, folder: Path, source: str) -> Any:
    """Return OPA's syntax tree of a test file."""
    (folder / "a_test.rego").write_text(source)
    command = [opa, "parse", "--format", "json", "--json-include", "locations", "a_test.rego"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def results(opa: str, folder: Path, source: str, helper: str = "") -> list[dict[str, Any]]:
    """Return what `opa test` says of the policy and these tests."""
    (folder / "a.rego").write_text(POLICY)
    (folder / "a_test.rego").write_text(source)
    (folder / "helper.rego").write_text(helper or "package helper\n")
    command = [opa, "test", "--bundle", "--verbose", "--format", "json", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_every_input_is_told_and_nothing_else_changes(opa: str, tmp_path: Path) -> None:
    """The same tests pass, on the same lines, and each whole input that they give is told, nested ones included."""
    before = results(opa, tmp_path, SOURCE)
    after = results(opa, tmp_path, telling(SOURCE, parsed(opa, tmp_path, SOURCE)), HELPER)
    outputs = {each["name"]: told(base64.b64decode(each.get("output", "")).decode()) for each in after}

    def place(found: list[dict[str, Any]]) -> set[tuple[str, int, bool]]:
        return {(each["name"], each["location"]["row"], "fail" in each) for each in found}

    assert place(before) == place(after)
    assert {name: [json.loads(each) for each in inputs] for name, inputs in outputs.items()} == {
        "test_simple": [{"x": "é"}],
        "test_two": [{"x": [1, {"k": "v"}], "é": "raw\ntext"}],
        "test_every": [{"x": "b", "é": "raw\ntext"}, {"x": "c", "é": "raw\ntext"}],
        "test_lines": [{"y": 1}],
        "test_nested": [{"z": 5}, {"x": [5]}],
        "test_part": [],
        "test_function": [{"x": 4, "é": "raw\ntext"}],
    }


@pytest.mark.parametrize("source", ["package a_test\n", "package a_test\n\ntest_x if true\n"])
def test_a_file_that_gives_no_input_stays_as_it_is(opa: str, tmp_path: Path, source: str) -> None:
    """Nothing is written where there is nothing to tell."""
    assert telling(source, parsed(opa, tmp_path, source)) == source


def test_a_tree_of_another_file_changes_nothing(opa: str, tmp_path: Path) -> None:
    """What is not where the tree says it is, is left alone."""
    other = SOURCE.replace("asked", "askew").replace('{"x": "é"}', '{"x": "e"}').replace('"y"', '"z"').replace("f(4)", "f(5)")
    other = other.replace('{"x": [z', '{"x": [y').replace('{"z": 5}', '{"z": 6}')

    assert telling(other, parsed(opa, tmp_path, SOURCE)) == other


def test_what_a_policy_prints_by_itself_is_no_input() -> None:
    """Only whole lines with the mark are."""
    assert told('hello\nvecgate-input {"x": 1}\nx vecgate-input {}\n') == ['{"x": 1}']
