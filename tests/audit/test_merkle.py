"""The Merkle tree: every root and proof against the definitions of RFC 6962, written down as they stand there."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import merkle

LEAVES = [b"leaf %d" % index for index in range(70)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]


def root(leaves: list[bytes]) -> bytes:
    """Return MTH(D[n]) as section 2.1 defines it."""
    match leaves:
        case []:
            return sha256(b"").digest()
        case [leaf]:
            return sha256(b"\0" + leaf).digest()
    middle = max(1 << bit for bit in range(10) if 1 << bit < len(leaves))
    return sha256(b"\1" + root(leaves[:middle]) + root(leaves[middle:])).digest()


ROOTS = [root(LEAVES[:size]) for size in range(len(LEAVES) + 1)]


def hashes(ranges: list[merkle.Range]) -> list[bytes]:
    """Return the hashes of ranges of leaves."""
    return [root(LEAVES[start:end]) for start, end in ranges]


SIZES = st.integers(0, len(LEAVES))


@given(SIZES)
def test_the_root_is_that_of_the_definition(size: int) -> None:
    """Joined from whole subtrees it is the same as split from the top."""
    assert ROOTS[size] == merkle.fold(merkle.peaks(HASHES[:size]))


@given(SIZES, SIZES)
def test_a_range_is_made_of_whole_aligned_subtrees(one: int, other: int) -> None:
    """They follow each other without a gap, are powers of two, and begin at multiples of themselves."""
    start, end = sorted((one, other))
    found = list(merkle.whole_subtrees(start, end))

    assert [index for first, last in found for index in range(first, last)] == list(range(start, end))
    assert [last - first for first, last in found if (last - first) & (last - first - 1) or first % (last - first)] == []


@given(st.data())
def test_an_inclusion_proof_leads_to_the_root(data: st.DataObject) -> None:
    """The hashes of its ranges and that of the leaf make the root, and with any of them changed they do not."""
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    proof = hashes(merkle.inclusion(index, size))

    assert ROOTS[size] == merkle.root_above(HASHES[index], index, size, proof)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert ROOTS[size] != merkle.root_above(HASHES[index], index, size, [*proof[:at], bytes(32), *proof[at + 1 :]])
    with pytest.raises(ValueError, match="argument"):
        merkle.root_above(HASHES[index], index, size, [*proof, bytes(32)])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_nothing_is_proven_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    """An index beyond the tree has no proof."""
    with pytest.raises(ValueError, match="no such leaf"):
        merkle.inclusion(index, size)


@given(SIZES, SIZES)
def test_a_consistency_proof_shows_that_a_tree_grew(one: int, other: int) -> None:
    """The old root and the new one follow from its hashes, and no other root does."""
    old, new = sorted((one, other))
    proof = hashes(merkle.consistency(old, new))

    assert merkle.grew(old, ROOTS[old], new, ROOTS[new], proof)
    assert not merkle.grew(old, bytes(32), new, ROOTS[new], proof)
    assert not merkle.grew(old, ROOTS[old], new, ROOTS[new], [*proof, bytes(32)])
    assert old in {0, new} or not merkle.grew(old, ROOTS[old], new, bytes(32), proof)
    assert not proof or not merkle.grew(old, ROOTS[old], new, ROOTS[new], [bytes(32), *proof[1:]])
    assert old == new or not merkle.grew(new, ROOTS[new], old, ROOTS[old], proof)


def test_a_tree_does_not_shrink() -> None:
    """There is no proof from a larger tree to a smaller one."""
    with pytest.raises(ValueError, match="smaller"):
        merkle.consistency(3, 2)
