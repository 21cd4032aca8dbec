"""Field patterns: what they name, what they refuse."""

import pytest

from extproc.errors import Unfulfillable
from extproc.obligations.fields import parse


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("email", "email", True),
        ("email", "Email", False),
        ("email", "emails", False),
        ("email", "profile.email", False),
        ("email", "email.work", True),
        ("profile.email", "profile.email", True),
        ("profile.*", "profile.email", True),
        ("profile.*", "profile.a.b", True),
        ("profile.*", "profile", False),
        ("profile.*", "profiles.a", False),
        ("*", "anything", True),
        ("*", "any.thing", True),
    ],
)
def test_pattern_names_its_fields(pattern: str, path: str, expected: bool) -> None:
    """A pattern names one field, all below one, or every field; letter case counts."""
    assert expected == parse(pattern).matches(path)


@pytest.mark.parametrize("text", ["", "em*", "*.email", "a.*.b", "*a", "**", ".*", "a.**"])
def test_star_elsewhere_is_refused(text: str) -> None:
    """A star that would match nothing is refused, for such a mask would hide nothing."""
    with pytest.raises(Unfulfillable) as caught:
        parse(text)

    assert caught.value.code == "mask_pattern_invalid"


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("profile.email", "profile", True),
        ("profile.*", "profile", True),
        ("profile.*", "profile.a", True),
        ("profile", "pro", False),
        ("a.b.c", "a.b", True),
        ("*", "a", True),
    ],
)
def test_pattern_reaches_below_what_may_hold_a_named_field(pattern: str, path: str, expected: bool) -> None:
    """A value is opened only where a named field may lie in it."""
    parsed = parse(pattern)

    assert expected == (parsed.reaches(path) or parsed.matches(path))
