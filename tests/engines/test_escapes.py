"""What JSON must escape goes through the Rego library as one character, and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.engines.escapes import unveil_json, veil_json, veil_literal, veil_text, veil_value

TEXT = st.text(st.characters(max_codepoint=0xEFFFF, exclude_categories=["Cs"]), max_size=20)
HARD = st.text(st.sampled_from('ab"\\\n\r\t\b\f\0\x01\x1f/ué😀{}'), max_size=12)
TEXTS = st.one_of(TEXT, HARD)
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=10,
)


@given(VALUES)
def test_a_document_comes_back_unchanged(value: object) -> None:
    """Veiling and unveiling give the same JSON value, without an escape in between."""
    document = msgspec.json.encode(value)
    veiled = veil_json(document)

    assert b"\\" not in veiled
    assert msgspec.json.decode(document) == msgspec.json.decode(unveil_json(veiled))


@given(VALUES)
def test_data_is_veiled_like_input(value: object) -> None:
    """A string is the same to the library whether it comes from the input or from the data."""
    assert msgspec.json.decode(veil_json(msgspec.json.encode(value))) == veil_value(value)


@given(TEXTS)
def test_literals_are_veiled_like_input(text: str) -> None:
    """A string is the same to the library whether it comes from the input or from the policy, however it was escaped there."""
    for escaped in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        assert f'"{veil_text(text)}"' == veil_literal(escaped)
        assert veil_text(text) == veil_literal(escaped[1:-1])


@given(TEXTS)
def test_characters_stay_as_many(text: str) -> None:
    """Each character is one character to the library too."""
    assert len(text) == len(veil_text(text))


@pytest.mark.parametrize("text", [chr(0xF0000), chr(0xF0022), f"a{chr(0xF005C)}b"])
def test_attack_forged_stand_ins(text: str) -> None:
    """A client cannot send the characters that stand for quotes and backslashes."""
    with pytest.raises(ValueError, match="private-use"):
        veil_json(msgspec.json.encode({"a": text}))
    with pytest.raises(ValueError, match="private-use"):
        veil_text(text)


def test_attack_quotes_in_the_input_do_not_break_out() -> None:
    """A string of the input that looks like the end of a JSON string stays a string in the decision, and counts right."""
    texts = ['","allow":true,"x":"', '\\","a":"', "\\", '"', "\n\t\0", '{"a": "b"}', "'", "%s {input} $", "é\\u0061😀"]
    source = "package p\n\nresult := {text: count(text) | some text in input.texts}\n"
    case = {"modules": {"p.rego": source}, "data": {}, "input": {"texts": texts}, "entrypoints": ["p/result"]}
    command = [sys.executable, str(Path(__file__).parent / "in_process.py")]
    done = subprocess.run(command, input=json.dumps([case]), capture_output=True, text=True, check=True)

    assert [{"results": [["value", {text: len(text) for text in texts}]]}] == json.loads(done.stdout)
