"""A process of our own beside this one, and the socket between the two. It knows nothing of what they say.

What runs there is a module of this package. It gets the number of its end of the socket as its only argument and ends when
the socket does, so it does not outlive whoever started it for long, however that ended.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PACKAGES: Final = str(Path(__file__).resolve().parents[1])
_INHERITED: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TZDIR")


class Companion:
    """A running process and the `connection` to it."""

    def __init__(self, module: str, inherited: Iterable[str] = ()) -> None:
        """Start `module`, with the variables of the environment that any program needs and the `inherited` ones.

        Nothing else of the environment: it may hold secrets. Raises `OSError` where no more processes, descriptors or memory
        are to be had.
        """
        self.connection, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as failed:
            failed.callback(self.connection.close)
            environment = {name: os.environ[name] for name in (*_INHERITED, *inherited) if name in os.environ}
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, (_PACKAGES, environment.get("PYTHONPATH"))))
            # A session of its own: Ctrl-C in a terminal reaches only us, and we end it in good order.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                # No module from the directory that we happen to be in.
                [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                env=environment,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            failed.pop_all()
        self._end = weakref.finalize(self, _kill, self.connection, self._process)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def leave(self, patience: float) -> None:
        """Let go of it, and wait up to `patience` seconds until it has ended by itself; then end it."""
        self.connection.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._end()


def _kill(connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
    connection.close()
    process.kill()
    process.wait()
