"""Apply an operation's terms to what came back: hide fields, take out vectors and scores, refuse more records than allowed.

A `Mask` is the terms made ready once, so that the common case (flat names on flat metadata) costs one look-up for each name
and record. Values stay raw JSON; only an object or a list in which something may have to be hidden is opened, level by level,
and what is not hidden is kept byte for byte. Pure: no clock, no randomness, no I/O. It knows no engine and no wire format.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Final

import msgspec

from extproc.decision import Operator, Terms, stronger
from extproc.errors import Unfulfillable, UpstreamError
from extproc.obligations.fields import Pattern, parse
from extproc.obligations.operators import NULL, Constant, Derived, Dropped, MaskKey, Veil, veil
from extproc.obligations.withholding import round_scores, withhold_vectors
from extproc.operation import Result

_Members = dict[str, msgspec.Raw]
_members: Final = msgspec.json.Decoder(_Members).decode
_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode: Final = msgspec.json.encode

_MOST_MASKS: Final = 256
"""How many compiled masks are kept; a policy has a few."""

_FEW_IN_COMMON: Final = 4
"""How many times over all keys of all records must be looked up before it is cheaper to go through each record."""

_MOST_PLANS: Final = 1024
"""How many paths a mask remembers; records choose them, so there must be an end."""


class Masked(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to one Result. `fields` are the policy's patterns that hid something, `values` how many values they hid.

    Patterns and not the records' own keys, because below a star a key is a record's content. `changed` is false only where
    the terms ask nothing of answers: one in which nothing was found to hide is written anew all the same, for where an object
    holds a key twice only one of the values was looked at.
    """

    changed: bool = False
    fields: tuple[str, ...] = ()
    values: int = 0


@dataclass(frozen=True, slots=True)
class _Rule:
    """What happens to one field, and the pattern that says so."""

    pattern: str
    veil: Veil


def compile_mask(terms: Terms, key: MaskKey | None) -> Mask:
    """Make `terms` ready to be applied; equal terms under the same key share one `Mask`.

    To be called before the request leaves: raises `Unfulfillable` where `terms` ask of an answer what cannot be done.
    """
    if terms.detects:
        raise Unfulfillable("values cannot be detected in texts yet", code="detect_unavailable")
    return _compile(
        masks=terms.masks,
        vectors=terms.vectors,
        scores_dropped=terms.scores_dropped,
        scores_digits=terms.scores_digits,
        limit=terms.limit,
        key=key,
    )


@lru_cache(maxsize=_MOST_MASKS)
def _compile(
    *,
    masks: tuple[tuple[str, Operator], ...],
    vectors: bool,
    scores_dropped: bool,
    scores_digits: int | None,
    limit: int | None,
    key: MaskKey | None,
) -> Mask:
    return Mask(
        patterns=tuple((parse(text), operator) for text, operator in masks),
        veils={operator: veil(operator, key) for _, operator in masks},
        vectors=vectors,
        scores_dropped=scores_dropped,
        scores_digits=scores_digits,
        limit=limit,
    )


