"""Made-up rules, drawn from what policies are written with: for holding one engine against another."""

from __future__ import annotations

import random
from typing import Any, Final

INPUT: Final[dict[str, Any]] = {
    "five": 5,
    "s": "abc",
    "f": False,
    "t": True,
    "n": None,
    "o": {"a": 1, "b": {"c": "x"}},
    "xs": ["ab", "bc"],
    "ns": [3, 4, 4],
    "empty": [],
    "nothing": {},
    "key": "a",
    "roles": ["r", "q"],
}
DATA: Final[dict[str, Any]] = {
    "list": {"a": 1, "abc": [1, 2]},
    "deep": {"abc": {"x": {"y": 1}}},
    "names": ["ab", "zz"],
    "lim": 3,
}
BASE: Final = """package p

undefined if input.nope == 1

constant := "abc"

no := false

part contains "a"

part contains x if some x in input.xs

pairs[k] := v if some k, v in input.o

three(x) if x == 3

more(x) := x + 1

looked(x) := y if y := input.o[x]

size(x) := "big" if x > 3 else := "small"

default kind(_) := "other"

kind("a") := "letter"

kind(x) := "number" if is_number(x)

first([x, _]) := x

both(x, y) if {
	x == y
	not x == "ab"
}

default word := "default"

word := "five" if input.five == 6
"""
"""Rules and functions that made-up rules refer to."""

_REFERENCES: Final = (
    "input.five",
    "input.s",
    "input.nope",
    "input.n",
    "input.f",
    "input.o.a",
    "input.o.b.c",
    "input.o.zz",
    "input.nope.x",
    "data.lim",
    "data.nope",
    "data.list.a",
    "undefined",
    "constant",
    "no",
    "word",
    "input.o[input.key]",
    "input.o[input.nope]",
    "data.list[input.s][0]",
    "pairs.a",
    "pairs[input.key]",
    "input.xs[0]",
    "input.xs[7]",
    "input.nothing.x",
    "part.a",
    "data.deep[input.s].x",
    "data.deep[input.s].nope.y",
)
_COLLECTIONS: Final = (
    "input.xs",
    "input.ns",
    "input.empty",
    "input.nope",
    "part",
    "data.names",
    "input.roles",
    '{"ab", "r"}',
    '["ab", 3]',
    "{x | some x in input.xs}",
    "[x | some x in input.ns; x > 3]",
    "{x | some x in input.nope}",
    "input.o",
    "{x | x := input.ns[_]}",
    "[[x, y] | some x in input.xs; some y in input.ns]",
    "{k: v | some k, v in input.o; v != 1}",
    "array.concat(input.xs, input.roles)",
    "part | {3}",
    "part & {input.key}",
    "object.keys(input.o)",
)
_CONSTANTS: Final = ('"ab"', "3", "5", "true", "false", "null", '""', "0")
_NUMBERS: Final = (
    "input.five",
    "data.lim",
    "3",
    "count(input.xs)",
    "input.nope",
    "more(3)",
    "input.o.a",
    "count(input.empty)",
    "input.five + 1",
    "input.five - data.lim",
)
_TEXTS: Final = ("input.s", "constant", '"ab"', "input.o.b.c", "input.nope", "input.xs[0]", "input.key", "word")
_CALLS: Final = (
    "kind(input.key)",
    "kind(input.five)",
    "kind(input.nope)",
    "first(input.xs)",
    "first(input.ns)",
    "first(input.nope)",
    'both(input.s, "abc")',
    "both(input.xs[0], input.xs[0])",
    "both(input.nope, input.s)",
    "three(3)",
    "three(input.five)",
    "three(input.nope)",
    "more(input.five)",
    "more(input.nope)",
    "looked(input.key)",
    "looked(input.nope)",
    'looked("b")',
    "size(input.five)",
    "size(data.lim)",
)
_KINDS: Final = ("is_string", "is_number", "is_null", "is_array", "is_boolean", "is_object", "is_set")


class Rules:
    """Draws rules; the same seed draws the same."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311  # nobody's secret
        self._names: list[str] = []

    def rule(self, name: str) -> str:
        """Return a rule called `name`: complete, partial, with a default, or with an else."""
        self._names = []
        body, value = self._body(), self._term()
        self._names = []
        match self._draw.randrange(6):
            case 0:
                return f"{name} := {value} if {{ {body} }}\n"
            case 1:
                return f"{name} contains {value} if {{ {body} }}\n"
            case 2:
                return f"{name} := 1 if {{ {body} }} else := 2 if {{ {self._body()} }} else := 3\n"
            case 3:
                return f"default {name} := 0\n\n{name} := 1 if {{ {body} }}\n"
            case _:
                return f"{name} := 1 if {{ {body} }}\n"

    def _body(self) -> str:
        return "; ".join(self._step(index) for index in range(self._draw.randint(1, 4)))

    def _step(self, index: int) -> str:  # noqa: PLR0911  # each form is one case
        match self._draw.randrange(10):
            case 0:
                return self._named(index, f"v{index} := {self._term()}")
            case 1:
                return self._named(index, f"some v{index} in {self._one(_COLLECTIONS)}")
            case 2:
                return self._named(index, f"some k{index}, v{index} in {self._one(_COLLECTIONS)}", "k")
            case 3:
                return self._named(
                    index, self._one((f"v{index} := input.ns[_]", f"some i{index}; v{index} := input.xs[i{index}]"))
                )
            case 4:
                return f"every e{index} in {self._one(_COLLECTIONS)} {{ e{index} == {self._term()} }}"
            case 5 | 6 | 7:
                return f"not {self._expression()}"
            case _:
                return self._expression()

    def _named(self, index: int, step: str, *more: str) -> str:
        """Return a step that gives names; the steps after it may use them."""
        self._names += [f"{letter}{index}" for letter in ("v", *more)]
        return step

    def _expression(self) -> str:
        texts = f"{self._one(_TEXTS)}, {self._one(_TEXTS)}"
        return self._one(
            (
                f"{self._term()} == {self._term()}",
                f"{self._term()} != {self._term()}",
                f"{self._one(_NUMBERS)} {self._one(('<', '>', '<=', '>='))} {self._one(_NUMBERS)}",
                f"{self._reference()} in {self._one(_COLLECTIONS)}",
                f"{self._one(('startswith', 'endswith', 'contains'))}({texts})",
                f"{self._one(_KINDS)}({self._reference()})",
                f"part[{self._one(_TEXTS)}]",
                self._one(_CALLS),
                self._reference(),
                self._reference(),
            )
        )

    def _term(self, depth: int = 0) -> str:
        match self._draw.randrange(10):
            case 0 | 1:
                return self._one(_CONSTANTS)
            case 2:
                return f"count({self._one(_COLLECTIONS)})"
            case 3:
                return self._one(_CALLS)
            case 4 if depth < 2:
                return f"[{self._term(depth + 1)}]"
            case 5 if depth < 2:
                return f'{{"a": {self._term(depth + 1)}}}'
            case _:
                return self._reference()

    def _reference(self) -> str:
        return self._one([*_REFERENCES, *self._names * 5])

    def _one(self, choices: Any) -> str:
        return str(self._draw.choice(choices))
