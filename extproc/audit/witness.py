"""The witness of one database: makes entries of an `Account`, and has them durable before it returns.

It decides nothing and forgets nothing: an entry that cannot be written is an `AuditError`, and then nothing is released. It
says what spans are to tell of; they are told after the entry is durable and never hold an exchange up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from extproc.audit.account import Account, refused
from extproc.audit.entry import End, Entry, Private
from extproc.audit.orders import Origin
from extproc.errors import Error, Unauthenticated

_LONGEST_TRACE = 64
_ENCODER = msgspec.json.Encoder()
_BETWEEN_ALERTS: Final = 60_000_000_000
"""Nanoseconds for which the same alert is not written again."""


class Log(Protocol):
    """Where entries go."""

    async def append(self, entry: Entry, span: Origin | None = None) -> int:
        """Make `entry` durable, then have its spans told, if any; return its index. Raises `AuditError`."""


class Witness:
    """Writes down what happens at one database. `clock` gives Unix nanoseconds."""

    def __init__(self, *, log: Log, database: str, engine: str, clock: Callable[[], int]) -> None:
        self._log = log
        self._database = database
        self._engine = engine
        self._clock = clock
        self._alerted: dict[str, int] = {}

    async def intent(self, account: Account) -> None:
        """Record that an allowed request is about to leave."""
        await self._log.append(self._entry(account, None, whole=True, kind="intent", recording=account.recording))

    async def outcome(self, account: Account, *, end: End, status: int | None) -> None:
        """Record how a forwarded request ended."""
        entry = self._entry(account, None, whole=False, kind="outcome", end=end, status=status, recording=account.answer)
        await self._log.append(entry, _origin(account))

    async def refusal(self, account: Account, error: Error) -> None:
        """Record a denial, a failure or a rejected login."""
        entry = self._entry(
            account,
            error,
            whole=True,
            kind="login_rejected" if isinstance(error, Unauthenticated) else "outcome",
            reasons=(error.code,),
            status=error.status,
            end="denied" if refused(error) else "failed",
        )
        await self._log.append(entry, _origin(account))

    async def alert(self, code: str) -> None:
        """Record that somebody has to see to it; the same is said once a minute."""
        now = self._clock()
        if now - self._alerted.get(code, -_BETWEEN_ALERTS) < _BETWEEN_ALERTS:
            return
        self._alerted[code] = now
        await self._log.append(Entry(kind="alert", time_ns=now, database=self._database, engine=self._engine, reasons=(code,)))

    def _entry(self, account: Account, error: Error | None, *, whole: bool, **members: Any) -> Entry:
        """Return an entry of `account` with what is its own in `members`; `whole` where no entry before it told the rest."""
        members.setdefault("reasons", (account.waived,) if account.waived else ())
        return Entry(
            time_ns=self._clock(),
            exchange=account.exchange,
            database=self._database,
            engine=self._engine,
            facts=account.facts(error),
            decision=account.decision(error),
            revision=account.revision,
            asked=account.asked if whole else 0,
            detail=dict(account.detail),
            private=_private(account, full=whole, delivered=members.get("end") == "delivered"),
            **members,
        )


def _origin(account: Account) -> Origin:
    return Origin(
        started=account.started,
        traceparent=account.traceparent,
        principal=account.principal.id if account.principal else None,
    )


def _private(account: Account, *, full: bool, delivered: bool) -> Private:
    """Return who and what in the clear, to be sealed.

    `full` adds the policy input and the decisions, once an exchange; `delivered` which records the answer holds.
    """
    return Private(
        principal=account.principal,
        claimed=dict(account.claimed) or None,
        source=account.source,
        user_agent=account.user_agent,
        trace=(account.traceparent or "")[:_LONGEST_TRACE],
        inputs=tuple([msgspec.Raw(_ENCODER.encode(asked)) for asked in account.inputs]) if full else (),
        decisions=tuple([decision.encoded for decision in account.decisions]) if full else (),
        returned=account.returned() if delivered else (),
    )
