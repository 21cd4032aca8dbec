"""Recognisers of the configuration: patterns with a check digit and words around them, and lists of terms."""

from __future__ import annotations

import pytest

from extproc.detection import custom
from extproc.detection.detector import Detector
from extproc.detection.recogniser import Recogniser
from extproc.errors import ConfigError


def found(recogniser: Recogniser, text: str, threshold: float = 0.5) -> list[str]:
    """Return the values that a recogniser finds in a text."""
    encoded = text.encode()
    return [encoded[each.start : each.end].decode() for each in Detector([recogniser], threshold=threshold).findings(encoded)]


def test_terms_are_whole_words_in_any_case_and_spacing() -> None:
    """A name is found however it is spaced and written, and not inside of another word."""
    terms = custom.of_terms("PROJECT", ["Blue Heron", "Ω-7", "heron"])

    assert found(terms, "the BLUE\n heron, a heron, herons, blueheron and Ω-7") == ["BLUE\n heron", "heron", "Ω-7"]


def test_a_longer_term_is_found_before_the_shorter_in_it() -> None:
    """Of terms that begin alike the longest is masked."""
    assert found(custom.of_terms("PROJECT", ["Blue", "Blue Heron", "Blue Heron Two"]), "Blue Heron Two") == ["Blue Heron Two"]


def test_the_group_of_a_pattern_is_the_value() -> None:
    """What stands around a group only tells where the value is."""
    assert found(custom.of_pattern("PIN", "pin ([0-9]{4})", score=0.6), "my pin 1234 and 5678") == ["1234"]


@pytest.mark.parametrize(("text", "expected"), [("B79927398713", ["B79927398713"]), ("B79927398714", [])])
def test_a_check_digit_decides(text: str, expected: list[str]) -> None:
    """Without its check digit a number of the form is none."""
    recogniser = custom.of_pattern("BADGE", "(?:B)[0-9]{11}", score=0.9)
    checked = custom.of_pattern("BADGE", "B([0-9]{11})", validator="luhn", score=0.9)

    assert [text] == found(recogniser, text)
    assert [each.removeprefix("B") for each in expected] == found(checked, text)


def test_words_make_a_value_surer() -> None:
    """A pattern that tells little by itself counts beside its words."""
    recogniser = custom.of_pattern("PART", "[A-Z]{2}-[0-9]{4}", context=["part", "Teil"], score=0.3)

    assert found(recogniser, "part AB-1234" + " " * 60 + "XY-0000" + " " * 60 + "Teilenummer CD-5678") == ["AB-1234", "CD-5678"]


@pytest.mark.parametrize("pattern", ["(", "(?=a)b", r"(a)\1", "a*", "", "x{2000}", "^$"])
def test_a_pattern_that_cannot_be_used_is_an_error_of_the_configuration(pattern: str) -> None:
    """What RE2 does not take, and what is found where nothing is, is refused at the start."""
    with pytest.raises(ConfigError):
        custom.of_pattern("OWN", pattern, score=0.6)


@pytest.mark.parametrize("term", ["", "  "])
def test_an_empty_term_is_an_error_of_the_configuration(term: str) -> None:
    """An empty term would be found everywhere."""
    with pytest.raises(ConfigError, match="empty"):
        custom.of_terms("PROJECT", ["Heron", term])
