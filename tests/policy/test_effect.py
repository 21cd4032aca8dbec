"""What decisions come to, and how two of them differ: who gains, who loses, which fields become clear."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.decision import Decision, Level, decode
from extproc.errors import EngineError
from extproc.operation import Operation, Returns
from extproc.policy.effect import Change, Effect, changes, effect, narrowed
from support.exchange import KEY
from support.obliged import compared, joined, mask, only, stamp

SEARCH = Operation(
    database="kb",
    engine="chroma",
    action="search",
    scope="records",
    collection="tickets",
    reads=("tickets",),
    fields="*",
    returns=Returns(payload=True, scores=True),
    limit=20,
)
UPSERT = Operation(database="kb", engine="chroma", action="upsert", scope="records", collection="tickets", writes=("tickets",))
LIMIT = {"type": "limit", "max": 50}
NO_VECTORS = {"type": "vectors", "return": False}
NO_SCORES = {"type": "scores", "mode": "drop"}
FIRST, SECOND = compared("eq", "tenant", "t1"), compared("eq", "region", "eu")


def rounded(digits: int) -> dict[str, Any]:
    """Return the obligation to round scores."""
    return {"type": "scores", "mode": "round", "digits": digits}


def allowed(*obligations: dict[str, Any]) -> Decision:
    """Return a decision to allow under these obligations."""
    return decode(json.dumps({"allow": True, "obligations": obligations}).encode())


def denied(*reasons: str) -> Decision:
    """Return a decision to deny."""
    return Decision(allow=False, reasons=reasons)


def comes_to(decision: Decision | EngineError, operation: Operation = SEARCH) -> Effect:
    """Return what a decision comes to."""
    return effect(operation, decision, Level.METADATA, KEY)


def moved(before: Decision, after: Decision, operation: Operation = SEARCH) -> list[tuple[str, str]]:
    """Return the differences."""
    return [(each.sense, each.what) for each in changes(operation, comes_to(before, operation), comes_to(after, operation))]


DIFFERENCES: dict[str, tuple[Decision, Decision, list[tuple[str, str]]]] = {
    "allowed now": (denied("action_not_granted"), allowed(), [("gain", "allowed (was action_not_granted)")]),
    "denied now": (allowed(), denied("a", "b"), [("loss", "refused: a")]),
    "denied without a reason": (allowed(), denied(), [("loss", "refused: policy_denied")]),
    "denied otherwise": (denied("a"), denied("b"), [("other", "refused: b (was a)")]),
    "what cannot be fulfilled is a denial": (
        allowed(),
        allowed(mask("a", how="token")),
        [("loss", "refused: mask_token_unavailable")],
    ),
    "a mask is gone": (allowed(mask("email", "name")), allowed(mask("name")), [("gain", "email: redact → clear")]),
    "a mask is new": (allowed(), allowed(mask("email", how="hash")), [("loss", "email: clear → hash")]),
    "a mask is weaker": (
        allowed(mask("card")),
        allowed(mask("card", how={"partial": {"keep_last": 4}})),
        [("gain", "card: redact → partial, 4 kept")],
    ),
    "more of a value is kept": (
        allowed(mask("card", how={"partial": {"keep_last": 2}})),
        allowed(mask("card", how={"partial": {"keep_last": 4}})),
        [("gain", "card: partial, 2 kept → partial, 4 kept")],
    ),
    "the strongest of several masks counts": (
        allowed(mask("email", how="drop"), mask("email")),
        allowed(mask("email", how="hash"), mask("email")),
        [("gain", "email: drop → redact")],
    ),
    "a pattern in the place of its fields": (
        allowed(mask("profile.email", "profile.name")),
        allowed(mask("profile.*")),
        [("loss", "profile.*: clear → redact")],
    ),
    "fields in the place of a pattern": (
        allowed(mask("*")),
        allowed(mask("email")),
        [("gain", "*: redact → clear")],
    ),
    "vectors are returned": (allowed(NO_VECTORS), allowed(), [("gain", "vectors: withheld → returned")]),
    "vectors are withheld": (allowed(), allowed(NO_VECTORS), [("loss", "vectors: returned → withheld")]),
    "scores are dropped": (allowed(rounded(4)), allowed(NO_SCORES), [("loss", "scores: 4 digits → dropped")]),
    "scores are exact": (allowed(rounded(4)), allowed(), [("gain", "scores: 4 digits → exact")]),
    "scores have more digits": (allowed(rounded(2)), allowed(rounded(3)), [("gain", "scores: 2 digits → 3 digits")]),
    "the limit is raised": (allowed(LIMIT), allowed({"type": "limit", "max": 99}), [("gain", "limit: 50 → 99")]),
    "the limit is gone": (allowed(LIMIT), allowed(), [("gain", "limit: 50 → none")]),
    "a limit is new": (allowed(), allowed(LIMIT), [("loss", "limit: none → 50")]),
    "the filter is gone": (allowed(only(FIRST)), allowed(), [("gain", "row filter on tenant: removed")]),
    "a filter is new": (allowed(), allowed(only(FIRST)), [("loss", "row filter on tenant: added")]),
    "one of two filters is gone": (
        allowed(only(FIRST), only(SECOND)),
        allowed(only(FIRST)),
        [("gain", "row filter on region, tenant: wider")],
    ),
    "a filter more": (
        allowed(only(FIRST)),
        allowed(only(joined("and", FIRST, SECOND))),
        [("loss", "row filter on region, tenant: narrower")],
    ),
    "more values are let through": (
        allowed(only(FIRST)),
        allowed(only(compared("in", "tenant", ["t1", "t2"]))),
        [("gain", "row filter on tenant: wider")],
    ),
    "another tenant": (
        allowed(only(FIRST)),
        allowed(only(compared("eq", "tenant", "t2"))),
        [("other", "row filter on tenant: another")],
    ),
    "the same, said in two ways": (allowed(only(FIRST), only(SECOND)), allowed(only(joined("and", SECOND, FIRST))), []),
    "a stamp is gone": (allowed(stamp(tenant="t1")), allowed(), [("gain", "stamp on tenant: removed")]),
    "a stamp is new": (allowed(), allowed(stamp(tenant="t1")), [("loss", "stamp on tenant: added")]),
    "another stamp": (
        allowed(stamp(tenant=1)),
        allowed(stamp(tenant=True)),
        [("other", "stamp on tenant: another")],
    ),
    "less is recorded": (
        allowed({"type": "record", "level": "request"}),
        allowed(),
        [("other", "recording: request → metadata")],
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_every_kind_of_difference_is_told_as_what_it_is(name: str) -> None:
    """Who gains is told apart from who loses, and no value of a filter or a stamp is told."""
    before, after, expected = DIFFERENCES[name]

    assert moved(before, after) == expected


def test_what_no_answer_would_show_is_no_difference() -> None:
    """Masks, vectors, scores and limits are felt where records come back, filters and stamps everywhere."""
    before = allowed(mask("email"), NO_VECTORS, NO_SCORES, LIMIT)

    assert moved(before, allowed(), UPSERT) == []
    assert moved(allowed(stamp(tenant="t1"), only(FIRST)), allowed(), UPSERT) == [
        ("gain", "row filter on tenant: removed"),
        ("gain", "stamp on tenant: removed"),
    ]


def test_a_failure_to_decide_is_a_refusal() -> None:
    """It counts by its reason."""
    assert comes_to(EngineError("late", code="policy_late")) == Effect(refusal="policy_late")


def test_what_a_request_would_feel() -> None:
    """Only what this very request asked for is narrowed."""
    terms = comes_to(allowed(LIMIT, NO_VECTORS, rounded(2), only(FIRST), stamp(tenant="t1"), mask("email"))).terms
    wide = Operation(
        **{name: getattr(SEARCH, name) for name in ("database", "engine", "action", "scope", "reads")},
        limit=None,
        returns=Returns(payload=True, vectors=True, scores=True),
    )

    assert list(narrowed(SEARCH, terms)) == ["row filter on tenant", "scores 2 digits"]
    assert list(narrowed(wide, terms)) == ["row filter on tenant", "limit 50", "vectors withheld", "scores 2 digits"]
    assert list(narrowed(UPSERT, terms)) == ["row filter on tenant", "stamp on tenant"]


# --- by property ----------------------------------------------------------------------------------------------------------

FIELDS = st.sampled_from(["email", "profile", "profile.name", "profile.*", "*"])
OPERATORS = st.sampled_from(["drop", "null", "redact", "hash", {"partial": {"keep_last": 2}}, {"partial": {"keep_last": 4}}])
CONDITIONS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(compared, st.just("eq"), st.sampled_from(["tenant", "region"]), st.sampled_from(["t1", "t2"])),
    st.builds(compared, st.just("in"), st.just("tenant"), st.lists(st.sampled_from(["t1", "t2", "t3"]), min_size=1)),
    st.builds(compared, st.just("lt"), st.just("n"), st.integers(0, 3)),
)
OBLIGATIONS = st.one_of(
    st.builds(lambda field, how: mask(field, how=how), FIELDS, OPERATORS),
    st.builds(only, CONDITIONS),
    st.builds(lambda most: {"type": "limit", "max": most}, st.integers(0, 3)),
    st.just(NO_VECTORS),
    st.just(NO_SCORES),
    st.builds(rounded, st.integers(0, 3)),
    st.just(stamp(tenant="t1")),
)
LISTS = st.lists(OBLIGATIONS, max_size=5)
OPPOSITE = {"gain": "loss", "loss": "gain", "other": "other"}


@given(LISTS)
def test_nothing_differs_from_itself(obligations: list[dict[str, Any]]) -> None:
    """In whatever order obligations come."""
    assert moved(allowed(*obligations), allowed(*reversed(obligations))) == []


@given(LISTS, LISTS)
def test_one_persons_gain_is_a_loss_the_other_way_round(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    """The direction of a change is that of the policies, whichever is the candidate."""
    there = [sense for sense, _ in moved(allowed(*one), allowed(*other))]
    back = [sense for sense, _ in moved(allowed(*other), allowed(*one))]

    assert [OPPOSITE[sense] for sense in there] == back


@given(LISTS, OBLIGATIONS)
def test_one_obligation_more_is_nobodys_gain(obligations: list[dict[str, Any]], more: dict[str, Any]) -> None:
    """Nothing that is added is told as something that became clear."""
    assert {sense for sense, _ in moved(allowed(*obligations), allowed(*obligations, more))} <= {"loss"}


@given(CONDITIONS, CONDITIONS, st.sampled_from(["t1", "t2", "t3", None]), st.sampled_from(["t1", "t2"]), st.integers(0, 4))
def test_a_filter_that_is_called_narrower_lets_nothing_more_through(
    one: dict[str, Any], other: dict[str, Any], tenant: str | None, region: str, number: int
) -> None:
    """What is told of two filters is true of every record."""
    record = {"tenant": tenant, "region": region, "n": number}
    senses = {each.sense for each in _filters(one, other)}
    through = [_meets(record, each) for each in (one, other)]

    assert senses != {"loss"} or through != [False, True]
    assert senses != {"gain"} or through != [True, False]
    assert senses != set() or through[0] == through[1]


def _filters(one: dict[str, Any], other: dict[str, Any]) -> list[Change]:
    return list(changes(UPSERT, comes_to(allowed(only(one)), UPSERT), comes_to(allowed(only(other)), UPSERT)))


def _meets(record: dict[str, Any], condition: dict[str, Any]) -> bool:
    value, wanted = record[condition["field"]], condition["value"]
    match condition["operator"]:
        case "eq":
            return bool(value == wanted)
        case "in":
            return value in wanted
        case _:
            return bool(value < wanted)
