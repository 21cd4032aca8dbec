"""The other side of `evaluator`: starts the process, asks it, and ends it when it is late. Blocking; for one thread.

A process that was killed or died is started again by the next question, from the policy as it was loaded.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Final

import msgspec

from extproc.engines.bundle import Bundle
from extproc.engines.frames import Kind, receive, send
from extproc.errors import ConfigError, EngineError

_START_DEADLINE: Final = 30.0
"""Seconds to start and compile; a big policy on a busy machine takes one or two."""


_PACKAGES: Final = str(Path(__file__).resolve().parents[2])
_INHERITED: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TZDIR")


class Process:
    """A policy in a process of its own."""

    def __init__(self, bundle: Bundle, entrypoint: str) -> None:
        self._opening = msgspec.json.encode((bundle, entrypoint))
        self._running: tuple[socket.socket, subprocess.Popen[bytes]] | None = None
        self._end: weakref.finalize[..., Process] | None = None

    def start(self) -> None:
        """Start the process and compile the policy in it. Raises `ConfigError`."""
        try:
            self._start()
        except OSError as error:  # no more processes, descriptors or memory
            raise ConfigError(f"the policy's process cannot be started ({error.strerror})") from error

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as failed:
            failed.callback(ours.close)
            command = [sys.executable, "-P", "-m", "extproc.engines.evaluator", str(theirs.fileno())]
            # Nothing of the environment that may hold a secret, and no module from the directory that we happen to be in.
            environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, (_PACKAGES, environment.get("PYTHONPATH"))))
            # A session of its own: Ctrl-C in a terminal reaches only us, and we end it in good order.
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                env=environment,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            failed.pop_all()
        self._running = (ours, child)
        self._end = weakref.finalize(self, _end, ours, child)
        ours.settimeout(_START_DEADLINE)
        try:
            send(ours, Kind.POLICY, self._opening)
            answer = receive(ours)
        except (OSError, ValueError):
            answer = None
        match answer:
            case (Kind.VALUE, _):
                return
            case (Kind.REFUSED, message):
                self.stop()
                raise ConfigError(message.decode())
            case _:
                self.stop()
                raise ConfigError("the policy breaks the Rego compiler; `opa check` may say why")

    def evaluate(self, document: bytes, deadline: float) -> bytes:
        """Return the decision's JSON for the input `document` within `deadline` seconds. Raises `EngineError`."""
        if self._running is None:
            try:
                self.start()
            except ConfigError as error:
                raise EngineError("the policy's process does not start") from error
        assert self._running is not None  # noqa: S101 - `start` has set it
        connection, _ = self._running
        connection.settimeout(deadline)
        try:
            send(connection, Kind.INPUT, document)
            answer = receive(connection)
        except TimeoutError as error:
            self.stop()
            raise EngineError("the policy did not decide in time", code="policy_late") from error
        except (OSError, ValueError) as error:
            self.stop()
            raise EngineError("the policy's process has failed") from error
        match answer:
            case (Kind.VALUE, value):
                return value
            case (Kind.FAILED, failure):
                code, _, message = failure.decode().partition("\n")
                raise EngineError(message, code=code)
            case _:
                self.stop()
                raise EngineError("the policy's process has failed")

    def stop(self) -> None:
        """End the process."""
        if self._end is not None:
            self._end()
        self._running = None


def _end(connection: socket.socket, child: subprocess.Popen[bytes]) -> None:
    connection.close()
    child.kill()
    child.wait()
