"""A masked field may not be asked about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.decision import DetectObligation, Operator, Terms
from extproc.errors import Denied
from extproc.obligations.predicates import refuse_masked_predicates
from extproc.operation import CompoundCondition, Condition, FieldCondition, OpaqueCondition, Operation


def operation(*tests: str, where: Condition | None = None) -> Operation:
    """Return a search that tests these fields."""
    return Operation(database="kb", engine="chroma", action="search", scope="data", tests=tests, filter=where)


def masks(*patterns: str, operator: Operator = "redact") -> Terms:
    """Return terms that mask these patterns."""
    return Terms(masks=tuple((pattern, operator) for pattern in patterns))


def refused(asked: Operation, terms: Terms) -> bool:
    """Return whether `asked` is refused, for the one reason that there is."""
    try:
        refuse_masked_predicates(asked, terms)
    except Denied as denied:
        return denied.code == "masked_field_predicate"
    return False


@pytest.mark.parametrize(
    ("pattern", "field", "expected"),
    [
        ("email", "email", True),
        ("email", "emails", False),
        ("email", "Email", False),
        ("profile", "profile.email", True),
        ("profile.email", "profile", True),
        ("profile.email", "profile.phone", False),
        ("profile.*", "profile.phone", True),
        ("profile.*", "profile", True),
        ("profile.*", "profiles", False),
        ("a.*", "a.b.c", True),
        ("a.b.*", "a", True),
        ("*", "anything", True),
        ("email", "e*", True),
    ],
)
def test_bisection_of_a_masked_field_is_refused(pattern: str, field: str, expected: bool) -> None:
    """A test of a masked field, of what holds it or of what it holds is refused; its neighbours are free."""
    assert expected == refused(operation(field), masks(pattern))


def test_bisection_through_a_filter_alone_is_refused() -> None:
    """What the filter looks at counts even where it is missing from the list of tests."""
    inner = CompoundCondition(
        operator="not",
        value=(OpaqueCondition(operator="contains", field="document"), FieldCondition(operator="eq", field="a", value=1)),
    )

    assert refused(operation(where=inner), masks("document"))
    assert not refused(operation(where=inner), masks("email"))


def test_field_searched_for_values_may_not_be_tested() -> None:
    """A field under `detect` is as closed as one under `mask`."""
    terms = Terms(detects=(DetectObligation(entities=("EMAIL_ADDRESS",), fields=("document",), operator="redact"),))

    assert refused(operation("document"), terms)


def test_policy_may_test_what_it_masks() -> None:
    """The policy's own filter is not the client's."""
    terms = Terms(masks=(("tenant", "redact"),), where=FieldCondition(operator="eq", field="tenant", value="t1"))

    assert not refused(operation("product"), terms)


def test_without_masks_everything_may_be_tested() -> None:
    """Terms that hide nothing refuse nothing."""
    assert not refused(operation("email", "*"), Terms())


PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(".".join)


@given(masked=PATHS, field=PATHS)
def test_refusal_is_mutual(masked: str, field: str) -> None:
    """Whether one of two fields tells of the other does not depend on which is masked."""
    assert refused(operation(field), masks(masked)) == refused(operation(masked), masks(field))


@given(field=PATHS, more=PATHS)
def test_what_is_below_a_masked_field_is_closed(field: str, more: str) -> None:
    """Every field below a masked one is closed, and so is the masked one for a mask below it."""
    assert refused(operation(f"{field}.{more}"), masks(field))
    assert refused(operation(field), masks(f"{field}.{more}"))
    assert refused(operation(f"{field}.{more}"), masks(f"{field}.*"))
