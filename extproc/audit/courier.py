"""The courier: takes checkpoints from the clerk to the process that shows them to witnesses, and brings back what they signed.

It never waits but where it is asked to. Where that process is gone another one is started with the next checkpoint; where no
signature comes in time, the checkpoint is published without.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from extproc.audit import note
from extproc.audit.note import Note, Unverified
from extproc.audit.orders import Errand, Frames, Witness, frame
from extproc.companion import Companion
from extproc.errors import AuditError

_READ: Final = 1 << 16
_MILLISECONDS: Final = 1000


class Courier:
    """Shows the checkpoints of the log in `folder` to `witnesses`, each of which may take `patience` seconds."""

    def __init__(
        self, witnesses: tuple[Witness, ...], folder: Path, patience: float, companion: Callable[[], Companion]
    ) -> None:
        self._errand = Errand(witnesses=witnesses, log=str(folder), patience=patience)
        self._companion = companion
        self._process: Companion | None = None
        self._frames = Frames()
        self.patience = patience

    def fileno(self) -> int | None:
        """Return what may be waited on for something to come back; None where nothing can come."""
        return None if self._process is None else self._process.connection.fileno()

    def take(self, shown: Note) -> None:
        """Set out with a checkpoint; where that cannot be done nothing comes back."""
        with suppress(OSError):
            if self._process is None:
                self._process, self._frames = self._companion(), Frames()
                self._process.connection.setblocking(False)
                self._process.connection.sendall(frame(self._errand))
            self._process.connection.sendall(frame(shown.content.decode()))
            return
        self.leave()

    def back(self) -> Note | None:
        """Return the last checkpoint that has come back by now, with what signatures there are; None where none has."""
        if self._process is None:
            return None
        found = None
        try:
            data = self._process.connection.recv(_READ)
            self._frames.feed(data)
            for content in self._frames:
                found = note.parse(msgspec.json.decode(content, type=str).encode())
        except BlockingIOError:
            return None
        except (OSError, AuditError, Unverified, msgspec.MsgspecError):
            data = b""
        if not data:
            self.leave()
        return found

    def wait(self, shown: Note) -> Note:
        """Set out with a checkpoint and wait for it as long as witnesses may take; return it with what signatures came."""
        self.take(shown)
        until = time.monotonic() + self.patience
        while self._process is not None and (left := until - time.monotonic()) > 0:
            coming = select.poll()
            coming.register(self._process.connection, select.POLLIN)
            coming.poll(left * _MILLISECONDS)
            found = self.back()
            if found is not None and found.text == shown.text:
                return found
        return shown

    def leave(self) -> None:
        """Let go of the process."""
        if self._process is not None:
            self._process.kill()
            self._process = None
