"""The inputs that a policy's own tests give it: test files rewritten so that ``with input as X`` tells X on the way.

The tests mean what they meant. Nothing here knows how they are run; Rego's syntax tree comes from OPA.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

_MARK: Final = "vecgate-input"
HELPER: Final = f'package vecgate_inputs\n\ntold(x) := x if print("{_MARK}", json.marshal(x))\n'
"""A module that the rewritten tests need."""
_BEFORE: Final = "data.vecgate_inputs.told("


def telling(source: str, tree: Any) -> str:
    """Return the test file `source`, whose syntax tree with locations is `tree`, so that it tells its inputs."""
    starts = [0, *accumulate(len(line) + 1 for line in source.split("\n"))]
    edits: list[tuple[int, str]] = []
    for value in _inputs(tree):
        place = value["location"]
        text = base64.b64decode(place["text"]).decode()
        start = starts[place["row"] - 1] + place["col"] - 1
        if source[start : start + len(text)] == text:
            edits += [(start, _BEFORE), (start + len(text), ")")]
    for offset, text in sorted(edits, reverse=True):
        source = source[:offset] + text + source[offset:]
    return source


def told(output: str) -> list[str]:
    """Return the inputs, JSON documents, that a test's `output` tells."""
    return [line.removeprefix(f"{_MARK} ") for line in output.splitlines() if line.startswith(f"{_MARK} ")]


def _inputs(node: Any) -> Iterator[Any]:
    """Give the terms that take the place of the whole input, at any depth."""
    match node:
        case {"target": {"type": "ref", "value": [{"value": "input"}]}, "value": value}:
            yield value
            yield from _inputs(value)
        case dict():
            for inner in node.values():
                yield from _inputs(inner)
        case list():
            for inner in node:
                yield from _inputs(inner)
        case _:
            pass