class Mask:
    """Terms, ready to be applied to any number of Results."""

    def __init__(
        self,
        *,
        patterns: tuple[tuple[Pattern, Operator], ...],
        veils: dict[Operator, Veil],
        vectors: bool,
        scores_dropped: bool,
        scores_digits: int | None,
        limit: int | None,
    ) -> None:
        self._patterns = patterns
        self._veils = veils
        self._vectors = vectors
        self._scores_dropped = scores_dropped
        self._scores_digits = scores_digits
        self._limit = limit
        self._active = bool(patterns) or not vectors or scores_dropped or scores_digits is not None
        self._planned: dict[str, _Rule | bool] = {}

    def apply(self, result: Result) -> Masked:
        """Change `result` in place and say what was done.

        Raises `UpstreamError`: ``answer_exceeds_limit``, or ``mask_failed`` where a value cannot be read; nothing of the
        result may then be passed on.
        """
        self._refuse_excess(result)
        hidden: Counter[str] = Counter()
        try:
            # Fields first: what they leave has less in it to be searched for vectors.
            self._hide_texts(result, hidden)
            self._hide_payloads(result, hidden)
            self._withhold(result)
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
            raise UpstreamError("a value in the answer cannot be masked", code="mask_failed") from error
        return Masked(changed=self._active, fields=tuple(sorted(hidden)), values=hidden.total())

    def _refuse_excess(self, result: Result) -> None:
        columns = (result.ids, result.payloads, *result.texts.values())
        if self._limit is not None and any(len(column) > self._limit for column in columns if column is not None):
            raise UpstreamError("the database answered more records than the policy allows", code="answer_exceeds_limit")

    def _withhold(self, result: Result) -> None:
        if not self._vectors:
            withhold_vectors(result)
        if self._scores_dropped:
            result.scores = None
        elif self._scores_digits is not None:
            round_scores(result, self._scores_digits)

    def _rule(self, path: str) -> _Rule | None:
        """Return what is to be done with the field at `path`: the strongest of all that name it."""
        matching = [(pattern, operator) for pattern, operator in self._patterns if pattern.matches(path)]
        if not matching:
            return None
        strongest = reduce(stronger, (operator for _, operator in matching))
        return _Rule(next(pattern.text for pattern, operator in matching if operator == strongest), self._veils[strongest])

    def _plan(self, path: str) -> _Rule | bool:
        """Return the rule of the field at `path`; else whether something below it may have to be hidden."""
        plan = self._planned.get(path)
        if plan is None:
            plan = self._rule(path) or any(pattern.reaches(path) for pattern, _ in self._patterns)
            if len(self._planned) < _MOST_PLANS:
                self._planned[path] = plan
        return plan

    def _hide_texts(self, result: Result, hidden: Counter[str]) -> None:
        for field, column in result.texts.items():
            rule = self._plan(field)
            if isinstance(rule, bool):
                continue
            count = sum(raw != NULL for raw in column)
            if count:
                hidden[rule.pattern] += count
                result.texts[field] = [raw if raw == NULL else _veiled(raw, rule.veil) for raw in column]

    def _hide_payloads(self, result: Result, hidden: Counter[str]) -> None:
        """Go through the keys of all records at once: most records have the same, and a key is planned for once.

        Record by record where few have the same, or whoever writes records could make this quadratic.
        """
        payloads = [payload for payload in result.payloads or () if payload]
        names: set[str] = set().union(*payloads) if self._patterns else set()
        if len(names) * len(payloads) > _FEW_IN_COMMON * sum(map(len, payloads)):
            for payload in payloads:
                self._hide_members(payload, "", hidden)
            return
        for name in names:
            plan = self._plan(name)
            if isinstance(plan, bool):
                for payload in payloads if plan else ():
                    if name in payload:
                        payload[name] = self._hide_below(payload[name], name, hidden)
            elif count := _hide_column(payloads, name, plan.veil):
                hidden[plan.pattern] += count

    def _hide_members(self, members: _Members, above: str, hidden: Counter[str]) -> None:
        """Hide in place what is named of the object at the path `above`, which ends in a dot or is empty."""
        for name, raw in list(members.items()):
            path = above + name
            plan = self._plan(path)
            if isinstance(plan, bool):
                if plan:
                    members[name] = self._hide_below(raw, path, hidden)
                continue
            if isinstance(plan.veil, Dropped):
                del members[name]
                hidden[plan.pattern] += 1
            elif raw != NULL:
                members[name] = _veiled(raw, plan.veil)
                hidden[plan.pattern] += 1

    def _hide_below(self, raw: msgspec.Raw, path: str, hidden: Counter[str]) -> msgspec.Raw:
        """Return `raw` with what is named below `path` hidden."""
        match bytes(raw)[:1]:
            case b"{":
                members = _members(raw)
                self._hide_members(members, f"{path}.", hidden)
                return msgspec.Raw(_encode(members))
            case b"[":
                return msgspec.Raw(_encode([self._hide_below(item, path, hidden) for item in _items(raw)]))
            case _:
                return raw


UNMASKED: Final = compile_mask(Terms(), None)
"""The mask of terms that ask nothing."""


def _hide_column(payloads: list[_Members], name: str, how: Veil) -> int:
    """Hide one field of many records in place and return how many values there were."""
    count = 0
    match how:
        case Constant(value=value):
            for payload in payloads:
                if payload.get(name, NULL) != NULL:
                    payload[name] = value
                    count += 1
        case Derived(make=make):
            for payload in payloads:
                if (raw := payload.get(name, NULL)) != NULL:
                    payload[name] = make(raw)
                    count += 1
        case Dropped():
            for payload in payloads:
                if payload.pop(name, None) is not None:
                    count += 1
    return count


def _veiled(raw: msgspec.Raw, how: Veil) -> msgspec.Raw:
    """Return what takes the place of one value; null where the place itself cannot be taken out."""
    match how:
        case Constant(value=value):
            return value
        case Derived(make=make):
            return make(raw)
        case Dropped():
            return NULL
