"""Of several findings of one place one holds, and nothing that was found is left open."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from extproc.detection.finding import Finding, settled

findings = st.lists(
    st.builds(
        lambda type_, start, length, score: Finding(type=type_, start=start, end=start + length, score=score),
        st.sampled_from("AB"),
        st.integers(0, 30),
        st.integers(1, 12),
        st.sampled_from([0.5, 0.9]),
    ),
    max_size=12,
)


@given(findings)
def test_settled_findings_are_apart_and_cover_the_same(found: list[Finding]) -> None:
    """They come in order, do not overlap, and cover every byte that was found and no other."""
    kept = settled(found)

    assert [one.end <= other.start for one, other in pairwise(kept)] == [True] * max(0, len(kept) - 1)
    assert {place for each in kept for place in range(each.start, each.end)} == {
        place for each in found for place in range(each.start, each.end)
    }


def test_what_holds_another_stands_for_both() -> None:
    """The number in an address of the web is masked with it."""
    url = Finding(type="URL", start=0, end=30, score=0.9)

    assert [url] == settled([Finding(type="PHONE_NUMBER", start=10, end=20, score=0.95), url])


def test_of_two_that_overlap_the_surer_gives_the_type() -> None:
    """And both are covered."""
    one, other = Finding(type="A", start=0, end=10, score=0.5), Finding(type="B", start=5, end=15, score=0.9)

    assert [Finding(type="B", start=0, end=15, score=0.9)] == settled([one, other])
