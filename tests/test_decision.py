"""What a decision may be, and what several obligations mean together."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from extproc.decision import (
    STRENGTH,
    ApprovalObligation,
    BudgetObligation,
    Decision,
    FilterObligation,
    Level,
    LimitObligation,
    MaskObligation,
    Obligation,
    Operator,
    Partial,
    PartialOperator,
    RecordObligation,
    ScoresObligation,
    StampObligation,
    Terms,
    VectorsObligation,
    combine,
    decode,
    duration,
    operator_name,
    stronger,
)
from extproc.errors import Denied, EngineError, Unfulfillable
from extproc.operation import CompoundCondition, FieldCondition

FIELDS = st.sampled_from(["email", "card", "profile.*", "document"])
OPERATORS: st.SearchStrategy[Operator] = st.one_of(
    st.sampled_from(["drop", "null", "redact", "hash", "token"]),
    st.builds(PartialOperator, partial=st.builds(Partial, keep_last=st.integers(0, 9))),
)
OBLIGATIONS: st.SearchStrategy[Obligation] = st.one_of(
    st.builds(FilterObligation, where=st.builds(FieldCondition, operator=st.just("eq"), field=FIELDS, value=st.integers(0, 3))),
    st.builds(StampObligation, fields=st.dictionaries(st.sampled_from(["tenant", "by"]), st.sampled_from(["t1"]), max_size=2)),
    st.builds(LimitObligation, max=st.integers(0, 9)),
    st.builds(VectorsObligation, returned=st.booleans()),
    st.just(ScoresObligation(mode="drop")),
    st.builds(ScoresObligation, mode=st.just("round"), digits=st.integers(0, 5)),
    st.builds(MaskObligation, fields=st.lists(FIELDS, min_size=1, max_size=2).map(tuple), operator=OPERATORS),
    st.builds(RecordObligation, level=st.sampled_from(["metadata", "request", "full"])),
)
LISTS = st.lists(OBLIGATIONS, max_size=6)


def terms(obligations: list[Obligation], level: Level = Level.METADATA) -> Terms:
    """Return what `obligations` mean together."""
    return combine(Decision(allow=True, obligations=tuple(obligations)), level)


def masks(combined: Terms) -> dict[str, Operator]:
    """Return the operator that holds for each field."""
    strongest: dict[str, Operator] = {}
    for field, operator in combined.masks:
        strongest[field] = stronger(strongest.get(field, operator), operator)
    return strongest


def conditions(combined: Terms) -> set[bytes]:
    """Return the conditions that all must hold."""
    match combined.where:
        case None:
            return set()
        case CompoundCondition(operator="and", value=parts):
            return {msgspec.json.encode(part) for part in parts}
        case condition:
            return {msgspec.json.encode(condition)}


def weight(operator: Operator) -> tuple[int, int]:
    """Return how much an operator hides, the most first."""
    kept = operator.partial.keep_last if isinstance(operator, PartialOperator) else 0
    return STRENGTH.index(operator_name(operator)), kept


# --- combine ------------------------------------------------------------------------------------------------------------


@given(LISTS, st.randoms(use_true_random=False))
def test_the_order_of_obligations_means_nothing(obligations: list[Obligation], random: Any) -> None:
    """Obligations mean the same in any order."""
    shuffled = list(obligations)
    random.shuffle(shuffled)
    one, other = terms(obligations), terms(shuffled)

    assert (masks(one), conditions(one)) == (masks(other), conditions(other))
    assert msgspec.structs.replace(one, masks=(), where=None) == msgspec.structs.replace(other, masks=(), where=None)


@given(LISTS)
def test_the_same_obligation_twice_means_it_once(obligations: list[Obligation]) -> None:
    """An obligation that is repeated adds nothing."""
    one, other = terms(obligations), terms(obligations * 2)

    assert (masks(one), conditions(one)) == (masks(other), conditions(other))
    assert msgspec.structs.replace(one, masks=(), where=None) == msgspec.structs.replace(other, masks=(), where=None)


@given(LISTS, OBLIGATIONS)
def test_an_obligation_more_never_widens(obligations: list[Obligation], more: Obligation) -> None:
    """Whatever an obligation more changes, less comes out and more is hidden."""
    before, after = terms(obligations), terms([*obligations, more])

    assert conditions(before) <= conditions(after)
    assert (before.stamp or {}).items() <= (after.stamp or {}).items()
    assert before.limit is None or (after.limit is not None and after.limit <= before.limit)
    assert after.vectors <= before.vectors
    assert before.scores_dropped <= after.scores_dropped
    assert before.scores_digits is None or (after.scores_digits is not None and after.scores_digits <= before.scores_digits)
    for field, operator in masks(before).items():
        assert weight(masks(after)[field]) <= weight(operator)
    recorded = any(isinstance(each, RecordObligation) for each in obligations)
    assert before.level <= after.level or not recorded


@given(LISTS, st.sampled_from(Level))
def test_a_recording_level_replaces_the_default(obligations: list[Obligation], default: Level) -> None:
    """The highest level asked for holds, above or below the configured one."""
    asked = [Level[each.level.upper()] for each in obligations if isinstance(each, RecordObligation)]

    assert max(asked, default=default) == terms(obligations, default).level


@given(st.lists(OPERATORS, min_size=1, max_size=5))
def test_the_strongest_operator_holds(operators: list[Operator]) -> None:
    """Of several masks on a field the one that hides most holds, in any order."""
    combined = masks(terms([MaskObligation(fields=("email",), operator=operator) for operator in operators]))

    assert min(map(weight, operators)) == weight(combined["email"])


def test_no_obligations_ask_nothing() -> None:
    """An allowed operation without obligations goes through as it is."""
    assert Terms(level=Level.REQUEST) == terms([], Level.REQUEST)


@pytest.mark.parametrize(("one", "other"), [("t1", "t2"), (1, True), (1, 1.0), (0, False), (None, "")])
def test_stamps_that_disagree_deny(one: Any, other: Any) -> None:
    """Two values for one field cannot both be stamped, not even two that Python takes for equal."""
    with pytest.raises(Denied) as denied:
        terms([StampObligation(fields={"tenant": one}), StampObligation(fields={"tenant": other})])

    assert denied.value.code == "stamp_conflict"


@given(LISTS, st.integers(0, 6))
@pytest.mark.parametrize(
    ("more", "code"),
    [
        (ApprovalObligation(approvers=("role:dba",)), "approval_unavailable"),
        (BudgetObligation(key="k", records=1, window="1h"), "budget_unavailable"),
    ],
)
def test_what_is_not_built_denies(more: Obligation, code: str, obligations: list[Obligation], place: int) -> None:
    """An approval or a budget denies, whatever stands beside it."""
    assume(place <= len(obligations))
    with pytest.raises(Unfulfillable) as denied:
        terms([*obligations[:place], more, *obligations[place:]])

    assert code == denied.value.code


# --- decode -------------------------------------------------------------------------------------------------------------


@given(st.booleans(), st.lists(st.sampled_from(["role_missing", "frozen", "a1"]), max_size=3), LISTS)
def test_a_decision_is_read_back(allow: bool, reasons: list[str], obligations: list[Obligation]) -> None:
    """What the contract's form can say is read as it is meant, each reason and obligation once."""
    document = msgspec.json.encode(Decision(allow=allow, reasons=tuple(reasons), obligations=tuple(obligations)))
    decision = decode(document)

    assert allow == decision.allow
    assert sorted(set(reasons)) == list(decision.reasons)
    assert {_told(each) for each in obligations} == {_told(each) for each in decision.obligations}
    assert len(set(map(msgspec.json.encode, decision.obligations))) == len(decision.obligations)


