"""One act of one caller: the administration policy decides, the act is on record, then it is done, then its end is on record.

Nothing is done that is not on the disk first, and nothing is told before its end is there too. An obligation
that stands on an act cannot be fulfilled yet but for `record`, which asks for less than is kept anyway; any other denies.
Fields of the target may be names that records brought along: the leaf shows the act and the database, the rest is sealed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

import msgspec

from extproc.administration import Act, Input, Target
from extproc.audit.entry import Entry, Fact, Private
from extproc.control.callers import Caller
from extproc.decision import ApprovalObligation, BudgetObligation, Decision, RecordObligation
from extproc.engines.engine import Decided
from extproc.errors import Denied, Error, Unauthenticated, Unfulfillable
from extproc.locks import Locks
from extproc.operation import Context

_SCOPE: Final = "gateway"
_ENCODE: Final = msgspec.json.Encoder().encode
T = TypeVar("T")


class Judge(Protocol):
    """Whatever decides about acts; each raises `EngineError` rather than guess."""

    @property
    def revision(self) -> str:
        """The revision of the policy in force; empty where none is known."""

    async def decide(self, asked: Input) -> Decided:
        """Return the decision of one act."""


class Log(Protocol):
    """Where entries go."""

    async def append(self, entry: Entry) -> int:
        """Make `entry` durable. Raises `AuditError`."""


class Acts:
    """Lets callers act. `clock` gives Unix nanoseconds; who is locked out by `locks` does nothing here either."""

    def __init__(self, *, judge: Judge, log: Log, clock: Callable[[], int], locks: Locks | None = None) -> None:
        self._judge = judge
        self._log = log
        self._clock = clock
        self._locks = locks

    async def perform(self, caller: Caller, act: Act, target: Target, do: Callable[[], Awaitable[T]]) -> T:
        """Return what `do` returns, once the policy allows `act` on `target` and that is on record.

        Raises `Denied`, `AuditError`, and what `do` raises, which is on record as a failure.
        """
        asked = Input(principal=caller.principal, act=act, target=target, context=caller.context)
        record = _Record(caller, asked, self._judge.revision)
        try:
            if self._locks is not None:
                self._locks.require_open(caller.principal, "")
            decided = await self._judge.decide(asked)
            record = msgspec.structs.replace(record, revision=decided.revision, decision=decided.decision)
            _require(decided.decision)
        except Denied as error:
            await self._log.append(record.entry(self._clock(), decision="deny", reasons=_reasons(record, error), end="denied"))
            raise
        await self._log.append(record.entry(self._clock(), decision="allow"))
        try:
            done = await do()
        except BaseException as error:
            code = error.code if isinstance(error, Error) else Error.default_code
            await self._log.append(record.entry(self._clock(), decision="allow", reasons=(code,), end="failed"))
            raise
        await self._log.append(record.entry(self._clock(), decision="allow", end="delivered"))
        return done

    async def rejected(self, context: Context, claimed: dict[str, str], error: Unauthenticated) -> None:
        """Record that nobody was recognised; `claimed` is what an unverified token says of itself. Raises `AuditError`."""
        await self._log.append(
            Entry(
                kind="login_rejected",
                time_ns=self._clock(),
                exchange=context.exchange,
                reasons=(error.code,),
                decision="deny",
                revision=self._judge.revision,
                status=error.status,
                end="denied",
                private=Private(claimed=claimed or None, source=context.source, user_agent=context.user_agent),
            )
        )


class _Record(msgspec.Struct, frozen=True):
    """What is known of an act while entries of it are made."""

    caller: Caller
    asked: Input
    revision: str
    decision: Decision | None = None

    def entry(self, time_ns: int, **members: Any) -> Entry:
        """Return an entry of the act; its first one has the whole input, to be replayed."""
        target, context = self.asked.target, self.asked.context
        reasons = members.get("reasons", ())
        whole = members.get("end") in {None, "denied"}
        return Entry(
            kind="administration",
            time_ns=time_ns,
            exchange=context.exchange,
            database=target.database or "",
            facts=(
                Fact(
                    action=self.asked.act,
                    scope=_SCOPE,
                    collection=target.collection,
                    decision=members["decision"],
                    reasons=reasons,
                    obligations=self.decision.summary if self.decision else (),
                ),
            ),
            revision=self.revision,
            private=Private(
                principal=self.caller.principal,
                source=context.source,
                user_agent=context.user_agent,
                inputs=(msgspec.Raw(_ENCODE(self.asked)),) if whole else (),
                decisions=(self.decision.encoded,) if whole and self.decision else (),
            ),
            **members,
        )


def _require(decision: Decision) -> None:
    """Raise `Denied` where `decision` does not allow, or allows under what cannot be fulfilled."""
    if not decision.allow:
        reasons = decision.reasons or ("policy_denied",)
        raise Denied(f"the policy does not allow this: {', '.join(reasons)}", code=reasons[0])
    for obligation in decision.obligations:
        match obligation:
            case RecordObligation():
                continue
            case ApprovalObligation():
                raise Unfulfillable("approvals are not available yet", code="approval_unavailable")
            case BudgetObligation():
                raise Unfulfillable("budgets are not available yet", code="budget_unavailable")
            case _:
                raise Unfulfillable("the policy asks of an act what is asked of records")


def _reasons(record: _Record, error: Denied) -> tuple[str, ...]:
    reasons = record.decision.reasons if record.decision else ()
    return reasons if error.code in reasons else (*reasons, error.code)
