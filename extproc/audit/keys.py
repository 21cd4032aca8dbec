"""The two keys of evidence: one that seals, one that signs; where they lie and how they come to be.

A key file that is absent is created, 0600, whole or not at all, so that several workers that start at once agree on one; a key
file that others can read is refused. Keys for different purposes are derived from the sealing key, never shared. This module
does not know what is sealed or signed.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from extproc.errors import ConfigError
from extproc.secret import Secret, SecretFile, SecretSource

SEALING_KEY_BYTES: Final = 32
_OTHERS: Final = 0o077
_PSEUDONYM_DIGITS: Final = 32  # 128 bits: no two users meet by chance


class Keys(NamedTuple):
    """The keys of one gateway's evidence: what seals, and what signs (PEM), of which the first is the current one."""

    sealing: Secret
    signing: tuple[Secret, ...]

    @classmethod
    def load(cls, sealing: SecretSource, signing: SecretSource, retiring: Sequence[SecretSource] = ()) -> Keys:
        """Return the keys that lie in these places; the first two are created when absent. Raises `ConfigError`."""
        retired = [checked_signing_key(source.load()) for source in retiring]
        return cls(sealing_key(sealing), (signing_key(signing), *retired))


def sealing_key(source: SecretSource) -> Secret:
    """Return the 32 bytes of the sealing key, which is kept as base64 text; a file that is absent is created.

    Raises `ConfigError` where the file is open to others or what is in it is no such key.
    """
    text = _load(source, lambda: base64.b64encode(secrets.token_bytes(SEALING_KEY_BYTES)) + b"\n")
    try:
        key = base64.b64decode(text.reveal(), validate=True)
    except binascii.Error as error:
        raise ConfigError("the sealing key is not base64 text") from error
    if len(key) != SEALING_KEY_BYTES:
        raise ConfigError(f"the sealing key is not {SEALING_KEY_BYTES} bytes long")
    return Secret(key)


def signing_key(source: SecretSource) -> Secret:
    """Return the Ed25519 signing key as PEM text (PKCS #8); a file that is absent is created.

    Raises `ConfigError` where the file is open to others or what is in it is no such key.
    """
    return checked_signing_key(_load(source, _new_signing_key))


def checked_signing_key(text: Secret) -> Secret:
    """Return the Ed25519 key in PEM as it is. Raises `ConfigError` for what is none."""
    try:
        key = serialization.load_pem_private_key(text.reveal(), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError("the signing key is not an unencrypted private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("the signing key is not an Ed25519 key")
    return text


def derive(key: Secret, purpose: str, length: int) -> Secret:
    """Return `length` bytes for one purpose (HKDF-SHA256, RFC 5869; `purpose` is its info)."""
    return Secret(HKDF(algorithm=SHA256(), length=length, salt=None, info=f"vecgate {purpose}".encode()).derive(key.reveal()))


class Pseudonyms:
    """Keyed names for people: the same person has the same one, and nobody without the key can go back."""

    def __init__(self, key: Secret) -> None:
        self._key = derive(key, "pseudonym", SEALING_KEY_BYTES)

    def of(self, identifier: str) -> str:
        """Return the pseudonym of `identifier`: 128 bits of HMAC-SHA256, hex."""
        return hmac.digest(self._key.reveal(), identifier.encode(), "sha256").hex()[:_PSEUDONYM_DIGITS]


def _new_signing_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load(source: SecretSource, new: Callable[[], bytes]) -> Secret:
    if isinstance(source, SecretFile):
        try:
            if not source.path.exists():
                _create(source.path, new())
            mode = source.path.stat().st_mode
        except OSError as error:
            raise ConfigError(f"{source.path}: cannot be created: {error.strerror}") from error
        if mode & _OTHERS:
            raise ConfigError(f"{source.path}: others can read this key; chmod 600 it")
    return source.load()


def _create(path: Path, content: bytes) -> None:
    """Create `path` whole and 0600. Whoever else created it in the meantime has won: theirs is the key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
