"""After a crash: the tree is grown again from records as it was, and what no crash explains is told or refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extproc.audit import note
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.edge import Edge
from extproc.audit.files import Files
from extproc.audit.merkle import EMPTY
from extproc.audit.note import Signer
from extproc.audit.published import Published
from extproc.audit.publisher import Publisher
from extproc.audit.recovery import known, regrow
from extproc.errors import AuditError
from support.evidence import FORMER, SIGNING

OURS, OTHERS = Signer.load("o/w", SIGNING), Signer.load("o/w", FORMER)
LEAVES = dict(enumerate(b"leaf %d" % index for index in range(600)))


def written(folder: Path, *sizes: int) -> Published:
    """Publish the first leaves, one size after the other."""
    folder.mkdir(exist_ok=True)
    publisher = Publisher(folder, Files(), [OURS], edge=Edge(), missing=[], size=0)
    done = 0
    for size in sizes:
        publisher.take([LEAVES[index] for index in range(done, size)])
        publisher.show(publisher.sign())
        done = size
    return Published(folder)


def root(size: int) -> bytes:
    """Return the root of the first leaves."""
    edge = Edge()
    for index in range(size):
        edge.add(LEAVES[index])
    return edge.root()


@pytest.mark.parametrize(
    ("size", "first", "following"),
    [(0, 0, 0), (0, 0, 9), (9, 0, 9), (300, 256, 300), (5, 256, 300), (256, 256, 256), (300, 256, 600)],
)
def test_the_tree_is_grown_again_from_records(tmp_path: Path, size: int, first: int, following: int) -> None:
    """From the last bundle on; whatever is full and not on the disk is made again, and the checkpoint's own tiles."""
    published = written(tmp_path, *({size, max(size, first)} - {0}))
    checkpoint = Checkpoint("o/w", size, root(size))
    records = {index: LEAVES[index] for index in range(first, following)}
    grown = regrow(published, checkpoint, records, first, following)

    assert (following, root(following), 0) == (grown.edge.size, grown.edge.root(), grown.lost)
    assert {f"tile/{kind}/001" for kind in ("entries", 0) if following >= 512} <= {made.tile.path for made in grown.missing}


@pytest.mark.parametrize("gone", ["tile/0/001.p/44", "tile/entries/001.p/44", "tile/1/000.p/1"])
def test_what_a_checkpoint_was_seen_with_is_made_again(tmp_path: Path, gone: str) -> None:
    """A partial tile that did not reach the disk, or not whole, is written again with what was in it."""
    published = written(tmp_path, 300)
    whole = (tmp_path / gone).read_bytes()
    records = {index: LEAVES[index] for index in range(256, 300)}
    for left in (None, b"", whole[:7], bytes(len(whole))):
        (tmp_path / gone).unlink()
        if left is not None:
            (tmp_path / gone).write_bytes(left)
        grown = regrow(Published(tmp_path), Checkpoint("o/w", 300, root(300)), records, 256, 300)

        assert [(gone, whole)] == [(made.tile.path, made.content) for made in grown.missing]
        (tmp_path / gone).touch()
    assert published.has(grown.missing[0].tile)


def test_leaves_beyond_the_records_are_taken_from_bundles(tmp_path: Path) -> None:
    """What was under a checkpoint stays in the log though its record is lost."""
    published = written(tmp_path, 300)
    some = {index: LEAVES[index] for index in (*range(260), 290)}
    grown = regrow(published, Checkpoint("o/w", 300, root(300)), some, 0, 260)

    assert (300, root(300), 40) == (grown.edge.size, grown.edge.root(), grown.lost)


def test_leaves_that_are_nowhere_are_an_error(tmp_path: Path) -> None:
    """With neither record nor bundle the log is not gone on with."""
    published = written(tmp_path, 300)
    (tmp_path / "tile" / "entries" / "001.p" / "44").unlink()
    with pytest.raises(AuditError) as caught:
        regrow(published, Checkpoint("o/w", 300, root(300)), {}, 0, 0)

    assert caught.value.code == "log_unreadable"


@pytest.mark.parametrize("size", [100, 256, 300])
def test_another_root_than_the_records_is_refused(tmp_path: Path, size: int) -> None:
    """Whether the checkpoint is older than the last segment, or about it."""
    published = written(tmp_path, 300)
    records = {index: LEAVES[index] for index in range(256, 300)}

    with pytest.raises(AuditError, match="changed from outside"):
        regrow(published, Checkpoint("o/w", size, os.urandom(32)), records, 256, 300)


def test_a_full_tile_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    """Full tiles were waited for, so a crash does not explain them."""
    published = written(tmp_path, 300)
    path = tmp_path / "tile" / "entries" / "000"
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises(AuditError, match="tile/entries/000 differs"):
        regrow(published, Checkpoint("o/w", 300, root(300)), LEAVES, 0, 300)


def test_a_log_without_checkpoint_is_empty(tmp_path: Path) -> None:
    """It is begun."""
    assert Checkpoint("o/w", 0, EMPTY) == known(Published(tmp_path), "o/w", [OURS.verifier])


def test_the_checkpoint_must_be_ours(tmp_path: Path) -> None:
    """Signed by one of our keys, under this name, in its form."""
    verifiers = [OURS.verifier]
    assert Checkpoint("o/w", 3, root(3)) == known(written(tmp_path, 3), "o/w", verifiers)
    path = tmp_path / "checkpoint"
    whole = path.read_bytes()
    for content, told in (
        (whole.replace(b"\n3\n", b"\n2\n"), "does not hold"),
        (note.signed(Checkpoint("o/w", 3, root(3)).text, [OTHERS]).content, "another key"),
        (note.signed(Checkpoint("o/v", 3, root(3)).text, [OURS]).content, "called o/v and not o/w"),
        (note.signed("o/w\n3\n", [OURS]).content, "no checkpoint"),
        (b"", "no signed note"),
    ):
        path.write_bytes(content)
        with pytest.raises(AuditError, match=told):
            known(Published(tmp_path), "o/w", verifiers)
