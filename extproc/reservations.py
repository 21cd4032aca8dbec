"""Records reserved for one write at a time, across the workers of one machine.

A write that must first ask whose the records are is safe only if nobody else writes them between the answer and the write. So
its ids are reserved: each is a place in one empty file, and a reservation is a lock on places (Linux's open file description
locks). The kernel gives it back when its holder is killed, and nothing is left to be cleaned up. Single records are had all
or none, so that no two wait for each other; whoever has waited too long is refused. It does not know what is written.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import struct
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Final

from extproc.errors import Denied
from extproc.protocols.adapter import Reservation

_PATIENCE_SECONDS: Final = 4.0
"""Less than Envoy waits for a message, so that a client is told why."""

_FIRST_PAUSE_SECONDS: Final = 0.001
_LONGEST_PAUSE_SECONDS: Final = 0.02

_LINGER_SECONDS: Final = 2.0
"""How long records stay reserved whose write nobody saw end."""

_MOST_PLACES: Final = 256
"""Ids that are reserved one by one; the kernel looks at every lock for each, so beyond these all of the collection is."""

_PLACES: Final = 1 << 32
"""Places of one collection. The first is the gate: who wants all others shuts it while waiting, or would wait for ever."""

_COLLECTIONS: Final = 1 << 30
_FLOCK: Final = struct.Struct("hhqqi4x")
"""Linux's struct flock on 64 bits: type, whence, start, length, pid."""


class Held:
    """A reservation that is had, until it is let go of."""

    def __init__(self, file: int) -> None:
        self._file: int | None = file

    def release(self, *, done: bool) -> None:
        """Let go of it; a little later where it is not sure that the write is `done`. Once is enough.

        The database is told to stop when its client goes, but not at the same instant as this service.
        """
        file, self._file = self._file, None
        if file is None:
            return
        if done:
            os.close(file)
        else:
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, os.close, file)


class Reservations:
    """Where a worker reserves records: the file at `path`, which all workers name. `clock` gives seconds."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._clock = clock

    async def take(self, wanted: Reservation) -> Held:
        """Reserve what is `wanted`. Raises `Denied` (``record_busy``) where others have it for too long."""
        collection = _place(wanted.collection, _COLLECTIONS) * _PLACES
        kind = fcntl.F_WRLCK if wanted.checked else fcntl.F_RDLCK
        all_of_it = wanted.ids is None or len(wanted.ids) > _MOST_PLACES
        places = [] if all_of_it else sorted({collection + 1 + _place(each, _PLACES - 1) for each in wanted.ids or ()})
        deadline = self._clock() + _PATIENCE_SECONDS
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if all_of_it:
                await self._until(deadline, lambda: _lock(file, kind, collection, 1))
                await self._until(deadline, lambda: _lock(file, kind, collection + 1, _PLACES - 1))
                _lock(file, fcntl.F_UNLCK, collection, 1)
            else:
                await self._until(deadline, lambda: _lock_each(file, kind, collection, places))
        except BaseException:
            os.close(file)
            raise
        return Held(file)

    async def _until(self, deadline: float, had: Callable[[], bool]) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not had():
            if self._clock() > deadline:
                raise Denied("others are writing the same records; try again later", code="record_busy")
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that two do not keep step, no secret
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _place(name: str, places: int) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) % places


def _lock_each(file: int, kind: int, gate: int, places: list[int]) -> bool:
    """Lock all of `places`, unless somebody waits at the gate; else none."""
    if _is_shut(file, kind, gate):
        return False
    if all(_lock(file, kind, place, 1) for place in places):
        return True
    _lock(file, fcntl.F_UNLCK, gate, _PLACES)
    return False


def _lock(file: int, kind: int, start: int, length: int) -> bool:
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, start, length, 0))
    except (BlockingIOError, PermissionError):  # EAGAIN or EACCES: somebody else has it
        return False
    return True


def _is_shut(file: int, kind: int, gate: int) -> bool:
    """Whether somebody waits for the whole collection who would have to wait for a lock of this `kind` as well."""
    found = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _FLOCK.pack(kind, os.SEEK_SET, gate, 1, 0))
    in_the_way: int = _FLOCK.unpack(found)[0]
    return in_the_way != fcntl.F_UNLCK
