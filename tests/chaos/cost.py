"""What evidence costs: durable entries a second, and verification beside bare hashing: ``python -m chaos.cost``.

The entries are made up, of some 2 KB with their recordings. The bare loop hashes exactly what verification hashes of records
and leaves, piece by piece, from memory; both run in turns on one core, and the best round of each counts. Writes the table into
docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from chaos.report import table, write
from extproc.audit import segments
from extproc.audit.ledger import Ledger
from extproc.audit.verification import Verification
from support.evidence import KEYS, entry
from support.logs import SIGNER

PERFORMANCE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
_ROUNDS = 3
_WAITING = 256


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
    """Return the seconds of the best of some rounds."""
    seconds = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Measure and write it down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=100_000)
    count = parser.parse_args().entries
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
    print(table(("", ""), rows))  # noqa: T201
    told = f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, {count:,} entries."
    write(PERFORMANCE, "evidence", f"{told}\n\n{table(('', ''), rows)}")


if __name__ == "__main__":
    main()
