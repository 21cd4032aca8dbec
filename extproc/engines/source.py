"""Where a policy comes from: a directory of its files, or one signed bundle file and the key that verifies it.

A directory is trusted as it lies there; of a bundle file nothing is believed before its signature is. Rules that several
policies share may lie in a second directory, the library, which holds rules alone: what they look up is the policy's own data.
Tests (``*_test.rego``) of a directory and whatever starts with a dot are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from extproc.engines.archive import unpack
from extproc.engines.bundle import DATA_FILES, MANIFEST, Bundle, Files, read_bundle
from extproc.engines.signature import SIGNATURES, VerificationKey, verify
from extproc.errors import ConfigError, SecretMissing
from extproc.secret import SecretSource

LIBRARY: Final = "library"
"""The folder in which a library's rules stand among the others, in names and in errors."""

_LONGEST: Final = 64 << 20
"""Bytes of a bundle file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A directory and perhaps its library, or a bundle file and where its verification key is. Every method reads anew."""

    path: Path
    library: Path | None = None
    key: SecretSource | None = None

    def files(self) -> Files:
        """Return the policy's files by name, verified. Raises `ConfigError`, which names the file and what to do."""
        if self.path.is_dir():
            if self.key is not None:
                raise ConfigError(f"{self.path}: policy.verification_key verifies a bundle file, and this is a directory")
            return {name: _read(path) for name, path in self._here()}
        if self.library is not None:
            raise ConfigError(f"{self.path}: a bundle file holds all of a policy; leave policy.library out")
        return {name: content for name, content in self._verified(self.archive()).items() if name != SIGNATURES}

    def place(self, name: str) -> Path:
        """Return where the file that is called `name` among the policy's lies; inside it, for a bundle file."""
        inside = PurePosixPath(name)
        if self.library is not None and inside.parts[0] == LIBRARY:
            return self.library / inside.relative_to(LIBRARY)
        return self.path / inside

    def bundle(self) -> Bundle:
        """Return the policy. Raises `ConfigError`."""
        return read_bundle(self.files(), self.path)

    def archive(self) -> bytes:
        """Return the bytes of a bundle file, not verified. Raises `ConfigError`."""
        if not self.path.is_file():
            raise ConfigError(f"{self.path}: is no directory and no file; policy.bundle names the one with the .rego files")
        if self.path.stat().st_size > _LONGEST:
            raise ConfigError(f"{self.path}: is over {_LONGEST >> 20} MiB, which is too large for a policy")
        return _read(self.path)

    def verification_key(self) -> VerificationKey:
        """Return the key that verifies the bundle file. Raises `ConfigError`."""
        if self.key is None:
            raise ConfigError(f"{self.path}: is a bundle file; name the key that verifies it in policy.verification_key")
        try:
            return VerificationKey.read(self.key.load().reveal())
        except SecretMissing as error:
            raise ConfigError(f"{error}: is absent, unreadable or empty; policy.verification_key names it") from error
        except ValueError as error:
            raise ConfigError(f"policy.verification_key: {error}") from error

    def fingerprint(self) -> object:
        """Return what differs once a file was changed, added or taken away; cheap, and never raises."""
        try:
            found = self._here() if self.path.is_dir() else [("", self.path)]
            states = [(name, path.stat()) for name, path in found]
        except (OSError, ConfigError):
            return None
        return tuple([(name, state.st_mtime_ns, state.st_size, state.st_ino) for name, state in states])

    def _here(self) -> list[tuple[str, Path]]:
        """Return the files of the directory and of its library by names that differ. Raises `ConfigError`."""
        found = dict(_found(self.path))
        return [*found.items(), *(_rules(self.library, found) if self.library is not None else ())]

    def _verified(self, archive: bytes) -> Files:
        key = self.verification_key()
        try:
            files = unpack(archive)
            verify(files, key)
        except ValueError as error:
            raise ConfigError(f"{self.path}: {error}; build it with `vecgate policy build`") from error
        return files


def _found(directory: Path) -> Iterator[tuple[str, Path]]:
    """Give the policy's files by relative name, in an order that does not depend on the file system."""
    found = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    for name, path in sorted(found.items()):
        hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
        wanted = (path.suffix == ".rego" and not path.name.endswith("_test.rego")) or path.name in DATA_FILES
        if name == MANIFEST or (wanted and not hidden):
            yield name, path


def _rules(library: Path, found: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Give the rules of a library by names that are not among those `found`. Raises `ConfigError`."""
    if not library.is_dir():
        raise ConfigError(f"{library}: is no directory; policy.library names one with .rego files")
    rules = dict(_found(library))
    if not rules:
        raise ConfigError(f"{library}: holds no rules; policy.library names a directory with .rego files")
    for name, path in rules.items():
        if path.suffix != ".rego":
            raise ConfigError(f"{path}: a library is rules alone; put data into the directory that policy.bundle names")
        inside = f"{LIBRARY}/{name}"
        if inside in found:
            raise ConfigError(f"{found[inside]}: the policy has the library already; leave policy.library out")
        yield inside, path


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read; check its permissions") from error
