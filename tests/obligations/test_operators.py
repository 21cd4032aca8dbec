"""What takes a value's place: forms, stability, and how little a partial mask shows."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.decision import Operator, Partial, PartialOperator
from extproc.errors import Unfulfillable
from extproc.obligations.operators import Constant, Derived, Dropped, MaskKey, veil
from extproc.secret import Secret

KEY = MaskKey.derive("k1", Secret(b"a key of the tests"))


def keep(count: int) -> Operator:
    """Return the partial operator that keeps `count` characters."""
    return PartialOperator(partial=Partial(keep_last=count))


def masked(value: Any, operator: Operator, key: MaskKey | None = KEY) -> Any:
    """Return what takes the place of `value`."""
    raw = msgspec.Raw(json.dumps(value).encode())
    match veil(operator, key):
        case Constant(value=constant):
            return json.loads(bytes(constant))
        case Derived(make=make):
            return json.loads(bytes(make(raw, "field")))
        case Dropped():
            return "dropped"


@pytest.mark.parametrize(("operator", "expected"), [("redact", "[REDACTED]"), ("null", None), ("drop", "dropped")])
@pytest.mark.parametrize("value", ["a@b.example", "", 4111, ["a"], {"a": 1}])
def test_whole_masks_do_not_depend_on_the_value(operator: Operator, expected: object, value: object) -> None:
    """Redact, null and drop give the same for every value, the empty string included."""
    assert expected == masked(value, operator)


@pytest.mark.parametrize(
    ("value", "count", "expected"),
    [
        ("4111111111111111", 4, "[****1111]"),
        (4111111111111111, 4, "[****1111]"),
        ("1234", 4, "[****34]"),
        ("123", 4, "[****3]"),
        ("1", 4, "[****]"),
        ("", 4, "[****]"),
        ("secret", 0, "[****]"),
        (-7, 4, "[****]"),
        (True, 4, "[****]"),
        (False, 4, "[****]"),
        ({"a": "abcdefgh"}, 4, "[****]"),
        (["abcdefgh", None, ["12"]], 4, ["[****efgh]", None, ["[****2]"]]),
        ("abe\u0301", 2, "[****e\u0301]"[:5] + "e\u0301]"),
        ("ab\u200b\u200b\u200b\u200b\u200b\u200b", 6, "[****b\u200b\u200b\u200b\u200b\u200b\u200b]"),
    ],
)
def test_partial_shows_the_end(value: object, count: int, expected: object) -> None:
    """A partial mask shows the last characters, never more than half, and hides the length; a mark stays with its letter."""
    assert expected == masked(value, keep(count))


@given(text=st.text(max_size=40), count=st.integers(0, 50))
@settings(max_examples=150)
def test_partial_never_shows_more_than_half(text: str, count: int) -> None:
    """Whatever is asked, at least half of a text's characters stay hidden, and no more than asked are shown."""
    shown = masked(text, keep(count)).removeprefix("[****").removesuffix("]")

    assert text.endswith(shown)
    assert 2 * len(shown) <= len(text) or not text.isascii()
    assert len(shown) <= count or not text.isascii()


def test_joined_emoji_is_one_character() -> None:
    """A family of three joined emoji counts as one character, so of two such only one is shown."""
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"

    assert f"[****{family}]" == masked(family * 2, keep(4))


@given(
    value=st.recursive(
        st.text(max_size=8) | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=6,
    )
)
@settings(max_examples=100)
def test_hash_has_one_form_and_is_stable(value: object) -> None:
    """A hash has its recognisable form and depends on the value and the key alone, not on how the JSON was spelt."""
    one = masked(value, "hash")
    spelt_otherwise = msgspec.Raw(json.dumps(value, ensure_ascii=True, indent=1).encode())
    again = veil("hash", MaskKey.derive("k1", Secret(b"a key of the tests")))
    assert isinstance(again, Derived)

    assert re.fullmatch(r"\[hash:k1:[0-9a-f]{32}\]", one)
    assert one == json.loads(bytes(again.make(spelt_otherwise, "field")))


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("1", 1), (1, True), ("", []), ({"a": 1}, {"a": 2})])
def test_hash_tells_values_apart(one: object, other: object) -> None:
    """Different values, and the same text under different types, have different hashes."""
    assert masked(one, "hash") != masked(other, "hash")


def test_hash_takes_one_and_one_point_nought_for_the_same() -> None:
    """1 and 1.0 are the same JSON number, and an engine may write either."""
    assert masked(1, "hash") == masked(1.0, "hash")


def test_hash_depends_on_the_key() -> None:
    """Without the key a hash cannot be made again from a guessed value."""
    assert masked("a", "hash") != masked("a", "hash", MaskKey.derive("k1", Secret(b"another key")))


@pytest.mark.parametrize(
    ("operator", "key", "expected"), [("token", None, "mask_key_missing"), ("hash", None, "mask_key_missing")]
)
def test_what_cannot_be_done_is_refused(operator: Operator, key: MaskKey | None, expected: str) -> None:
    """An operator that is not built, or lacks its key, is a denial and not a weaker mask."""
    with pytest.raises(Unfulfillable) as caught:
        veil(operator, key)

    assert expected == caught.value.code


@pytest.mark.parametrize("key_id", ["", "k:1", "k]", "x" * 64, "ключ"])
def test_key_id_that_blurs_the_form_is_refused(key_id: str) -> None:
    """A key's id must not be able to imitate the other parts of a hash."""
    with pytest.raises(ValueError, match="id of a masking key"):
        MaskKey.derive(key_id, Secret(b"x"))


def test_key_does_not_show_itself() -> None:
    """The key stays out of every representation."""
    assert "***" in repr(KEY)
