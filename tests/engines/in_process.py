"""Evaluates policies with `Program`, as a program of its own: reads cases as JSON, writes outcomes as JSON.

The Rego library must be alone in its process (see `extproc.engines.evaluator`), and a test process is full of others.
A case is {modules, data, input, entrypoints}; its outcome {refused: message}, or {results: [[kind, value], ...]}.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec

from extproc.engines.bundle import Bundle
from extproc.engines.program import Program
from extproc.errors import ConfigError, EngineError


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    """Return what comes of one case."""
    bundle = Bundle(modules=case["modules"], data=case["data"], revision="")
    try:
        program = Program.compile(bundle, tuple(case["entrypoints"]))
    except ConfigError as error:
        return {"refused": str(error)}
    document = msgspec.json.encode(case["input"])
    results: list[list[Any]] = []
    for entrypoint in case["entrypoints"]:
        try:
            results.append(["value", json.loads(program.evaluate(document, entrypoint))])
        except EngineError as error:
            results.append(["failed", error.code])
    return {"results": results}


if __name__ == "__main__":
    json.dump([outcome(case) for case in json.load(sys.stdin)], sys.stdout)
