"""Tiles and bundles: where the specification puts them, and what it puts in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import tiles
from extproc.audit.tiles import Tile


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 1234067), "tile/1/x001/x234/067"),
        (Tile(None, 999, 1), "tile/entries/999.p/1"),
        (Tile(None, 1000, 255), "tile/entries/x001/000.p/255"),
    ],
)
def test_a_tile_lies_where_the_specification_says(tile: Tile, path: str) -> None:
    """Three digits a folder, all but the last behind an x; the width of a partial one."""
    assert path == tile.path


def test_the_right_edge_of_the_specifications_example() -> None:
    """A tree of 70,000 leaves has these partial tiles; one of 256 has a single one, of level 1."""
    assert {Tile(None, 273, 112), Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)} == set(tiles.of_size(70_000))
    assert [Tile(1, 0, 1)] == tiles.of_size(256)
    assert tiles.of_size(0) == []
    assert tuple(tiles.width_at(0, index, 70_000) for index in (272, 273, 274)) == (256, 112, 0)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_leaves_come_out_of_a_bundle_as_they_went_in(leaves: list[bytes]) -> None:
    """Of any length, also none."""
    assert leaves == tiles.leaves(tiles.bundle(leaves))


def test_a_leaf_has_sixteen_bits_of_length() -> None:
    """The longest fits, one byte more does not."""
    assert len(tiles.bundled(b"x" * 0xFFFF)) == 0xFFFF + 2
    with pytest.raises(ValueError, match="65,535"):
        tiles.bundled(b"x" * 0x10000)


@given(st.binary(max_size=40))
def test_what_is_no_bundle_is_refused(content: bytes) -> None:
    """Whatever is read as leaves makes the same bytes again."""
    try:
        found = tiles.leaves(content)
    except ValueError:
        return
    assert content == tiles.bundle(found)


@pytest.mark.parametrize("content", [b"", bytes(33), bytes(32 * 257)])
def test_what_is_no_tile_is_refused(content: bytes) -> None:
    """Nothing, half a hash, one too many."""
    with pytest.raises(ValueError, match="row"):
        tiles.hashes(content)


@given(level=st.none() | st.integers(0, 63), number=st.integers(0, 10**13), width=st.integers(1, 256))
def test_a_tile_is_known_by_its_path(level: int | None, number: int, width: int) -> None:
    """There and back."""
    tile = Tile(level, number, width)

    assert tiles.found_at(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "checkpoint",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/00/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/x/001",
    ],
)
def test_another_path_is_no_tiles(path: str) -> None:
    """Each tile has one path."""
    assert tiles.found_at(path) is None
