"""The allow-list of the embedded engine is proven against real OPA, case by case."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.engines import builtins

HERE = Path(__file__).parent
CASES = yaml.safe_load((HERE / "builtin_cases.yaml").read_text(encoding="utf-8"))
OTHERS = yaml.safe_load((HERE / "other_builtins.yaml").read_text(encoding="utf-8"))
UNDEFINED = ["failed", "policy_undefined"]
FAILED = ["failed", "policy_error"]
SEVERAL = ["failed", "policy_ambiguous"]
UNPROVEN = [
    'net.cidr_contains("10.0.0.0/8", "10.0.0.1")',
    'time.parse_rfc3339_ns("2020-01-01T00:00:00Z") > 0',
    "json.match_schema({}, {})",
    'http.send({"method": "get", "url": "http://127.0.0.1:1"})',
    "opa.runtime()",
    "time.now_ns() > 0",
    'rand.intn("a", 9) > 0',
    'uuid.rfc4122("a")',
    "no.such.builtin(1)",
    'regex.match("(?i)a", "A")',
    'lower("É") == "é"',
    'replace("a", "", "b")',
    "1 / 0",
    '$"{input.five}"',
]
FRAMES = ["{}", "not {}", "count({{x | x := {}}}) == 0", "helper({})"]


def module(rules: str) -> str:
    """Return a Rego module."""
    return f"package p\n\nimport rego.v1\n\n{rules}"


def ours(*policies: str, entrypoints: tuple[str, ...] = ("p/result",)) -> list[dict[str, Any]]:
    """Return what the embedded engine makes of each policy."""
    cases = [
        {"modules": {"authz/p.rego": text}, "data": CASES["data"], "input": CASES["input"], "entrypoints": entrypoints}
        for text in policies
    ]
    command = [sys.executable, str(HERE / "in_process.py")]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes: list[dict[str, Any]] = json.loads(done.stdout)
    return outcomes


def theirs(opa: str, folder: Path, text: str, query: str) -> Any:
    """Return what OPA gives for `query`, None where undefined."""
    (folder / "p.rego").write_text(text, encoding="utf-8")
    (folder / "data.json").write_text(json.dumps(CASES["data"]), encoding="utf-8")
    (folder / "input.txt").write_text(json.dumps(CASES["input"]), encoding="utf-8")
    command = [opa, "eval", "--format=json", "--bundle", str(folder), "--input", str(folder / "input.txt"), query]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout).get("result")
    return found[0]["expressions"][0]["value"] if found else None


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, as JSON has it: true is not 1, but 1.0 is."""
    match one, other:
        case (bool(), _) | (_, bool()):
            return one is other
        case (list(), list()):
            return len(one) == len(other) and all(map(same, one, other))
        case (dict(), dict()):
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        case _:
            return bool(one == other)


def equal(opa_value: Any, our_result: list[Any]) -> bool:
    """Whether both engines give the same value, or both none."""
    return our_result == UNDEFINED if opa_value is None else our_result[0] == "value" and same(opa_value, our_result[1])


def as_it_says(kind: str, opa_value: Any, our_result: list[Any]) -> bool:
    """Whether a case of `kind` ended so. Values are wrapped in a list, so that null is told from undefined."""
    match kind:
        case "equal":
            return equal(opa_value, our_result)
        case "close":
            return not equal(opa_value, our_result) and math.isclose(opa_value[0], our_result[1][0], rel_tol=1e-15)
        case "refused":
            return our_result == FAILED
        case _:
            return False


def test_every_case_ends_as_it_says(opa: str, tmp_path: Path) -> None:
    """Each case is equal to OPA's, or close, or refused, just as the file says."""
    cases = [(name, kind, text) for name, kinds in CASES["builtins"].items() for kind, texts in kinds.items() for text in texts]
    text = module("".join(f"r{index} := [x] if {{ x := {case[2]} }}\n" for index, case in enumerate(cases)))
    values = theirs(opa, tmp_path, text, "data.p")
    entrypoints = tuple(f"p/r{index}" for index in range(len(cases)))
    (outcome,) = ours(text, entrypoints=entrypoints)
    wrong = []
    for index, (case, result) in enumerate(zip(cases, outcome["results"], strict=True)):
        value = values.get(f"r{index}")
        if not as_it_says(case[1], value, result):
            wrong.append((*case, value, result))

    assert wrong == []


