"""A program that appends entries until it is killed: ``python -m chaos.appender DIRECTORY``.

It prints its clerk's process id, then the index and the exchange of each entry once it was acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from extproc.audit.ledger import Ledger
from extproc.errors import AuditError
from support.evidence import KEYS, entry


async def main() -> None:
    """Append, eight at a time."""
    ledger = Ledger.open(Path(sys.argv[1]), "w", KEYS, origin="o", cadence=0.02, segment_bytes=64 << 10)
    assert ledger._clerk is not None
    os.write(1, b"%d\n" % ledger._clerk.pid)

    async def append(number: int) -> None:
        exchange = f"{os.getpid()}-{number}"
        index = await ledger.append(entry(number, exchange=exchange))
        os.write(1, b"%d %b\n" % (index, exchange.encode()))

    number = 0
    try:
        while True:
            await asyncio.gather(*[append(number + each) for each in range(8)])
            number += 8
    except AuditError:
        return  # the clerk was killed


if __name__ == "__main__":
    asyncio.run(main())
