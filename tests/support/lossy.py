"""Files of a machine whose power may fail at any moment: what was not synced may be there, or not, or in part.

The model is harsher than a file system: of everything that was not waited for, each block and each name is there or not,
each by itself. What a durable write, a cut or a sync had returned for is there.
"""

from __future__ import annotations

import os
import random
from contextlib import suppress
from pathlib import Path

from extproc.audit.files import Files

_BLOCK = 512


def _durable(asked: bool) -> bool:
    """Whether a file that is opened as durable is so; a test puts a disk that lies in the place of this."""
    return asked


class PowerLoss(OSError):
    """The power is gone."""


class LossyFiles(Files):
    """Files whose power fails at the operation number `last`; then `lose` does to the disk what that could have done."""

    def __init__(self, chance: random.Random, last: int) -> None:
        self._chance = chance
        self._left = last
        self._open: dict[int, tuple[Path, bool]] = {}
        self._contents: dict[Path, bytes] = {}  # durable content, where the file has another by now
        self._names: dict[Path, bytes | None] = {}  # what a name stood for when its folder was synced, where that changed

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise PowerLoss(5, "the power is gone")

    def _named(self, path: Path) -> None:
        if path not in self._names:
            self._names[path] = self._contents.get(path, path.read_bytes()) if path.exists() else None

    def open(self, path: Path, *, durable: bool, empty: bool = False) -> int:
        """Open; a new name is not durable yet, nor is it that the file is empty now."""
        self._step()
        if not path.exists():
            self._named(path)
        elif empty:
            self._contents.setdefault(path, path.read_bytes())
        descriptor = super().open(path, durable=False, empty=empty)
        self._open[descriptor] = path, _durable(durable)
        return descriptor

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write; at the last moment some blocks of it."""
        path, durable = self._open[descriptor]
        if not durable:
            self._contents.setdefault(path, path.read_bytes())
        try:
            self._step()
        except PowerLoss:
            for at in range(0, len(data), _BLOCK):
                if self._chance.random() < 0.7:
                    super().write(descriptor, data[at : at + _BLOCK], offset + at)
            raise
        super().write(descriptor, data, offset)
        if durable and path in self._contents:
            known = bytearray(self._contents[path])
            known.extend(bytes(max(0, offset + len(data) - len(known))))
            known[offset : offset + len(data)] = data
            self._contents[path] = bytes(known)

    def rename(self, path: Path, new: Path) -> None:
        """Rename; neither name is durable yet."""
        self._step()
        self._named(path)
        self._named(new)
        super().rename(path, new)
        self._contents.pop(new, None)
        if path in self._contents:
            self._contents[new] = self._contents.pop(path)
        self._open = {each: (new if at == path else at, durable) for each, (at, durable) in self._open.items()}

    def remove(self, path: Path) -> None:
        """Remove; that is not durable yet."""
        self._step()
        self._named(path)
        super().remove(path)
        self._contents.pop(path, None)

    def cut(self, descriptor: int, length: int) -> None:
        """Cut, durably."""
        self._step()
        os.ftruncate(descriptor, length)
        self._contents.pop(self._open[descriptor][0], None)

    def sync(self, descriptor: int) -> None:
        """Make content durable."""
        self._step()
        self._contents.pop(self._open[descriptor][0], None)

    def sync_folder(self, folder: Path) -> None:
        """Make names durable."""
        self._step()
        self._names = {path: known for path, known in self._names.items() if path.parent != folder}

    def lose(self) -> None:
        """Do to the disk what the loss of power could have done."""
        for path, known in self._contents.items():
            if path.exists():
                now = path.read_bytes()
                longest = self._chance.choice([len(known), len(now)])
                blocks = [
                    self._chance.choice([known, now])[at : at + _BLOCK].ljust(_BLOCK, b"\0") for at in range(0, longest, _BLOCK)
                ]
                path.write_bytes(b"".join(blocks)[:longest])
        for path, before in self._names.items():
            if self._chance.random() < 0.5:
                if before is None:
                    path.unlink(missing_ok=True)
                else:
                    with suppress(FileNotFoundError):
                        path.write_bytes(before)
