"""Values found inside texts: replaced by span, whatever their spelling in JSON, and all beside them byte for byte."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.decision import DetectObligation, Operator, Partial, PartialOperator, Terms
from extproc.detection.catalogue import Catalogue
from extproc.errors import Unfulfillable, UpstreamError
from extproc.obligations.masking import compile_mask
from extproc.obligations.operators import MaskKey
from extproc.obligations.tokens import unseal
from extproc.operation import Result
from extproc.secret import Secret

CATALOGUE = Catalogue()
KEY = MaskKey.derive("k1", Secret(b"a key of the tests"))
KEEP_4 = PartialOperator(partial=Partial(keep_last=4))
VALUES = {
    "omar.quinn@example.net": "EMAIL_ADDRESS",
    "4242 4295 7319 7820": "CREDIT_CARD",
    "520-25-2260": "US_SSN",
    "203.0.113.77": "IP_ADDRESS",
    "DE89370400440532013000": "IBAN_CODE",
}
ENTITIES = tuple(sorted(VALUES.values()))

Masks = tuple[tuple[str, Operator], ...]


def detect(*fields: str, operator: Operator = "redact", entities: tuple[str, ...] = ENTITIES) -> DetectObligation:
    """Return an obligation to hide what is found in fields."""
    return DetectObligation(entities=entities, fields=fields, operator=operator)


def apply(raw: bytes, *detects: DetectObligation, masks: Masks = ()) -> tuple[bytes | None, dict[str, int]]:
    """Mask the metadata field `text` of one record, given as JSON; return its bytes and what was found."""
    payload = {"text": msgspec.Raw(raw)}
    report = compile_mask(Terms(masks=masks, detects=detects), KEY, CATALOGUE, database="kb", collection="c").apply(
        Result(payloads=[payload])
    )
    return bytes(payload["text"]) if "text" in payload else None, report.entities


@st.composite
def spelt(draw: st.DrawFn, text: str) -> str:
    """Return the JSON of a text with each letter spelt as it is or escaped."""
    parts = []
    for letter in text:
        plain = json.dumps(letter, ensure_ascii=False)[1:-1]
        escaped = "".join(f"\\u{unit:04x}" for unit in _units(letter))
        parts.append(draw(st.sampled_from([plain, plain, escaped])))
    return "".join(parts)


def _units(letter: str) -> list[int]:
    encoded = letter.encode("utf-16-be")
    return [int.from_bytes(encoded[at : at + 2]) for at in range(0, len(encoded), 2)]


beside = st.text(st.sampled_from('é😀"\\\n\t ;{}[]語'), min_size=1, max_size=8)


@given(st.data())
@settings(max_examples=200)
def test_what_is_found_goes_and_the_rest_stays_byte_for_byte(data: st.DataObject) -> None:
    """In whatever spelling values stand, each is replaced by its entity, and what is beside it keeps its spelling."""
    raw, expected, count = "", "", 0
    for value in data.draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=4)):
        around = data.draw(beside.flatmap(lambda text: spelt(f" {text} ")))
        raw += around + data.draw(spelt(value))
        expected += around + f"[{VALUES[value]}]"
        count += 1
    tail = data.draw(beside.flatmap(lambda text: spelt(f" {text}")))

    masked, found = apply(f'"{raw}{tail}"'.encode(), detect("text"))

    assert (masked, sum(found.values())) == (f'"{expected}{tail}"'.encode(), count)


trees = st.recursive(
    st.sampled_from([*VALUES, "plain", 7, 1.5, None, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def replaced(value: Any) -> Any:
    """Return a tree with each value replaced by its entity, made by other means."""
    match value:
        case str():
            return f"[{VALUES[value]}]" if value in VALUES else value
        case list():
            return [replaced(item) for item in value]
        case dict():
            return {name: replaced(item) for name, item in value.items()}
        case _:
            return value


@given(trees)
def test_values_are_found_at_any_depth(tree: Any) -> None:
    """In lists and objects, of lists and objects."""
    masked, _ = apply(json.dumps(tree).encode(), detect("text"))

    assert replaced(tree) == json.loads(masked or b"")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"4242429573197820", '"[CREDIT_CARD]"'),
        (b"4.24242957319782e15", '"[CREDIT_CARD]"'),
        (b"1.50e1", "1.50e1"),
        (b"123456789012345678901234567890", "123456789012345678901234567890"),
        (b"true", "true"),
        (b"null", "null"),
    ],
)
def test_numbers_are_searched_as_they_read(raw: bytes, expected: str) -> None:
    """A card may be stored as a number; a number that is none keeps its spelling."""
    assert expected.encode() == apply(raw, detect("text"))[0]


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("redact", rb'"a [US_SSN] b"'),
        (KEEP_4, rb'"a [****2260] b"'),
        ("null", b"null"),
        ("drop", None),
    ],
)
def test_each_operator_inside_of_a_text(operator: Operator, expected: bytes | None) -> None:
    """A part of a text cannot be null or go: then the whole value does."""
    assert expected == apply(b'"a 520-25-2260 b"', detect("text", operator=operator))[0]


def test_a_token_inside_of_a_text_gives_the_value_back() -> None:
    """What was found is sealed with the field that it stood in."""
    masked, _ = apply(rb'"a \u0035\u0032\u0030-25-2260 b"', detect("text", operator="token"))
    text = json.loads(masked or b"")
    sealed = unseal(KEY.cipher, text.removeprefix("a ").removesuffix(" b"))

    assert (sealed.database, sealed.collection, sealed.field, bytes(sealed.value)) == ("kb", "c", "text", b'"520-25-2260"')


def test_the_strongest_operator_holds_where_several_find() -> None:
    """Where one of two found values asks for null, the text is null."""
    both = (detect("text", entities=("US_SSN",)), detect("text", operator="null", entities=("EMAIL_ADDRESS",)))

    assert (
        apply(b'"520-25-2260"', *both)[0],
        apply(b'"520-25-2260 ana@example.org"', *both)[0],
    ) == (b'"[US_SSN]"', b"null")


def test_a_mask_of_the_whole_field_yields_to_a_stronger_detection() -> None:
    """A field under `partial` in which something to be dropped is found goes; one without stays partial."""
    masks: Masks = (("text", KEEP_4),)
    stronger = detect("text", operator="drop")

    assert (
        apply(b'"mail ana@example.org"', stronger, masks=masks)[0],
        apply(b'"this is plain"', stronger, masks=masks)[0],
    ) == (None, b'"[****lain]"')


def test_counts_are_by_entity_and_by_pattern() -> None:
    """What was found is counted by what it is, and by the pattern that asked for it."""
    payloads: list[dict[str, msgspec.Raw] | None] = [
        {"text": msgspec.Raw(b'"520-25-2260 520-25-2261 ana@example.org"'), "open": msgspec.Raw(b'"ana@example.org"')}
    ]
    masked = compile_mask(Terms(detects=(detect("text"),)), None, CATALOGUE).apply(Result(payloads=payloads))

    assert (masked.entities, masked.fields, masked.values) == ({"EMAIL_ADDRESS": 1, "US_SSN": 2}, ("text",), 3)


@pytest.mark.parametrize("raw", [b'"caf\xe9 520-25-2260"', b'"\\ud800 520-25-2260"', b'"a \\x 520-25-2260"'])
def test_a_text_that_cannot_be_read_is_refused(raw: bytes) -> None:
    """What is no text could be read in some way in which it was not searched."""
    with pytest.raises(UpstreamError) as caught:
        apply(raw, detect("text"))

    assert caught.value.code == "mask_failed"


def test_an_entity_that_nothing_recognises_is_refused_beforehand() -> None:
    """The denial comes before the request leaves."""
    with pytest.raises(Unfulfillable) as caught:
        apply(b'"a"', detect("text", entities=("US_SSN", "PERSON")))

    assert caught.value.code == "entity_unavailable"


@given(st.lists(trees, max_size=3))
def test_what_nothing_asks_for_stays_byte_for_byte(found: list[Any]) -> None:
    """Without an obligation nothing is touched, and a field that no pattern names keeps its bytes."""
    raw = json.dumps(found).encode()

    assert (raw, {}) == apply(raw)
    assert (raw, {}) == apply(raw, detect("other"))
