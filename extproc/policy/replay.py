"""A candidate policy over what is on record: who would gain, who would lose, and which fields would become clear.

Every recorded operation is put to the candidate as it was asked, and what its decision comes to is compared with what the
recorded one came to. An input that differs from an earlier one by time and exchange alone is not evaluated again, unless
another decision was recorded for it: a policy may look at the clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import msgspec

from extproc.audit.history import Recalled
from extproc.audit.leaf import Leaf
from extproc.decision import Decision, Input
from extproc.engines.engine import Engine
from extproc.errors import AuditError, EngineError
from extproc.policy.effect import Change, Effect, Judge, changes
from extproc.policy.records import Asked, asked
from extproc.policy.suggestion import Seen
from extproc.policy.tally import Row, Tally

_KEY_BYTES: Final = 16
_ENCODE: Final = msgspec.json.Encoder(order="sorted").encode  # claims come in any order


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A change, and for what: an action on a collection, asked by callers of these roles."""

    change: Change
    database: str
    collection: str
    action: str
    roles: str


@dataclass(slots=True, kw_only=True)
class Replay:
    """What came of it.

    Of all `operations`, `evaluated` differed in their input or their recorded decision; `unchanged` come to the same. Of
    `erased` and `unreadable` entries nothing can be said. `seen` is what was let through, and, where there is a candidate, what
    of that it would refuse.
    """

    entries: int = 0
    operations: int = 0
    evaluated: int = 0
    unchanged: int = 0
    erased: int = 0
    unreadable: int = 0
    moved: Tally[Moved] = field(default_factory=Tally)
    seen: Seen = field(default_factory=Seen)


def wanted(leaf: Leaf) -> bool:
    """Whether an entry holds policy inputs."""
    return leaf.kind == "intent" or (leaf.kind == "outcome" and leaf.end in {"denied", "failed"} and bool(leaf.facts))


async def replay(recalled: Iterable[Recalled], engine: Engine | None, judge: Judge) -> Replay:
    """Put entries that are `wanted` to `engine`; without one, only see what was let through."""
    found = Replay()
    known: dict[bytes, _Compared] = {}
    for each in recalled:
        found.entries += 1
        found.erased += each.missing == "entry_erased"
        found.unreadable += each.missing not in {"", "entry_erased"}
        if each.leaf is None or each.private is None:
            continue
        try:
            operations = list(asked(each.leaf.reasons, each.private))
        except AuditError:
            found.unreadable += 1
            continue
        for one in operations:
            found.operations += 1
            through = each.leaf.kind == "intent"
            if engine is None:
                if through:
                    found.seen.add(one.input)
                continue
            key = _key(one)
            compared = known.get(key)
            if compared is None:
                found.evaluated += 1
                compared = known[key] = await _compare(one, engine, judge, found.moved)
            if through and compared.refused:
                found.seen.add(one.input)
            found.unchanged += not compared.rows
            for row in compared.rows:
                row.add(one.input.principal.id, each.leaf.time)
    return found


@dataclass(frozen=True, slots=True)
class _Compared:
    """The rows in which an operation counts, one for each change, and whether the candidate refuses it."""

    rows: tuple[Row[Moved], ...]
    refused: bool


async def _compare(one: Asked, engine: Engine, judge: Judge, moved: Tally[Moved]) -> _Compared:
    operation = one.input.operation
    before: Effect = judge(operation, one.decision)
    after = judge(operation, await _decided(engine, one.input))
    place = {"database": operation.database, "collection": operation.collection or "", "action": operation.action}
    rows = [moved.row(Moved(change=change, roles=one.roles, **place)) for change in changes(operation, before, after)]
    return _Compared(tuple(rows), refused=bool(after.refusal))


async def _decided(engine: Engine, question: Input) -> Decision | EngineError:
    try:
        return (await engine.decide(question)).decision
    except EngineError as error:
        return error


def _key(one: Asked) -> bytes:
    """Return what tells an input and its recorded decision from others, time and exchange left out."""
    context = one.input.context
    circumstances = (context.source, context.user_agent, context.approval)
    if isinstance(one.decision, EngineError):
        decided: object = one.decision.code
    else:  # the order of obligations says nothing
        decided = (one.decision.allow, one.decision.reasons, sorted(map(_ENCODE, one.decision.obligations)))
    content = _ENCODE((one.input.principal, one.input.operation, circumstances, decided))
    return blake2b(content, digest_size=_KEY_BYTES).digest()
