"""The mirror of one log, seen from the worker: the process that carries it to object storage, kept running and told what to do.

Nobody waits for it. What it finds in the way there goes to whoever wants to be told; a secret that changes is passed on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from extproc.audit.orders import Frames, Task, frame
from extproc.companion import Companion
from extproc.errors import AuditError, ConfigError

_READ: Final = 1 << 16
_LOOK_EVERY: Final = 5.0  # seconds, for a secret that has changed and a process that has ended
_PATIENCE: Final = 5.0  # seconds in which the last of a log may reach the store at the end
_log = logging.getLogger(__name__)


class Mirror:
    """The process beside this one. `task` gives what to do and may raise `ConfigError`; without it there is no mirror.

    `alert` is told when something is in the way that does not go away by itself.
    """

    def __init__(
        self,
        task: Callable[[], Task] | None,
        *,
        companion: Callable[[], Companion],
        alert: Callable[[], Awaitable[None]],
        every: float = _LOOK_EVERY,
    ) -> None:
        self._task = task
        self._companion = companion
        self._alert = alert
        self._every = every
        self._process: Companion | None = None
        self._frames = Frames()
        self._sent: Task | None = None

    async def follow(self) -> None:
        """Have the process run and know what to do, for ever."""
        if self._task is None:
            await asyncio.Event().wait()
            return
        while True:
            try:
                await self._tell(self._task())
                await self._listen()
            except (ConfigError, OSError, AuditError) as error:
                _log.error("the mirror is not told what to do: %s", error)
                self._let_go()
                await asyncio.sleep(self._every)

    async def close(self) -> None:
        """Let the last of the log reach the store, if that can be soon."""
        if self._process is not None:
            await asyncio.to_thread(self._process.leave, _PATIENCE)
            self._process = None

    async def _tell(self, task: Task) -> None:
        if self._process is None:
            self._process, self._frames, self._sent = self._companion(), Frames(), None
            self._process.connection.setblocking(False)
        if task != self._sent:
            await asyncio.get_running_loop().sock_sendall(self._process.connection, frame(task))
            self._sent = task

    async def _listen(self) -> None:
        """Wait a while for what the process says. Raises `AuditError` where it has ended."""
        if self._process is None:
            return
        try:
            async with asyncio.timeout(self._every):
                data = await asyncio.get_running_loop().sock_recv(self._process.connection, _READ)
        except TimeoutError:
            return
        if not data:
            raise AuditError("its process has ended; it is started again")
        self._frames.feed(data)
        if list(self._frames):
            await self._alert()

    def _let_go(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None
