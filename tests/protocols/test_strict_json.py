"""Strict JSON: what every parser reads alike passes, all else is malformed, and nothing is quoted."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.errors import Malformed
from extproc.protocols import strict_json

_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES, st.booleans())
def test_value_is_what_it_says(value: Any, escaped: bool) -> None:
    """Every plain JSON value is read as what it is, ints as ints and floats as floats, however it is escaped."""
    raw = json.dumps({"m": value}, ensure_ascii=escaped).encode()

    found = strict_json.value(strict_json.members(raw)["m"], "m")

    assert json.dumps(value) == json.dumps(found)


@given(st.binary() | st.text().map(str.encode))
@example(b"{}")
@example(b'{"a":1}')
def test_nothing_but_malformed_is_raised(body: bytes) -> None:
    """Whatever the bytes are, they are read like any parser reads them or are malformed; no other error comes out."""
    try:
        found = {name: strict_json.value(raw, name) for name, raw in strict_json.members(body).items()}
    except Malformed:
        return

    assert json.loads(body) == found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"{}{}",
        b"{} x",
        b"\xef\xbb\xbf{}",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":"\xff"}',
        b'{"\xff":1}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\x01"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"a":1}\x00',
        "{}".encode("utf-16"),
    ],
)
def test_bytes_that_parsers_disagree_about(body: bytes) -> None:
    """What is not one object of JSON in UTF-8 is malformed."""
    with pytest.raises(Malformed):
        strict_json.members(body)


@pytest.mark.parametrize("body", [b'{"a":1,"a":2}', b'{"a":1,"A":2}', b'{"a":1,"\\u0061":2}', b'{"s":1,"\xc5\xbf":2}'])
def test_smuggling_a_second_member(body: bytes) -> None:
    """A key that comes twice, also by an escape or in another letter case, is refused before any value is looked at."""
    with pytest.raises(Malformed) as caught:
        strict_json.members(body)

    assert caught.value.code == "key_duplicate"


@pytest.mark.parametrize(
    "value",
    [
        b'{"t":"x","t":"y"}',
        b'[{"a":[{"t":1,"\\u0074":2}]}]',
        b"1e400",
        b"[-1e400]",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"1" * 5000,
    ],
)
def test_smuggling_inside_a_value(value: bytes) -> None:
    """A key that comes twice at any depth, and a number that some parser would round or wrap, are refused."""
    with pytest.raises(Malformed) as caught:
        strict_json.value(strict_json.members(b'{"m":' + value + b"}")["m"], "m")

    assert "'m'" in str(caught.value)


@pytest.mark.parametrize("depth", [101, 900, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_stack_exhaustion_by_nesting(depth: int, opening: bytes, closing: bytes) -> None:
    """A value nested deeper than any filter is malformed, and exhausts nothing."""
    body = b'{"m":' + opening * depth + b"1" + closing * depth + b"}"

    with pytest.raises(Malformed):
        strict_json.value(strict_json.members(body)["m"], "m")


def test_stack_exhaustion_without_an_end() -> None:
    """Brackets that are only opened are malformed."""
    with pytest.raises(Malformed):
        strict_json.members(b'{"m":' + b"[" * 1_000_000)


def test_nesting_within_the_bound() -> None:
    """A value may be nested as deep as the bound says."""
    depth = strict_json.DEEPEST - 1
    body = b'{"m":' + b"[" * depth + b"1" + b"]" * depth + b"}"

    found = strict_json.value(strict_json.members(body)["m"], "m")

    assert b"[" * depth + b"1" + b"]" * depth == msgspec.json.encode(found)


def test_negative_zero_stays_one() -> None:
    """The integer -0, which is a float to one parser and 0 to another, is written as the float."""
    found = strict_json.value(msgspec.Raw(b"-0"), "m")

    assert math.copysign(1, found) == -1
    assert isinstance(found, float)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"[]", 0),
        (b"[[1,2],[3.5e-7,-4]]", 2),
        (b"[ [1 , 2] ,\n[3] ]", 2),
        (b"[null,[1]]", 1),
        (b'["AACAPwAAAEA=","AACA+/=="]', 2),
        (b'[null,"AACAPwAAAEA="]', 1),
    ],
)
def test_vectors_are_counted_and_not_parsed(raw: bytes, expected: int) -> None:
    """Lists of numbers and strings of base64 are vectors, null among them stands for none."""
    assert expected == strict_json.vectors(msgspec.Raw(raw), "embeddings")


@pytest.mark.parametrize(
    "raw", [b"null", b"1", b'"AAAA"', b'[{"a":1}]', b'["\\u0041"]', b'["a b!"]', b"[true]", "[“]".encode(), b'["\x7f"]']
)
def test_smuggling_under_the_name_of_a_vector(raw: bytes) -> None:
    """What is no vector is refused although vectors are not parsed: objects, escapes, free text."""
    with pytest.raises(Malformed):
        strict_json.vectors(msgspec.Raw(raw), "embeddings")


@pytest.mark.parametrize("raw", [b'[[1],"AA=="]', b'["AA==",[1],[2]]', b'["[AA"]', b'[["AA=="]]'])
def test_smuggling_vectors_of_a_second_kind(raw: bytes) -> None:
    """Lists beside strings are refused: only one of the two would be counted."""
    with pytest.raises(Malformed):
        strict_json.vectors(msgspec.Raw(raw), "query_embeddings")


def test_encoding_of_an_opaque_member_is_left_to_its_reader() -> None:
    """Bytes beyond ASCII in an opaque member pass the body and not the alphabet."""
    raw = strict_json.members('{"embeddings":["é"]}'.encode(), {"embeddings"})["embeddings"]

    with pytest.raises(Malformed):
        strict_json.vectors(raw, "embeddings")


def test_objects_keep_their_values_as_sent() -> None:
    """The metadata of records is split into members whose values keep every digit."""
    found = strict_json.objects(msgspec.Raw(b'[{"a":1.50,"b":9223372036854775808},null]'), "metadatas")

    assert [{"a": msgspec.Raw(b"1.50"), "b": msgspec.Raw(b"9223372036854775808")}, None] == found


@pytest.mark.parametrize("raw", [b'[{"t":1,"t":2}]', b'[{"t":1,"\\u0074":2}]', b"[1]", b"{}", b"[[]]", b'[{"\xff":1}]'])
def test_smuggling_a_second_metadata_key(raw: bytes) -> None:
    """Metadata with a key that comes twice, or that is no object, is malformed."""
    with pytest.raises(Malformed):
        strict_json.objects(msgspec.Raw(raw), "metadatas")


def test_metadata_keys_may_differ_in_case() -> None:
    """Metadata keys are free: two that differ in letter case are two fields."""
    assert [{"t", "T"}] == [set(each or ()) for each in strict_json.objects(msgspec.Raw(b'[{"t":1,"T":2}]'), "metadatas")]


def test_typed_value_of_another_type() -> None:
    """A member of another type than it must have is malformed."""
    with pytest.raises(Malformed):
        strict_json.typed(msgspec.Raw(b'["a",1]'), msgspec.json.Decoder(list[str]), "ids")


def test_long_names_are_cut() -> None:
    """A client's own name for something is shown short and printable."""
    assert len(strict_json.shown("\n" * 500)) < 150
    assert strict_json.shown("a\nb") == "'a\\nb'"
