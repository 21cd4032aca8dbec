"""Tokens give a value back to the key that made them, with the place it was taken from, and to nobody else."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import Malformed
from extproc.obligations.operators import MaskKey
from extproc.obligations.tokens import Place, key_of, seal, unseal
from extproc.secret import Secret

KEY = MaskKey.derive("2026-k1", Secret(b"a key of the tests"))
PLACE = Place(database="kb", collection="tickets", field="profile.email")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3),
    max_leaves=5,
)


def token(value: Any, place: Place = PLACE, key: MaskKey = KEY) -> str:
    """Return the token of a value."""
    return seal(key.id, key.cipher, place, msgspec.Raw(msgspec.json.encode(value)))


@given(json_values)
def test_a_token_gives_back_the_value_and_its_place(value: Any) -> None:
    """Whatever the value, byte for byte."""
    sealed = unseal(KEY.cipher, token(value))

    assert (bytes(sealed.value), sealed.database, sealed.collection, sealed.field) == (
        msgspec.json.encode(value),
        "kb",
        "tickets",
        "profile.email",
    )


def test_equal_values_of_a_field_have_equal_tokens() -> None:
    """They can be compared and joined; values of another field, collection or database, or under another key, cannot."""
    others = [
        token("a", Place(database="kb", collection="tickets", field="other")),
        token("a", Place(database="kb", collection="letters", field="profile.email")),
        token("a", Place(database="b", collection="tickets", field="profile.email")),
        token("a", key=MaskKey.derive("2026-k1", Secret(b"another key"))),
        token("b"),
    ]

    assert token("a") == token("a")
    assert len({token("a"), *others}) == len(others) + 1


@pytest.mark.parametrize("lengths", [(1, 2), (3, 12)])
def test_the_length_of_a_token_tells_little(lengths: tuple[int, int]) -> None:
    """Values of about one length have tokens of one length."""
    place = Place(database="d", collection="c", field="f")

    assert len({len(token("x" * length, place)) for length in lengths}) == 1


def test_a_token_has_its_form_and_names_its_key() -> None:
    """So that a reader, a program and a search for masks can tell it."""
    assert re.fullmatch(r"\[token:2026-k1:[A-Za-z0-9_-]{20,}\]", token("a"))
    assert key_of(token("a")) == "2026-k1"


@given(st.integers(0, 10**6), st.sampled_from("Ab0-_]"))
def test_a_changed_token_is_refused(at: int, letter: str) -> None:
    """No letter of it can be another."""
    whole = token("a secret value")
    at %= len(whole)
    if whole[at] == letter:
        return
    changed = whole[:at] + letter + whole[at + 1 :]
    try:
        sealed = unseal(KEY.cipher, changed)
    except Malformed:
        return
    # The name of the key stands beside what is sealed: another key would be looked for under it.
    assert key_of(changed) != key_of(whole) or bytes(sealed.value) == b'"a secret value"'
    assert key_of(changed) != key_of(whole) or changed[:-2] == whole[:-2]


@pytest.mark.parametrize(
    "text", ["", "[REDACTED]", "[token:k1:]", "[token:k1:AAAA]", f"[token::{'A' * 24}]", f"[token:k1:{'A' * 25}]"]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    """And not quoted."""
    with pytest.raises(Malformed) as caught:
        unseal(KEY.cipher, text)

    assert (caught.value.code, text[8:] in str(caught.value) and bool(text[8:])) == ("token_malformed", False)


def test_another_key_does_not_open_it() -> None:
    """Nor does the key of hashes of the same secret."""
    other = MaskKey.derive("2026-k1", Secret(b"another key"))

    with pytest.raises(Malformed):
        unseal(other.cipher, token("a"))
