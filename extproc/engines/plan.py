"""Judge and complete a compiled plan, before it may decide anything.

The compiler accepts what OPA refuses: builtins that do not exist, and names that nothing defines, which then are undefined
for ever, so that ``not denied`` with a slip in it holds always. Both are errors here. Comparisons of order get a guard: the
library orders values of two types otherwise than OPA does (``null`` after numbers), so anything but two numbers ends the
evaluation with an error instead of a wrong answer. What is not negated is taken out of negations (`negation`). ``with`` is
refused, because it does not always replace what it names.
Plans are JSON in the form of OPA's intermediate representation; pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from extproc.engines import builtins
from extproc.engines.escapes import veil_literal
from extproc.engines.negation import hoist
from extproc.errors import ConfigError

FOLDER_MARK: Final = ":"
"""Stands for the slash in the names of modules: the library keeps of a path only its last part."""

_GUARD: Final = "mul"  # the builtin that takes two numbers and nothing else; its result is overwritten by the comparison
_GUARD_DECLARED: Final = {
    "name": _GUARD,
    "decl": {
        "args": [{"type": "number", "name": "x"}, {"type": "number", "name": "y"}],
        "result": {"type": "number", "name": "z"},
        "type": "function",
    },
}
_INPUT_AND_DATA: Final = (0, 1)
_SETS: Final = ("target", "result")  # the members of a statement that give a local its value
_SCAN: Final = "ScanStmt"
_SCANNED: Final = ("key", "value")  # what a scan gives a value; elsewhere these are operands
_NO_VALUE: Final = frozenset({"ResetLocalStmt", "AssignVarOnceStmt", "ObjectMergeStmt"})
"""Statements whose target has no value of its own yet, must have the same, or has it grow."""
_REFUSED: Final = {
    "CallDynamicStmt": "a rule is called by a computed name; name it",
    "WithStmt": "`with` is not proven for the embedded engine: write a function of what it replaces",
}

Json = dict[str, Any]


def prepare(plan: Json) -> None:
    """Check `plan`, then guard its comparisons and veil its strings in place. Raises `ConfigError` with the place."""
    files = [file["value"].replace(FOLDER_MARK, "/") for file in plan["static"]["files"]]
    functions = {function["name"] for function in plan["funcs"]["funcs"]}
    for statement in _statements(plan):
        name = statement["stmt"].get("func")
        if name is not None and name not in functions:
            _require_proven(name, _place(statement, files))
        if (refused := _REFUSED.get(statement["type"])) is not None:
            raise ConfigError(f"{_place(statement, files)}: {refused}")
    for declared in plan["static"]["builtin_funcs"]:
        _require_proven(declared["name"], "the policy")
    for function in plan["funcs"]["funcs"]:
        _require_assigned(function, files)
        for block in function["blocks"]:
            _require_assigned_once(block, frozenset((*_INPUT_AND_DATA, *function["params"])), files)
            block["stmts"] = hoist(block["stmts"], lambda statement: _place(statement, files))
    _guard(plan)
    for string in plan["static"]["strings"]:
        string["value"] = _veiled(string["value"])


def _require_proven(name: str, place: str) -> None:
    if name not in builtins.PROVEN:
        raise ConfigError(f"{place}: {builtins.refusal(name)}")


def _require_assigned(function: Json, files: list[str]) -> None:
    """Refuse a function that reads a local which nothing in it sets: a name that neither a rule nor a variable has."""
    statements = list(_statements(function["blocks"]))
    assigned = {*_INPUT_AND_DATA, *function["params"], function["return"]}
    for statement in statements:
        assigned |= _given(statement)
    for statement in statements:
        if not assigned.issuperset(_read_locals(statement)):
            place = _place(statement, files)
            rule = function["name"].removeprefix("g0.")
            raise ConfigError(f"{place}: {rule} uses a name that nothing defines; `opa check` shows which")


def _require_assigned_once(block: Json, assigned: frozenset[int], files: list[str]) -> None:
    """Refuse a block that gives a local a second value, which the library takes and OPA does not."""
    for statement in block["stmts"]:
        members = statement["stmt"]
        given = _given(statement)
        if statement["type"] not in _NO_VALUE:
            if not assigned.isdisjoint(given):
                place = _place(statement, files)
                raise ConfigError(f"{place}: a name is given a second value; compare with `==`")
            assigned |= given
        for inner in (*members.get("blocks", ()), *([members["block"]] if "block" in members else ())):
            _require_assigned_once(inner, assigned, files)


def _given(statement: Json) -> frozenset[int]:
    """Return the locals that a statement gives a value."""
    names = (*_SETS, *(_SCANNED if statement["type"] == _SCAN else ()))
    return frozenset(statement["stmt"][name] for name in names if name in statement["stmt"])


def _read_locals(statement: Json) -> Iterator[int]:
    """Give the locals that a statement reads by itself, not those of the blocks in it."""
    for name, value in statement["stmt"].items():
        if name == "source" and isinstance(value, int):
            yield value
        for operand in value if isinstance(value, list) else (value,):
            if isinstance(operand, Mapping) and operand.get("type") == "local":
                yield operand["value"]


def _guard(plan: Json) -> None:
    for block in _blocks(plan):
        guarded: list[Json] = []
        for statement in block["stmts"]:
            if statement["stmt"].get("func") in builtins.NUMERIC:
                guarded.append({"type": statement["type"], "stmt": {**statement["stmt"], "func": _GUARD}})
            guarded.append(statement)
        block["stmts"] = guarded
    declared = plan["static"]["builtin_funcs"]
    if all(builtin["name"] != _GUARD for builtin in declared):
        declared.append(_GUARD_DECLARED)


def _veiled(literal: str) -> str:
    try:
        return veil_literal(literal)
    except ValueError as error:
        raise ConfigError("the policy holds a string with a broken escape or a private-use character; take it out") from error


def _statements(node: Any) -> Iterator[Json]:
    for block in _blocks(node):
        yield from block["stmts"]


def _blocks(node: Any) -> Iterator[Json]:
    """Give every block at any depth: of plans, of functions, and of the statements in them."""
    match node:
        case {"stmts": list(statements)}:
            yield node
            yield from _blocks(statements)
        case dict():
            for value in node.values():
                yield from _blocks(value)
        case list():
            for value in node:
                yield from _blocks(value)
        case _:
            pass


def _place(statement: Json, files: list[str]) -> str:
    members = statement["stmt"]
    file = members.get("file")
    return f"{files[file]}:{members['row'] + 1}" if isinstance(file, int) and file < len(files) else "the policy"
