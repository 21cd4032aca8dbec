"""Apply an operation's terms to what came back: hide fields, take out vectors and scores, refuse more records than allowed.

A `Mask` is the terms made ready once, so that the common case (flat names on flat metadata) costs one look-up for each name
and record. Values stay raw JSON; only an object or a list in which something may have to be hidden is opened, level by level,
and what is not hidden is kept byte for byte. Pure: no clock, no randomness, no I/O. It knows no engine and no wire format.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Final

import msgspec

from extproc.decision import DetectObligation, Operator, Terms, stronger
from extproc.detection.catalogue import Catalogue
from extproc.errors import UpstreamError
from extproc.obligations.operators import NULL, Constant, Derived, Dropped, MaskKey, Veil, veil
from extproc.obligations.rules import Rule, Rules
from extproc.obligations.sieve import Sieve
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


class Masked(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to one Result.

    `fields` are the policy's patterns that hid something, `values` how many values they hid, `entities` how many of them were
    found inside texts, by what they are. Patterns and not the records' own keys, because below a star a key is a record's
    content. `changed` is false only where the terms ask nothing of answers: one in which nothing was found to hide is written
    anew all the same, for where an object holds a key twice only one of the values was looked at.
    """

    changed: bool = False
    fields: tuple[str, ...] = ()
    values: int = 0
    entities: dict[str, int] = {}


class _Hidden:
    """What has been hidden so far: by the policy's patterns, and by entities."""

    def __init__(self) -> None:
        self.fields: Counter[str] = Counter()
        self.entities: Counter[str] = Counter()


def compile_mask(
    terms: Terms, key: MaskKey | None, catalogue: Catalogue, *, database: str = "", collection: str | None = None
) -> Mask:
    """Make `terms` ready to be applied to records of a collection; equal terms under the same key share one `Mask`.

    To be called before the request leaves: raises `Unfulfillable` where `terms` ask of an answer what cannot be done.
    """
    tokens = any(operator == "token" for _, operator in terms.masks) or any(each.operator == "token" for each in terms.detects)
    return _compile(
        database=database if tokens else "",
        collection=collection if tokens else None,
        masks=terms.masks,
        detects=terms.detects,
        vectors=terms.vectors,
        scores_dropped=terms.scores_dropped,
        scores_digits=terms.scores_digits,
        limit=terms.limit,
        key=key,
        catalogue=catalogue,
    )


