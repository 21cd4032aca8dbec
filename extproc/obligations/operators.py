"""What takes a value's place under each mask operator.

Every form can be told from a real value: ``[REDACTED]``, ``[hash:<key id>:<32 hex digits>]``, ``[token:<key id>:<base64url>]``,
``[****1234]``. Null stays null, for it says only that nothing is there. Values are raw JSON in and out. Pure.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from extproc.decision import Operator, PartialOperator
from extproc.errors import Unfulfillable
from extproc.obligations.tokens import Place, seal
from extproc.secret import Secret

NULL: Final = msgspec.Raw(b"null")
REDACTED: Final = msgspec.Raw(b'"[REDACTED]"')

_STARS: Final = "****"
"""As many for a short value as for a long one, so that the length is hidden."""

_HASH_PURPOSE: Final = b"vecgate mask hash 1"
_TOKEN_PURPOSE: Final = b"vecgate mask token 1"
_HASH_LENGTH: Final = 32  # hex digits: 128 bits, beyond any collision
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_EXTENDING: Final = frozenset({"Mn", "Mc", "Me", "Cf"})  # marks; joiners, selectors and other characters without a shape
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_JOINER: Final = "\u200d"


@dataclass(frozen=True, slots=True, eq=False)
class MaskKey:
    """A key of `hash` and `token`, and its id, which shows in each, so that those of two keys are not compared.

    Both parts are derived: what the key is used for in one place tells nothing of another.
    """

    id: str
    subkey: Secret
    cipher: Secret

    @classmethod
    def derive(cls, key_id: str, secret: Secret) -> MaskKey:
        """Return the key of id `key_id` made from `secret`. Raises `ValueError` for an id that would blur the hash's form."""
        if _KEY_ID.fullmatch(key_id) is None:
            message = "the id of a masking key is 1 to 63 letters, digits, '-' or '_'"
            raise ValueError(message)
        subkey = hmac.digest(secret.reveal(), _HASH_PURPOSE, "sha256")
        return cls(key_id, Secret(subkey), Secret(hmac.digest(secret.reveal(), _TOKEN_PURPOSE, "sha512")))


@dataclass(frozen=True, slots=True)
class Constant:
    """Every value is replaced by the same one."""

    value: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Derived:
    """Each value is replaced by one made of it and of the path of its field."""

    make: Callable[[msgspec.Raw, str], msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Dropped:
    """The field is taken out with its name."""


Veil = Constant | Derived | Dropped
"""An operator, ready to be applied."""


def veil(operator: Operator, key: MaskKey | None, database: str = "", collection: str | None = None) -> Veil:
    """Return `operator` ready to be applied to records of a collection. Raises `Unfulfillable` where this gateway cannot."""
    match operator:
        case "redact":
            return Constant(REDACTED)
        case "null":
            return Constant(NULL)
        case "drop":
            return Dropped()
        case "hash":
            if key is None:
                raise Unfulfillable("the policy asks for hashes, and no masking key is configured", code="mask_key_missing")
            return Derived(lambda raw, _: _hashed(raw, key))
        case PartialOperator(partial=partial):
            return Derived(lambda raw, _: _partly(raw, partial.keep_last))
        case "token":
            if key is None:
                raise Unfulfillable("the policy asks for tokens, and no masking key is configured", code="mask_key_missing")
            return Derived(lambda raw, path: _token(raw, key, Place(database=database, collection=collection, field=path)))


def _token(raw: msgspec.Raw, key: MaskKey, place: Place) -> msgspec.Raw:
    return msgspec.Raw(f'"{seal(key.id, key.cipher, place, raw)}"'.encode())


# --- hash ---------------------------------------------------------------------------------------------------------------


def _hashed(raw: msgspec.Raw, key: MaskKey) -> msgspec.Raw:
    """Return the keyed hash of a value: the same for the same value in every field, worker and run."""
    text = msgspec.json.encode(plain(msgspec.json.decode(raw)), order="sorted")
    digest = hmac.digest(key.subkey.reveal(), text, "sha256").hex()[:_HASH_LENGTH]
    return msgspec.Raw(f'"[hash:{key.id}:{digest}]"'.encode())


def plain(value: Any) -> Any:
    """Return a JSON value with whole floats as integers: 1 and 1.0 are one JSON number (RFC 8785, section 3.2.2.3)."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case _:
            return value


# --- partial ------------------------------------------------------------------------------------------------------------


def _partly(raw: msgspec.Raw, keep_last: int) -> msgspec.Raw:
    """Return the end of a string or number; each element of a list by itself; nothing of an object or a truth value."""
    start = bytes(raw)[:1]
    if start == b"[":
        items = msgspec.json.decode(raw, type=list[msgspec.Raw])
        return msgspec.Raw(msgspec.json.encode([item if item == NULL else _partly(item, keep_last) for item in items]))
    if start == b'"':
        text = msgspec.json.decode(raw, type=str)
    elif start in b"{tf":
        text = ""
    else:
        text = bytes(raw).decode().lstrip("-")  # without the sign "-7" would show all of its digits
    return msgspec.Raw(msgspec.json.encode(f"[{_STARS}{_ending(text, keep_last)}]"))


def _ending(text: str, keep_last: int) -> str:
    """Return the last `keep_last` characters of `text`, and never more than half of them."""
    if not text.isascii():
        characters = _characters(text)
        shown = min(keep_last, len(characters) // 2)
        return "".join(characters[len(characters) - shown :])
    shown = min(keep_last, len(text) // 2)
    return text[len(text) - shown :]


def _characters(text: str) -> list[str]:
    """Split `text` into what a reader takes for characters, roughly as UAX #29: marks and joined parts stay with their base.

    Where this differs from the standard it joins more, so that less is shown.
    """
    characters: list[str] = []
    for point in text:
        extends = unicodedata.category(point) in _EXTENDING or ord(point) in _SKIN_TONES
        if characters and (extends or characters[-1].endswith(_JOINER)):
            characters[-1] += point
        elif not extends:
            characters.append(point)
    return characters
