"""A policy tried on both engines: its own tests on OPA with coverage, and every input that they give it on OPA and in process.

The Rego library cannot run the tests themselves, because it does not do all of `with`. So what the tests ask is put to both
engines, and both must give the same decision, or fail for the same reason.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from extproc.decision import decode
from extproc.engines.bundle import Files
from extproc.engines.opa_answer import read_evaluation
from extproc.engines.opa_program import lay_out, run
from extproc.engines.process import Process
from extproc.engines.source import LIBRARY, Source
from extproc.errors import ConfigError, EngineError
from extproc.policy.inputs import HELPER, telling, told

_DEADLINE: Final = 10.0
_AT_ONCE: Final = 4
Outcome = Literal["pass", "fail", "error", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One test, where it is (``file:line``), and what came of it."""

    name: str
    place: str
    outcome: Outcome

    @property
    def failed(self) -> bool:
        """Whether it did not hold."""
        return self.outcome in {"fail", "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An input for which the engines do not give the same, and the test that gives it."""

    test: str
    opa: str
    embedded: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of all.

    `coverage` is in percent, None where a test fails; `refused` says why the embedded engine does not load the policy.
    """

    tests: tuple[Tested, ...]
    coverage: float | None = None
    uncovered: tuple[str, ...] = ()
    inputs: int = 0
    differences: tuple[Difference, ...] = ()
    refused: str = ""

    def complaints(self, threshold: float) -> Iterator[str]:
        """Give what does not hold, a line each; `threshold` is the least coverage in percent."""
        if not self.tests:
            yield "there are no tests; put rules `test_…` into files that end in _test.rego"
        yield from (f"{each.place}: {each.name}: {each.outcome}" for each in self.tests if each.failed)
        if self.coverage is not None and self.coverage < threshold:
            yield from (f"{place}: not covered" for place in self.uncovered)
            yield f"coverage is {self.coverage:g} %, below {threshold:g} %"
        if self.refused:
            yield f"the embedded engine does not load it: {self.refused}"
        for each in self.differences:
            yield f"{each.test}: the engines differ: OPA gives {each.opa}, the embedded engine {each.embedded}"


@dataclass(frozen=True, slots=True)
class _Run:
    tests: list[Tested] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    """Each input once, and the first test that gave it."""


def try_policy(source: Source, entrypoint: str, *, embedded: bool = True) -> Trial:
    """Run the tests of the directory `source` on OPA and, with `embedded`, put their inputs to both engines.

    A library is there as well, but its own tests are not run, and how much of it is covered does not count. Raises
    `ConfigError`.
    """
    source = replace(source, path=source.path.absolute())
    bundle = source.bundle()
    with tempfile.TemporaryDirectory(prefix="vecgate-policy-") as name:
        found = _run_tests(source, Path(name))
    trial = Trial(tests=tuple(found.tests))
    if found.tests and not any(each.failed for each in found.tests):  # else OPA measures nothing
        with tempfile.TemporaryDirectory(prefix="vecgate-policy-") as name:
            coverage, uncovered = _coverage(source, Path(name))
        trial = replace(trial, coverage=coverage, uncovered=uncovered)
    if not embedded:
        return trial
    try:
        ours = _in_process(Process(bundle, entrypoint), found.inputs)
    except ConfigError as error:
        return replace(trial, refused=str(error))
    theirs = _on_opa(source, entrypoint, found.inputs)
    differences = tuple(
        Difference(test=test, opa=one, embedded=other)
        for test, one, other in zip(found.inputs.values(), theirs, ours, strict=True)
        if one != other
    )
    return replace(trial, inputs=len(found.inputs), differences=differences)


def _run_tests(source: Source, folder: Path) -> _Run:
    """Run the tests on a copy in `folder` that tells the inputs."""
    directory = source.path
    files = _with_tests(source)
    lay_out(files, folder)
    for name, content in files.items():
        if name.endswith("_test.rego"):
            tree = _json(run("parse", "--format", "json", "--json-include", "locations", name, folder=folder), directory)
            (folder / name).write_text(telling(content.decode(), tree), encoding="utf-8")
    (folder / "vecgate_inputs.rego").write_text(HELPER, encoding="utf-8")
    done = run("test", "--bundle", "--verbose", "--format", "json", *_schemas(directory), ".", folder=folder)
    found = _Run()
    for each in _json(done, directory):
        name = f"{each['package'].removeprefix('data.')}.{each['name']}"
        place = f"{directory.name}/{each['location']['file']}:{each['location']['row']}"
        found.tests.append(Tested(name=name, place=place, outcome=_outcome(each)))
        for document in told(base64.b64decode(each.get("output", "")).decode()):
            found.inputs.setdefault(document, name)
    found.tests.sort(key=lambda each: (each.place.rpartition(":")[0], int(each.place.rpartition(":")[2])))
    return found


def _coverage(source: Source, folder: Path) -> tuple[float, tuple[str, ...]]:
    """Return the coverage of a copy in `folder` in percent, and the places that are not covered."""
    directory = source.path
    lay_out(_with_tests(source), folder)
    arguments = ("test", "--bundle", "--coverage", "--format", "json", *_schemas(directory))
    report = _json(run(*arguments, ".", folder=folder), directory)
    own = {name: file for name, file in report["files"].items() if source.library is None or not name.startswith(f"{LIBRARY}/")}
    missed = {name: file.get("not_covered", ()) for name, file in own.items()}
    lines = {kind: sum(file.get(kind, 0) for file in own.values()) for kind in ("covered_lines", "not_covered_lines")}
    places = [f"{directory.name}/{name}:{part['start']['row']}" for name, parts in sorted(missed.items()) for part in parts]
    every = sum(lines.values())
    return round(100 * lines["covered_lines"] / every, 4) if every else 100.0, tuple(dict.fromkeys(places))


def _with_tests(source: Source) -> Files:
    """Return the policy's files and its tests, by name; the manifest's roots would leave no room for tests and helper."""
    files = {name: content for name, content in source.files().items() if not name.startswith(".")}
    for path in source.path.rglob("*_test.rego"):
        relative = path.relative_to(source.path)
        if not any(part.startswith(".") for part in relative.parts):
            files[relative.as_posix()] = path.read_bytes()
    return files


def _schemas(directory: Path) -> tuple[str, ...]:
    return ("--schema", str(directory / "schemas")) if (directory / "schemas").is_dir() else ()


def _outcome(test: dict[str, Any]) -> Outcome:
    return next((word for word in ("error", "fail", "skip") if test.get(word)), "pass")


def _json(done: Any, place: Path) -> Any:
    """Return what OPA wrote; where it is no JSON, the tests do not even compile. Raises `ConfigError`."""
    try:
        return json.loads(done.stdout)
    except ValueError:
        said = " ".join((done.stderr or done.stdout).split())
        raise ConfigError(f"{place}: OPA cannot run the tests: {said}") from None


def _in_process(process: Process, documents: Iterable[str]) -> list[str]:
    """Return what the embedded engine makes of each input. Raises `ConfigError` where it does not load the policy."""
    process.start()
    try:
        # OPA escapes more than JSON must; `program` expects it as msgspec writes it.
        asked = [msgspec.json.encode(json.loads(document)) for document in documents]
        return [_decided(partial(process.evaluate, document, _DEADLINE)) for document in asked]
    finally:
        process.stop()


def _on_opa(source: Source, entrypoint: str, documents: Iterable[str]) -> list[str]:
    """Return what OPA makes of each input."""
    with tempfile.TemporaryDirectory(prefix="vecgate-policy-") as name:
        folder = Path(name)
        lay_out(source.files(), folder / "policy")
        query = f"data.{entrypoint.replace('/', '.')}"

        def ask(numbered: tuple[int, str]) -> str:
            number, document = numbered
            (folder / f"{number}.json").write_text(document, encoding="utf-8")
            given = ("--bundle", "policy", "--input", f"{number}.json")
            done = run("eval", "--format", "json", "--strict-builtin-errors", *given, query, folder=folder)
            return _decided(partial(read_evaluation, _json(done, source.path)))

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(ask, enumerate(documents)))


def _decided(evaluate: Callable[[], bytes]) -> str:
    """Return the decision that is evaluated in its canonical form, or why there is none."""
    try:
        return bytes(decode(evaluate()).encoded).decode()
    except EngineError as error:
        return error.code
