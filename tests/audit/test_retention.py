"""Retention: private parts go when they are old, under a receipt; leaves, proofs and whatever is younger stay."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from extproc.audit import proofs, reader
from extproc.audit.entry import Entry
from extproc.audit.journal import Place
from extproc.audit.ledger import Ledger
from extproc.audit.published import Published
from extproc.audit.retention import follow, retain
from extproc.errors import AuditError
from support.evidence import KEY, KEYS, SECOND, entry
from support.logs import SIGNER, Writer, told

BEGUN = 1_700_000_000


async def written(directory: Path) -> Ledger:
    """Write an entry a second in small segments, and open the log to go on with it."""
    writer = Writer(directory, segment_bytes=4 << 10)
    for number in range(60):
        writer.write(entry(number, time_ns=(BEGUN + number) * SECOND))
    writer.stop()
    return Ledger.open(directory, "w", KEYS, origin="o")


def oldest(directory: Path) -> int:
    """Return the index of the oldest entry with a private part."""
    return min(int(path.stem) for path in (directory / "private" / "w").glob("*.seal"))


async def test_old_private_parts_go_and_the_log_holds(tmp_path: Path) -> None:
    """Of whole segments, all of whose entries are older; every leaf can be proven as before."""
    ledger = await written(tmp_path)
    kept = await retain(tmp_path, "w", (BEGUN + 30) * SECOND, log=ledger, clock=lambda: BEGUN * SECOND)
    await ledger.close()
    published = Published(Place.of(tmp_path, "w").log)
    shown = published.note()
    assert shown is not None
    first = next(reader.read_entries(tmp_path, "w", KEY))[0]

    assert kept == oldest(tmp_path) == first.index
    assert 0 < kept <= 30
    assert first.time < "2023-11-14T22:13:50"  # the segment holds some that are older
    assert told(tmp_path) == []
    assert proofs.verify(proofs.inclusion(published, shown, 2), [SIGNER.verifier]).place == 2
    with pytest.raises(AuditError, match="no private part"):
        reader.open_private(tmp_path, "w", 2, KEY)


async def test_more_gone_than_the_receipt_says_is_found(tmp_path: Path) -> None:
    """Retention is no cover for removing more."""
    ledger = await written(tmp_path)
    await retain(tmp_path, "w", (BEGUN + 30) * SECOND, log=ledger, clock=lambda: BEGUN * SECOND)
    await ledger.close()
    for path in (tmp_path / "private" / "w").glob(f"{oldest(tmp_path):012d}.*"):
        path.unlink()

    assert told(tmp_path) == ["private/w, entry 0: the record is gone"]


async def test_without_a_receipt_nothing_goes(tmp_path: Path) -> None:
    """What cannot be put on record is not done."""

    class Full:
        async def append(self, entry: Entry) -> int:  # noqa: ARG002
            """Fail."""
            raise AuditError("No space left on device")

    await (await written(tmp_path)).close()
    with pytest.raises(AuditError):
        await retain(tmp_path, "w", (BEGUN + 30) * SECOND, log=Full(), clock=lambda: 0)

    assert (oldest(tmp_path), told(tmp_path)) == (0, [])


async def test_the_last_segment_stays_however_old(tmp_path: Path) -> None:
    """And where nothing is old, nothing happens at all."""
    ledger = await written(tmp_path)
    before = [await retain(tmp_path, "w", BEGUN * SECOND, log=ledger, clock=lambda: 0)]
    before.append(await retain(tmp_path, "w", 2 * BEGUN * SECOND, log=ledger, clock=lambda: 0))
    await ledger.close()

    assert before == [0, oldest(tmp_path)]
    assert len(list((tmp_path / "private" / "w").glob("*.seal"))) == 1
    assert told(tmp_path) == []


async def test_it_is_followed_until_it_is_cancelled(tmp_path: Path) -> None:
    """A first look at once; a log that cannot be written is asked again later."""
    ledger = await written(tmp_path)
    now = (BEGUN + 3630) * SECOND
    following = asyncio.create_task(follow(tmp_path, "w", 3600, log=ledger, clock=lambda: now))
    for _ in range(600):
        if oldest(tmp_path):
            break
        await asyncio.sleep(0.02)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    await ledger.close()

    assert 0 < oldest(tmp_path) <= 30
    assert told(tmp_path) == []
