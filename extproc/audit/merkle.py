"""The Merkle tree of RFC 6962, section 2.1: hashes, roots, and proofs that something is in a tree or that a tree grew.

A leaf and a node are hashed under different prefixes, so neither can be passed off as the other. Where the hashes come from is
the caller's business: a proof is first a list of ranges of leaves, whose hashes the caller looks up. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY: Final = sha256(b"").digest()
"""The root of a tree without leaves."""

Range = tuple[int, int]
"""Leaves from the first number up to, and without, the second."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf's bytes."""
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node above two others."""
    return sha256(b"\1" + left + right).digest()


def peaks(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the roots of the largest whole subtrees of consecutive `hashes`, from left to right."""
    found: list[bytes] = []
    start = 0
    for bit in reversed(range(len(hashes).bit_length())):
        if len(hashes) >> bit & 1:
            row = hashes[start : start + (1 << bit)]
            while len(row) > 1:
                row = [sha256(b"\1" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]
            found += row
            start += 1 << bit
    return found


def fold(whole: Sequence[bytes]) -> bytes:
    """Return the root above whole subtrees, which are ever smaller from left to right."""
    if not whole:
        return EMPTY
    *rest, root = whole
    for left in reversed(rest):
        root = node_hash(left, root)
    return root


def split(size: int) -> int:
    """Return how many leaves are in the left subtree of a tree of `size` > 1: the largest power of two below it."""
    return 1 << (size - 1).bit_length() - 1


def whole_subtrees(start: int, end: int) -> Iterator[Range]:
    """Give the largest aligned whole subtrees that make up the leaves from `start` to `end`, from left to right."""
    while start < end:
        width = min(start & -start or 1 << end.bit_length(), 1 << (end - start).bit_length() - 1)
        yield start, start + width
        start += width


def inclusion(index: int, size: int) -> list[Range]:
    """Return the ranges whose hashes prove that the leaf `index` is in a tree of `size`, from the leaf upwards.

    Section 2.1.1. Raises `ValueError` where there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of this size")
    path: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency(old: int, new: int) -> list[Range]:
    """Return the ranges whose hashes prove that a tree of `new` leaves begins with the one of `old`.

    Section 2.1.2; nothing for equal sizes and for an empty tree. Raises `ValueError` where `old` is larger.
    """
    if not 0 <= old <= new:
        raise ValueError("a tree does not grow smaller")
    if old in {0, new}:
        return []
    path: list[Range] = []
    start, end = 0, new
    while end != old:
        middle = start + split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    if start:
        path.append((start, end))
    return path[::-1]


def root_above(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that `proof` leads to from the leaf hash `leaf`. Raises `ValueError` for one of another length."""
    root = leaf
    for (start, _), other in zip(inclusion(index, size), proof, strict=True):
        root = node_hash(root, other) if start > index else node_hash(other, root)
    return root


def grew(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `new` leaves begins with that of `old` leaves."""
    if not 0 <= old <= new or len(proof) != len(consistency(old, new)):
        return False
    if old == new:
        return old_root == new_root
    if old == 0:
        return old_root == EMPTY
    # The first hash is the largest whole subtree at the old tree's end; where that is the old tree itself, it is left out.
    hashes = iter(proof)
    ranges = consistency(old, new)
    if old & (old - 1):
        before = after = next(hashes)
        ranges = ranges[1:]
    else:
        before = after = old_root
    for (start, _), other in zip(ranges, hashes, strict=True):
        if start >= old:
            after = node_hash(after, other)
        else:
            before, after = node_hash(other, before), node_hash(other, after)
    return before == old_root and after == new_root
