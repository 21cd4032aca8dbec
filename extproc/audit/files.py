"""The calls of the operating system by which evidence is written; a test puts one that fails in their place.

`write` is durable when it returns if the file was opened with ``durable``: the data and what is needed to read it again are on
the disk (O_DSYNC), in one call instead of a write and a sync.
"""

from __future__ import annotations

import os
from pathlib import Path


class Files:
    """The real ones. Each raises `OSError`."""

    def open(self, path: Path, *, durable: bool, empty: bool = False) -> int:
        """Open `path` for reading and writing, create it 0600 when absent; return the descriptor."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags | (os.O_DSYNC if durable else 0) | (os.O_TRUNC if empty else 0), 0o600)

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`."""
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written

    def rename(self, path: Path, new: Path) -> None:
        """Give the file at `path` the name `new`, in place of what had it; durable once the folder is synced."""
        path.rename(new)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def put(self, path: Path, content: bytes, *, draft: Path, durable: bool) -> None:
        """Have a file with `content` at `path`, whole or not at all; it is made at `draft` first, on the same file system."""
        descriptor = self.open(draft, durable=durable, empty=True)
        try:
            self.write(descriptor, content, 0)
        finally:
            os.close(descriptor)
        self.rename(draft, path)

    def cut(self, descriptor: int, length: int) -> None:
        """Cut the file to `length` bytes, durably."""
        os.ftruncate(descriptor, length)
        os.fsync(descriptor)

    def sync(self, descriptor: int) -> None:
        """Make all that was written durable."""
        os.fdatasync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in `folder` durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def free(self, descriptor: int) -> int:
        """Return how many bytes there is room for where the open file lies."""
        found = os.fstatvfs(descriptor)
        return found.f_bavail * found.f_frsize

    def gone(self, descriptor: int) -> bool:
        """Say whether the open file has been deleted, so that what is written to it would be lost."""
        return os.fstat(descriptor).st_nlink == 0
