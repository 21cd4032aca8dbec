"""Masks on records: what is named is hidden, whatever the record's form; the rest stays."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.decision import DetectObligation, Operator, Partial, PartialOperator, Terms
from extproc.detection.catalogue import Catalogue
from extproc.errors import Unfulfillable, UpstreamError
from extproc.obligations.fields import parse
from extproc.obligations.masking import Masked, compile_mask
from extproc.obligations.operators import MaskKey
from extproc.operation import Result
from extproc.secret import Secret

CATALOGUE = Catalogue()
KEY = MaskKey.derive("k1", Secret(b"a key of the tests"))
KEEP_2 = PartialOperator(partial=Partial(keep_last=2))
KEEP_4 = PartialOperator(partial=Partial(keep_last=4))


def apply(record: Any, *masks: tuple[str, Operator]) -> tuple[Any, Masked]:
    """Mask one record's metadata and return what is left of it, and the report."""
    payload = msgspec.json.decode(json.dumps(record), type=dict[str, msgspec.Raw])
    result = Result(ids=[msgspec.Raw(b'"a"')], payloads=[payload])
    report = compile_mask(Terms(masks=masks), KEY, CATALOGUE).apply(result)
    return json.loads(msgspec.json.encode(payload)), report


@pytest.mark.parametrize(
    ("record", "masks", "expected"),
    [
        ({"email": "a", "x": 1}, [("email", "redact")], {"email": "[REDACTED]", "x": 1}),
        ({"email": "", "x": 1}, [("email", "redact")], {"email": "[REDACTED]", "x": 1}),
        ({"email": None}, [("email", "redact")], {"email": None}),
        ({"email": None, "x": 1}, [("email", "drop")], {"x": 1}),
        ({"email": "a"}, [("email", "null")], {"email": None}),
        ({"Email": "a"}, [("email", "redact")], {"Email": "a"}),
        ({"profile": {"email": "a", "x": 1}}, [("profile.email", "redact")], {"profile": {"email": "[REDACTED]", "x": 1}}),
        ({"profile.email": "a"}, [("profile.email", "redact")], {"profile.email": "[REDACTED]"}),
        ({"a.b": {"c": 1}}, [("a.b.c", "redact")], {"a.b": {"c": "[REDACTED]"}}),
        ({"a": {"b.c": 1}}, [("a.b.c", "redact")], {"a": {"b.c": "[REDACTED]"}}),
        ({"a": [{"b": 1}, [{"b": 2}], 3]}, [("a.b", "drop")], {"a": [{}, [{}], 3]}),
        ({"profile": {"email": "a"}}, [("profile", "redact")], {"profile": "[REDACTED]"}),
        ({"profile.email": "a", "profiles": 1}, [("profile", "redact")], {"profile.email": "[REDACTED]", "profiles": 1}),
        ({"profile": "a"}, [("profile.*", "redact")], {"profile": "a"}),
        ({"profile": {"a": {"b": 1}}, "x": 1}, [("profile.*", "redact")], {"profile": {"a": "[REDACTED]"}, "x": 1}),
        ({"profile.a": 1, "profiles": 1}, [("profile.*", "redact")], {"profile.a": "[REDACTED]", "profiles": 1}),
        ({"a": 1, "b": {"c": 2}}, [("*", "drop")], {}),
        ({"a": "x"}, [("a", KEEP_4), ("a", "null"), ("a", "redact")], {"a": None}),
        ({"p": {"a": "x", "b": "y"}}, [("p.*", "redact"), ("p.a", "drop")], {"p": {"b": "[REDACTED]"}}),
        ({"p": {"a": "x"}}, [("p.*", "drop"), ("p.a", KEEP_4)], {"p": {}}),
        ({"a": "abcdefgh"}, [("a", KEEP_4), ("*", KEEP_2)], {"a": "[****gh]"}),
    ],
)
def test_masks_hide_what_they_name(record: object, masks: list[tuple[str, Operator]], expected: object) -> None:
    """A mask hides its field in every spelling of its path, the strongest of several holds, and null stays null."""
    assert expected == apply(record, *masks)[0]


