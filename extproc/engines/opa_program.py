"""The OPA program of this machine: where it is, and what it says of a bundle before anybody is decided by it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from extproc.engines.bundle import Files
from extproc.engines.signature import VerificationKey
from extproc.errors import ConfigError

_TIMEOUT: Final = 60.0


def opa_program() -> Path:
    """Return the OPA binary: ``$VECGATE_OPA``, or ``opa`` on the path. Raises `ConfigError`."""
    found = os.environ.get("VECGATE_OPA") or shutil.which("opa")
    if found is None or not os.access(found, os.X_OK):
        raise ConfigError("no OPA: put `opa` 1.22 or newer on the path, or name the binary in VECGATE_OPA")
    return Path(found).absolute()


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run OPA in `folder` until it ends. Raises `ConfigError` where it does not start or does not end."""
    program = opa_program()
    # Nothing of the environment that may hold a secret: a policy can read it.
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder)}
    try:
        return subprocess.run(  # noqa: S603  # the program that the user named
            [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"{program}: did not start or did not end; see that it is OPA 1.22 or newer") from error


def lay_out(files: Files, folder: Path) -> None:
    """Write a policy's files into `folder`, where OPA is to read them."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def require_loads(archive: bytes, key: VerificationKey, entrypoint: str) -> None:
    """Have OPA itself verify and compile a bundle file, and find `entrypoint` in it. Raises `ConfigError` with OPA's words."""
    with tempfile.TemporaryDirectory(prefix="vecgate-policy-") as name:
        folder = Path(name)
        (folder / "policy.tar.gz").write_bytes(archive)
        (folder / "key.pem").write_text(key.pem, encoding="utf-8")
        verified = ("--verification-key", "key.pem", "--signing-alg", key.algorithm)
        compiled = ("--target", "plan", "--entrypoint", entrypoint, "--output", os.devnull)
        done = run("build", "--bundle", "policy.tar.gz", *verified, *compiled, folder=folder)
    if done.returncode != 0:
        raise ConfigError(f"OPA refuses the policy: {' '.join((done.stderr or done.stdout).split())}")
