"""The book between two orders: checkpoints follow entries by themselves, and silence is on record."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from extproc.audit import standalone
from extproc.audit.book import Book, Pace
from extproc.audit.files import Files
from extproc.audit.journal import Journal, Place
from extproc.audit.note import Signer
from extproc.audit.published import Published
from extproc.audit.reader import read_leaves
from extproc.audit.scribe import Scribe
from extproc.errors import AuditError
from support.evidence import KEY, SIGNING, BrokenFiles, entry

SIGNER = Signer.load("o/w", SIGNING)


class Clock:
    """A clock that stands still unless it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


def opened(directory: Path, clock: Clock, files: Files | None = None) -> Book:
    """Open the book of worker ``w``: a checkpoint after a second, a heartbeat after ten."""

    def journal(least: int) -> Journal:
        return Journal(directory, "w", signers=[SIGNER], segment_bytes=1 << 20, files=files or Files(), least=least)

    pace = Pace(cadence=1.0, heartbeat=10.0, retry=0.0)
    return Book(journal, partial(Scribe, KEY, "o/w", "w"), pace=pace, clock=clock)


def size(directory: Path) -> int:
    """Return the size in the checkpoint; zero without one."""
    checkpoint = Published(Place.of(directory, "w").log).checkpoint()
    return checkpoint.size if checkpoint else 0


def test_a_checkpoint_follows_when_it_is_due(tmp_path: Path, clock: Clock) -> None:
    """Not with the entry, and not before its time; then of all entries that there are."""
    book = opened(tmp_path, clock)
    clock.now += 5
    book.write([entry(number) for number in range(3)])
    assert (book.tend(), size(tmp_path)) == (1.0, 0)
    clock.now += 0.75
    book.write([entry(3)])
    assert (book.tend(), size(tmp_path)) == (0.25, 0)
    clock.now += 0.25
    assert (book.tend(), size(tmp_path)) == (9.75, 4)
    book.close()


def test_silence_is_on_record(tmp_path: Path, clock: Clock) -> None:
    """After so long without entries there is one that says so, under a checkpoint of its own, again and again."""
    book = opened(tmp_path, clock)
    waits = []
    for _ in range(6):
        waits.append(book.tend())
        clock.now += waits[-1]
    book.close()

    assert waits == [10.0, 1.0, 9.0, 1.0, 9.0, 1.0]
    assert [leaf.kind for leaf in read_leaves(tmp_path)] == ["heartbeat"] * 3
    assert standalone.main([str(Place.of(tmp_path, "w").log), str(SIGNER.verifier)]) == 0


def test_a_checkpoint_that_cannot_be_written_fails_the_book(tmp_path: Path, clock: Clock) -> None:
    """Whoever writes next is refused until the log could be opened again; what was acknowledged is published then."""
    files = BrokenFiles()
    book = opened(tmp_path, clock, files)
    assert book.write([entry(0)]) == [0]
    clock.now += 1
    files.stuck = True
    book.tend()
    assert [AuditError] == [type(result) for result in book.write([entry(1)])]
    files.stuck = False

    assert book.write([entry(2)]) == [1]
    book.close()
    assert [leaf.exchange for leaf in read_leaves(tmp_path)] == ["exchange-0", "exchange-2"]


def test_a_heartbeat_that_cannot_be_written_is_tried_again_later(tmp_path: Path, clock: Clock) -> None:
    """A full disk is no reason to try without a pause."""
    files = BrokenFiles()
    book = opened(tmp_path, clock, files)
    files.full = True
    clock.now += 10
    assert book.tend() == 10.0
    files.full = False
    clock.now += 10
    book.tend()
    book.close()

    assert [leaf.kind for leaf in read_leaves(tmp_path)] == ["heartbeat"]
