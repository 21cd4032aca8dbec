"""What must be done to a log after a crash: its tree grown again from the records of its last segment.

A checkpoint is signed only of leaves whose records are durable, so after any crash the records reach at least as far as it
does, and the tree that is made of them has its root. Anything else is not a crash's doing: leaves beyond the records, but below
the checkpoint, are kept (someone may have seen them), and a tree with another root, or a full tile that says something else, is
refused. Reads, writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from extproc.audit import note
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.edge import Content, Edge
from extproc.audit.merkle import EMPTY
from extproc.audit.note import Unverified, Verifier
from extproc.audit.published import Published
from extproc.audit.tiles import WIDTH
from extproc.errors import AuditError


class Recovered(msgspec.Struct, frozen=True, kw_only=True, tag="recovered"):
    """What opening found amiss and put right; all zero after an orderly stop.

    `torn` bytes of unfinished writes were dropped; `restored` leaves had their records but no checkpoint yet; `lost` leaves
    have no record any more, which no crash of this program explains.
    """

    torn: int = 0
    restored: int = 0
    lost: int = 0


class Regrown(NamedTuple):
    """A log's tree after a crash: its right edge, tiles that its folder lacks, and how many leaves have no record."""

    edge: Edge
    missing: list[Content]
    lost: int


def known(published: Published, name: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    """Return the checkpoint of the log called `name`, signed by one of `verifiers`; that of an empty tree where there is none.

    Raises `AuditError` for another log's, and for one that none of them signed: this log is not ours to go on with.
    """
    found = published.note()
    if found is None:
        return Checkpoint(name, 0, EMPTY)
    try:
        checkpoint = Checkpoint.parse(found.text)
        signed = note.verify(found, verifiers)
    except Unverified as error:
        raise AuditError(f"the checkpoint of {name} was changed from outside: {error}") from error
    if checkpoint.origin != name:
        raise AuditError(
            f"the log is called {checkpoint.origin} and not {name}; give it its audit.origin back, or move it aside"
        )
    if not signed:
        raise AuditError(
            f"the checkpoint of {name} is signed by another key; restore that key, or name it under audit.retiring_keys"
        )
    return checkpoint


def regrow(published: Published, checkpoint: Checkpoint, records: Mapping[int, bytes], first: int, following: int) -> Regrown:
    """Grow the tree again: of the published leaves up to `first`, where a bundle begins, and of those after it.

    `records` holds leaves by index, all from `first` to `following`; what is missing before the checkpoint's end is read from
    bundles. Raises `AuditError` where the tree is not the one that was published.
    """
    changed = AuditError(f"the log {checkpoint.origin} differs from its records; it was changed from outside")
    if checkpoint.size < first and _root(published, checkpoint.size) != checkpoint.root:
        raise changed
    edge = Edge(first, published.hashes)
    made: list[Content] = []
    for leaf in chain(_leaves(published, records, first, max(following, checkpoint.size)), [None]):
        if edge.size == checkpoint.size:
            if edge.root() != checkpoint.root:
                raise changed
            made += edge.partial()  # whoever has seen this checkpoint may ask for them
        if leaf is not None:
            made += edge.add(leaf)
    missing = [each for each in made if not _there(published, each)]
    return Regrown(edge, missing, max(0, checkpoint.size - following))


def _root(published: Published, size: int) -> bytes:
    """Return the root of the first `size` leaves, of full tiles and bundles alone: partial ones were not waited for."""
    edge = Edge(size // WIDTH * WIDTH, published.hashes)
    for leaf in published.leaves(edge.size, size):
        edge.add(leaf)
    return edge.root()


def _leaves(published: Published, records: Mapping[int, bytes], first: int, end: int) -> Iterator[bytes]:
    for index in range(first, end, WIDTH):
        wanted = range(index, min(index + WIDTH, end))
        if all(each in records for each in wanted):
            yield from (records[each] for each in wanted)
        else:
            missing = [each for each in wanted if each not in records]
            bundled = dict(zip(range(index, missing[-1] + 1), published.leaves(index, missing[-1] + 1), strict=True))
            yield from (records[each] if each in records else bundled[each] for each in wanted)


def _there(published: Published, made: Content) -> bool:
    """Whether a tile is on the disk already. Raises `AuditError` where it says something else."""
    if not published.has(made.tile):
        return False
    there = published.read(made.tile)
    if there != made.content and made.tile.width == WIDTH:
        raise AuditError(f"{made.tile.path} differs from the records; it was changed from outside")
    return there == made.content  # a partial one was not waited for
