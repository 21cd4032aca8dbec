"""The other side of `evaluator`: starts the process, asks it, and ends it when it is late. Blocking; for one thread.

A process that was killed or died is started again by the next question, from the policy as it was loaded.
"""

from __future__ import annotations

from typing import Final

import msgspec

from extproc.companion import Companion
from extproc.engines.bundle import Bundle
from extproc.engines.frames import Kind, receive, send
from extproc.errors import ConfigError, EngineError

_START_DEADLINE: Final = 30.0
"""Seconds to start and compile; a big policy on a busy machine takes one or two."""


class Process:
    """A policy in a process of its own."""

    def __init__(self, bundle: Bundle, entrypoint: str) -> None:
        self._opening = msgspec.json.encode((bundle, entrypoint))
        self._running: Companion | None = None

    def start(self) -> None:
        """Start the process and compile the policy in it. Raises `ConfigError`."""
        try:
            self._start()
        except OSError as error:  # no more processes, descriptors or memory
            raise ConfigError(f"the policy's process cannot be started ({error.strerror})") from error

    def _start(self) -> None:
        self._running = Companion("extproc.engines.evaluator")
        connection = self._running.connection
        connection.settimeout(_START_DEADLINE)
        try:
            send(connection, Kind.POLICY, self._opening)
            answer = receive(connection)
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
        connection = self._running.connection
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
        if self._running is not None:
            self._running.kill()
        self._running = None
