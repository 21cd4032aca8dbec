"""The seam to whatever evaluates the policy: what an engine is asked, what it answers, and how one exchange is decided as one.

Every decision names the revision that it was decided under. A policy may be replaced at any moment, so the revision that an
engine has *now* says nothing of a decision that it gave a moment ago.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec

from extproc import administration
from extproc.decision import Decision, Input
from extproc.errors import EngineError

_ENCODE: Final = msgspec.json.Encoder().encode
_LONGEST_INPUT: Final = 64 << 10
"""Bytes of a policy input: one with a long filter takes so much memory and time that others would wait for it."""
_MOST_CHANGES: Final = 3
"""How often the policy may change while one exchange is decided, before it is denied."""


Question = Input | administration.Input
"""What an engine may be asked: about an operation, or about an act."""

Told = Callable[[str], Awaitable[None]]
"""Who is told of a new revision; it raises `AuditError` where that cannot be put on record."""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision, and the revision of the policy that it was decided under."""

    decision: Decision
    revision: str


class Engine(Protocol):
    """Whatever evaluates the policy. Each raises `EngineError` rather than guess."""

    @property
    def revision(self) -> str:
        """The newest revision of the policy that is known to be in force; empty where none is known."""

    async def decide(self, asked: Input) -> Decided:
        """Return the decision of one operation, by one whole revision of the policy."""

    async def close(self) -> None:
        """Let go of what the engine holds."""


def encode(asked: Question) -> bytes:
    """Return the JSON of a policy input. Raises `EngineError` for one that no engine is to be asked about."""
    try:
        document = _ENCODE(asked)
    except (TypeError, ValueError) as error:  # a lone surrogate in a claim, which JSON cannot carry
        raise EngineError("the policy input holds what the engine cannot represent", code="policy_input_invalid") from error
    if len(document) > _LONGEST_INPUT:
        raise EngineError("the request is too large for the policy to look at", code="policy_input_too_large")
    return document


async def decide_together(engine: Engine, asked: tuple[Input, ...]) -> tuple[tuple[Decision, ...], str]:
    """Return the decisions of all operations of one exchange, and the one revision that all were decided under.

    Where the policy changes in between, all are decided again. Raises `EngineError`.
    """
    for _ in range(_MOST_CHANGES):
        decided = [await engine.decide(each) for each in asked]
        revisions = {each.revision for each in decided}
        if len(revisions) <= 1:
            return tuple([each.decision for each in decided]), revisions.pop() if revisions else engine.revision
    raise EngineError("the policy changed again and again while this was decided", code="policy_changed")
