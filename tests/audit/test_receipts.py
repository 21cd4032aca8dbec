"""Receipts: whatever entries they are made for, those and no others are accounted for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import receipts


@given(st.sets(st.integers(0, 400)).map(sorted))
def test_receipts_account_for_what_they_were_made_for(indexes: list[int]) -> None:
    """Ranges are an abbreviation and nothing else."""
    found = receipts.accounted(receipts.details("o/w", indexes))

    assert sorted(index for each in found.get("o/w", []) for index in each) == indexes


def test_many_entries_make_several_receipts() -> None:
    """Each of which a leaf has room for."""
    indexes = list(range(0, 40_000, 2))
    made = list(receipts.details("o/w", indexes))

    assert len(made) > 1
    assert max(len(each["entries"]) for each in made) < 31_000
    assert [index for each in receipts.accounted(made)["o/w"] for index in each] == indexes


def test_what_is_no_receipt_is_passed_over() -> None:
    """Other acts, and entries that are no numbers, account for nothing."""
    found = [{"act": "lock"}, {"act": "erase", "log": "o/w", "entries": "x,3-,-4,,\N{SUPERSCRIPT TWO}"}, {}]

    assert receipts.accounted(found) == {"o/w": [range(3, 4)]}
    assert receipts.retained([*found, {"act": "retain", "from": "7"}, {"act": "retain", "from": "x"}]) == 7
