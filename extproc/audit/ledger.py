"""The ledger: where an exchange waits until its entry is on the disk.

Entries go to the worker's `clerk`, a process beside it, in the order in which they come; what comes in one turn of the loop
goes together. An entry that was not written, or of which that cannot be known, is an `AuditError` to whoever waits for it; one
that was acknowledged never goes missing. When the clerk is gone everything is refused until another one has opened the log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from extproc.audit import orders
from extproc.audit.entry import Entry
from extproc.audit.keys import Keys
from extproc.audit.orders import Append, Close, Flush, Frames, Opening, Origin, Result, Witness
from extproc.audit.recovery import Recovered
from extproc.companion import Companion
from extproc.errors import AuditError

SEGMENT_BYTES: Final = 64 << 20
MOST_WAITING: Final = 4096
"""How many entries may wait; beyond it the disk is hopelessly behind, and memory is not the place to catch up."""

_LONG_BODY: Final = 256 << 10  # an entry with a longer one is encoded beside the event loop
_READ: Final = 1 << 16
_START_DEADLINE: Final = 60.0  # seconds; a long log is looked through at the start
_END_PATIENCE: Final = 10.0  # seconds
_TELEMETRY: Final = "OTEL_"
_GONE: Final = "the audit log's process has ended"
_log = logging.getLogger(__name__)


class Ledger:
    """The open ledger of one worker; used from one event loop. `recovered` is what opening it found amiss."""

    def __init__(self, opening: Callable[[int], Opening], companion: Callable[[], Companion], *, retry: float) -> None:
        self._opening = opening
        self._companion = companion
        self._retry = retry
        self._least = 0  # how many entries are known to be there
        self._clerk: Companion | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # that listens to the clerk
        self._frames = Frames()
        self._unsent = bytearray()
        self._pending: deque[asyncio.Future[int]] = deque()
        self._reopening: asyncio.Task[None] | None = None
        self._retry_at = 0.0
        self._closed = False
        self.recovered = self._start()

    @classmethod
    def open(
        cls,
        directory: Path,
        worker: str,
        keys: Keys,
        *,
        origin: str = "vecgate",
        segment_bytes: int = SEGMENT_BYTES,
        retry: float = 1.0,
        cadence: float = 1.0,
        heartbeat: float = 600.0,
        witnesses: tuple[Witness, ...] = (),
        otlp: str | None = None,
        pseudonyms: bool = False,
        companion: Callable[[], Companion] | None = None,
    ) -> Ledger:
        """Open the ledger of `worker` below `directory`, create it when absent, put right what a crash left. Blocks.

        The log's name is ``<origin>/<worker>``. A segment is full at `segment_bytes`; a failed disk is left alone for `retry`
        seconds. A checkpoint follows an entry within `cadence` seconds, and after `heartbeat` seconds without entries there is
        one that says so; `witnesses` sign checkpoints as well. Spans go to `otlp`, and name people by keyed hashes with
        `pseudonyms`. Raises `AuditError` where another process has it open, where it cannot be written, and where it was
        changed from outside.
        """

        def opening(least: int) -> Opening:
            return Opening(
                directory=str(directory.absolute()),
                worker=worker,
                sealing_key=keys.sealing.reveal(),
                signing_keys=tuple([pem.reveal() for pem in keys.signing]),
                origin=origin,
                segment_bytes=segment_bytes,
                retry=retry,
                cadence=cadence,
                heartbeat=heartbeat,
                least=least,
                witnesses=witnesses,
                otlp=otlp,
                pseudonyms=pseudonyms,
            )

        return cls(opening, companion or _clerk, retry=retry)

    async def append(self, entry: Entry, span: Origin | None = None) -> int:
        """Make `entry` durable, then have its spans told where `span` says of what; return its index. Raises `AuditError`."""
        order = Append(entry=entry, span=span)
        if entry.recording is not None and len(entry.recording.body) > _LONG_BODY:
            data = await asyncio.to_thread(orders.frame, order)
        else:
            data = orders.frame(order)
        if self._clerk is None:
            await self._reopened()
        if len(self._pending) >= MOST_WAITING:
            raise AuditError("too many entries wait for the audit log")
        return await self._ordered(data)

    async def flush(self) -> None:
        """Wait until what was appended before is under a checkpoint. Raises `AuditError`."""
        await self._ordered(orders.frame(Flush()))

    async def close(self) -> None:
        """Write what still waits, leave the files tidy and let go of them. Raises `AuditError`; it is closed even so."""
        if self._closed:
            return
        try:
            await self._ordered(orders.frame(Close()), last=True)
        finally:
            self._closed = True
            clerk, self._clerk = self._clerk, None
            if clerk is not None:
                self._stop_listening(clerk)
                self._refuse_all("the audit log is closed")
                await asyncio.to_thread(clerk.leave, _END_PATIENCE)

    # --- orders and answers ---------------------------------------------------------------------------------------------

    def _ordered(self, data: bytes, *, last: bool = False) -> asyncio.Future[int]:
        """Send an order; return what its answer will come in. Raises `AuditError` where nobody takes orders."""
        if self._closed:
            raise AuditError("the audit log is closed")
        self._closed = last
        if self._clerk is None:
            raise AuditError(_GONE)
        loop = self._listening(self._clerk)
        future: asyncio.Future[int] = loop.create_future()
        self._pending.append(future)
        if not self._unsent:
            loop.call_soon(self._send)
        self._unsent += data
        return future

    def _listening(self, clerk: Companion) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            clerk.connection.setblocking(False)
            self._loop.add_reader(clerk.connection, self._receive, clerk)
        return self._loop

    def _stop_listening(self, clerk: Companion) -> None:
        if self._loop is not None:
            self._loop.remove_reader(clerk.connection)
            self._loop.remove_writer(clerk.connection)
            self._loop = None

    def _send(self) -> None:
        """Send what there is to send, and the rest when there is room for it."""
        clerk, loop = self._clerk, self._loop
        if clerk is None or loop is None or not self._unsent:
            return
        try:
            sent = clerk.connection.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lost(clerk)
            return
        whole = sent == len(self._unsent)
        del self._unsent[:sent]
        if whole:
            loop.remove_writer(clerk.connection)
        else:
            loop.add_writer(clerk.connection, self._send)

    def _receive(self, clerk: Companion) -> None:
        try:
            data = clerk.connection.recv(_READ)
            self._frames.feed(data)
            for content in self._frames:
                for result in orders.read_results(content):
                    self._settle(self._pending.popleft(), result)
        except BlockingIOError:
            return
        except (OSError, IndexError, AuditError, msgspec.MsgspecError):
            data = b""
        if not data:
            self._lost(clerk)

    def _settle(self, future: asyncio.Future[int], result: Result) -> None:
        if future.done():
            return  # whoever waited was cancelled; the entry stands
        if isinstance(result, int):
            self._least = result + 1
            future.set_result(result)
        else:
            future.set_exception(AuditError(result))

    # --- the clerk ------------------------------------------------------------------------------------------------------

    def _start(self) -> Recovered:
        """Start a clerk and have it open the log. Blocks. Raises `AuditError`."""
        try:
            clerk = self._companion()
        except OSError as error:
            raise AuditError(f"the audit log's process cannot be started: {error.strerror}") from error
        try:
            ready = _opened(clerk.connection, self._opening(self._least))
        except (OSError, AuditError, msgspec.MsgspecError) as error:
            clerk.kill()
            raise error if isinstance(error, AuditError) else AuditError(_GONE) from error
        self._clerk = clerk
        return ready

    def _lost(self, clerk: Companion) -> None:
        """Let go of a clerk that is gone, and tell whoever waited for it."""
        if clerk is not self._clerk:
            return
        _log.error("nothing is let through: %s", _GONE)
        loop = self._loop
        self._stop_listening(clerk)
        self._clerk = None
        self._frames = Frames()
        self._unsent.clear()
        self._retry_at = time.monotonic() + self._retry
        self._refuse_all(_GONE)
        if loop is not None:
            loop.run_in_executor(None, clerk.kill)  # which may have to wait for the disk

    def _refuse_all(self, reason: str) -> None:
        while self._pending:
            self._settle(self._pending.popleft(), reason)

    async def _reopened(self) -> None:
        """Have another clerk open the log, once for all who come in the meantime. Raises `AuditError`."""
        if self._closed:
            raise AuditError("the audit log is closed")
        if self._reopening is None:
            if time.monotonic() < self._retry_at:
                raise AuditError("the audit log has failed and is not open yet")
            self._reopening = asyncio.create_task(self._reopen())
        await asyncio.shield(self._reopening)

    async def _reopen(self) -> None:
        try:
            ready = await asyncio.to_thread(self._start)
            _log.warning("the audit log is open again: %s", ready)
        except AuditError:
            self._retry_at = time.monotonic() + self._retry
            raise
        finally:
            self._reopening = None


def _clerk() -> Companion:
    return Companion("extproc.audit.clerk", [name for name in os.environ if name.startswith(_TELEMETRY)])


def _opened(connection: socket.socket, opening: Opening) -> Recovered:
    """Tell a clerk what to open; return what it says of it. Raises `AuditError`, `OSError`."""
    connection.settimeout(_START_DEADLINE)
    connection.sendall(orders.frame(opening))
    frames = Frames()
    while (content := frames.next()) is None:
        data = connection.recv(_READ)
        if not data:
            raise AuditError(_GONE)
        frames.feed(data)
    found = orders.read_readiness(content)
    if not isinstance(found, Recovered):
        raise AuditError(found.message)
    return found