def _told(obligation: Obligation) -> bytes:
    """Return an obligation as JSON, in which the order of an object's members means nothing."""
    return msgspec.json.encode(obligation, order="sorted")


@given(st.permutations(["role_missing", "frozen", "a1"]), LISTS, st.randoms(use_true_random=False))
def test_sets_of_a_policy_have_one_order(reasons: list[str], obligations: list[Obligation], random: Any) -> None:
    """Two engines that give a set in two orders give equal decisions."""
    shuffled = list(obligations)
    random.shuffle(shuffled)
    one = msgspec.json.encode({"allow": True, "reasons": reasons, "obligations": obligations})
    other = msgspec.json.encode({"allow": True, "reasons": sorted(reasons), "obligations": shuffled})

    assert decode(one) == decode(other)


@pytest.mark.parametrize(
    "document",
    [
        None,
        True,
        [],
        "allow",
        {},
        {"allow": "true"},
        {"allow": 1},
        {"allow": None},
        {"allow": True, "deny": False},
        {"allow": True, "reasons": "role_missing"},
        {"allow": True, "reasons": ["Role Missing"]},
        {"allow": True, "reasons": ["a" * 65]},
        {"allow": True, "reasons": ["a\n"]},
        {"allow": True, "reasons": [f"r{n}" for n in range(33)]},
        {"allow": True, "cache": {"ttl": 30}},
        {"allow": True, "cache": {"ttl": "forever"}},
        {"allow": True, "cache": {"ttl": "30s", "shared": True}},
        {"allow": True, "obligations": {}},
        *(
            {"allow": True, "obligations": [obligation]}
            for obligation in [
                {},
                {"type": "encrypt"},
                {"max": 3},
                {"type": "limit", "max": -1},
                {"type": "limit", "max": 2.5},
                {"type": "limit", "max": True},
                {"type": "limit"},
                {"type": "limit", "max": 3, "min": 1},
                {"type": "vectors", "returned": False},
                {"type": "vectors", "return": None},
                {"type": "scores", "mode": "round"},
                {"type": "scores", "mode": "drop", "digits": 2},
                {"type": "scores", "mode": "round", "digits": -1},
                {"type": "scores", "mode": "round", "digits": 16},
                {"type": "mask", "fields": [], "with": "redact"},
                {"type": "mask", "fields": [""], "with": "redact"},
                {"type": "mask", "fields": ["a"], "with": "blur"},
                {"type": "mask", "fields": ["a"], "with": None},
                {"type": "mask", "fields": ["a"], "with": {"partial": {"keep_last": -1}}},
                {"type": "mask", "fields": ["a"], "with": {"partial": {"keep_last": 1, "keep_first": 9}}},
                {"type": "mask", "fields": "a", "with": "redact"},
                {"type": "mask", "fields": ["a"]},
                {"type": "detect", "entities": [], "fields": ["a"], "with": "redact"},
                {"type": "detect", "entities": ["EMAIL_ADDRESS"], "fields": [], "with": "redact"},
                {"type": "record", "level": "none"},
                {"type": "stamp", "fields": {"tenant": ["t1"]}},
                {"type": "approval", "approvers": ["role:dba"], "count": 0},
                {"type": "approval", "approvers": ["role:dba"], "ttl": "soon"},
                {"type": "approval", "approvers": ["role:dba"], "ttl": "0s"},
                {"type": "budget", "key": "k", "records": -1, "window": "1h"},
                {"type": "budget", "key": "k", "records": 1, "window": "0h"},
            ]
        ),
        *(
            {"allow": True, "obligations": [{"type": "filter", "where": where}]}
            for where in [
                None,
                {},
                {"type": "field", "operator": "like", "field": "a", "value": 1},
                {"type": "field", "operator": "eq", "field": "a"},
                {"type": "field", "operator": "eq", "field": "a", "value": [1]},
                {"type": "field", "operator": "in", "field": "a", "value": 1},
                {"type": "field", "operator": "eq", "field": "", "value": 1},
                {"type": "compound", "operator": "and", "value": []},
                {"type": "compound", "operator": "or", "value": []},
                {"type": "compound", "operator": "xor", "value": []},
                {"type": "compound", "operator": "not", "value": [{"type": "opaque", "operator": "x", "field": "a"}] * 2},
                {"type": "compound", "operator": "not", "value": [{"type": "compound", "operator": "and", "value": []}]},
            ]
        ),
    ],
    ids=json.dumps,
)
def test_anything_else_is_no_decision(document: Any) -> None:
    """What is not of the contract's form is an error, never a guess, and the error quotes nothing."""
    with pytest.raises(EngineError) as refused:
        decode(json.dumps(document).encode())

    assert refused.value.code == "decision_invalid"
    assert str(refused.value) == "the policy's decision is not of the contract's form"


