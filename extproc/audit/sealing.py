"""Sealing: the private part and the recording of one entry, encrypted under a key that belongs to that entry alone.

Each entry has a random 256-bit key. It encrypts two things, once each, under two fixed nonces (AES-256-GCM), so no nonce is
used twice with a key. The key itself lies wrapped under the sealing key in a slot of fixed size; overwriting the slot erases
the entry. Wrapping is AES-SIV (RFC 5297), which needs no nonce and so has no limit on how many keys one sealing key may wrap.
What is sealed is bound to its worker, index and part, so nothing can be moved to another place. Only `fresh_keys` is random;
nothing here does I/O.
"""

from __future__ import annotations

import secrets
from typing import Final, Literal

import msgspec
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from extproc.audit.entry import Private, Recording
from extproc.audit.keys import derive
from extproc.audit.leaf import Salts
from extproc.errors import AuditError
from extproc.secret import Secret

SLOT_BYTES: Final = 64
KEY_BYTES: Final = 32
ERASED: Final = bytes(SLOT_BYTES)
"""What a slot holds once its key is destroyed."""

_SLOT_MARK: Final = b"vecgate-key-v1\0\0"  # with the 48 bytes of a wrapped key it makes up a slot
_WRAPPING_KEY_BYTES: Final = 64  # AES-256-SIV takes two keys of 32 bytes
_LEVEL: Final = 1  # zstd: higher levels cost time and win little on bodies of a few KB
_NONCES: Final = {"private": bytes(12), "recording": bytes(11) + b"\1"}
_PACKER: Final = msgspec.msgpack.Encoder()
Part = Literal["private", "recording"]


class Hidden(msgspec.Struct, frozen=True, kw_only=True):
    """What the private ciphertext holds: the private part and the salts of the leaf's commitments."""

    salts: Salts
    private: Private


class Wrapper:
    """Wraps entry keys under the sealing key and unwraps them."""

    def __init__(self, sealing_key: Secret, worker: str) -> None:
        self._cipher = AESSIV(derive(sealing_key, "entry keys", _WRAPPING_KEY_BYTES).reveal())
        self._worker = worker.encode()

    def slot(self, key: bytes, index: int) -> bytes:
        """Return the slot of the entry at `index`, `SLOT_BYTES` long."""
        return _SLOT_MARK + self._cipher.encrypt(key, [self._worker, b"%d" % index])

    def key(self, slot: bytes, index: int) -> bytes:
        """Return the key in `slot`. Raises `AuditError`, with the code ``entry_erased`` where it was destroyed."""
        if slot == ERASED:
            raise AuditError(f"the key of entry {index} was erased", code="entry_erased")
        try:
            return self._cipher.decrypt(slot[len(_SLOT_MARK) :], [self._worker, b"%d" % index])
        except (InvalidTag, ValueError) as error:
            raise AuditError(f"the key of entry {index} does not open", code="entry_unreadable") from error


class Sealer:
    """Seals and opens the two parts of one worker's entries. Not for use by two threads: it keeps one compressor."""

    def __init__(self, worker: str) -> None:
        self._worker = worker.encode()
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._json = msgspec.json.Encoder()

    def seal(self, hidden: Hidden, packed: bytes | None, key: bytes, index: int) -> tuple[bytes, bytes | None]:
        """Return the ciphertexts of the private part and of a recording that `pack` packed, if there is one.

        `key` is used up by it. Raises `ValueError` for text that has no UTF-8 form.
        """
        cipher = AESGCM(key)
        plain = self.compressor.compress(self._json.encode(hidden))
        private = cipher.encrypt(_NONCES["private"], plain, self._place("private", index))
        if packed is None:
            return private, None
        return private, cipher.encrypt(_NONCES["recording"], packed, self._place("recording", index))

    def open_private(self, sealed: bytes, key: bytes, index: int) -> Hidden:
        """Return what `seal` sealed of the private part. Raises `AuditError`."""
        return msgspec.json.decode(self._decrypt("private", sealed, key, index), type=Hidden)

    def open_recording(self, sealed: bytes, key: bytes, index: int) -> Recording:
        """Return what `seal` sealed of the recording. Raises `AuditError`."""
        return msgspec.msgpack.decode(self._decrypt("recording", sealed, key, index), type=Recording)

    def _decrypt(self, part: Part, sealed: bytes, key: bytes, index: int) -> bytes:
        try:
            packed = AESGCM(key).decrypt(_NONCES[part], sealed, self._place(part, index))
        except InvalidTag as error:
            raise AuditError(f"the {part} part of entry {index} does not open", code="entry_unreadable") from error
        return zstandard.ZstdDecompressor().decompress(packed)

    def _place(self, part: Part, index: int) -> bytes:
        return b"%b\0%d\0%b" % (self._worker, index, part.encode())


def pack(recording: Recording, compressor: zstandard.ZstdCompressor | None = None) -> bytes:
    """Return a recording as compressed bytes, ready to be sealed; for any thread where no `compressor` is given."""
    return (compressor or zstandard.ZstdCompressor(level=_LEVEL)).compress(_PACKER.encode(recording))


def fresh_keys(count: int) -> list[bytes]:
    """Draw `count` random keys."""
    drawn = secrets.token_bytes(KEY_BYTES * count)
    return [drawn[at : at + KEY_BYTES] for at in range(0, len(drawn), KEY_BYTES)]
