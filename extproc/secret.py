"""A secret that cannot be printed, and where secrets come from.

A `Secret` shows itself as ``***`` to ``repr``, ``str``, ``format`` and every encoder, so no log, span or error can carry
one by accident. `Secret.reveal` is the only way out; whoever calls it is about to put the bytes on a wire or into a key.
This module knows nothing of what a secret is for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, NoReturn, Protocol, TypeVar

from extproc.errors import SecretMissing

_SHOWN: Final = "***"
T = TypeVar("T")


class Secret:
    """Bytes that only `reveal` gives out."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes themselves."""
        return self._value

    def __repr__(self) -> str:
        return _SHOWN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return _SHOWN

    def __reduce__(self) -> NoReturn:
        message = "a secret is not pickled"
        raise TypeError(message)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    __hash__ = None  # type: ignore[assignment]  # a hash of a secret is a fingerprint of it


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFile:
    """A secret in a file; a changed file takes effect at the next `load`."""

    path: Path

    def load(self) -> Secret:
        """Read the file, without the line feed that editors add. Raises `SecretMissing` when absent or empty."""
        try:
            value = self.path.read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise SecretMissing(str(self.path)) from error
        if not value:
            raise SecretMissing(str(self.path))
        return Secret(value)

    def version(self) -> object:
        """Return something that differs once the secret may have changed; cheap enough to ask for each request."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino, found.st_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretEnv:
    """A secret in an environment variable, which cannot change while the process runs."""

    name: str

    def load(self) -> Secret:
        """Read the variable. Raises `SecretMissing` when unset or empty."""
        value = os.environ.get(self.name)
        if not value:
            raise SecretMissing(f"${self.name}")
        return Secret(value.encode())

    def version(self) -> object:
        """Return a constant: the environment of a process does not change."""
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretVault:
    """One value of a secret in Vault's KV version 2; `safe` knows how to get it."""

    path: str
    key: str

    def __str__(self) -> str:
        return f"vault:{self.path}#{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretAws:
    """One value of a JSON secret in AWS Secrets Manager, or with no key all of one; `safe` knows how to get it."""

    name: str
    key: str | None

    def __str__(self) -> str:
        return f"aws:{self.name}#{self.key}" if self.key else f"aws:{self.name}"


SecretSource = SecretFile | SecretEnv
"""Where a secret is that can be had at once."""

SecretReference = SecretSource | SecretVault | SecretAws
"""Where a secret is said to be."""


class Loads(Protocol):
    """Whatever gives a secret at once, and tells cheaply whether it may have changed."""

    def load(self) -> Secret:
        """Return the secret. Raises `SecretMissing`."""

    def version(self) -> object:
        """Return something that differs once the secret may have changed, None where it is not to be had."""


class FreshSecret(Generic[T]):
    """What is made of a secret, made again only when the secret has changed.

    `make` turns the secret into the form in which it is used (a header value, a key). A secret that has gone missing is an
    error at once; the old form is never served in its place.
    """

    def __init__(self, source: Loads, make: Callable[[Secret], T]) -> None:
        self._source = source
        self._make = make
        self._version: object = None
        self._value: T | None = None

    def get(self) -> T:
        """Return the current form. Raises `SecretMissing`."""
        version = self._source.version()
        if self._value is None or version is None or version != self._version:
            self._value = self._make(self._source.load())
            self._version = version
        return self._value
