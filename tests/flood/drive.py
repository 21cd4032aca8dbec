"""A flood of bad tokens: how much of the disk it costs, and whether every one of them was counted.

``make flood`` sends a hundred thousand and writes what it found into the documentation; a test sends some hundreds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from chaos import report
from chaos.http1 import Connection, request
from extproc.audit.reader import read_leaves
from support.database import recorder
from support.gateway import Gateway, running
from support.shelf import JSON, RECORDS, fill

CONNECTIONS = 16
WORKERS = 2


@dataclass(slots=True)
class Found:
    """What came of a flood of `sent` bad tokens: answers by status, logins in the log by reason, bytes on the disk."""

    sent: int
    statuses: Counter[int] = field(default_factory=Counter)
    logged: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    bytes: int = 0
    seconds: float = 0.0


async def send(gateway: Gateway, count: int) -> Counter[int]:
    """Send `count` requests, two in three with a forged token and one with an expired one; return the answers by status."""
    now = int(time.time())
    bad = [gateway.issuer.forged("admin"), gateway.issuer.token("admin", iat=now - 600, exp=now - 120)]
    attempts = [request("POST", f"{RECORDS}/get", JSON | {"x-chroma-token": token}, b"{}") for token in bad]
    statuses: Counter[int] = Counter()
    numbers = iter(range(count))

    async def client() -> None:
        async with Connection(gateway.port) as connection:
            for number in numbers:
                statuses[(await connection.ask(attempts[number % 3 == 0])).status] += 1

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return statuses


def flood(directory: Path, count: int) -> Found:
    """Flood a gateway, stop it, and read what it wrote."""
    found = Found(sent=count)
    with recorder() as book:
        fill(book)
        with running(directory, f"http://127.0.0.1:{book.port}", workers=WORKERS) as gateway:
            began = time.monotonic()
            found.statuses = asyncio.run(send(gateway, count))
            found.seconds = time.monotonic() - began
            gateway.stop()
            found.bytes = size(gateway.audit)
            for leaf in read_leaves(gateway.audit):
                if leaf.kind == "login_rejected":
                    found.entries += 1
                    found.logged[leaf.reasons[0]] += int(leaf.detail.get("count", "1"))
    return found


def size(directory: Path) -> int:
    """Return the bytes of all files below a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def rows(found: Found) -> list[tuple[str, object]]:
    """Return what is told, a line for each fact."""
    return [
        ("bad tokens sent", found.sent),
        *((f"answered {status}", count) for status, count in sorted(found.statuses.items())),
        *((f"in the log as `{reason}`", count) for reason, count in sorted(found.logged.items())),
        ("entries that say so", found.entries),
        ("bytes of all evidence afterwards", found.bytes),
        ("seconds", f"{found.seconds:.0f}"),
    ]


def main(arguments: list[str]) -> int:
    """Do as `arguments` say, and write what came of it into the documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--document", type=Path, default=report.ROBUSTNESS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        found = flood(Path(directory), options.count)
    table = report.table(["", ""], rows(found))
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    report.write(options.document, "flood", f"Measured {when} on {os.cpu_count()} cores, with {WORKERS} workers.\n\n{table}")
    sys.stdout.write(f"{table}\n")
    return 0 if found.logged.total() == found.statuses[401] == options.count else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
