"""vecgate.yaml: whatever the file holds it is a configuration, or one line says what is wrong and quotes no value."""

from __future__ import annotations

from pathlib import Path

from extproc import config
from extproc.config.types import Config
from extproc.errors import ConfigError
from fuzz.mutation import lines as mutate

_MUCH = 1024

__all__ = ["check", "mutate"]


class _Written(type(Path())):  # type: ignore[misc]  # the class of this system's paths
    """A file that is only in memory."""

    content = b""

    def read_bytes(self) -> bytes:
        """Return what the file would hold."""
        return self.content


def check(data: bytes) -> None:
    """Load a file."""
    path = _Written("vecgate.yaml")
    path.content = data
    try:
        _check_loaded(path, config.load(path))
    except ConfigError as error:
        complaint = str(error)
    else:
        return
    assert complaint.isprintable(), "a complaint is more than one line"
    assert len(complaint) < _MUCH + 4 * len(data), "a complaint without end"


def _check_loaded(path: Path, found: Config) -> None:
    assert found == config.load(path)
    assert len(config.socket_paths(found)) == found.workers
    assert config.database(found, found.databases[0].name) == found.databases[0]
    assert config.buffer_bytes(found) > found.limits.body
    assert all(each.engine in config.BUILT_ENGINES for each in found.databases)
