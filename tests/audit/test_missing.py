"""What a mirror lacks, by size alone."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import missing
from extproc.audit.tiles import WIDTH, Tile, of_size, width_at

SIZES = st.one_of(st.integers(0, 1000), st.integers(0, 300_000), st.sampled_from([0, 1, 255, 256, 257, 65535, 65536, 65537]))


def named(size: int) -> set[Tile]:
    """Return every tile and bundle of a tree of `size` leaves, one by one."""
    found = set()
    level = 0
    while size >> 8 * level:
        for number in range((size >> 8 * level) // WIDTH + 1):
            width = width_at(level, number, size)
            if width:
                found |= {Tile(level, number, width)} | ({Tile(None, number, width)} if level == 0 else set())
        level += 1
    return found


@given(st.lists(SIZES, max_size=6).map(sorted))
def test_what_was_put_for_each_checkpoint_is_all_that_it_names(sizes: list[int]) -> None:
    """However a log grew, each of its checkpoints finds every tile there; nothing is put twice, no bundle after its tile."""
    there: list[Tile] = []
    for old, new in zip([0, *sizes], sizes, strict=False):
        there += missing.tiles(old, new)
        assert named(new) <= set(there)
    assert len(there) == len(set(there))
    assert all(there.index(each._replace(level=None)) < there.index(each) for each in there if each.level == 0)
    assert set(there) == {tile for size in sizes for tile in named(size) if tile.width == WIDTH or tile in of_size(size)}


@given(st.lists(SIZES, max_size=6).map(sorted), st.sets(st.integers(1, 1000), max_size=8))
def test_each_full_segment_is_put_once(sizes: list[int], later: set[int]) -> None:
    """A segment is put with the first checkpoint of an entry in the next one, and the last segment never."""
    firsts = [0, *sorted(later)]
    put = []
    for old, new in zip([0, *sizes], sizes, strict=False):
        put += missing.segments(old, new, [each for each in firsts if each < max(new, 1)])
    size = max(sizes, default=0)

    assert put == [first for first, following in pairwise(firsts) if following < size]
