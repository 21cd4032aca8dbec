"""One corpus, two engines: every case of the policy contract gives the same on real OPA and in process, and what it says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from extproc.decision import Decision, Level, Terms, combine, decode
from extproc.engines.build import build
from extproc.engines.embedded import EmbeddedEngine
from extproc.engines.opa import OpaEngine
from extproc.engines.opa_program import require_loads
from extproc.engines.signature import SigningKey
from extproc.errors import Denied, EngineError
from extproc.up.bundles import BundleServer
from support.asking import asked, converted
from support.opa import Opa

SECTIONS: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "contract_cases.yaml").read_text(encoding="utf-8")
)
CASES = {f"{section}: {title}": case for section, cases in SECTIONS.items() for title, case in cases.items()}
DATA = {"limits": {"a": 10, "b": 20}, "masks": {"drop": ["a", "b"], "redact": ["c"]}}

Outcome = Decision | str
"""A decision, or the code of the error."""


def given(case: dict[str, Any]) -> Any:
    """Return the decision that the policy of a case gives, where it is written down."""
    return {"allow": True, "obligations": case["o"]} if "o" in case else case["d"]


def files() -> dict[str, bytes]:
    """Return one policy of all cases, which decides the one that the exchange's id names."""
    found, dispatch = {"data.json": json.dumps(DATA).encode()}, ["package p\n"]
    for number, case in enumerate(CASES.values()):
        rules = case["r"] if "r" in case else f"decision := {json.dumps(given(case))}"
        found[f"cases/{number}.rego"] = f"package cases.c{number}\n\n{rules}\n".encode()
        dispatch.append(f'decision := data.cases.c{number}.decision if input.context.exchange == "{number}"\n')
    return {**found, "p.rego": "\n".join(dispatch).encode()}


def outcomes(engine: EmbeddedEngine | OpaEngine) -> list[Outcome]:
    """Return what an engine makes of each case."""

    async def decide() -> list[Outcome]:
        found: list[Outcome] = []
        for number, case in enumerate(CASES.values()):
            try:
                decided = await engine.decide(asked(**converted(case.get("i", {})), exchange=str(number)))
                found.append(decided.decision)
                assert decided.revision == engine.revision
            except EngineError as error:
                found.append(error.code)
        await engine.close()
        return found

    return asyncio.run(decide())


@pytest.fixture(scope="module")
def both(opa: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Outcome]]:
    """Return what each engine makes of each case, by engine and title."""
    folder, key = tmp_path_factory.mktemp("contract"), SigningKey.create()
    policy = files()
    for name, content in policy.items():
        (folder / "policy" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "policy" / name).write_bytes(content)
    archive = build(policy, folder, key).archive
    require_loads(archive, key.public(), "p/decision")
    server = Opa(program=opa, folder=folder, key=key, bundles=BundleServer(archive))
    try:
        server.start()
        theirs = outcomes(OpaEngine(server.server, "p/decision", 60.0))
    finally:
        server.kill()
        server.bundles.close()
    ours = outcomes(EmbeddedEngine.load(folder / "policy", "p/decision", 60.0))
    return {"opa": dict(zip(CASES, theirs, strict=True)), "embedded": dict(zip(CASES, ours, strict=True))}


def expected(case: dict[str, Any], engine: str) -> Outcome:
    """Return what a case says comes of it on an engine."""
    said = case.get("e", given(case) if "r" not in case else None)
    said = said.get(engine, said) if isinstance(said, dict) else said
    return said if isinstance(said, str) else decode(json.dumps(said).encode())


def combined(decision: Outcome) -> Any:
    """Return the terms of a decision, without what asks nothing; or the code of the denial."""
    assert isinstance(decision, Decision)
    try:
        terms = msgspec.to_builtins(combine(decision, Level.METADATA))
    except Denied as error:
        return error.code
    nothing = msgspec.to_builtins(Terms())
    return {
        name: value for name, value in json.loads(json.dumps(terms)).items() if value != json.loads(json.dumps(nothing))[name]
    }


def test_there_are_two_hundred_cases() -> None:
    """And no two of one title."""
    assert len(CASES) == sum(map(len, SECTIONS.values())) >= 200


@pytest.mark.parametrize("title", CASES)
def test_the_case(both: dict[str, dict[str, Outcome]], title: str) -> None:
    """Both engines give what the case says; and what they give combines to the terms that it says."""
    case = CASES[title]
    found = {engine: both[engine][title] for engine in ("opa", "embedded")}

    assert found == {engine: expected(case, engine) for engine in found}
    if "t" in case:
        assert combined(found["opa"]) == case["t"]


def test_where_the_engines_differ_the_embedded_one_denies(both: dict[str, dict[str, Outcome]]) -> None:
    """What cannot be had alike is an error in process: a value of the wrong kind, where OPA has an order or looks ahead."""
    different = {title for title in CASES if both["opa"][title] != both["embedded"][title]}

    assert different == {
        "forms of a decision: a builtin that fails, which OPA foresees",
        "what a policy sees: a limit compared with nothing",
        "what a policy sees: no collection",
    }
    assert {both["embedded"][title] for title in different} == {"policy_error"}