def test_every_builtin_on_the_list_is_proven() -> None:
    """A builtin without at least three cases that are equal is not on the list."""
    proven = {name for name, kinds in CASES["builtins"].items() if len(kinds.get("equal", ())) >= 3}

    assert proven == set(builtins.PROVEN)


def test_every_case_uses_its_builtin(opa: str, tmp_path: Path) -> None:
    """A case that is filed under another builtin's name proves nothing."""
    infix = {"and": "&", "or": "|", "minus": "-", "plus": "+", "equal": "==", "neq": "!=", "lt": "<", "lte": "<="}
    infix |= {"gt": ">", "gte": ">=", "internal.member_2": " in "}
    stray = [
        (name, text)
        for name, kinds in CASES["builtins"].items()
        for texts in kinds.values()
        for text in texts
        if not (f" {infix[name].strip()} " in text if name in infix else text.startswith(f"{name}("))
    ]

    assert stray == []


def test_forms_of_the_language(opa: str, tmp_path: Path) -> None:
    """The language itself means the same in both engines; a conflict is one in ours as it is in OPA."""
    forms: dict[str, str] = CASES["forms"]
    outcomes = ours(*map(module, forms.values()))
    wrong = {}
    for (title, rules), outcome in zip(forms.items(), outcomes, strict=True):
        result = outcome["results"][0] if "results" in outcome else [outcome["refused"]]
        if title.startswith("conflict"):
            right = result == SEVERAL
        else:
            right = equal(theirs(opa, tmp_path, module(rules), "data.p.result"), result)
        if not right:
            wrong[title] = result

    assert wrong == {}


def test_unproven_builtins_do_not_load() -> None:
    """What is unproven, looks outside or does not exist is refused at load, also below `not` and in comprehensions."""
    policies = [
        module(f"result if {{ {frame.format(call)} }}\nhelper(x) if x == true\n") for call in UNPROVEN for frame in FRAMES
    ]
    messages = [outcome.get("refused", "loaded") for outcome in ours(*policies)]

    assert [message for message in messages if "is not proven for the embedded engine" not in message or "\n" in message] == []


def test_the_refusal_says_what_to_do() -> None:
    """The message names place, builtin and a way to write it."""
    expected = "authz/p.rego:5: the builtin time.now_ns is not proven for the embedded engine: write `input.context.time_ns`"
    assert expected == ours(module("result if time.now_ns() > 3\n"))[0]["refused"]


@pytest.mark.parametrize(
    "rules",
    [
        "result if not denid\ndenied if input.five == 5\n",
        "result if not startswith(input.s, prefx)\n",
        "result := {x | some x in nope}\n",
        "result := nope.x\n",
        "result := nope\n",
        "result := f(1)\nf(x) := y\n",
    ],
)
def test_a_slip_in_a_name_does_not_load(rules: str) -> None:
    """A name that nothing defines is refused; the compiler alone would make it undefined, and a denial would never fire."""
    assert "uses a name that nothing defines" in ours(module(rules))[0]["refused"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("result := 1 if {\n", "authz/p.rego:"),
        ("other := 1\n", "the policy has no rule data.p.result; add it, or correct policy.entrypoint"),
        ('result := data.p[input.s]\nabc := 1\nxyz := "b"\n', "called by a computed name"),
        ('result := x if { {"a": x} = input.o }\n', "p.rego:5: `=` is not proven for the embedded engine: write `:=` or `==`"),
        ('result if { v := input.s; v = "x" }\n', "`=` is not proven"),
        ('# a = b\nresult if { "a=b" != `c\n=d`; role = "admin" }\nrole := "reader"\n', "p.rego:7: `=` is not proven"),
        ("result = 1\n", "`=` is not proven"),
        ("result if { v := 1; v := 2 }\n", "p.rego:5: "),
        ("result := x if { x := probe with input.five as 7 }\nprobe := input.five + 1\n", "`with` is not proven"),
        (
            'result := x if { x := data.p.probe with data.limits as {"low": 9} }\nprobe := data.limits.low\n',
            "`with` is not proven",
        ),
        ("result if { not probe with input as {} }\nprobe := input.five\n", "`with` is not proven"),
        (f'result := "{chr(0xF0022)}"\n', "private-use character"),
    ],
)
def test_what_does_not_load_is_said_in_one_line(rules: str, expected: str) -> None:
    """Each policy that cannot run in process is refused with one line that says where or what."""
    message = ours(module(rules))[0]["refused"]

    assert expected in message
    assert "\n" not in message


