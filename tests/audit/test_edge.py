"""The right edge: whichever way a tree came to its size, root and tiles are those of the leaves."""

from __future__ import annotations

import pytest

from extproc.audit import merkle, tiles
from extproc.audit.edge import Edge
from extproc.audit.tiles import Tile

SIZE = 66_000
HASHES = [merkle.leaf_hash(b"%d" % index) for index in range(SIZE)]


@pytest.fixture(scope="module")
def grown() -> tuple[Edge, dict[Tile, bytes]]:
    """Return a tree of three levels and its full tiles."""
    edge = Edge()
    full: dict[Tile, bytes] = {}
    for index in range(SIZE):
        full.update(edge.add(b"%d" % index))
    return edge, full


def test_tiles_hold_the_hashes_of_what_is_below_them(grown: tuple[Edge, dict[Tile, bytes]]) -> None:
    """Full and partial ones make up each level without a gap, and bundles hold the leaves."""
    edge, made = grown[0], dict(grown[1])
    made.update(edge.partial())
    level = HASHES
    for number in range(3):
        rows = [made.pop(Tile(number, index, tiles.width_at(number, index, SIZE))) for index in range(-(-len(level) // 256))]
        assert b"".join(level) == b"".join(rows)
        level = [merkle.fold(merkle.peaks(level[at : at + 256])) for at in range(0, len(level) - 255, 256)]
    leaves = [leaf for tile in sorted(made, key=lambda tile: tile.number) for leaf in tiles.leaves(made[tile])]

    assert leaves == [b"%d" % index for index in range(SIZE)]
    assert {tile.level for tile in made} == {None}


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536, 65_537])
def test_the_root_is_that_of_the_leaves(size: int) -> None:
    """At sizes around those of tiles."""
    edge = Edge()
    for index in range(size):
        edge.add(b"%d" % index)

    assert (size, merkle.fold(merkle.peaks(HASHES[:size]))) == (edge.size, edge.root())


@pytest.mark.parametrize("start", [256, 65_280, 65_536, 65_792])
def test_an_edge_goes_on_from_full_tiles(grown: tuple[Edge, dict[Tile, bytes]], start: int) -> None:
    """Begun between two bundles it grows into the same tree."""
    edge = Edge(start, lambda tile: tiles.hashes(grown[1][tile]))
    assert merkle.fold(merkle.peaks(HASHES[:start])) == edge.root()
    made = {tile: content for index in range(start, SIZE) for tile, content in edge.add(b"%d" % index)}

    assert (grown[0].root(), grown[0].partial()) == (edge.root(), edge.partial())
    assert made.items() <= grown[1].items()


def test_an_edge_does_not_begin_within_a_bundle() -> None:
    """What is in the bundle would be missing."""
    with pytest.raises(ValueError, match="between two bundles"):
        Edge(7)


def test_a_leaf_that_is_too_long_is_not_added() -> None:
    """The tree stays as it was."""
    edge = Edge()
    edge.add(b"x")
    before = edge.root(), edge.partial()
    with pytest.raises(ValueError, match="65,535"):
        edge.add(b"x" * 0x10000)

    assert before == (edge.root(), edge.partial())
