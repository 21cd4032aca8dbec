"""Remember decisions that say how long they hold; an Engine in front of an Engine.

The key is the revision and the whole policy input but the time and the exchange's id, so a decision is found again only for
a question that is the same in every word, the token's claims included, and only while its revision is in force. Nothing is
kept that needs an approval or a budget, and nothing for longer than the token lives. What is not cached is asked again; no
failure is ever kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from extproc.decision import ApprovalObligation, BudgetObligation, Decision, Input, duration
from extproc.engines.engine import Decided, Engine

_MOST_ENTRIES: Final = 4096
"""How many decisions are kept; some 2 KiB each."""


class _Kept(msgspec.Struct, frozen=True):
    decided: Decided
    since: float
    until: float


class DecisionCache:
    """A bounded cache of decisions; the least recently used goes first. `clock` gives Unix seconds."""

    def __init__(self, engine: Engine, clock: Callable[[], float], *, most: int = _MOST_ENTRIES) -> None:
        self._engine = engine
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._encode = msgspec.msgpack.Encoder().encode

    @property
    def revision(self) -> str:
        """The revision of the policy behind the cache."""
        return self._engine.revision

    async def decide(self, asked: Input) -> Decided:
        """Return the decision of one operation, from memory where it still holds. Raises `EngineError`."""
        revision = self._engine.revision
        try:
            key = self._key(asked, revision)
        except (TypeError, ValueError, OverflowError):
            return await self._engine.decide(asked)  # an input without a key is the engine's to judge
        now = self._clock()
        kept = self._kept.get(key)
        if kept is not None:
            # The clock may be set back; then an entry seems to come from the future, and its age is unknown.
            if kept.since <= now < kept.until:
                self._kept.move_to_end(key)
                return kept.decided
            del self._kept[key]
        decided = await self._engine.decide(asked)
        lifetime = _lifetime(decided.decision)
        until = min(now + lifetime, _token_end(asked))
        if lifetime > 0 and now < until:
            if decided.revision != revision:  # the policy was replaced meanwhile
                key = self._key(asked, decided.revision)
            self._kept[key] = _Kept(decided, now, until)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return decided

    async def close(self) -> None:
        """Forget everything and close the engine."""
        self._kept.clear()
        await self._engine.close()

    def _key(self, asked: Input, revision: str) -> bytes:
        context = asked.context
        circumstances = (context.source, context.user_agent, context.approval)
        return self._encode((revision, asked.principal, asked.operation, circumstances))


def _lifetime(decision: Decision) -> float:
    """Return for how many seconds `decision` may be used again; zero where it may not."""
    if decision.cache is None or any(isinstance(each, ApprovalObligation | BudgetObligation) for each in decision.obligations):
        return 0.0
    return duration(decision.cache.ttl)


def _token_end(asked: Input) -> float:
    """Return when the caller's token ends, in Unix seconds; a token that does not say so ended long ago."""
    match asked.principal.claims.get("exp"):
        case bool():
            return 0.0
        case int() | float() as end:
            return float(end)
        case _:
            return 0.0