# --- all the others ---


def opa_loads(opa: str, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Have OPA compile a policy whose rule is ``p.result``."""
    (folder / "p.rego").write_text(text, encoding="utf-8")
    command = [opa, "build", "--bundle", ".", "--target", "plan", "--entrypoint", "p/result", "--output", "bundle.tar.gz"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_every_builtin_of_opa_has_its_case(opa: str) -> None:
    """None is left out, of the version that the tests run on, and none is made up."""
    listed = json.loads(subprocess.run([opa, "capabilities", "--current"], capture_output=True, text=True, check=True).stdout)

    assert {each["name"] for each in listed["builtins"]} == builtins.PROVEN | {
        name for kind in OTHERS.values() for name in kind
    }
    assert len(builtins.PROVEN) + sum(map(len, OTHERS.values())) == len(listed["builtins"]) > 200


def test_what_is_not_proven_is_refused_by_its_name(opa: str, tmp_path: Path) -> None:
    """OPA compiles each call into a call of just this builtin; the embedded engine does not load a policy that has it."""
    calls = OTHERS["refused"]
    compiled = opa_loads(
        opa, tmp_path, module("".join(f"result contains {n} if {{ x := {c}; x }}\n" for n, c in enumerate(calls.values())))
    )
    assert compiled.returncode == 0, compiled.stderr
    used = {each["name"] for each in plan(tmp_path)["static"]["builtin_funcs"]}
    refusals = ours(*(module(f"result := [x] if {{ x := {call} }}\n") for call in calls.values()))
    wrong = {
        name: outcome
        for name, outcome in zip(calls, refusals, strict=True)
        if f"the builtin {name} is not proven" not in outcome.get("refused", "")
    }

    assert set(calls) - used == {"rego.metadata.chain", "rego.metadata.rule"}  # the compiler puts their values in their place
    # One that the library has half: what it compiles of it cannot be loaded.
    assert wrong == {
        "crypto.x509.parse_and_verify_certificates_with_options": {
            "refused": "the policy does not compile; `opa check` says where"
        }
    }


def plan(folder: Path) -> dict[str, Any]:
    """Return the plan in the bundle that OPA has built."""
    with tarfile.open(folder / "bundle.tar.gz") as bundle:
        content = bundle.extractfile("/plan.json")
        assert content is not None
        found: dict[str, Any] = json.load(content)
        return found


@pytest.mark.parametrize(("name", "call"), OTHERS["deprecated"].items())
def test_what_is_deprecated_is_refused_by_both(opa: str, tmp_path: Path, name: str, call: str) -> None:
    """Neither engine loads it."""
    text = module(f"result := [x] if {{ x := {call} }}\n")
    (outcome,) = ours(text)

    assert "deprecated built-in function" in opa_loads(opa, tmp_path, text).stdout
    assert f"the builtin {name} is not proven" in outcome["refused"]


@pytest.mark.parametrize(("name", "rules"), OTHERS["language"].items())
def test_what_is_only_a_form_of_the_language_means_the_same(opa: str, tmp_path: Path, name: str, rules: str) -> None:
    """Either both give the same value, or the embedded engine does not load it."""
    (outcome,) = ours(module(rules))

    if "refused" in outcome:
        assert "\n" not in outcome["refused"]
        assert opa_loads(opa, tmp_path, module(rules)).returncode == 0
    else:
        assert equal(theirs(opa, tmp_path, module(rules), "data.p.result"), outcome["results"][0])
