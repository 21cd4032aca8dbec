"""What a policy may answer: allow or not, reasons, obligations; and how several obligations become one set of terms.

The form is the design's contract (section 4). `decode` is strict: an unknown member, an unknown obligation or a reason that
is not a plain code makes the whole decision invalid, which is a denial. `combine` is the one table that says what two
obligations of a kind mean together. Pure: no engine, no I/O, no clock.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cached_property
from typing import Any, Final, Literal

import msgspec

from extproc.errors import Denied, EngineError, Unfulfillable
from extproc.operation import (
    CompoundCondition,
    Condition,
    Context,
    FieldCondition,
    OpaqueCondition,
    Operation,
    Principal,
    Value,
)

# --- operators ----------------------------------------------------------------------------------------------------------


class Partial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of a value a partial mask leaves readable: its last `keep_last` characters, never more than half of it."""

    keep_last: int


class PartialOperator(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The operator object ``{"partial": {"keep_last": n}}``."""

    partial: Partial


Operator = Literal["drop", "null", "redact", "hash", "token"] | PartialOperator

STRENGTH: Final = ("drop", "null", "redact", "hash", "token", "partial")
"""Operators from the strongest to the weakest: where two masks meet on a field, the stronger holds."""


def operator_name(operator: Operator) -> str:
    """Return the operator's word."""
    return "partial" if isinstance(operator, PartialOperator) else operator


def stronger(one: Operator, other: Operator) -> Operator:
    """Return the operator that hides more; of two partial ones, the one that keeps fewer characters."""
    if isinstance(one, PartialOperator) and isinstance(other, PartialOperator):
        return one if one.partial.keep_last <= other.partial.keep_last else other
    return min(one, other, key=lambda operator: STRENGTH.index(operator_name(operator)))


# --- obligations --------------------------------------------------------------------------------------------------------


class _Obligation(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    pass


class FilterObligation(_Obligation, frozen=True, kw_only=True, tag="filter"):
    """Only these records may be read, counted or changed."""

    where: Condition


class StampObligation(_Obligation, frozen=True, kw_only=True, tag="stamp"):
    """Written records carry these fields whatever was sent."""

    fields: dict[str, Value]


class LimitObligation(_Obligation, frozen=True, kw_only=True, tag="limit"):
    """At most `max` records in an answer to one query."""

    max: int


class VectorsObligation(_Obligation, frozen=True, kw_only=True, tag="vectors", rename={"returned": "return"}):
    """Whether embeddings may leave."""

    returned: bool


class ScoresObligation(_Obligation, frozen=True, kw_only=True, tag="scores"):
    """Scores are dropped, or rounded to `digits` decimal places."""

    mode: Literal["drop", "round"]
    digits: int | None = None


class MaskObligation(_Obligation, frozen=True, kw_only=True, tag="mask"):
    """Named fields are masked; a pattern ends in ``.*`` for all below it."""

    fields: tuple[str, ...]
    operator: Operator = msgspec.field(name="with")


class DetectObligation(_Obligation, frozen=True, kw_only=True, tag="detect"):
    """Values found in the text of named fields are masked."""

    entities: tuple[str, ...]
    fields: tuple[str, ...]
    operator: Operator = msgspec.field(name="with")


class ApprovalObligation(_Obligation, frozen=True, kw_only=True, tag="approval"):
    """A human agrees first."""

    approvers: tuple[str, ...]
    count: int = 1
    ttl: str = "15m"
    hold: str = "0s"


class BudgetObligation(_Obligation, frozen=True, kw_only=True, tag="budget"):
    """At most `records` distinct records in `window`."""

    key: str
    records: int
    window: str
    then: Literal["deny", "approval"] = "deny"


class RecordObligation(_Obligation, frozen=True, kw_only=True, tag="record"):
    """How much of the exchange is recorded."""

    level: Literal["metadata", "request", "full"]


Obligation = (
    FilterObligation
    | StampObligation
    | LimitObligation
    | VectorsObligation
    | ScoresObligation
    | MaskObligation
    | DetectObligation
    | ApprovalObligation
    | BudgetObligation
    | RecordObligation
)


class Cache(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That a decision may be used again, and for how long (``"30s"``)."""

    ttl: str


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """What the policy decided of one operation. What follows from it is worked out once: cached decisions are shared."""

    allow: bool
    reasons: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    cache: Cache | None = None

    @cached_property
    def combined(self) -> dict[Level, Terms]:
        """What `combine` made of it, by default level."""
        return {}

    @cached_property
    def summary(self) -> tuple[str, ...]:
        """The obligations' types, each once, sorted: what evidence shows of them."""
        tags: set[Any] = {type(obligation).__struct_config__.tag for obligation in self.obligations}
        return tuple(sorted(str(tag) for tag in tags))

    @cached_property
    def encoded(self) -> msgspec.Raw:
        """Its JSON."""
        return msgspec.Raw(msgspec.json.encode(self))


_DECISION: Final = msgspec.json.Decoder(Decision)
MOST_BYTES: Final = 256 << 10
"""Bytes of a decision's JSON: reading more would hold up everybody else."""
_ENCODE: Final = msgspec.json.Encoder(order="deterministic").encode
_REASON: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DURATION: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MOST_REASONS: Final = 32
_MOST_DIGITS: Final = 15


def duration(text: str) -> float:
    """Return the seconds of a duration such as ``"30s"`` or ``"15m"``. Raises `ValueError`."""
    found = _DURATION.fullmatch(text)
    if found is None:
        message = "a duration is a whole number and one of ms, s, m, h, d"
        raise ValueError(message)
    return int(found[1]) * _UNIT_SECONDS[found[2]]


def decode(document: bytes) -> Decision:
    """Read a decision from the JSON that an engine gave. Raises `EngineError` (``decision_invalid``) on any other form."""
    if len(document) > MOST_BYTES:
        raise EngineError("the policy's decision is too long", code="decision_invalid")
    try:
        decision = _canonical(_DECISION.decode(document))
        _check(decision)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # The text of the exception may quote a value of the policy's data, so it goes no further.
        raise EngineError("the policy's decision is not of the contract's form", code="decision_invalid") from error
    return decision


def _canonical(decision: Decision) -> Decision:
    """Return `decision` with reasons and obligations each once and in one order: to a policy they are sets, which have none.

    So two engines give equal decisions, and the first reason, which is what a caller is told, is always the same.
    """
    obligations = {_ENCODE(obligation): obligation for obligation in decision.obligations}
    return msgspec.structs.replace(
        decision,
        reasons=tuple(sorted(set(decision.reasons))),
        obligations=tuple(obligation for _, obligation in sorted(obligations.items())),
    )


def _check(decision: Decision) -> None:
    """Raise `ValueError` on what the types alone cannot refuse."""
    ok = len(decision.reasons) <= _MOST_REASONS and all(_REASON.fullmatch(reason) for reason in decision.reasons)
    if decision.cache is not None:
        duration(decision.cache.ttl)
    for obligation in decision.obligations:
        match obligation:
            case FilterObligation(where=condition):
                ok = ok and _well_formed(condition)
            case LimitObligation(max=most):
                ok = ok and most >= 0
            case ScoresObligation(mode=mode, digits=digits):
                ok = ok and ((mode == "drop") == (digits is None)) and (digits is None or 0 <= digits <= _MOST_DIGITS)
            case DetectObligation(entities=()):
                ok = False
            case MaskObligation(fields=fields, operator=operator) | DetectObligation(fields=fields, operator=operator):
                ok = ok and bool(fields) and all(fields)
                ok = ok and not (isinstance(operator, PartialOperator) and operator.partial.keep_last < 0)
            case ApprovalObligation(count=count, ttl=ttl, hold=hold):
                ok = ok and count > 0 and duration(ttl) > 0 and duration(hold) >= 0
            case BudgetObligation(records=records, window=window):
                ok = ok and records >= 0 and duration(window) > 0
            case _:
                pass
    if not ok:
        message = "a member is out of its range"
        raise ValueError(message)


def _well_formed(condition: Condition) -> bool:
    """Whether each operator has operands of its kind; a conjunction of nothing would hold for every record."""
    match condition:
        case CompoundCondition(operator=operator, value=parts):
            right = len(parts) == 1 if operator == "not" else bool(parts)
            return right and all(map(_well_formed, parts))
        case FieldCondition(operator=operator, field=field, value=value):
            return bool(field) and isinstance(value, tuple) == (operator in {"in", "nin"})
        case OpaqueCondition():
            return True


# --- terms --------------------------------------------------------------------------------------------------------------


class Level(IntEnum):
    """How much of an exchange is kept: neither body; the canonical request; also the answer as delivered."""

    METADATA = 0
    REQUEST = 1
    FULL = 2


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """All obligations of one allowed operation, combined. What is None or empty asks nothing.

    `masks` are (field pattern, operator) pairs; where several match a field, the stronger holds.
    """

    where: Condition | None = None
    stamp: dict[str, Value] | None = None
    limit: int | None = None
    vectors: bool = True
    scores_dropped: bool = False
    scores_digits: int | None = None
    masks: tuple[tuple[str, Operator], ...] = ()
    detects: tuple[DetectObligation, ...] = ()
    level: Level = Level.METADATA


def combine(decision: Decision, default_level: Level) -> Terms:
    """Combine the obligations of an allowed `decision` by the contract's table. Raises `Denied` where they cannot hold.

    Two obligations of a kind: filters are joined by *and*; stamps that differ deny; the smaller limit holds; vectors are
    withheld if either says so; dropped scores beat rounded ones, then fewer digits; masks add up; the higher recording level
    holds, and any recording level replaces `default_level`.
    """
    terms = decision.combined.get(default_level)
    if terms is None:
        terms = decision.combined[default_level] = _combine(decision, default_level)
    return terms


def _combine(decision: Decision, default_level: Level) -> Terms:
    where: list[Condition] = []
    stamp: dict[str, Value] = {}
    limits: list[int] = []
    digits: list[int] = []
    masks: list[tuple[str, Operator]] = []
    detects: list[DetectObligation] = []
    levels: list[Level] = []
    vectors, dropped = True, False
    for obligation in decision.obligations:
        match obligation:
            case FilterObligation(where=condition):
                where.append(condition)
            case StampObligation(fields=fields):
                _join_stamp(stamp, fields)
            case LimitObligation(max=most):
                limits.append(most)
            case VectorsObligation(returned=returned):
                vectors = vectors and returned
            case ScoresObligation(mode="drop"):
                dropped = True
            case ScoresObligation(digits=places):
                digits.append(places or 0)
            case MaskObligation(fields=names, operator=operator):
                masks.extend((name, operator) for name in names)
            case DetectObligation():
                detects.append(obligation)
            case RecordObligation(level=level):
                levels.append(Level[level.upper()])
            case ApprovalObligation():
                raise Unfulfillable("this needs an approval, which is not available yet", code="approval_unavailable")
            case BudgetObligation():
                raise Unfulfillable("this needs a budget, which is not available yet", code="budget_unavailable")
    return Terms(
        where=None if not where else where[0] if len(where) == 1 else CompoundCondition(operator="and", value=tuple(where)),
        stamp=stamp or None,
        limit=min(limits, default=None),
        vectors=vectors,
        scores_dropped=dropped,
        scores_digits=min(digits, default=None),
        masks=tuple(masks),
        detects=tuple(detects),
        level=max(levels, default=default_level),
    )


def _join_stamp(stamp: dict[str, Value], fields: dict[str, Value]) -> None:
    for name, value in fields.items():
        # 1 == True == 1.0 in Python, but they are three different values to a database.
        if name in stamp and (type(stamp[name]) is not type(value) or stamp[name] != value):
            raise Denied("two stamps of the policy disagree on a field", code="stamp_conflict")
        stamp[name] = value


# --- what is asked -------------------------------------------------------------------------------------------------------


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """The policy input of one operation."""

    principal: Principal
    operation: Operation
    context: Context