@lru_cache(maxsize=_MOST_MASKS)
def _compile(
    *,
    database: str,
    collection: str | None,
    masks: tuple[tuple[str, Operator], ...],
    detects: tuple[DetectObligation, ...],
    vectors: bool,
    scores_dropped: bool,
    scores_digits: int | None,
    limit: int | None,
    key: MaskKey | None,
    catalogue: Catalogue,
) -> Mask:
    catalogue.detector(entity for each in detects for entity in each.entities)  # refused now, not when the answer is there
    operators = {*(operator for _, operator in masks), *(each.operator for each in detects)}
    return Mask(
        rules=Rules(masks, detects, {operator: veil(operator, key, database, collection) for operator in operators}, catalogue),
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
        rules: Rules,
        vectors: bool,
        scores_dropped: bool,
        scores_digits: int | None,
        limit: int | None,
    ) -> None:
        self._rules = rules
        self._vectors = vectors
        self._scores_dropped = scores_dropped
        self._scores_digits = scores_digits
        self._limit = limit
        self._active = rules.any or not vectors or scores_dropped or scores_digits is not None

    @property
    def searches(self) -> bool:
        """Whether texts are searched, which takes long where they are long."""
        return self._rules.search

    def apply(self, result: Result) -> Masked:
        """Change `result` in place and say what was done.

        Raises `UpstreamError`: ``answer_exceeds_limit``, or ``mask_failed`` where a value cannot be read; nothing of the
        result may then be passed on.
        """
        self._refuse_excess(result)
        hidden = _Hidden()
        try:
            # Fields first: what they leave has less in it to be searched for vectors.
            self._hide_texts(result, hidden)
            self._hide_payloads(result, hidden)
            self._withhold(result)
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
            raise UpstreamError("a value in the answer cannot be masked", code="mask_failed") from error
        return Masked(
            changed=self._active,
            fields=tuple(sorted(hidden.fields)),
            values=hidden.fields.total(),
            entities=dict(sorted(hidden.entities.items())),
        )

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

    def _hide_texts(self, result: Result, hidden: _Hidden) -> None:
        for field, column in result.texts.items():
            plan = self._rules.plan(field)
            match plan:
                case False:
                    continue
                case Rule(pattern=pattern, veil=Constant(value=value), sieve=None):
                    result.texts[field] = kept = [raw if raw == NULL else value for raw in column]
                    if count := len(kept) - column.count(NULL):
                        hidden.fields[pattern] += count
                case _:
                    shown = (self._hide(raw, field, plan, hidden) for raw in column)
                    result.texts[field] = [NULL if each is None else each for each in shown]

    def _hide_payloads(self, result: Result, hidden: _Hidden) -> None:
        """Go through the keys of all records at once: most records have the same, and a key is planned for once.

        Record by record where few have the same, or whoever writes records could make this quadratic.
        """
        payloads = [payload for payload in result.payloads or () if payload]
        names: set[str] = set().union(*payloads) if self._rules.any else set()
        if len(names) * len(payloads) > _FEW_IN_COMMON * sum(map(len, payloads)):
            for payload in payloads:
                self._hide_members(payload, "", hidden)
            return
        for name in names:
            plan = self._rules.plan(name)
            match plan:
                case False:
                    continue
                case Rule(veil=veil, sieve=None):
                    if count := _hide_column(payloads, name, veil):
                        hidden.fields[plan.pattern] += count
                case _:
                    for payload in payloads:
                        if name in payload:
                            self._hide_member(payload, name, name, plan, hidden)

    def _hide_members(self, members: _Members, above: str, hidden: _Hidden) -> None:
        """Hide in place what is named of the object at the path `above`, which ends in a dot or is empty."""
        for name in list(members):
            path = above + name
            if plan := self._rules.plan(path):
                self._hide_member(members, name, path, plan, hidden)

    def _hide_member(self, members: _Members, name: str, path: str, plan: Rule | bool, hidden: _Hidden) -> None:
        kept = self._hide(members[name], path, plan, hidden)
        if kept is None:
            del members[name]
        else:
            members[name] = kept

    def _hide(self, raw: msgspec.Raw, path: str, plan: Rule | bool, hidden: _Hidden) -> msgspec.Raw | None:
        """Return the value of the field at `path` with what is planned hidden; None where the field goes."""
        match plan:
            case bool():
                return self._hide_below(raw, path, plan, hidden)
            case Rule(veil=None):
                return self._hide_below(raw, path, plan, hidden)
            case Rule(pattern=pattern, veil=veil, operator=operator, sieve=sieve):
                if raw == NULL and not isinstance(veil, Dropped):
                    return raw
                if sieve is not None and operator is not None and (found := sieve.strongest(raw, hidden.entities)):
                    veil = self._rules.veils[stronger(found, operator)]
                hidden.fields[pattern] += 1
                return _veiled(raw, path, veil)

    def _hide_below(self, raw: msgspec.Raw, path: str, plan: Rule | bool, hidden: _Hidden) -> msgspec.Raw | None:
        """Return `raw` with what is named below `path` hidden, and what is found in it where it is to be searched."""
        match bytes(raw)[:1]:
            case b"{":
                members = _members(raw)
                self._hide_members(members, f"{path}.", hidden)
                return msgspec.Raw(_encode(members))
            case b"[":
                items = (self._hide_below(item, path, plan, hidden) for item in _items(raw))
                return msgspec.Raw(_encode([NULL if item is None else item for item in items]))
            case b"n" | b"t" | b"f":
                return raw
            case _:
                return (
                    raw if isinstance(plan, bool) or plan.sieve is None else self._sifted(raw, path, plan, plan.sieve, hidden)
                )

    def _sifted(self, raw: msgspec.Raw, path: str, rule: Rule, sieve: Sieve, hidden: _Hidden) -> msgspec.Raw | None:
        found: dict[str, int] = {}
        kept = sieve.sifted(raw, path, found)
        for entity, count in found.items():
            hidden.entities[entity] += count
            hidden.fields[rule.pattern] += count
        return kept


def _hide_column(payloads: list[_Members], name: str, how: Veil | None) -> int:
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
                    payload[name] = make(raw, name)
                    count += 1
        case _:
            for payload in payloads:
                if payload.pop(name, None) is not None:
                    count += 1
    return count


def _veiled(raw: msgspec.Raw, path: str, how: Veil | None) -> msgspec.Raw | None:
    """Return what takes the place of one value; None where the field goes."""
    match how:
        case Constant(value=value):
            return value
        case Derived(make=make):
            return make(raw, path)
        case _:
            return None
