"""An explanation: what becomes of a request, or became, by which decisions, and which rules made them.

And what of it may be told to a caller who was refused: the reason, what it means and what to do about it; nothing of the input,
of data, of rules or of other people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from extproc.decision import Decision, Input
from extproc.errors import EngineError
from extproc.policy.effect import Effect
from extproc.policy.tracing import Traced
from extproc.protocols.adapter import Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One operation: its input, the decision or why there is none, what that comes to, and which rules gave what."""

    input: Input
    decision: Decision | EngineError
    effect: Effect
    traced: Traced

    def difference(self) -> str:
        """Say what the traced policy decides, where that is not the decision."""
        one, other = self.decision, self.traced.decision
        if isinstance(one, EngineError) or isinstance(other, EngineError):
            same = isinstance(one, EngineError) and isinstance(other, EngineError) and one.code == other.code
            return "" if same else _told(other)
        return "" if _compared(one) == _compared(other) else _told(other)


def _compared(decision: Decision) -> tuple[object, ...]:
    """Return what makes two decisions the same; the order of obligations says nothing."""
    return decision.allow, decision.reasons, sorted(map(msgspec.json.encode, decision.obligations))


def _told(decision: Decision | EngineError) -> str:
    match decision:
        case EngineError(code=code):
            return f"no decision, {code}"
        case Decision(allow=True):
            return "allowed, with other obligations" if decision.obligations else "allowed, without obligations"
        case _:
            return f"denied, {', '.join(decision.reasons) or 'without a reason'}"


@dataclass(slots=True, kw_only=True)
class Explanation:
    """What becomes of a request: refused for a `reason`, or not; what the client is told, or what leaves (`outgoing`).

    `exchange` and `time` are those of a recorded one. `observed` where the refusal is told and not done, `undecided` where only
    the database knows whether there is one. `notes` are what should not be overlooked.
    """

    revision: str
    operations: tuple[Explained, ...] = ()
    reason: str = ""
    status: int | None = None
    answer: bytes = b""
    outgoing: Outgoing | None = None
    exchange: str = ""
    time: str = ""
    observed: bool = False
    undecided: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a caller who was refused may know."""

    exchange: str
    reason: str
    title: str
    remedy: str


_OWN: Final = {
    "masked_field_predicate": (
        "A hidden field is asked about",
        "Leave the fields that you do not see out of filter, order and group.",
    ),
    "record_foreign": ("The id is taken", "Choose another id: a record that is there under it is not yours."),
    "record_outside_filter": (
        "The record would not be yours",
        "Write what makes the record one of your own, or leave those fields out.",
    ),
    "record_busy": ("Others write these records", "Try again."),
    "obligation_unsupported": (
        "This cannot be done within your bounds",
        "Do it in another way, on records that you name or find by a search.",
    ),
}
"""The gateway's own reasons of which a caller can do something about, by what was asked alone."""
_BY_STATUS: Final = {
    400: ("The request cannot be read", "Correct the request; the error that your client raised says what is wrong with it."),
    401: ("The caller is not known", "Get a new token from your identity provider, and put it where the API key used to go."),
    404: ("There is no such thing", "Check the names: what is not there and what is elsewhere look alike."),
    413: ("The request is too large", "Send less at a time."),
    415: ("The content cannot be read", "Send plain JSON, not encoded."),
    500: ("The gateway cannot do it now", "Tell whoever runs the gateway, and name the exchange."),
    502: ("The database did not answer as it should", "Try again later; if it stays so, tell whoever runs the gateway."),
}
_OTHERWISE: Final = ("The request was refused", "Ask whoever administers the policy, and name the exchange.")


def advice(explanation: Explanation) -> Advice | None:
    """Return what the caller may know of a refusal; None where there was none, or none that they were told.

    Only the reason that the caller was told already: others may tell of what the caller does not know.
    """
    reason = explanation.reason
    if not reason or explanation.observed:
        return None
    made = [maker for each in explanation.operations for maker in each.traced.makers(reason)]
    title, remedy = _OWN.get(reason) or _BY_STATUS.get(explanation.status or 0) or _OTHERWISE
    found = next((each for each in made if each.element and each.title), None)
    if found is not None:
        title, remedy = found.title, found.remedy or _OTHERWISE[1]
    return Advice(exchange=explanation.exchange, reason=reason, title=title, remedy=remedy)


def differences(operations: tuple[Explained, ...]) -> Iterator[str]:
    """Give each way in which the traced policy decides otherwise, once."""
    yield from dict.fromkeys(filter(None, (each.difference() for each in operations)))
