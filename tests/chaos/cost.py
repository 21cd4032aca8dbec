"""What evidence costs: durable entries, verification beside bare hashing, the index of sessions: ``python -m chaos.cost``.

The entries are made up, of some 2 KB with their recordings. The bare loop hashes exactly what verification hashes of records
and leaves, piece by piece, from memory; both run on one core, and the best round of each counts. Writes the table into
docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from chaos.report import table, write
from extproc.audit import segments
from extproc.audit.entry import Entry, Recording
from extproc.audit.ledger import Ledger
from extproc.audit.reader import read_entries
from extproc.audit.sessions import Index, Session, Wanted
from extproc.audit.verification import Verification
from extproc.store import Store
from support.evidence import KEY, KEYS, entry
from support.logs import SIGNER, Writer

PERFORMANCE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
_ROUNDS = 3
_WAITING = 256
_BATCH = 500
_TIMES = 10  # at least, that the index grows by what is new


async def appended(directory: Path, count: int) -> float:
    """Append entries, 256 at once, through a real clerk to a real disk; return the seconds that it took."""
    ledger = Ledger.open(directory, "w", KEYS, origin="o")
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await ledger.append(entry(number))

    start = time.perf_counter()
    await asyncio.gather(*[client() for _ in range(_WAITING)])
    seconds = time.perf_counter() - start
    await ledger.close()
    return seconds


def pieces(directory: Path) -> Iterator[bytes]:
    """Give every leaf, private part and recording."""
    for path in sorted((directory / "private" / "w").glob("*.seal")):
        segment = path.read_bytes()
        for whole in segments.scan(segment, int(path.stem)):
            yield from (whole.leaf, segment[whole.private : whole.recording], segment[whole.recording : whole.end])


def best(work: Callable[[], object]) -> float:
    """Return the seconds of the processor that the best of some rounds took."""
    seconds = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def sessions(directory: Path, count: int) -> list[tuple[str, str]]:
    """Write outcomes, index them, and search; return what that took."""
    writer = Writer(directory, segment_bytes=8 << 20)
    index = Index(Store.open(path=directory / "index.db"), directory, KEY)
    for start in range(0, count, _BATCH):
        writer.write(*[_outcome(number) for number in range(start, min(start + _BATCH, count))])
        if start // _BATCH % (count // _BATCH // _TIMES + 1) == 0:
            index.update()
    writer.stop()
    index.update()
    grown = _content(directory / "index.db")
    start_at = time.process_time()
    index.rebuild()
    built = time.process_time() - start_at
    if _content(directory / "index.db") != grown:
        message = "the index that was built anew is not the one that grew"
        raise AssertionError(message)
    wanted = Wanted(record=f"T-{count // 2}", since="2023-11")
    found: list[Session] = []
    asked = best(lambda: found.extend(index.find(wanted)))
    start_at = time.process_time()
    scanned = [
        leaf.index
        for leaf, opened in read_entries(directory, "w", KEY)
        if opened is not None and opened.recording is not None
        if leaf.time >= "2023-11" and any(wanted.record in ids for ids in opened.recording.records.values())
    ]
    scan = time.process_time() - start_at
    if sorted({each.entry for each in found}) != scanned:
        message = "the index and a scan do not agree"
        raise AssertionError(message)
    return [
        ("outcomes in the index of sessions", f"{count:,}"),
        ("seconds to build it anew, the same as it had grown to", f"{built:,.1f}"),
        ("who has seen one record since a month: ms by the index", f"{asked * 1000:.2f}"),
        ("the same by a scan of every entry, seconds", f"{scan:,.1f}"),
    ]


def _content(database: Path) -> str:
    """Return a digest of every row of every table, in order."""
    digest = sha256()
    with closing(sqlite3.connect(database)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        for name in names:
            columns = ", ".join(f'"{column[1]}"' for column in connection.execute(f'PRAGMA table_info("{name}")'))
            for row in connection.execute(f'SELECT {columns} FROM "{name}" ORDER BY {columns}'):  # noqa: S608 - its own names
                digest.update(repr((name, row)).encode())
    return digest.hexdigest()


def _outcome(number: int) -> Entry:
    kept = Recording(
        method="POST", target="/query", body=b"{}", status=200, records={0: tuple(f"T-{number + each}" for each in range(3))}
    )
    return entry(number * 1_000_000, kind="outcome", end="delivered", recording=kept)


def main() -> None:
    """Measure and write it down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    options = parser.parse_args()
    count = options.entries
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        appending = asyncio.run(appended(directory, count))
        everything = list(pieces(directory))

        def hashed() -> None:
            for piece in everything:
                sha256(piece).digest()

        bare = best(hashed)
        verified = best(lambda: Verification(directory, "w", given=[SIGNER.verifier]).run())
        size = sum(map(len, everything))
    rows = [
        ("durable entries a second, 256 waiting at once", f"{count / appending:,.0f}"),
        ("bytes of an entry", f"{size / count:,.0f}"),
        ("entries verified a second", f"{count / verified:,.0f}"),
        ("verification, of a bare SHA-256 loop over the same bytes", f"{bare / verified:.2f} (wanted: 0.25)"),
    ]
    with tempfile.TemporaryDirectory() as name:
        rows += sessions(Path(name), options.sessions)
    print(table(("", ""), rows))  # noqa: T201
    told = f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, {count:,} entries."
    write(PERFORMANCE, "evidence", f"{told}\n\n{table(('', ''), rows)}")


if __name__ == "__main__":
    main()
