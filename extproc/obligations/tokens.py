"""Reversible masks: a value sealed with AES-SIV (RFC 5297), with the place it was taken from.

``[token:<key id>:<base64url>]`` is the same for the same value in the same field under the same key, so it can be compared and
joined like a hash, and with the key it gives the value back. What it came from is sealed in it, so whoever asks for the value
cannot pretend that it came from somewhere else. The length is rounded up, so that it tells little. Pure.
"""

from __future__ import annotations

import base64
import re
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from extproc.errors import Malformed
from extproc.secret import Secret

CIPHER_BYTES: Final = 64
"""Of the key: two keys of AES-256."""

_PURPOSE: Final = b"vecgate mask token 1"
_BLOCK: Final = 32
_TOKEN: Final = re.compile(r"\[token:([A-Za-z0-9_-]{1,63}):([A-Za-z0-9_-]{20,})\]")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a value stands: in a field of a collection of a database."""

    database: str
    collection: str | None
    field: str


class Sealed(msgspec.Struct, frozen=True, array_like=True):
    """What a token holds."""

    database: str
    collection: str | None
    field: str
    value: msgspec.Raw


_sealed: Final = msgspec.json.Decoder(Sealed).decode


def seal(key_id: str, cipher: Secret, place: Place, value: msgspec.Raw) -> str:
    """Return the token of `value`, which is JSON, under the key called `key_id`."""
    plain = msgspec.json.encode(Sealed(place.database, place.collection, place.field, value))
    padded = plain + b" " * (-len(plain) % _BLOCK)
    ciphertext = AESSIV(cipher.reveal()).encrypt(padded, [_PURPOSE])
    return f"[token:{key_id}:{base64.urlsafe_b64encode(ciphertext).decode().rstrip('=')}]"


def key_of(token: str) -> str:
    """Return the id of the key that `token` was made with. Raises `Malformed` where it is no token."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise Malformed("this is not the form of a token", code="token_malformed")
    return found[1]


def unseal(cipher: Secret, token: str) -> Sealed:
    """Return what `token` holds. Raises `Malformed` where it is no token, or none of this key."""
    found = _TOKEN.fullmatch(token)
    try:
        ciphertext = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4)) if found else b""
        return _sealed(AESSIV(cipher.reveal()).decrypt(ciphertext, [_PURPOSE]))
    except (InvalidTag, ValueError, msgspec.MsgspecError):
        raise Malformed("the token was not made by this gateway, or has been changed", code="token_malformed") from None
