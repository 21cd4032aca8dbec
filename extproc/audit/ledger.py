"""The ledger: where an exchange waits until its entry is on the disk.

Entries are sealed on the event loop, in the order in which they come. They gather until every exchange under way waits here,
or for two milliseconds, and go to the disk together: a durable write costs the same for one entry as for ten. A swift disk is
waited for on the loop itself: to wake a thread and be woken by it costs more than the write, and beside a busy loop the thread
would wait for the interpreter's lock. A disk whose last few writes took longer than a millisecond is written by a thread while
the loop goes on, and so are a large batch, one for which the journal must make room, and whatever comes after a failure.

An entry that could not be written, or of which that cannot be known, is an `AuditError` to whoever waits for it; it may still
turn up in the log, but an entry that was acknowledged never goes missing. After a failure everything is refused until the
journal could be opened anew, which is tried not sooner than `retry` seconds later.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, Literal

import msgspec

from extproc.audit.entry import Entry
from extproc.audit.files import Files
from extproc.audit.journal import Journal, Recovered, Slots
from extproc.audit.scribe import Scribe
from extproc.audit.sealing import pack
from extproc.audit.segments import Record
from extproc.errors import AuditError
from extproc.secret import Secret

SEGMENT_BYTES: Final = 64 << 20
MOST_WAITING: Final = 4096
"""How many entries may wait; beyond it the disk is hopelessly behind, and memory is not the place to catch up."""

_BATCH_ENTRIES: Final = 256
_BATCH_BYTES: Final = 8 << 20  # of recordings; the last one taken may exceed it
_LONG_BODY: Final = 256 << 10  # a longer one is compressed beside the event loop
_LONGEST_GATHERING: Final = 0.002  # seconds
_WRITES_SEEN: Final = 4  # by these it is judged how fast the disk is
_SMALL_BATCH: Final = 64 << 10  # bytes of recordings that the loop itself writes
_LONGEST_WAIT: Final = 0.001  # seconds of a durable write that the loop itself waits for
_log = logging.getLogger(__name__)


_Command = Literal["flush", "reopen", "close"]


class _Order(msgspec.Struct, frozen=True):
    """Something for the writer to do, who waits for it, and the scribe that wrote it; the result is an index."""

    what: Record | _Command
    future: asyncio.Future[int]
    scribe: Scribe | None
    slots: Slots | None = None


class Ledger:
    """The open ledger of one worker; used from one event loop. `recovered` is what opening it found amiss."""

    def __init__(
        self,
        journal: Journal,
        reopen: Callable[[int], Journal],
        new_scribe: Callable[[int], Scribe],
        *,
        under_way: Callable[[], int],
        retry: float,
        longest_wait: float,
    ) -> None:
        self.recovered: Recovered = journal.recovered
        self._new_scribe = new_scribe
        self._scribe: Scribe | None = new_scribe(journal.following)
        self._retry = retry
        self._retry_at = 0.0
        self._reopening: asyncio.Task[None] | None = None
        self._closed = False
        self._waiting = 0
        self._gathered: deque[_Order] = deque()
        self._writer = _Writer(journal, reopen)
        self._longest_wait = longest_wait
        self._under_way = under_way
        self._due: asyncio.Handle | None = None  # when what is gathered goes to the disk
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit")
        self._busy = False  # the thread writes; what is gathered waits for it

    @classmethod
    def open(
        cls,
        directory: Path,
        worker: str,
        sealing_key: Secret,
        *,
        origin: str = "vecgate",
        under_way: Callable[[], int] = lambda: 0,
        segment_bytes: int = SEGMENT_BYTES,
        retry: float = 1.0,
        longest_wait: float = _LONGEST_WAIT,
        files: Files | None = None,
    ) -> Ledger:
        """Open the ledger of `worker` below `directory`, create it when absent, put right what a crash left. Blocks.

        The log's name is ``<origin>/<worker>``. `under_way` says how many exchanges there are that may append something soon. A
        segment is full at `segment_bytes`. In seconds, `retry` is how long a failed
        disk is left alone, and `longest_wait` how long a write may take that the loop waits for. Raises `AuditError` where
        another process has it open, where it cannot be written, and where it was changed from outside.
        """

        def reopen(least: int) -> Journal:
            return Journal(directory, worker, segment_bytes=segment_bytes, files=files or Files(), least=least)

        try:
            new_scribe = partial(Scribe, sealing_key, origin, worker)
            return cls(
                reopen(0), reopen, new_scribe, under_way=under_way, retry=retry, longest_wait=longest_wait
            )
        except OSError as error:
            raise AuditError(_told(error)) from error

    async def append(self, entry: Entry) -> int:
        """Make `entry` durable; return its index in the log. Raises `AuditError`."""
        packed = None
        if entry.recording is not None and len(entry.recording.body) > _LONG_BODY:
            packed = await asyncio.to_thread(pack, entry.recording)
        if self._scribe is None:
            await self._reopened()
        if self._waiting >= MOST_WAITING:
            raise AuditError("too many entries wait for the audit log")
        if self._scribe is None:
            raise AuditError("the audit log has failed and is not open yet")
        record, slots = self._scribe.write(entry, packed)  # its index is taken: from here to the queue nothing may intervene
        return await self._ordered(record, slots)

    async def flush(self) -> None:
        """Wait until what was appended before is durable and the log's own file complete on the disk. Raises `AuditError`."""
        await self._ordered("flush")

    async def close(self) -> None:
        """Write what still waits, leave the files tidy and let go of them. Raises `AuditError`; it is closed even so."""
        if self._closed:
            return
        try:
            await self._ordered("close")
        finally:
            self._thread.shutdown(wait=not self._busy)

    def _ordered(self, what: Record | _Command, slots: Slots | None = None) -> asyncio.Future[int]:
        """Take an order; return what its result will come in. Raises `AuditError` once closed."""
        if self._closed:
            raise AuditError("the audit log is closed")
        self._closed = what == "close"
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        self._gathered.append(_Order(what, future, self._scribe, slots))
        self._waiting += 1
        if self._due is None:
            self._due = loop.call_later(_LONGEST_GATHERING, self._carry_out)
        if isinstance(what, str) or len(self._gathered) >= self._under_way():
            self._due.cancel()
            self._due = loop.call_soon(self._carry_out)  # and not at once: others may come in the same turn
        return future

    def _carry_out(self) -> None:
        """Carry out what is gathered, here or in the thread."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        while self._gathered and not self._busy:
            batch = self._take()
            if self._writer.swift(batch, self._longest_wait):
                self._resolve(batch, self._writer.carry_out(batch))
                continue
            self._busy = True
            try:
                done = asyncio.get_running_loop().run_in_executor(self._thread, self._writer.carry_out, batch)
            except RuntimeError:  # closed, and who closed it was cancelled
                self._busy = False
                self._resolve(batch, [AuditError("the audit log is closed")] * len(batch))
            else:
                done.add_done_callback(partial(self._carried_out, batch))

    def _carried_out(self, batch: list[_Order], done: asyncio.Future[list[int | AuditError]]) -> None:
        self._busy = False
        self._resolve(batch, done.result())
        self._carry_out()

    def _resolve(self, batch: list[_Order], results: Sequence[int | AuditError]) -> None:
        self._waiting -= len(batch)
        for order, result in zip(batch, results, strict=False):
            waited = not order.future.done()  # else whoever waited was cancelled; the entry stands
            if not isinstance(result, AuditError):
                if waited:
                    order.future.set_result(result)
                continue
            if waited:
                order.future.set_exception(result)
            if self._scribe is order.scribe:  # the writer refuses what this scribe writes from now on
                self._scribe = None
                self._retry_at = time.monotonic() + self._retry

    def _take(self) -> list[_Order]:
        """Take the first order and those behind it, up to the bounds and to anything that is not a record."""
        batch: list[_Order] = []
        weight = 0
        while self._gathered and len(batch) < _BATCH_ENTRIES and weight < _BATCH_BYTES:
            order = self._gathered.popleft()
            batch.append(order)
            if not isinstance(order.what, Record):
                break
            weight += len(order.what.recording)
        return batch

    async def _reopened(self) -> None:
        """Have the journal opened anew, once for all who come in the meantime. Raises `AuditError`."""
        if self._reopening is None:
            if time.monotonic() < self._retry_at:
                raise AuditError("the audit log has failed and is not open yet")
            self._reopening = asyncio.create_task(self._reopen())
        await asyncio.shield(self._reopening)

    async def _reopen(self) -> None:
        try:
            self._scribe = self._new_scribe(await self._ordered("reopen"))
        finally:
            self._reopening = None


class _Writer:
    """Who writes, one batch at a time, from whichever thread. After a failure it refuses all but to open anew."""

    def __init__(self, journal: Journal, reopen: Callable[[int], Journal]) -> None:
        self._took = deque([0.0] * _WRITES_SEEN, maxlen=_WRITES_SEEN)
        self._journal: Journal | None = journal
        self._least = journal.following
        self._reopen = reopen

    def carry_out(self, batch: Sequence[_Order]) -> list[int | AuditError]:
        """Do what is ordered and return a result for each order. Never raises."""
        records = [order.what for order in batch if isinstance(order.what, Record)]
        try:
            if records:
                self._write(records, [order.slots for order in batch if order.slots])
            following = self._control(batch[-1].what)
        except Exception as error:  # noqa: BLE001  # whoever waits must be told, whatever it was, or waits for ever
            return self._failed(error, len(batch))
        return [*(record.index for record in records), following]

    def _write(self, records: Sequence[Record], slots: Sequence[Slots]) -> None:
        began = time.perf_counter()
        self._usable().append(records, slots)
        self._took.append(time.perf_counter() - began)
        self._least = records[-1].index + 1

    def swift(self, batch: Sequence[_Order], longest_wait: float) -> bool:
        """Say whether `batch` will be carried out within `longest_wait` seconds, as far as anybody can know beforehand.

        It is judged by the second shortest of the last few writes: a busy machine makes one or another of them longer, a slow
        disk nearly all.
        """
        if self._journal is None or not all(isinstance(order.what, Record) for order in batch):
            return False
        length = sum(len(order.what.recording) for order in batch if isinstance(order.what, Record))
        return sorted(self._took)[1] <= longest_wait and length <= _SMALL_BATCH and self._journal.has_room

    def _control(self, what: object) -> int:
        match what:
            case "flush":
                self._usable().sync()
            case "close":
                self._usable().close()
            case "reopen":
                if self._journal is not None:  # it is not in use any more, and holds the lock
                    self._journal.abandon()
                    self._journal = None
                self._journal = self._reopen(self._least)
                _log.warning("the audit log is open again: %s", self._journal.recovered)
        return self._usable().following

    def _usable(self) -> Journal:
        if self._journal is None:
            raise AuditError("the audit log has failed and is not open yet")
        return self._journal

    def _failed(self, error: Exception, count: int) -> list[int | AuditError]:
        told = _told(error)
        if self._journal is not None:
            _log.error("nothing is let through: %s", told)
            self._journal.abandon()
            self._journal = None
        self._took.extend([math.inf] * _WRITES_SEEN)
        return [AuditError(told) for _ in range(count)]


def _told(error: Exception) -> str:
    match error:
        case AuditError():
            return str(error)
        case OSError():
            return f"the audit log cannot be written: {error.strerror}"
    return f"the audit log cannot be written: {type(error).__name__}"
