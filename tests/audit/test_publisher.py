"""The publisher: what is signed is on the disk, and every size that was signed can be looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from extproc.audit import merkle, standalone, tiles
from extproc.audit.edge import Edge
from extproc.audit.files import Files
from extproc.audit.note import Signer
from extproc.audit.published import Published
from extproc.audit.publisher import Publisher
from extproc.errors import AuditError
from support.evidence import SIGNING

SIGNER = Signer.load("o/w", SIGNING)
LEAVES = [b'{"index":%d,"log":"o/w"}' % index for index in range(70_000)]


class Watched(Files):
    """Files that note what is done to them: names of files made, with whether they were waited for, and folders synced."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bool]] = []

    def put(self, path: Path, content: bytes, *, draft: Path, durable: bool) -> None:
        """Make a file."""
        super().put(path, content, draft=draft, durable=durable)
        self.done.append((path.name, durable))

    def sync_folder(self, folder: Path) -> None:
        """Sync a folder."""
        super().sync_folder(folder)
        self.done.append((folder.name, True))


def publisher(folder: Path, files: Files | None = None) -> Publisher:
    """Return the publisher of an empty log."""
    return Publisher(folder, files or Files(), [SIGNER], edge=Edge(), missing=[], size=0)


def verified(folder: Path) -> bool:
    """Say whether the log holds."""
    return standalone.main([str(folder), str(SIGNER.verifier)]) == 0


def test_a_log_of_three_levels_holds(tmp_path: Path) -> None:
    """Published now and then, also at the borders of tiles."""
    ours = publisher(tmp_path)
    done = 0
    for size in (1, 255, 256, 257, 65_536, 65_700):
        ours.take(LEAVES[done:size])
        assert size - done == ours.behind
        ours.show(ours.sign())
        done = size
        assert verified(tmp_path)

    assert (0, size) == (ours.behind, ours.signed)


def test_what_is_full_is_durable_before_the_checkpoint_that_needs_it(tmp_path: Path) -> None:
    """Partial tiles are not waited for, names of full ones once they are settled."""
    files = Watched()
    ours = publisher(tmp_path, files)
    ours.take(LEAVES[:258])
    ours.show(ours.sign())

    assert files.done == [("000", True), ("000", True), ("2", False), ("2", False), ("1", False), ("checkpoint", True)]
    files.done.clear()
    ours.settle()
    assert sorted([("0", True), ("entries", True), ("tile", True), (tmp_path.name, True)]) == sorted(files.done)


def test_it_settles_although_a_partial_tile_that_was_missing_is_gone_again(tmp_path: Path) -> None:
    """A tile that recovery made again goes when it is full, like any other."""
    edge = Edge()
    for leaf in LEAVES[:5]:
        edge.add(leaf)
    ours = Publisher(tmp_path, Files(), [SIGNER], edge=edge, missing=edge.partial(), size=5)
    ours.take(LEAVES[5:260])
    ours.show(ours.sign())
    ours.settle()

    assert verified(tmp_path)
    assert not (tmp_path / "tile" / "0" / "000.p").exists()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a log of 70,000 leaves."""
    folder = tmp_path_factory.mktemp("published")
    ours = publisher(folder)
    ours.take(LEAVES)
    ours.show(ours.sign())
    return folder


@pytest.mark.parametrize("gone", [None, "tile/0/001", "tile/1/000", "tile/1", "tile/0"])
def test_any_range_has_its_hash(published: Path, tmp_path: Path, gone: str | None) -> None:
    """From whatever tiles are there; those that are missing follow from those below, or from the leaves."""
    folder = tmp_path / "copy"
    shutil.copytree(published, folder)
    if gone:
        shutil.rmtree(folder / gone) if (folder / gone).is_dir() else (folder / gone).unlink()
    ours = Published(folder)
    hashes = [merkle.leaf_hash(leaf) for leaf in LEAVES]

    for start, end in (
        (0, 1),
        (256, 257),
        (0, 256),
        (256, 512),
        (0, 65_536),
        (65_536, 70_000),
        (0, 70_000),
        (0, 69_999),
        (0, 300),
    ):
        assert merkle.fold(merkle.peaks(hashes[start:end])) == ours.hash(start, end)


def test_any_leaves_can_be_read(published: Path) -> None:
    """Across bundles, within one, none, and from a partial one that is wider than asked for."""
    ours = Published(published)

    for start, end in ((0, 0), (0, 600), (255, 257), (300, 301), (69_900, 70_000), (69_900, 69_950)):
        assert LEAVES[start:end] == list(ours.leaves(start, end))


@pytest.mark.parametrize(
    ("path", "content"),
    [("tile/entries/000", b"\0"), ("tile/entries/000", b"\0\1x"), ("tile/0/000", bytes(32)), ("checkpoint", b"x")],
)
def test_what_is_malformed_is_an_error(published: Path, tmp_path: Path, path: str, content: bytes) -> None:
    """Each says which file it is."""
    folder = tmp_path / "copy"
    shutil.copytree(published, folder)
    (folder / path).write_bytes(content)
    ours = Published(folder)

    with pytest.raises(AuditError, match=path) as caught:
        (ours.checkpoint(), list(ours.leaves(0, 3)), ours.hash(0, 3))
    assert caught.value.code == "log_unreadable"


def test_an_absent_log_has_no_checkpoint(tmp_path: Path) -> None:
    """It is empty; a tile of it is an error."""
    assert Published(tmp_path).checkpoint() is None
    with pytest.raises(AuditError, match="No such file"):
        Published(tmp_path).hashes(tiles.Tile(0, 0))
