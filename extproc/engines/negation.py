"""What stands outside a `not`, as OPA has it, in a compiled plan.

To OPA only the last step of an expression is negated: ``not startswith(input.x, "a")`` is undefined where ``input.x`` is, and
does not hold, because the operand is looked up before. Of a plain reference, and of the two sides of ``==``, the look-up itself
is that step; an index within it is not. The library negates everything, so that the same rule would hold. Here the look-ups
are taken out of the negated block, to before it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from extproc.errors import ConfigError

Json = dict[str, Any]

_NOT: Final = "NotStmt"
_RULE_ARGUMENTS: Final = [0, 1]  # a rule is called with input and data, a function with more
_HEAD: Final = ("ResetLocalStmt",)
_TAIL: Final = ("NotEqualStmt", "AssignVarStmt", "IsDefinedStmt")
"""What a negated block begins and ends with: the step's outcome is not false, which is noted, and is there."""
_VALUES: Final = frozenset(
    {
        "ArrayAppendStmt",
        "AssignVarStmt",
        "BlockStmt",
        "CallStmt",
        "DotStmt",
        "MakeArrayStmt",
        "MakeNullStmt",
        "MakeNumberIntStmt",
        "MakeNumberRefStmt",
        "MakeObjectStmt",
        "MakeSetStmt",
        "ObjectInsertStmt",
        "SetAddStmt",
    }
)
"""What makes a value. Anything else in a negated block is a condition or an iteration, and then there is more than one step."""


def hoist(statements: list[Json], place: Callable[[Json], str]) -> list[Json]:
    """Return `statements` with what is not negated before each negation, at any depth.

    Raises `ConfigError` with what `place` says of the statement.
    """
    hoisted: list[Json] = []
    for statement in statements:
        members = statement["stmt"]
        for block in (*members.get("blocks", ()), *([members["block"]] if "block" in members else ())):
            block["stmts"] = hoist(block["stmts"], place)
        if statement["type"] == _NOT:
            parts = _split(members["block"]["stmts"])
            if parts is None:
                raise ConfigError(
                    f"{place(statement)}: this `not` is not proven for the embedded engine: negate a rule of its own"
                )
            before, members["block"]["stmts"] = parts
            hoisted += before
        hoisted.append(statement)
    return hoisted


def _split(negated: list[Json]) -> tuple[list[Json], list[Json]] | None:
    """Return what goes before a negation, and what stays in it; None for what is of another form."""
    kinds = tuple(statement["type"] for statement in negated)
    head, body, tail = negated[:1], negated[1:-3], negated[-3:]
    kept = _step(body, tail[0]["stmt"]["a"]) if kinds[:1] == _HEAD and kinds[-3:] == _TAIL else None
    before = [statement for statement in body if kept is not None and id(statement) not in kept]
    if kept is None or not _VALUES.issuperset(statement["type"] for statement in before):
        return None
    return before, [*head, *(each for each in body if id(each) in kept), *tail]


def _step(body: list[Json], tested: Json) -> set[int]:
    """Return the identities of the statements of `body` that are the negated step, whose outcome is the operand `tested`."""
    made = {local: statement for statement in body if (local := _target(statement)) is not None}
    last = made.get(_local(tested) or 0)
    if last is None:
        return set()
    before = body[next(index for index, statement in enumerate(body) if statement is last) - 1]
    match last, before:
        # The library compares in one of two ways.
        case {"type": "CallStmt", "stmt": {"func": "equal", "args": [one, other]}}, _:
            return {id(last)} | _looked_up(made, _local(one)) | _looked_up(made, _local(other))
        case {"type": "AssignVarStmt"}, {"type": "EqualStmt", "stmt": {"a": one, "b": other}}:
            return {id(last), id(before)} | _looked_up(made, _local(one)) | _looked_up(made, _local(other))
        case {"type": "CallStmt"}, _ if not _calls_rule(last):
            return {id(last)}
        case _:
            return _looked_up(made, _local(tested))


def _looked_up(made: dict[int, Json], local: int | None) -> set[int]:
    """Return the identities of the statements that look up `local`: from one value to a part of it, from its beginning on."""
    found: set[int] = set()
    while local is not None and (statement := made.get(local)) is not None:
        match statement:
            case {"type": "DotStmt", "stmt": {"source": source}}:
                local = _local(source)
            case {"type": "AssignVarStmt", "stmt": {"source": source}}:
                local = _local(source)
            case {"type": "CallStmt"} if _calls_rule(statement):
                local = None
            case _:
                break
        found.add(id(statement))
    return found


def _calls_rule(statement: Json) -> bool:
    return [_local(argument) for argument in statement["stmt"]["args"]] == _RULE_ARGUMENTS


def _target(statement: Json) -> int | None:
    members = statement["stmt"]
    found = members.get("result", members.get("target"))
    return found if isinstance(found, int) else None


def _local(operand: Any) -> int | None:
    """Return the local that an operand is, or None for a constant."""
    match operand:
        case {"type": "local", "value": int(value)}:
            return value
        case _:
            return None
