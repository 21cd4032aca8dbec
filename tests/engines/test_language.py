"""The language itself on both engines: what stands outside a negation, and rules made up at random."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.rules import BASE, DATA, INPUT, Rules

HERE = Path(__file__).parent
Outcome = tuple[str, Any]
UNDEFINED: Outcome = ("undefined", None)

NEGATIONS = """
not input.nope == 3
not input.nope != 3
not 3 != input.nope
not input.nope == input.nope.x
not input.five == null
not input.nope == null
not input.n == null
not input.nope > 3
not 3 > input.five
not input.nope.a.b < 3
not input.nope + 1 == 2
not input.five - input.nope == 2
not "a" in input.nope
not input.nope in {"a"}
not input.five in {input.nope, 5}
not input.s in {x | some x in input.nope}
not input.nope in object.keys(data.list)
not startswith(input.nope, "x")
not startswith(data.nope.x, "x")
not startswith(input.s, "zz")
not startswith(input.s, "a")
not startswith(substring(input.nope, 0, 1), "x")
not is_null(input.nope)
not is_null(input.five)
not type_name(input.nope) == "null"
not object.get(input, "nope", "y") == "x"
not count(input.nope) > 0
not count(input.nope) == 0
not count(input.xs) == 7
not count([x | x := input.nope]) > 0
not count([input.nope]) == 1
not count({x | some x in input.nope}) == 1
not three(input.nope)
not three(3)
not more(input.nope) == 6
not more(input.five) == 6
not looked(input.nope)
not input.nope
not input.nope.x.y
not input.f
not input.o["a"] == 1
not input.o[input.key] == 1
not input.o[input.nope]
not data.list[input.nope]
not data.list[looked(input.nope)]
not data.deep[input.s].x[input.nope]
not data.deep[input.s].nope.y
not undefined
not no
not word == "default"
not part[input.nope]
not part.a
not pairs[input.nope]
not pairs.a
not {"a": input.nope} == {"a": 1}
not input.o == {"a": input.nope}
not [input.nope] == [1]
not {input.s} & {input.nope} == set()
not false
not true
x := input.o; not startswith(x.nope, "x")
x := input.f; not x
x := 3; not x != input.five
some y in input.xs; not startswith(y, "a")
count({y | some y in input.ns; not y > input.nope}) == 0
count({y | some y in input.ns; not y == input.nope}) == 2
every y in input.nope { y == 1 }
every y in input.ns { y > input.nope }
every y in [] { y > input.nope }
""".strip().splitlines()


REFUSED = """
every y in input.xs { not startswith(y, input.nope) }
every y in input.ns { every z in input.xs { z != "q"; y > 2 } }
not input.nope = 3
v := input.s; v = "x"
some v in input.xs; v = "x"
constant = "x"
""".strip().splitlines()


def by_opa(opa: str, folder: Path, rules: dict[str, str]) -> dict[str, Outcome | None]:
    """Return what OPA makes of each rule by itself; None where it does not load it."""
    (folder / "input.json").write_text(json.dumps(INPUT))

    def evaluate(name: str) -> Outcome | None:
        policy = folder / name
        policy.mkdir()
        (policy / "p.rego").write_text(f"{BASE}\n{rules[name]}")
        (policy / "data.json").write_text(json.dumps(DATA))
        given = ("--format", "json", "--strict-builtin-errors", "--bundle", name, "--input", "input.json")
        done = subprocess.run([opa, "eval", *given, f"data.p.{name}"], cwd=folder, capture_output=True, text=True, check=False)
        match json.loads(done.stdout) if done.stdout else {}:
            case {"result": [{"expressions": [{"value": value}]}]}:
                return "value", value
            case {"errors": [{"code": code}, *_]} if code.startswith("eval_"):
                return "failed", "policy_ambiguous" if code == "eval_conflict_error" else "policy_error"
            case {"errors": _}:
                return None
            case _:
                return UNDEFINED if done.returncode == 0 else None

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(rules, pool.map(evaluate, rules), strict=True))


def in_process(rules: dict[str, str]) -> dict[str, Outcome | None]:
    """Return what the embedded engine makes of each rule; None where it does not load it."""
    if not rules:
        return {}
    case = {"modules": {"p.rego": f"{BASE}\n{''.join(rules.values())}"}, "data": DATA, "input": INPUT}
    asked = json.dumps([case | {"entrypoints": [f"p/{name}" for name in rules]}])
    done = subprocess.run(
        [sys.executable, str(HERE / "in_process.py")], input=asked, capture_output=True, text=True, check=False
    )
    (outcome,) = json.loads(done.stdout) if done.returncode == 0 else ({},)
    if "results" in outcome:
        found = [UNDEFINED if code == "policy_undefined" else (kind, code) for kind, code in outcome["results"]]
        return dict(zip(rules, found, strict=True))
    names = list(rules)
    if len(names) == 1:
        return {names[0]: None}
    halves = ({name: rules[name] for name in part} for part in (names[: len(names) // 2], names[len(names) // 2 :]))
    return {name: found for half in halves for name, found in in_process(half).items()}


def same(one: Outcome | None, other: Outcome | None) -> bool:
    """Whether two outcomes are one: true is not 1, and the members of a set have no order."""
    texts = []
    for outcome in (one, other):
        kind, value = outcome or ("", None)
        members = sorted(json.dumps(each, sort_keys=True) for each in value) if isinstance(value, list) else value
        texts.append(json.dumps([kind, members], sort_keys=True))
    return texts[0] == texts[1]


def test_what_stands_outside_a_negation(opa: str, tmp_path: Path) -> None:
    """An operand that is not there undoes the whole rule, where the thing negated that is not there makes it hold."""
    rules = {f"r{index}": f"r{index} if {{ {body} }}\n" for index, body in enumerate(NEGATIONS)}
    theirs, ours = by_opa(opa, tmp_path, rules), in_process(rules)
    different = {NEGATIONS[int(name[1:])]: (theirs[name], ours[name]) for name in rules if not same(theirs[name], ours[name])}

    assert different == {}
    assert {found[0] for found in theirs.values() if found} == {"value", "undefined"}


def test_what_the_library_gets_wrong_does_not_load(opa: str, tmp_path: Path) -> None:
    """`not` and `every` within `every`, and `=`, which gives a name a second value in the place of comparing it."""
    rules = {f"r{index}": f"r{index} if {{ {body} }}\n" for index, body in enumerate(REFUSED)}

    assert set(in_process(rules).values()) == {None}
    assert None not in by_opa(opa, tmp_path, rules).values()


@pytest.mark.parametrize("seed", [20261124, 20261125])
def test_rules_made_up_at_random(opa: str, tmp_path: Path, seed: int) -> None:
    """Whatever both engines load has the same value in both, or none, or is an error in process."""
    draw = Rules(seed)
    rules = {f"r{index}": draw.rule(f"r{index}") for index in range(250)}
    theirs = by_opa(opa, tmp_path, rules)
    ours = in_process({name: rules[name] for name, found in theirs.items() if found is not None})
    loaded = {name: found for name, found in ours.items() if found is not None}
    different = {
        rules[name]: (theirs[name], found)
        for name, found in loaded.items()
        if not same(theirs[name], found) and found[0] != "failed"
    }

    assert different == {}
    assert len(loaded) > len(rules) // 2
    assert {"value", "undefined"} <= {found[0] for found in loaded.values()}
