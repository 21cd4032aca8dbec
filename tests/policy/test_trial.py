"""Policies tried on both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extproc.engines.source import Source
from extproc.errors import ConfigError
from extproc.policy.trial import Trial, try_policy
from support.gateway import STARTER

POLICY = 'package p\n\ndefault decision := {"allow": false}\n\ndecision := {"allow": true} if input.x == 1\n'
TESTS = """package p_test

test_one if {
	decision := data.p.decision with input as {"x": 1}
	decision.allow
}

test_two if {
	decision := data.p.decision with input as {"x": 2}
	not decision.allow
}
"""


@pytest.fixture
def tried(opa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what tries a policy and its tests."""
    monkeypatch.setenv("VECGATE_OPA", opa)

    def try_out(policy: str = POLICY, tests: str = TESTS, data: str = "{}", **options: bool) -> Trial:
        folder = tmp_path / "policy"
        folder.mkdir()
        (folder / "data.json").write_text(data)
        (folder / "p.rego").write_text(policy)
        (folder / ".manifest").write_text('{"roots": ["p", "k"]}')
        if tests:
            (folder / "p_test.rego").write_text(tests)
        return try_policy(Source(path=folder), "p/decision", **options)

    return try_out


def test_a_policy_that_holds(tried: Any) -> None:
    """All pass, all is covered, and both engines decide all inputs alike."""
    trial = tried()

    assert [(each.name, each.place, each.outcome) for each in trial.tests] == [
        ("p_test.test_one", "policy/p_test.rego:3", "pass"),
        ("p_test.test_two", "policy/p_test.rego:8", "pass"),
    ]
    assert (trial.coverage, trial.inputs, trial.differences, trial.refused) == (100, 2, (), "")
    assert list(trial.complaints(100)) == []


def test_the_starter_policy_holds(opa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own tests pass with full coverage, and every input that they give is decided alike."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    trial = try_policy(Source(path=STARTER), "vecgate/authz/decision")

    assert list(trial.complaints(100)) == []
    assert trial.inputs > 50


SHOWN = '{"allow":%s,"reasons":[],"obligations":[],"cache":null}'
UNPROVEN = "p.rego:5: the builtin time.now_ns is not proven for the embedded engine: write `input.context.time_ns`"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tests": TESTS.replace("not decision", "decision")}, ["policy/p_test.rego:8: p_test.test_two: fail"]),
        ({"tests": ""}, ["there are no tests; put rules `test_…` into files that end in _test.rego"]),
        ({"policy": POLICY + '\nother := "x"\n'}, ["policy/p.rego:7: not covered", "coverage is 88.8889 %, below 100 %"]),
        (
            {
                "policy": POLICY.replace("input.x == 1", "time.now_ns() > 0; input.x == 1").replace("if ", "if { ").rstrip()
                + " }\n"
            },
            [f"the embedded engine does not load it: {UNPROVEN}"],
        ),
        (
            # What docs/policy.md warns of: a number is no key in process.
            {"policy": POLICY.replace("input.x == 1", "data.k[input.x]"), "data": '{"k": {"1": true}}'},
            [f"p_test.test_one: the engines differ: OPA gives {SHOWN % 'true'}, the embedded engine {SHOWN % 'false'}"],
        ),
    ],
)
def test_what_does_not_hold_is_said(tried: Any, changes: dict[str, str], said: list[str]) -> None:
    """Each thing in a line of its own, with its place."""
    assert list(tried(**changes).complaints(100)) == said


def test_coverage_is_wanted_as_far_as_it_is_asked_for(tried: Any) -> None:
    """A threshold that is met is nothing to say."""
    trial = tried(policy=POLICY + '\nother := "x"\n')

    assert [bool(list(trial.complaints(threshold))) for threshold in (0, 88, 89)] == [False, False, True]


def test_a_policy_for_opa_alone_is_tried_on_opa_alone(tried: Any) -> None:
    """What the embedded engine does not load is then no complaint."""
    policy = POLICY.replace("if input.x == 1", 'if {\n\tlower(input.y) == ""\n\tinput.x == 1\n}')
    trial = tried(policy=policy, tests=TESTS.replace('"x"', '"y": "", "x"'), embedded=False)

    assert (list(trial.complaints(100)), trial.inputs) == ([], 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"policy": "package p\n\ndecision := {\n"}, "OPA cannot run the tests: "),
        ({"tests": "package p_test\n\ntest_x if {\n"}, "OPA cannot run the tests: "),
        ({"tests": "package p_test\n\ntest_x if no.such.builtin(1)\n"}, "OPA cannot run the tests: "),
    ],
)
def test_tests_that_do_not_compile(tried: Any, changes: dict[str, str], said: str) -> None:
    """One line in OPA's own words."""
    with pytest.raises(ConfigError, match=said) as refused:
        tried(**changes)

    assert "\n" not in str(refused.value)


def test_a_directory_that_is_none(opa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named."""
    monkeypatch.setenv("VECGATE_OPA", opa)
    with pytest.raises(ConfigError, match="none: is no directory"):
        try_policy(Source(path=tmp_path / "none"), "p/decision")
