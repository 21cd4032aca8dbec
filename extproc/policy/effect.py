"""What a decision comes to for whoever asked, and how two of them differ: who gains, who loses, which fields become clear.

A decision counts as the gateway would take it: what cannot be fulfilled is a refusal. Only what a request's own bytes would
tell is left out (`Adapter.narrow`), because decisions are compared whose requests may not be kept. No value of a condition or
a stamp stands in a change, only the fields. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec

from extproc.decision import Decision, Level, Operator, Terms, stronger
from extproc.errors import Denied, EngineError
from extproc.obligations.fields import parse
from extproc.obligations.fulfilment import fulfil
from extproc.obligations.operators import MaskKey
from extproc.operation import CompoundCondition, Condition, FieldCondition, Operation, Returns, tested_fields
from extproc.policy.words import of_operator, of_scores

Sense = Literal["gain", "loss", "other"]


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Refused, for the reason in `refusal`; else allowed on `terms`."""

    refusal: str = ""
    terms: Terms = Terms()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference for whoever asked: they may do or see more, less, or something else."""

    sense: Sense
    what: str


Judge = Callable[[Operation, Decision | EngineError], Effect]
"""`effect`, with a gateway's own level and key."""


def effect(operation: Operation, decision: Decision | EngineError, level: Level, key: MaskKey | None) -> Effect:
    """Return what `decision` comes to; `level` and `key` are the gateway's own, as `fulfil` takes them."""
    if isinstance(decision, EngineError):
        return Effect(refusal=decision.code)
    if not decision.allow:
        return Effect(refusal=(*decision.reasons, "policy_denied")[0])
    try:
        return Effect(terms=fulfil((operation,), (decision,), level, key).terms[0])
    except Denied as refusal:
        return Effect(refusal=refusal.code)


def narrowed(operation: Operation, terms: Terms) -> Iterator[str]:
    """Say what the terms would change of this very request, and not what they hide in its answer."""
    if terms.where is not None:
        yield f"row filter on {_fields(terms.where)}"
    if terms.stamp is not None and operation.writes:
        yield f"stamp on {', '.join(sorted(terms.stamp))}"
    if operation.returns != Returns() and _limited(operation.limit) > _limited(terms.limit):
        yield f"limit {terms.limit}"
    if operation.returns.vectors and not terms.vectors:
        yield "vectors withheld"
    if operation.returns.scores and _scores(terms) != _scores(Terms()):
        yield f"scores {of_scores(terms)}"


def changes(operation: Operation, before: Effect, after: Effect) -> Iterator[Change]:
    """Give every difference that `operation` makes felt."""
    match before.refusal, after.refusal:
        case "", "":
            yield from _terms_changed(operation, before.terms, after.terms)
        case reason, "":
            yield Change(sense="gain", what=f"allowed (was {reason})")
        case "", reason:
            yield Change(sense="loss", what=f"refused: {reason}")
        case old, new if old != new:
            yield Change(sense="other", what=f"refused: {new} (was {old})")


def _terms_changed(operation: Operation, before: Terms, after: Terms) -> Iterator[Change]:
    if operation.returns != Returns():
        yield from _hidden_changed(before.masks, after.masks)
        yield from _detection_changed(before, after)
        if before.vectors != after.vectors:
            words = ("withheld", "returned")
            yield _moved("vectors", words[before.vectors], words[after.vectors], more=after.vectors)
        if (old := _scores(before)) != (new := _scores(after)):
            yield _moved("scores", of_scores(before), of_scores(after), more=new > old)
        if before.limit != after.limit:
            told = [str(each.limit) if each.limit is not None else "none" for each in (before, after)]
            yield _moved("limit", *told, more=_limited(after.limit) > _limited(before.limit))
    yield from _rows_changed(before.where, after.where)
    yield from _stamp_changed(before.stamp or {}, after.stamp or {})
    if before.level != after.level:
        yield Change(sense="other", what=f"recording: {before.level.name.lower()} → {after.level.name.lower()}")


def _moved(what: str, old: str, new: str, *, more: bool) -> Change:
    return Change(sense="gain" if more else "loss", what=f"{what}: {old} → {new}")


# --- fields -------------------------------------------------------------------------------------------------------------


