"""Retention: the private parts of whole segments, removed once all of their entries are older than a rule allows.

Leaves and tiles stay, so every proof holds as before. That private parts are kept from some index on is on record, in the log
itself, before the first file goes; a verifier holds what is missing against it. The last segment always stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from extproc.audit import segments
from extproc.audit.entry import Entry
from extproc.audit.files import Files
from extproc.audit.journal import Place
from extproc.audit.leaf import rfc3339
from extproc.audit.receipts import RETAIN
from extproc.errors import AuditError

_LOOK_EVERY: Final = 86_400.0
_SECOND_NS: Final = 1_000_000_000
_HEAD_BYTES: Final = 1 << 17  # more than a header and the longest leaf


class _Dated(msgspec.Struct, frozen=True):
    time: str


class Log(Protocol):
    """Where receipts go."""

    async def append(self, entry: Entry) -> int:
        """Make `entry` durable. Raises `AuditError`."""


async def follow(directory: Path, worker: str, kept_for: float, *, log: Log, clock: Callable[[], int]) -> None:
    """Keep the private parts of `worker` for `kept_for` seconds: look now, and every day. Ends only when cancelled.

    `clock` gives Unix nanoseconds. While the log cannot be written nothing is removed.
    """
    while True:
        with suppress(AuditError, OSError):  # the log has said so itself; the next day is early enough
            await retain(directory, worker, clock() - int(kept_for * _SECOND_NS), log=log, clock=clock)
        await asyncio.sleep(_LOOK_EVERY)


async def retain(
    directory: Path, worker: str, before: int, *, log: Log, clock: Callable[[], int], files: Files | None = None
) -> int:
    """Remove the segments of `worker` whose entries are all from before a time; return the index from which on all are kept.

    Times are Unix nanoseconds. Raises `AuditError`, `OSError`.
    """
    files = files or Files()
    folder = Place.of(directory, worker).private
    firsts = segments.firsts(folder)
    kept = 0
    while kept + 1 < len(firsts) and _begun(folder, firsts[kept + 1]) < rfc3339(before):
        kept += 1
    if kept:
        await log.append(Entry(kind="administration", time_ns=clock(), detail={"act": RETAIN, "from": str(firsts[kept])}))
        for first in firsts[:kept]:
            for kind in ("keys", "seal"):  # what the keys were for is gone with them
                files.remove(folder / segments.name(first, kind))
        files.sync_folder(folder)
    return firsts[kept] if firsts else 0


def _begun(folder: Path, first: int) -> str:
    """Return the time of a segment's first entry. Raises `AuditError`."""
    with (folder / segments.name(first, "seal")).open("rb") as file:
        leaf = segments.first_leaf(file.read(_HEAD_BYTES), first)
    return msgspec.json.decode(leaf, type=_Dated).time
