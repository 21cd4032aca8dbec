"""One child process, kept running: started again when it dies, its words passed on under its name, ended in order.

It dies with its parent (prctl(2), PR_SET_PDEATHSIG), and has a session of its own, so that Ctrl-C reaches only the parent and
the end stays orderly.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 10.0
_STEADY: Final = 30.0
"""Seconds after which a child counts as running well, and the pause before a restart is short again."""
_CHUNK: Final = 1 << 16
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A program to run, what it is called in logs, and its environment where that is not our own."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] | None = None


class Child:
    """Keeps one `Part` running.

    While it is not `settled` its first end completes `failed`, because a program that does not even start will not start the
    next time either; once it is, it is started again, after a pause.
    """

    def __init__(self, part: Part) -> None:
        self.name = part.name
        self.settled = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._part = part
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending = False

    def start(self) -> None:
        """Begin to keep it running."""
        self._task = asyncio.create_task(self._keep())

    async def end(self, grace: float) -> bool:
        """End it: SIGTERM, then SIGKILL after `grace` seconds. Return whether it went by itself with status 0."""
        self._ending = True
        if self._task is None:
            return True
        process = self._process
        if process is None or process.returncode is not None:
            # Between two lives, or never begun: nothing runs that could be told.
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            return True
        process.send_signal(signal.SIGTERM)
        done, _ = await asyncio.wait([self._task], timeout=grace)
        if not done:
            self._say(f"did not end within {grace:g} s and is killed")
            process.kill()
            await self._task
        return process.returncode == 0

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while not self._ending:
            began = loop.time()
            status = await self._live()
            if self._ending:
                return
            self._say(f"ended with status {status}")
            if not self.settled:
                self.failed.set_result(None)
                return
            pause = _FIRST_PAUSE if loop.time() - began > _STEADY else min(2 * pause, _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _live(self) -> int:
        """Run it once; return its exit status, or 127 where it cannot be started."""
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self._part.command,
                env=self._part.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            self._say(f"cannot be started: {error.strerror}")
            return 127
        if self._ending:
            # `end` came while the process was being made and found nothing to tell.
            process.send_signal(signal.SIGTERM)
        await self._pass_on(process)
        return await process.wait()

    async def _pass_on(self, process: asyncio.subprocess.Process) -> None:
        """Write what it says to standard error, a line at a time and under its name."""
        reader = process.stdout
        rest = b""
        while reader is not None and (chunk := await reader.read(_CHUNK)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._say(line.decode(errors="replace"))
        if rest:
            self._say(rest.decode(errors="replace"))

    def _say(self, line: str) -> None:
        sys.stderr.write(f"{self.name}: {line}\n")
        sys.stderr.flush()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
