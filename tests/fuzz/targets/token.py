"""Tokens: what a value is sealed into gives it back, and whatever else pretends to be one is refused and quotes nothing."""

from __future__ import annotations

from typing import Final

import msgspec

from extproc.errors import Malformed
from extproc.obligations import tokens
from extproc.obligations.operators import MaskKey
from extproc.obligations.tokens import Place, seal, unseal
from extproc.secret import Secret
from fuzz.tokens import MARK

_KEY: Final = MaskKey.derive("k1", Secret(b"a key of the fuzzer"))
_OTHER: Final = MaskKey.derive("k1", Secret(b"another key"))


def check(data: bytes) -> None:
    """Open an input as a token, and seal it as a value."""
    text = data.decode("utf-8", "replace")
    try:
        tokens.key_of(text)
        unseal(_KEY.cipher, text)
    except Malformed as error:
        refusal = str(error)
    else:
        raise AssertionError("a token was forged")
    assert MARK not in refusal, "a refusal quotes the token"
    place = Place(database="kb", collection=text[:7] or None, field=text[7:14])
    value = msgspec.Raw(msgspec.json.encode(text))
    token = seal(_KEY.id, _KEY.cipher, place, value)
    assert tokens.key_of(token) == "k1"
    sealed = unseal(_KEY.cipher, token)
    assert (sealed.database, sealed.collection, sealed.field) == (place.database, place.collection, place.field)
    assert bytes(sealed.value) == bytes(value)
    try:
        unseal(_OTHER.cipher, token)
    except Malformed:
        return
    raise AssertionError("another key opened it")
