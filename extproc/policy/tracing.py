"""Which rules made a decision: OPA's own trace of one evaluation, read for the values that rules gave, and where they stand.

The trace is of the policy's files as they are, so what it says of rules is also true of the embedded engine, where that comes
to the same decision; whoever asks compares the two. Of values it keeps what rules gave, and nothing of what they looked at.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from extproc.decision import Decision, Obligation, decode
from extproc.engines.opa_answer import read_evaluation
from extproc.engines.opa_program import lay_out, run
from extproc.engines.source import Source
from extproc.errors import ConfigError, EngineError

_FOLDER: Final = "policy"
_INPUT: Final = "input.json"
_PLAIN: Final = frozenset({"boolean", "number", "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one rule gave: its `value`, or one `element` of a set; where it stands, and what its METADATA says.

    `names` are texts that variables of the rule had then: which class, which role.
    """

    rule: str
    value: Any
    element: bool
    place: str
    names: Mapping[str, str]
    title: str = ""
    description: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A decision, or why there is none, and what every rule gave on the way, in order."""

    decision: Decision | EngineError
    given: tuple[Given, ...]

    def makers(self, part: str | Obligation) -> list[Given]:
        """Return the rules that gave a reason or an obligation: as an element of theirs, else as a part of what they gave."""
        elements = [each for each in self.given if each.element and _is(each.value, part)]
        return elements or [each for each in self.given if not each.element and _holds(each.value, part)][:1]


def trace(source: Source, entrypoint: str, document: bytes) -> Traced:
    """Evaluate `entrypoint` on an input in OPA. Raises `ConfigError` where OPA is not there or refuses the policy."""
    with tempfile.TemporaryDirectory(prefix="vecgate-policy-") as name:
        folder = Path(name)
        lay_out(source.files(), folder / _FOLDER)
        (folder / _INPUT).write_bytes(document)
        arguments = ("--format", "json", "--explain", "full", "--strict-builtin-errors", "--bundle", _FOLDER, "--input", _INPUT)
        done = run("eval", *arguments, f"data.{entrypoint.replace('/', '.')}", folder=folder)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {"errors": [{"message": done.stderr or done.stdout}]}
    if said := [each.get("message", "") for each in answer.get("errors", ()) if not _is_evaluations(each)]:
        raise ConfigError(f"{source.path}: OPA cannot evaluate the policy: {' '.join(said[0].split())}")
    return Traced(decision=_decision(answer), given=tuple(_given(answer.get("explanation") or (), source)))


def _is_evaluations(error: Any) -> bool:
    """Whether it went wrong with this input alone; else the policy does not even load."""
    return str(error.get("code")).startswith("eval_")


def _decision(answer: Any) -> Decision | EngineError:
    try:
        return decode(read_evaluation(answer))
    except EngineError as error:
        return error


def _given(events: Any, source: Source) -> Iterator[Given]:
    """Give what each rule gave, once; functions, whose values depend on their arguments, are left out."""
    seen: set[str] = set()
    for event in events:
        match event:
            case {"Op": "Exit", "Node": {"head": {"ref": reference} as head} as node} if "args" not in head:
                bound = {each["name"]: each for each in event["Locals"] or ()}
                names = dict(_named(event["LocalMetadata"] or {}, bound))
                term = head.get("key") if "value" not in head else head["value"] if "key" not in head else None
                try:
                    value = _plain(term, bound)
                except _NotGroundError:
                    continue
                place = _place(event["Location"], source)
                if (key := json.dumps([place, value, names])) not in seen:
                    seen.add(key)
                    rule = ".".join(str(part["value"]) for part in reference)
                    yield _noted(node, rule=rule, value=value, element="key" in head, place=place, names=names)
            case _:
                pass


def _named(told: Mapping[str, Any], bound: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give the variables that the author named and that are bound to a text."""
    for local, about in sorted(told.items(), key=lambda item: str(item[1].get("name"))):
        if about.get("location") and not about["name"].startswith("_") and bound.get(local, {}).get("type") == "string":
            yield about["name"], bound[local]["value"]


def _noted(node: Mapping[str, Any], **members: Any) -> Given:
    note: Mapping[str, Any] = (node.get("annotations") or ({},))[0]
    return Given(
        **members,
        title=str(note.get("title", "")),
        description=" ".join(str(note.get("description", "")).split()),
        remedy=str(note.get("custom", {}).get("remedy", "")),
    )


def _place(location: Any, source: Source) -> str:
    path = source.place(str(PurePosixPath(location["file"]).relative_to(_FOLDER)))
    return f"{_shown(path)}:{location['row']}"


def _shown(path: Path) -> Path:
    """Return a path as people write it: from here, where it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _is(value: Any, part: str | Obligation) -> bool:
    """Whether a value is that reason or obligation; members that were left out have their defaults."""
    if isinstance(part, str):
        return bool(value == part)
    try:
        return bool(msgspec.convert(value, Obligation) == part)
    except msgspec.ValidationError:
        return False


def _holds(value: Any, part: str | Obligation) -> bool:
    if _is(value, part):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_holds(each, part) for each in inner)


# --- terms of Rego's syntax tree ------------------------------------------------------------------------------------------


class _NotGroundError(Exception):
    """A term with something in it that was not bound to a value."""


def _plain(term: Any, bound: Mapping[str, Any]) -> Any:
    """Return a term as a JSON value, its variables replaced by what they are bound to."""
    match term:
        case {"type": "null"}:
            return None
        case {"type": kind, "value": value} if kind in _PLAIN:
            return value
        case {"type": "array" | "set", "value": items}:
            return [_plain(item, bound) for item in items]
        case {"type": "object", "value": pairs}:
            return {str(_plain(key, bound)): _plain(value, bound) for key, value in pairs}
        case {"type": "var", "value": name} if name in bound:
            return _plain(bound[name], {})
        case _:
            raise _NotGroundError
