"""The policies of this repository, the starter policy and the examples, and what both engines decide by them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import yaml

from extproc.decision import Decision, decode
from extproc.engines.process import Process
from extproc.engines.source import Source

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "rego" / "library"
SCHEMAS = ROOT / "rego" / "schemas"
AUTHORIZATION = "vecgate/authz/decision"
ADMINISTRATION = "vecgate/admin/decision"
_DEADLINE = 60.0


@dataclass(frozen=True)
class Policy:
    """A policy of ours: the directory that `policy.bundle` names, and the one of `policy.library`."""

    bundle: Path
    library: Path | None = None

    def __str__(self) -> str:
        return self.bundle.name

    @property
    def for_opa(self) -> list[str]:
        """What OPA's commands are given."""
        return ["--bundle", str(self.bundle)] if self.library is None else [str(self.library), str(self.bundle)]

    @property
    def rules(self) -> list[Path]:
        """The files of rules, without tests."""
        folders = filter(None, (self.bundle, self.library))
        found = [path for folder in folders for path in folder.rglob("*.rego") if not path.name.endswith("_test.rego")]
        return sorted(found)

    @cached_property
    def data(self) -> dict[str, Any]:
        """What the library's rules look up."""
        found: dict[str, Any] = yaml.safe_load((self.bundle / "data.yaml").read_text(encoding="utf-8"))["vecgate"]
        return found


STARTER = Policy(ROOT / "rego")
EXAMPLES = tuple(Policy(path, LIBRARY) for path in sorted((ROOT / "examples").iterdir()))
POLICIES = (STARTER, *EXAMPLES)


def run(opa: str, *arguments: str) -> str:
    """Return what a command of OPA's prints; it must succeed."""
    done = subprocess.run([opa, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def decisions(opa: str, folder: Path, policy: Policy, entrypoint: str, inputs: list[Any]) -> list[Decision]:
    """Return what OPA decides, all in one run; `folder` is for a file."""
    (folder / "asked.json").write_bytes(msgspec.json.encode(inputs))
    rule = "data." + entrypoint.replace("/", ".")
    query = f"[decision | some asked in input; decision := {rule} with input as asked]"
    paths = policy.for_opa if policy.library is None else [part for path in policy.for_opa for part in ("--data", path)]
    said = run(opa, "eval", "--format=json", *paths, "--input", str(folder / "asked.json"), query)
    return [decode(json.dumps(value).encode()) for value in json.loads(said)["result"][0]["expressions"][0]["value"]]


def embedded(policy: Policy, entrypoint: str, inputs: list[Any]) -> list[Decision]:
    """Return what the embedded engine decides."""
    process = Process(Source(path=policy.bundle, library=policy.library).bundle(), entrypoint)
    process.start()
    try:
        return [decode(process.evaluate(msgspec.json.encode(each), _DEADLINE)) for each in inputs]
    finally:
        process.stop()
