"""Whose records are written, and whether they stay so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from extproc.decision import Terms
from extproc.operation import CompoundCondition, Condition, FieldCondition, OpaqueCondition
from extproc.protocols.ownership import UNREAD, admits, owned
from support.conditions import FIELDS, VALUES, conditions, meets

Record = dict[str, Any]

T1 = FieldCondition(operator="eq", field="tenant", value="t1")
PUBLIC = FieldCondition(operator="ne", field="class", value="secret")
RECORDS = st.dictionaries(FIELDS, VALUES, max_size=4)
CHANGES = st.dictionaries(FIELDS, st.one_of(VALUES, st.none(), st.just(UNREAD)), max_size=4)


def after(record: Record, change: Record) -> Record:
    """Return a record as it is once `change` is in it; a null takes a field away, and a list is no value."""
    merged = record | {name: None if value is UNREAD else value for name, value in change.items()}
    return {name: value for name, value in merged.items() if value is not None}


@given(condition=conditions(), change=CHANGES)
def test_a_new_record_that_is_admitted_meets_the_filter(condition: Condition, change: Record) -> None:
    """What makes a record is admitted only if the record then meets the filter; without lists, whenever it does."""
    admitted = admits(condition, change, new=True)

    assert not admitted or meets(condition, after({}, change))
    if UNREAD not in change.values():
        assert meets(condition, after({}, change)) == admitted


@given(condition=conditions(), record=RECORDS, change=CHANGES)
def test_an_own_record_that_is_changed_stays_own(condition: Condition, record: Record, change: Record) -> None:
    """What changes a record that meets the filter is admitted only if it still does afterwards, whatever else is in it."""
    assume(meets(condition, record))
    assume(admits(condition, change, new=False))

    assert meets(condition, after(record, change))


@given(condition=conditions(), change=st.dictionaries(st.just("untouched"), VALUES))
def test_a_change_of_other_fields_is_admitted(condition: Condition, change: Record) -> None:
    """A change that touches nothing which the filter tests needs no further look."""
    assert admits(condition, change, new=False)


@pytest.mark.parametrize(
    ("condition", "written", "new", "changed"),
    [
        (T1, {"tenant": "t1"}, True, True),
        (T1, {"tenant": "t2"}, False, False),
        (T1, {"tenant": None}, False, False),
        (T1, {"tenant": UNREAD}, False, False),
        (T1, {"tenant": True}, False, False),
        (T1, {}, False, True),
        (PUBLIC, {}, True, True),
        (PUBLIC, {"class": "secret"}, False, False),
        (PUBLIC, {"class": None}, True, True),
        (PUBLIC, {"class": UNREAD}, False, False),
        (FieldCondition(operator="eq", field="n", value=1), {"n": True}, False, False),
        (FieldCondition(operator="eq", field="n", value=True), {"n": 1}, False, False),
        (FieldCondition(operator="eq", field="n", value=1), {"n": 1.0}, True, True),
        (FieldCondition(operator="lt", field="n", value=2), {"n": "1"}, False, False),
        (FieldCondition(operator="lt", field="n", value=2), {"n": True}, False, False),
        (FieldCondition(operator="eq", field="n", value=None), {"n": None}, False, False),
        (OpaqueCondition(operator="contains", field="n"), {"n": "x"}, False, False),
        (CompoundCondition(operator="and", value=(T1, PUBLIC)), {"tenant": "t1"}, True, True),
        (CompoundCondition(operator="or", value=(T1, PUBLIC)), {"class": "secret"}, False, False),
        (CompoundCondition(operator="not", value=(T1,)), {"tenant": "t1"}, False, False),
    ],
)
def test_what_may_be_written(condition: Condition, written: Record, *, new: bool, changed: bool) -> None:
    """Of a record that is made, and of one that is changed."""
    assert (new, changed) == (admits(condition, written, new=True), admits(condition, written, new=False))


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (Terms(), None),
        (Terms(where=T1), T1),
        (Terms(stamp={"tenant": "t1"}), T1),
        (Terms(where=PUBLIC, stamp={"tenant": "t1"}), CompoundCondition(operator="and", value=(PUBLIC, T1))),
    ],
)
def test_own_is_what_filter_and_stamp_say(terms: Terms, expected: Condition | None) -> None:
    """A record is the caller's own that meets the filter and carries the stamp."""
    assert expected == owned(terms)
