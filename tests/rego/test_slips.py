"""A slip in the data of a policy never allows more, shows more or keeps less apart: key by key, for every policy of ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from extproc.decision import Decision, LimitObligation, RecordObligation, decode
from extproc.errors import EngineError
from support.policies import ADMINISTRATION, AUTHORIZATION, POLICIES, Policy, run
from support.questions import acts, operations

ASKED = 250


def sections(policy: Policy) -> list[tuple[str, Any]]:
    """Return each section of the data, with its path: those of the library, and those of the policy's own rules."""
    document = yaml.safe_load((policy.bundle / "data.yaml").read_text(encoding="utf-8"))
    library = [(f"vecgate.{name}", section) for name, section in document.pop("vecgate").items()]
    return [*library, *document.items()]


def slips(section: Any) -> Iterator[tuple[str, Any]]:
    """Give `section` with one of its keys misspelt, for every key at any depth, and which; and nothing in its place."""
    yield "", None
    for path in keys(section):
        slipped = copy.deepcopy(section)
        *above, last = path
        holder = slipped
        for part in above:
            holder = holder[part]
        holder[f"{last}x"] = holder.pop(last)
        yield ".".join(map(str, path)), slipped


def keys(node: Any) -> Iterator[tuple[Any, ...]]:
    """Give the path of every key in a document."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in children:
        if isinstance(node, dict):
            yield (name,)
        yield from ((name, *below) for below in keys(value))


def by_opa(opa: str, folder: Path, policy: Policy, query: str, document: Any) -> list[list[Decision | None]]:
    """Return the lists of decisions that a query gives; None where one is not valid."""
    (folder / "asked.json").write_bytes(msgspec.json.encode(document))
    paths = policy.for_opa if policy.library is None else [part for path in policy.for_opa for part in ("--data", path)]
    said = run(opa, "eval", "--format=json", *paths, "--input", str(folder / "asked.json"), query)
    return [list(map(decided, values)) for values in json.loads(said)["result"][0]["expressions"][0]["value"]]


def decided(value: Any) -> Decision | None:
    """Return a decision; None for what is none, which denies."""
    try:
        return decode(json.dumps(value).encode())
    except EngineError:
        return None


def wider(before: Decision | None, after: Decision | None) -> bool:
    """Whether `after` allows what `before` did not, or asks for less."""
    if after is None or not after.allow:
        return False
    if before is None or not before.allow:
        return True
    return not (obligations(before) <= obligations(after) and limit(after) <= limit(before))


def obligations(decision: Decision) -> set[bytes]:
    """Return what a decision asks for, but for limits, and for what whoever sees hidden fields leaves behind."""
    others = (each for each in decision.obligations if not isinstance(each, LimitObligation | RecordObligation))
    return {msgspec.json.encode(each) for each in others}


def limit(decision: Decision) -> float:
    """Return the most records of a decision."""
    return min((each.max for each in decision.obligations if isinstance(each, LimitObligation)), default=float("inf"))


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("entrypoint", [AUTHORIZATION, ADMINISTRATION])
def test_no_slip_widens_a_policy(opa: str, tmp_path: Path, policy: Policy, entrypoint: str) -> None:
    """Whatever key is misspelt, and whatever section is nothing, nobody may do or see more than before."""
    inputs = operations(policy) if entrypoint == AUTHORIZATION else acts(policy)
    inputs = inputs[:: len(inputs) // ASKED]
    rule = "data." + entrypoint.replace("/", ".")
    widened, tried = [], 0
    for name, section in sections(policy):
        paths, variants = zip(("nothing slipped", section), *slips(section), strict=True)
        each = f"[decision | some asked in input.inputs; decision := {rule} with input as asked with data.{name} as variant]"
        query = f"[decisions | some variant in input.variants; decisions := {each}]"
        before, *others = by_opa(opa, tmp_path, policy, query, {"inputs": inputs, "variants": variants})
        tried += len(others)
        widened += [
            f"{name}.{path}"
            for path, after in zip(paths[1:], others, strict=True)
            if any(wider(*pair) for pair in zip(before, after, strict=True))
        ]

    assert widened == []
    assert tried > 50
