"""Which rules made a decision: what they gave, where they stand, and nothing of what they looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extproc.decision import Decision, LimitObligation, MaskObligation
from extproc.engines.engine import encode
from extproc.engines.source import Source
from extproc.errors import ConfigError, EngineError
from extproc.policy.tracing import Given, Traced, trace
from support.asking import asked
from support.policies import EXAMPLES, LIBRARY, STARTER

SMALL = """package p

# METADATA
# title: Night
# description: |
#   Nothing is done
#   at night.
# custom:
#   remedy: Wait until morning.
denials contains "night" if input.context.time_ns > 0

_secret := input.principal.claims.secret

roles contains role if { some role in input.principal.roles; shout(role) == "READER!" }

shout(text) := concat("", [upper(text), "!"])

decision := {"allow": count(denials) == 0, "reasons": sort(denials), "obligations": [{"type": "limit", "max": 7}]} if _secret
"""


@pytest.fixture(autouse=True)
def program(opa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the program of the tests traced with."""
    monkeypatch.setenv("VECGATE_OPA", opa)


def traced(folder: Path, policy: str, **claims: Any) -> Traced:
    """Return what comes of a policy of one file."""
    (folder / "p.rego").write_text(policy)
    return trace(Source(path=folder), "p/decision", encode(asked(claims=claims)))


def places(given: list[Given]) -> list[tuple[str, str]]:
    """Return rule and place."""
    return [(each.rule, Path(each.place).name) for each in given]


def test_a_reason_is_made_by_the_rule_that_adds_it(tmp_path: Path) -> None:
    """With what its author says of it."""
    found = traced(tmp_path, SMALL, secret="hidden-value")
    (maker,) = found.makers("night")

    assert found.decision == Decision(allow=False, reasons=("night",), obligations=(LimitObligation(max=7),))
    assert places([maker]) == [("denials", "p.rego:10")]
    assert (maker.title, maker.description, maker.remedy) == ("Night", "Nothing is done at night.", "Wait until morning.")


def test_an_obligation_without_a_rule_of_its_own_is_made_by_the_rule_that_holds_it(tmp_path: Path) -> None:
    """The decision itself, in a policy that has no sets."""
    found = traced(tmp_path, SMALL, secret="x")

    assert places(found.makers(LimitObligation(max=7))) == [("decision", "p.rego:18")]
    assert found.makers("another_reason") == []


def test_functions_are_left_out(tmp_path: Path) -> None:
    """What they give depends on what they are given."""
    found = traced(tmp_path, SMALL, secret="x")

    assert "shout" not in {each.rule for each in found.given}


def test_members_that_an_obligation_leaves_out_have_their_defaults(tmp_path: Path) -> None:
    """A rule made it although it does not say all of it."""
    policy = """package p

obligations contains {"type": "mask", "fields": ["a"], "with": {"partial": {"keep_last": 4}}}

decision := {"allow": true, "obligations": [each | some each in obligations]}
"""
    found = traced(tmp_path, policy)
    assert isinstance(found.decision, Decision)
    (obligation,) = found.decision.obligations

    assert isinstance(obligation, MaskObligation)
    assert places(found.makers(obligation)) == [("obligations", "p.rego:3")]


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (SMALL, "policy_undefined"),
        ('package p\n\ndecision := {"allow": true}\n\ndecision := {"allow": false}\n', "policy_ambiguous"),
        ('package p\n\ndecision := {"allow": to_number("x") == 1}\n', "policy_error"),
        ('package p\n\ndecision := {"allow": 1}\n', "decision_invalid"),
    ],
)
def test_no_decision_is_told_by_its_reason(tmp_path: Path, policy: str, code: str) -> None:
    """As a gateway would deny it."""
    decision = traced(tmp_path, policy).decision

    assert isinstance(decision, EngineError)
    assert decision.code == code


def test_a_policy_that_opa_refuses_is_one_clear_error(tmp_path: Path) -> None:
    """It names the policy and what OPA says."""
    with pytest.raises(ConfigError, match=r"OPA cannot evaluate the policy: .*rego_parse_error") as refusal:
        traced(tmp_path, "package p\n\ndecision := {\n")

    assert "\n" not in str(refusal.value)


def test_places_in_a_library_are_the_librarys() -> None:
    """An author finds the file, whichever of the two directories it lies in."""
    source = Source(path=EXAMPLES[0].bundle, library=LIBRARY)
    found = trace(source, "vecgate/authz/decision", encode(asked(roles=("nobody",))))

    (maker,) = found.makers("role_missing")
    path, _, line = maker.place.partition(":")
    assert Path(path).resolve() == LIBRARY / "authz" / "grants.rego"
    assert Path(path).read_text().splitlines()[int(line) - 1].startswith('denials contains "role_missing"')


def test_names_are_those_that_the_author_gave() -> None:
    """Which role and which permission granted it."""
    found = trace(Source(path=STARTER.bundle), "vecgate/authz/decision", encode(asked()))

    (grants,) = (each for each in found.given if each.rule.endswith("grants"))
    assert (grants.value, grants.names) == ("reader", {"name": "read", "role": "reader"})
    assert json.dumps(grants.value)
