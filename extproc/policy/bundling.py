"""Signed bundle files, made from a directory of policy files with a key that lies here, and the key."""

from __future__ import annotations

from pathlib import Path

from extproc.engines.build import build
from extproc.engines.opa_program import require_loads
from extproc.engines.signature import SigningKey
from extproc.engines.source import Source
from extproc.errors import ConfigError, SecretMissing
from extproc.private import write_private
from extproc.secret import SecretFile


def create_key(path: Path) -> None:
    """Write a new private key. Raises `ConfigError` where the file exists: a key is never overwritten."""
    write_private(path, SigningKey.create().private().reveal(), replace=False)


def public_key(path: Path) -> str:
    """Return what verifies the signatures of the key at `path`, in PEM form. Raises `ConfigError`."""
    return _key(path).public().pem


def write_bundle(source: Source, key: Path, output: Path, *, entrypoint: str, name: str | None = None) -> str:
    """Write a bundle file of the directory `source`, signed and tried on OPA; return its revision. Raises `ConfigError`.

    `name` is what the author calls the revision. What is at `output` is replaced as a whole, or not at all.
    """
    if not source.path.is_dir():
        raise ConfigError(f"{source.path}: is no directory; name the one with the .rego files")
    signing = _key(key)
    built = build(source.files(), source.path, signing, name)
    require_loads(built.archive, signing.public(), entrypoint)
    new = output.with_name(f"{output.name}.new")
    try:
        new.write_bytes(built.archive)
        new.replace(output)
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written ({error.strerror})") from error
    return built.revision


def _key(path: Path) -> SigningKey:
    try:
        return SigningKey.read(SecretFile(path=path).load())
    except SecretMissing as error:
        raise ConfigError(f"{path}: is absent, unreadable or empty; make a key with --create-key") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}; make a key with --create-key") from error
