"""Rejected logins in numbers: the first of an address are written down whole, further ones are counted, exactly.

Whoever has no credential can make as many entries as it can send requests. So within a minute a number for each address, and
five times that for all of them, go to the log as they are; the rest is added to a tally, which outlives a killed worker,
and becomes one entry a minute for each database and reason, whose `detail` says how many it stands for.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from extproc.audit.entry import Entry, Private
from extproc.audit.leaf import rfc3339
from extproc.audit.orders import Origin
from extproc.audit.witness import Log
from extproc.errors import AuditError

MINUTE_NS: Final = 60_000_000_000
_MINUTE: Final = 60.0
_ALL: Final = 5
"""How many times what one address may have all of them may have together."""
_MOST_SOURCES: Final = 64
_OTHERS: Final = "others"
_COUNT: Final = struct.Struct("<Q")


class Tally:
    """Counts by reason in a file of fixed size, mapped into memory: it is what it was when a killed worker comes back."""

    def __init__(self, path: Path, reasons: Sequence[str]) -> None:
        self._places = {reason: index * _COUNT.size for index, reason in enumerate(reasons)}
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.ftruncate(file, len(reasons) * _COUNT.size)
                self._shared = mmap.mmap(file, len(reasons) * _COUNT.size)
            finally:
                os.close(file)
        except OSError as error:
            raise AuditError(f"{path}: rejected logins cannot be counted there: {error.strerror}") from error

    def add(self, reason: str, count: int = 1) -> None:
        """Count `reason`; a negative `count` takes back what has been told."""
        place = self._places[reason]
        _COUNT.pack_into(self._shared, place, _COUNT.unpack_from(self._shared, place)[0] + count)

    def counts(self) -> dict[str, int]:
        """Return what has been counted."""
        found = {reason: int(_COUNT.unpack_from(self._shared, place)[0]) for reason, place in self._places.items()}
        return {reason: count for reason, count in found.items() if count}


class Flood:
    """A log that counts rejected logins once there are too many. `tallies` are by database, `clock` gives Unix nanoseconds."""

    def __init__(self, log: Log, tallies: Mapping[str, Tally], *, whole: int, clock: Callable[[], int]) -> None:
        self._log = log
        self._tallies = tallies
        self._whole = whole
        self._clock = clock
        self._began = clock()
        self._written: Counter[str] = Counter()
        self._counted: dict[tuple[str, str], Counter[str]] = {}

    async def append(self, entry: Entry, span: Origin | None = None) -> int:
        """Make `entry` durable, or count it; return its index, -1 where it was counted. Raises `AuditError`."""
        if entry.kind != "login_rejected" or self._has_room(entry.private.source):
            return await self._log.append(entry, span)
        (reason,) = entry.reasons
        self._tallies[entry.database].add(reason)
        sources = self._counted.setdefault((entry.database, reason), Counter())
        source = entry.private.source
        sources[source if source in sources or len(sources) < _MOST_SOURCES else _OTHERS] += 1
        return -1

    def _has_room(self, source: str) -> bool:
        now = self._clock()
        if not 0 <= now - self._began < MINUTE_NS:
            self._began = now
            self._written.clear()
        if self._written[source] >= self._whole or self._written.total() >= _ALL * self._whole:
            return False
        self._written[source] += 1
        return True

    async def sum_up(self) -> None:
        """Write what was counted, and begin anew. Raises `AuditError`; what was not written stays counted."""
        for database, tally in self._tallies.items():
            for reason, count in tally.counts().items():
                sources = self._counted.pop((database, reason), Counter())
                await self._log.append(self._sum(database, reason, count, sources))
                tally.add(reason, -count)

    def _sum(self, database: str, reason: str, count: int, sources: Counter[str]) -> Entry:
        now = self._clock()
        return Entry(
            kind="login_rejected",
            time_ns=now,
            database=database,
            decision="deny",
            reasons=(reason,),
            end="denied",
            detail={"count": str(count), "until": rfc3339(now)},
            private=Private(sources=dict(sources)),
        )

    async def follow(self) -> None:
        """Sum up once a minute, for ever."""
        while True:
            await asyncio.sleep(_MINUTE)
            try:
                await self.sum_up()
            except AuditError:
                continue  # the log says by itself what is wrong with it
