"""Files and directories that only this user may reach.

Whoever reaches the service's socket, Envoy's admin interface or a key can do anything, so these are made private where they
are absent and refused where they are not.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from extproc.errors import ConfigError

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OWN_FILE: Final = 0o600
_OWN_DIRECTORY: Final = 0o700


def open_to_others(path: Path) -> bool:
    """Tell whether the group, or everybody, has any right to `path`."""
    return bool(path.stat().st_mode & _OTHERS)


def private_directory(path: Path) -> None:
    """Make `path` with mode 0700 where it is absent. Raises `ConfigError` where others may enter it, or it cannot be made."""
    try:
        path.mkdir(mode=_OWN_DIRECTORY, parents=True, exist_ok=True)
        found = path.stat()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be made ({error.strerror}); choose a directory that you own") from error
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{path}: belongs to another user; choose a directory that you own")
    if found.st_mode & _OTHERS:
        raise ConfigError(f"{path}: others may enter it, and who reaches the socket could forge identities; chmod 700 {path}")


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file that is 0600 from its first moment. Raises `ConfigError` where it exists and may not be replaced."""
    target = path.with_name(path.name + ".new") if replace else path
    try:
        if replace:
            target.unlink(missing_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _OWN_FILE)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        if replace:
            target.replace(path)
    except FileExistsError as error:
        raise ConfigError(f"{path}: is there already and is not overwritten; remove it or name another file") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
