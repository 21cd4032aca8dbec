"""The walk that every translation of a condition takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import Unfulfillable
from extproc.operation import CompoundCondition, Condition, FieldCondition, OpaqueCondition
from extproc.protocols.dialect import translate
from support.conditions import FIELDS, VALUES, conditions, meets

Ids = frozenset[int]

OPAQUE = OpaqueCondition(operator="contains", field="document")
PLAIN = FieldCondition(operator="eq", field="k", value=1)


class Sets:
    """A dialect whose clauses are the records themselves, by their number."""

    def __init__(self, records: Sequence[dict[str, object]]) -> None:
        self._records = records

    def compare(self, condition: FieldCondition, *, holds: bool) -> Ids:
        """Return the records of which it holds, or not."""
        return frozenset(index for index, record in enumerate(self._records) if meets(condition, record) == holds)

    def every(self, clauses: Sequence[Ids]) -> Ids:
        """Intersect; there is something to intersect."""
        assert len(clauses) > 1
        return frozenset.intersection(*clauses)

    def some(self, clauses: Sequence[Ids]) -> Ids:
        """Unite; there is something to unite."""
        assert len(clauses) > 1
        return frozenset.union(*clauses)


@given(condition=conditions(), records=st.lists(st.dictionaries(FIELDS, VALUES, max_size=3), max_size=6), holds=st.booleans())
def test_a_translation_means_the_condition(condition: Condition, records: list[dict[str, object]], *, holds: bool) -> None:
    """In a dialect that can say every comparison, the clause has exactly the records of which the condition holds, or not."""
    expected = frozenset(index for index, record in enumerate(records) if meets(condition, record) == holds)

    assert expected == translate(condition, Sets(records), holds=holds)


@pytest.mark.parametrize(
    "condition",
    [
        OPAQUE,
        CompoundCondition(operator="and", value=(PLAIN, OPAQUE)),
        CompoundCondition(operator="or", value=(PLAIN, CompoundCondition(operator="not", value=(OPAQUE,)))),
    ],
)
def test_an_opaque_condition_is_never_left_out(condition: Condition) -> None:
    """What only the database's own words could say makes the whole filter one that cannot be fulfilled."""
    with pytest.raises(Unfulfillable):
        translate(condition, Sets([]))


@pytest.mark.parametrize(
    "condition",
    [
        CompoundCondition(operator="and", value=()),
        CompoundCondition(operator="or", value=()),
        CompoundCondition(operator="not", value=()),
        CompoundCondition(operator="not", value=(PLAIN, PLAIN)),
    ],
)
def test_a_join_of_nothing_holds_for_nobody(condition: Condition) -> None:
    """A conjunction of nothing would let everything through; it is refused, although no decision holds one."""
    with pytest.raises(Unfulfillable):
        translate(condition, Sets([]))