_Masks = tuple[tuple[str, Operator], ...]


def _hidden_changed(before: _Masks, after: _Masks) -> Iterator[Change]:
    for pattern in sorted({text for text, _ in (*before, *after)}):
        old, new = _operator(before, pattern), _operator(after, pattern)
        if old != new:
            more = old is not None and (new is None or stronger(old, new) == old)
            yield _moved(pattern, of_operator(old), of_operator(new), more=more)


def _operator(masks: _Masks, pattern: str) -> Operator | None:
    """Return what hides every field that `pattern` names: the strongest of all operators that do."""
    hiding: list[Operator] = [operator for text, operator in masks if parse(text).covers(parse(pattern))]
    strongest: Operator | None = None
    for operator in hiding:
        strongest = operator if strongest is None else stronger(strongest, operator)
    return strongest


def _detection_changed(before: Terms, after: Terms) -> Iterator[Change]:
    old, new = (_detected(terms) for terms in (before, after))
    for what in sorted({*old, *new}):
        one, other = old.get(what), new.get(what)
        if one != other:
            more = one is not None and (other is None or stronger(one, other) == one)
            yield _moved(what, of_operator(one), of_operator(other), more=more)


def _detected(terms: Terms) -> dict[str, Operator]:
    found: dict[str, Operator] = {}
    for each in terms.detects:
        for what in (f"{entity} in {field}" for entity in each.entities for field in each.fields):
            found[what] = stronger(found[what], each.operator) if what in found else each.operator
    return found


# --- scores, limits, rows -------------------------------------------------------------------------------------------------


def _scores(terms: Terms) -> float:
    """Return how much of scores is told: nothing, some digits, everything."""
    if terms.scores_dropped:
        return -1
    return float("inf") if terms.scores_digits is None else terms.scores_digits


def _limited(limit: int | None) -> float:
    return float("inf") if limit is None else limit


def _rows_changed(before: Condition | None, after: Condition | None) -> Iterator[Change]:
    old, new = _conjuncts(before), _conjuncts(after)
    wider, narrower = _implied(new, by=old), _implied(old, by=new)
    fields = _fields(before, after)
    match wider, narrower:
        case True, False:
            yield Change(sense="gain", what=f"row filter on {fields}: {'wider' if new else 'removed'}")
        case False, True:
            yield Change(sense="loss", what=f"row filter on {fields}: {'narrower' if old else 'added'}")
        case False, False:
            yield Change(sense="other", what=f"row filter on {fields}: another")


def _conjuncts(condition: Condition | None) -> tuple[Condition, ...]:
    """Return the conditions that must all hold."""
    match condition:
        case None:
            return ()
        case CompoundCondition(operator="and", value=parts):
            return tuple([conjunct for part in parts for conjunct in _conjuncts(part)])
        case _:
            return (condition,)


def _implied(conditions: tuple[Condition, ...], *, by: tuple[Condition, ...]) -> bool:
    """Return whether each of `conditions` is sure to hold where all of `by` do; not all that is sure is seen."""
    return all(any(_implies(strong, weak) for strong in by) for weak in conditions)


def _implies(strong: Condition, weak: Condition) -> bool:
    allowed, wanted = _values(strong), _values(weak)
    return strong == weak or (allowed is not None and wanted is not None and allowed <= wanted)


def _values(condition: Condition) -> frozenset[tuple[str, bytes]] | None:
    """Return which values a field may have, where a condition says just that."""
    match condition:
        case FieldCondition(operator="eq", field=field, value=value):
            return frozenset({(field, msgspec.json.encode(value))})
        case FieldCondition(operator="in", field=field, value=tuple(values)) if values:
            return frozenset({(field, msgspec.json.encode(value)) for value in values})
        case _:
            return None


def _fields(*conditions: Condition | None) -> str:
    return ", ".join(sorted(set().union(*map(tested_fields, conditions))))


def _stamp_changed(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
    for field in sorted({*before, *after}):
        if field not in after:
            yield Change(sense="gain", what=f"stamp on {field}: removed")
        elif field not in before:
            yield Change(sense="loss", what=f"stamp on {field}: added")
        elif (type(before[field]), before[field]) != (type(after[field]), after[field]):
            yield Change(sense="other", what=f"stamp on {field}: another")
