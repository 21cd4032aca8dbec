"""A candidate decides as a gateway would, on either engine, and leaves nothing running."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extproc.engines.source import Source
from extproc.errors import ConfigError, EngineError
from extproc.policy.candidate import EngineKind, candidate
from support.asking import asked
from support.policies import EXAMPLES, LIBRARY, STARTER
from support.processes import descendants

RULE = "vecgate/authz/decision"


@pytest.fixture(autouse=True)
def program(opa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have candidates loaded by the OPA of the tests."""
    monkeypatch.setenv("VECGATE_OPA", opa)


@pytest.mark.parametrize("kind", ["embedded", "opa"])
@pytest.mark.parametrize("source", [Source(path=STARTER.bundle), Source(path=EXAMPLES[0].bundle, library=LIBRARY)], ids=str)
async def test_both_engines_decide_by_the_candidate(kind: EngineKind, source: Source) -> None:
    """A directory alone, or with a library; afterwards no process is left."""
    before = set(descendants(os.getpid()))
    async with candidate(source, RULE, kind) as engine:
        found = (await engine.decide(asked(roles=("stranger",)))).decision
        assert engine.revision.startswith("sha256:")

    assert (found.allow, found.reasons[:1]) == (False, ("role_missing",))
    assert set(descendants(os.getpid())) - before == set()


@pytest.mark.parametrize("kind", ["embedded", "opa"])
async def test_a_candidate_that_does_not_load_is_one_clear_error(tmp_path: Path, kind: EngineKind) -> None:
    """Before anything is asked of it."""
    (tmp_path / "p.rego").write_text("package vecgate.authz\n\ndecision := {\n")

    with pytest.raises(ConfigError) as refusal:
        async with candidate(Source(path=tmp_path), RULE, kind):
            pass

    assert ("p.rego:3" in str(refusal.value) or "p.rego:4" in str(refusal.value), "\n" in str(refusal.value)) == (True, False)


@pytest.mark.parametrize("kind", ["embedded", "opa"])
async def test_a_candidate_without_a_decision_gives_none(tmp_path: Path, kind: EngineKind) -> None:
    """Which counts as a refusal."""
    (tmp_path / "p.rego").write_text('package vecgate.authz\n\ndecision := {"allow": true} if input.principal.claims.no\n')

    async with candidate(Source(path=tmp_path), RULE, kind) as engine:
        with pytest.raises(EngineError) as refusal:
            await engine.decide(asked())

    assert refusal.value.code == "policy_undefined"
