"""The tree as it is read: the same roots and tiles as the tree that was written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import merkle
from extproc.audit.ascent import Ascent
from extproc.audit.edge import Edge
from extproc.audit.tiles import Tile

LEAVES = [b"leaf %d" % index for index in range(1500)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]


@given(size=st.integers(0, 1500), more=st.integers(0, 255))
def test_it_agrees_with_the_growing_edge(size: int, more: int) -> None:
    """Root and tiles, full and partial, and the root with some more leaves."""
    met: dict[Tile, bytes] = {}
    ascent, edge = Ascent(met.__setitem__), Edge()
    made = {found.tile: found.content for leaf in LEAVES[:size] for found in edge.add(leaf)}
    for start in range(0, size, 256):
        ascent.add(HASHES[start : min(start + 256, size)])
    more = min(more, 255 - size % 256, 1500 - size)

    assert (ascent.root(), dict(ascent.partial())) == (
        edge.root(),
        {found.tile: found.content for found in edge.partial() if found.tile.level is not None},
    )
    assert met == {tile: content for tile, content in made.items() if tile.level is not None}
    assert ascent.root(HASHES[size : size + more]) == merkle.fold(merkle.peaks(HASHES[: size + more]))