NAMES = st.sampled_from(["a", "b", "c", "a.b", "b.c"])
PATTERNS = st.sampled_from(["a", "b", "c", "a.b", "a.b.c", "b.c", "b.c.a", "a.*", "b.*", "a.b.*", "c.a.*", "*"])
OPERATORS: st.SearchStrategy[Operator] = st.sampled_from(["redact", "null", "drop", "hash"])


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """Make a nested record of which every leaf is a different word."""
    leaf = st.just(0)
    inner = st.recursive(
        leaf, lambda below: st.dictionaries(NAMES, below, max_size=3) | st.lists(below, max_size=2), max_leaves=8
    )
    record = draw(st.dictionaries(NAMES, inner, max_size=4))
    count = iter(range(1000))

    def named(value: Any) -> Any:
        match value:
            case dict():
                return {name: named(item) for name, item in value.items()}
            case list():
                return [named(item) for item in value]
            case _:
                return f"secret-{next(count):03}"

    return {name: named(value) for name, value in record.items()}


def leaves(value: Any, paths: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each leaf and the paths of all fields that hold it."""
    match value:
        case dict():
            for name, item in value.items():
                yield from leaves(item, (*paths, f"{paths[-1]}.{name}" if paths else name))
        case list():
            for item in value:
                yield from leaves(item, paths)
        case _:
            yield value, paths


@given(record=records(), masks=st.lists(st.tuples(PATTERNS, OPERATORS), min_size=1, max_size=4))
@settings(max_examples=300)
def test_nothing_named_stays_and_nothing_else_goes(record: dict[str, Any], masks: list[tuple[str, Operator]]) -> None:
    """A leaf is hidden exactly when a pattern names one of the fields that hold it."""
    left = json.dumps(apply(record, *masks)[0])
    patterns = [parse(text) for text, _ in masks]

    for leaf, paths in leaves(record, ()):
        named = any(pattern.matches(path) for pattern in patterns for path in paths)
        assert named == (leaf not in left)


def test_report_names_patterns_and_counts_values() -> None:
    """The report counts hidden values and names patterns, not the records' keys, which below a star are content."""
    record = {"email": "a", "by": {"a@b.example": 1, "c@d.example": 2}, "phone": None}
    _, report = apply(record, ("email", "redact"), ("phone", "redact"), ("by.*", "drop"))

    assert Masked(changed=True, fields=("by.*", "email"), values=3) == report


def test_keys_that_no_two_records_share_cost_no_more_than_they_are() -> None:
    """Records with ever other keys are gone through one by one: each key is looked at once, however many records there are."""
    looked = 0

    class Counted(dict[str, msgspec.Raw]):
        """A record that counts how often it is asked for a key."""

        def get(self, *key: Any) -> Any:
            """Look up."""
            nonlocal looked
            looked += 1
            return super().get(*key)

    records = 60
    payloads = [Counted({f"s.{record}.{key}": msgspec.Raw(b"1") for key in range(10)}) for record in range(records)]
    result = Result(ids=[msgspec.Raw(b'"a"')] * records, payloads=list(payloads))
    report = compile_mask(Terms(masks=(("s.*", "redact"),)), KEY, CATALOGUE).apply(result)

    assert report.values == records * 10
    assert looked <= records * 10
    assert {bytes(raw) for payload in payloads for raw in payload.values()} == {b'"[REDACTED]"'}


def test_texts_are_fields() -> None:
    """A record's text is the field `document`, its address `uri`; a dropped text is null, for the column stays."""
    texts = {"document": [msgspec.Raw(b'"secret"'), msgspec.Raw(b"null")], "uri": [msgspec.Raw(b'"u"'), msgspec.Raw(b'"v"')]}
    result = Result(ids=[msgspec.Raw(b"1"), msgspec.Raw(b"2")], texts=texts)
    report = compile_mask(Terms(masks=(("document", "redact"), ("uri", "drop"))), None, CATALOGUE).apply(result)
    left = {name: [json.loads(bytes(raw)) for raw in column] for name, column in result.texts.items()}

    assert left == {"document": ["[REDACTED]", None], "uri": [None, None]}
    assert Masked(changed=True, fields=("document", "uri"), values=3) == report


def test_metadata_key_named_like_a_text_is_masked_with_it() -> None:
    """A metadata key `document` has the same name as the text, and shares its fate."""
    assert apply({"document": "a"}, ("document", "redact"))[0] == {"document": "[REDACTED]"}


def test_key_twice_does_not_get_round_a_mask() -> None:
    """Of a key that stands twice, the value that is not looked at does not survive either."""
    payload = {"p": msgspec.Raw(b'{"email": "secret", "email": null}')}
    report = compile_mask(Terms(masks=(("p.email", "redact"),)), None, CATALOGUE).apply(Result(payloads=[payload]))

    assert (report.changed, bytes(payload["p"])) == (True, b'{"email":null}')


def test_key_spelt_with_escapes_is_masked() -> None:
    """A key written with JSON escapes is the same key."""
    payload = {"p": msgspec.Raw(b'{"\\u0065mail": "secret"}')}
    compile_mask(Terms(masks=(("p.email", "redact"),)), None, CATALOGUE).apply(Result(payloads=[payload]))

    assert bytes(payload["p"]) == b'{"email":"[REDACTED]"}'


def test_what_is_not_masked_stays_byte_for_byte() -> None:
    """Beside a masked value, numbers keep their spelling."""
    payload = {"p": msgspec.Raw(b'{"a": 1.50e1, "b": 123456789012345678901234567890, "c": "x"}')}
    compile_mask(Terms(masks=(("p.c", "redact"),)), None, CATALOGUE).apply(Result(payloads=[payload]))

    assert bytes(payload["p"]) == b'{"a":1.50e1,"b":123456789012345678901234567890,"c":"[REDACTED]"}'


def test_records_without_metadata_are_passed_over() -> None:
    """Absent metadata, and an absent column, hold nothing to hide."""
    mask = compile_mask(Terms(masks=(("a", "redact"), ("b.*", "redact"))), None, CATALOGUE)

    assert Masked(changed=True) == mask.apply(Result(payloads=[None, {}]))
    assert Masked(changed=True) == mask.apply(Result())


@pytest.mark.parametrize("column", ["ids", "payloads", "texts"])
def test_more_records_than_allowed_are_refused(column: str) -> None:
    """An answer longer than the limit, in whichever column, is not passed on."""
    long: dict[str, Any] = {
        "ids": Result(ids=[msgspec.Raw(b"1")] * 3),
        "payloads": Result(payloads=[None] * 3),
        "texts": Result(texts={"document": [msgspec.Raw(b"null")] * 3}),
    }
    compile_mask(Terms(limit=3), None, CATALOGUE).apply(long[column])
    with pytest.raises(UpstreamError) as caught:
        compile_mask(Terms(limit=2), None, CATALOGUE).apply(long[column])

    assert caught.value.code == "answer_exceeds_limit"


@pytest.mark.parametrize("raw", [b'{"email": "x"', b'["\xff"]', b"[" * 5000 + b"]" * 5000])
def test_value_that_cannot_be_read_is_refused(raw: bytes) -> None:
    """A value that may hold a named field and cannot be opened stops the answer, without its content in the message."""
    masks: tuple[tuple[str, Operator], ...] = (("p.email", "redact"), ("q", KEEP_4))
    name = "q" if b"\xff" in raw else "p"
    with pytest.raises(UpstreamError) as caught:
        compile_mask(Terms(masks=masks), None, CATALOGUE).apply(Result(payloads=[{name: msgspec.Raw(raw)}]))

    assert (caught.value.code, str(caught.value)) == ("mask_failed", "a value in the answer cannot be masked")


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (Terms(masks=(("a", "token"),)), "mask_key_missing"),
        (Terms(masks=(("a", "redact"), ("b", "hash"))), "mask_key_missing"),
        (Terms(masks=(("e*", "redact"),)), "mask_pattern_invalid"),
        (
            Terms(detects=(DetectObligation(entities=("PERSON",), fields=("document",), operator="redact"),)),
            "entity_unavailable",
        ),
    ],
)
def test_what_cannot_be_fulfilled_is_refused_beforehand(terms: Terms, expected: str) -> None:
    """Terms that cannot be kept are a denial before the request leaves."""
    with pytest.raises(Unfulfillable) as caught:
        compile_mask(terms, None, CATALOGUE)

    assert expected == caught.value.code


def test_equal_terms_share_a_mask() -> None:
    """Terms are made ready once, and under another key once more."""
    terms, twin = Terms(masks=(("a", "hash"),)), Terms(masks=(("a", "hash"),))
    other = MaskKey.derive("k1", Secret(b"another"))

    assert compile_mask(terms, KEY, CATALOGUE) is compile_mask(twin, KEY, CATALOGUE)
    assert compile_mask(terms, KEY, CATALOGUE) is not compile_mask(terms, other, CATALOGUE)


def test_paths_beyond_memory_are_still_masked() -> None:
    """A mask forgets nothing that matters when records bring more paths than it remembers."""
    record = {f"k{number}": {"email": "secret", "x": number} for number in range(1500)}
    record["p"] = {"email": "secret", "x": 1}

    assert "secret" not in json.dumps(apply(record, ("*", "redact"))[0])
    assert apply(record, ("p.email", "redact"))[0]["p"] == {"email": "[REDACTED]", "x": 1}