@pytest.mark.parametrize("document", [b"", b"{", b'{"allow":true}x', b"\xff", b'{"allow":NaN}'])
def test_broken_json_is_no_decision(document: bytes) -> None:
    """An engine that gives no JSON gives no decision."""
    with pytest.raises(EngineError) as refused:
        decode(document)

    assert refused.value.code == "decision_invalid"


def test_a_filter_of_endless_depth_is_no_decision() -> None:
    """A condition nested beyond all measure is refused, not followed."""
    depth = 100_000
    where = b'{"type":"compound","operator":"not","value":[' * depth + b"]}" * depth
    with pytest.raises(EngineError) as refused:
        decode(b'{"allow":true,"obligations":[{"type":"filter","where":' + where + b"}]}")

    assert refused.value.code == "decision_invalid"


# --- small things -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("250ms", 0.25), ("15m", 900), ("1h", 3600), ("2d", 172800)])
def test_durations(text: str, seconds: float) -> None:
    """A duration is a whole number and a unit."""
    assert seconds == duration(text)


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1.5s", "1 s", "1s ", "1w", "\uff11s", "1s\n", "9999999999s"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="a duration is"):
        duration(text)


def test_evidence_shows_the_kinds_of_obligations() -> None:
    """The summary names each kind once, sorted, and no field or value."""
    decision = Decision(
        allow=True,
        obligations=(
            VectorsObligation(returned=False),
            MaskObligation(fields=("email",), operator="redact"),
            MaskObligation(fields=("card",), operator="drop"),
        ),
    )

    assert decision.summary == ("mask", "vectors")
