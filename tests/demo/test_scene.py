"""Scenes hold only where something was checked and all of it held."""

import io

import pytest
from rich.console import Console

from extproc.demo import drawing
from extproc.demo.scene import Check, Scene, equal


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ((), False),
        ((Check(what="a", held=True),), True),
        ((Check(what="a", held=True), Check(what="b", held=False)), False),
    ],
)
def test_scene_holds_when_all_checks_do(checks: tuple[Check, ...], expected: bool) -> None:
    """A scene without a check has shown nothing."""
    assert expected == Scene(shown=(), checks=checks).held


def test_broken_check_says_what_was_found() -> None:
    """A check that did not hold is drawn with a cross and what was there instead."""
    played = Scene(shown=(), checks=(equal("three of them", 3, 2), equal("two of them", 2, 2)))
    output = io.StringIO()
    Console(file=output, width=100).print(drawing.scene(4, "Counting", played))
    text = output.getvalue()

    assert "4. Counting" in text
    assert "✘ three of them  [expected 3, got 2]" in text
    assert "✔ two of them" in text


def test_ending_names_every_step() -> None:
    """The ending says which steps held and which did not."""
    output = io.StringIO()
    Console(file=output, width=100).print(drawing.ending([("one", True), ("two", False)]))
    text = output.getvalue()

    assert "✔ one" in text
    assert "✘ two" in text
    assert "1 of 2 steps did NOT hold." in text
