"""`vecgate detect`: texts in, findings out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detect import lines
from extproc.detection.catalogue import Catalogue
from extproc.errors import ConfigError

DETECTOR = Catalogue().detector(["EMAIL_ADDRESS"])


@given(st.text(st.sampled_from("aé😀 \n"), max_size=12), st.text(st.sampled_from(" é😀"), max_size=12))
def test_offsets_count_characters(before: str, after: str) -> None:
    """The value is the text from start to end, whatever letters stand before it."""
    text = f"{before} ana@example.org {after} bo@example.org"
    (line,) = lines([json.dumps({"text": text}).encode()], DETECTOR)
    found = json.loads(line)["entities"]

    assert [text[each["start"] : each["end"]] for each in found] == ["ana@example.org", "bo@example.org"]


def test_each_line_has_its_line_and_empty_ones_none() -> None:
    """What else stands in a line is passed over."""
    given_lines = [b'{"id": 1, "text": "x"}\n', b"\n", b'{"text": "\\u0061@example.org"}']
    found = [json.loads(line) for line in lines(given_lines, DETECTOR)]

    assert found == [{"entities": []}, {"entities": [{"type": "EMAIL_ADDRESS", "start": 0, "end": 13, "score": 0.95}]}]


@pytest.mark.parametrize("line", [b"text", b"[]", b'{"text": 1}', b'{"texts": "a"}', b'{"text": "\xff"}'])
def test_a_line_of_another_form_is_named(line: bytes) -> None:
    """The line's number is told, and nothing of what it holds."""
    with pytest.raises(ConfigError, match=r"^line 2: is not a JSON object with a member `text`$"):
        list(lines([b'{"text": "a"}', line], DETECTOR))
