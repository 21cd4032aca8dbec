"""The account of one exchange: everything that evidence will tell of it, gathered as the exchange goes on.

The pipeline writes into it, `witness` makes entries and spans of it. It holds no bodies of answers and no headers.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from extproc.audit.entry import Fact, Found, Recording
from extproc.decision import Decision, Input, Level
from extproc.errors import Error, UpstreamError
from extproc.operation import Operation, Principal


class Delivered(msgspec.Struct, kw_only=True):
    """What came back for one operation: how many records; which fields and how many values were masked, and what was found."""

    rows: int = 0
    masked_fields: frozenset[str] = frozenset()
    masked_values: int = 0
    masked_entities: Counter[str] = msgspec.field(default_factory=Counter)


class Account(msgspec.Struct, kw_only=True):
    """What is known of one exchange so far. Times are Unix nanoseconds."""

    exchange: str
    started: int
    traceparent: str | None
    source: str = ""
    user_agent: str = ""
    principal: Principal | None = None
    claimed: dict[str, str] = {}
    operations: tuple[Operation, ...] = ()
    inputs: tuple[Input, ...] = ()
    decisions: tuple[Decision, ...] = ()
    revision: str = ""
    asked: int = 0
    level: Level = Level.METADATA
    recording: Recording | None = None
    delivered: dict[int, Delivered] = {}
    detail: dict[str, str] = {}

    def decision(self, error: Error | None) -> Literal["allow", "deny"] | None:
        """Return what became of the exchange as a whole; None where it ended before anything was decided."""
        if refused(error):
            return "deny"
        decided = len(self.decisions) == len(self.operations) > 0 and all(each.allow for each in self.decisions)
        return "allow" if decided else None

    def facts(self, error: Error | None) -> tuple[Fact, ...]:
        """Return each operation as the leaf shows it; with `error`, the whole exchange was refused for it."""
        return tuple(self._fact(index, operation, error) for index, operation in enumerate(self.operations))

    def _fact(self, index: int, operation: Operation, error: Error | None) -> Fact:
        decision = self.decisions[index] if index < len(self.decisions) else None
        delivered = self.delivered.get(index)
        reasons = decision.reasons if decision else ()
        if error is not None and error.code not in reasons:
            reasons = (*reasons, error.code)
        return Fact(
            action=operation.action,
            scope=operation.scope,
            collection=operation.collection,
            decision="deny" if refused(error) or decision is None or not decision.allow else "allow",
            reasons=reasons,
            obligations=decision.summary if decision else (),
            rows=delivered.rows if delivered else None,
            masked_fields=tuple(sorted(delivered.masked_fields)) if delivered else (),
            masked_values=delivered.masked_values if delivered else 0,
            masked_entities=tuple(Found(type=type_, values=count) for type_, count in sorted(delivered.masked_entities.items()))
            if delivered
            else (),
        )


def refused(error: Error | None) -> bool:
    """Whether `error` is a refusal; where the database did not do its part, what was decided still stands."""
    return error is not None and not isinstance(error, UpstreamError)
