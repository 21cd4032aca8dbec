"""Detectors as the configuration says."""

from __future__ import annotations

import importlib.util

import pytest

from extproc.config.types import Detection, Presidio, Recogniser
from extproc.detectors import catalogue
from extproc.errors import ConfigError


def test_recognisers_of_the_configuration_add_entities() -> None:
    """A pattern and a list of terms are found like what is built in."""
    known = catalogue(
        Detection(
            recognisers=(
                Recogniser(entity="PART_NUMBER", pattern="[A-Z]{2}-[0-9]{4}"),
                Recogniser(entity="PROJECT", terms=("Blue Heron",)),
            )
        )
    )
    found = known.detector(["PART_NUMBER", "PROJECT"]).findings(b"AB-1234 of blue heron")

    assert [each.type for each in found] == ["PART_NUMBER", "PROJECT"]


def test_the_threshold_is_the_configurations() -> None:
    """A recogniser below it finds nothing."""
    known = catalogue(Detection(threshold=0.7, recognisers=(Recogniser(entity="PIN", pattern="[0-9]{4}", score=0.6),)))

    assert known.detector(["PIN"]).findings(b"1234") == []


def test_a_recogniser_that_cannot_be_made_is_named() -> None:
    """The error says which entity it is of."""
    with pytest.raises(ConfigError, match=r"^detection\.recognisers: PIN: the pattern"):
        catalogue(Detection(recognisers=(Recogniser(entity="PIN", pattern="("),)))


@pytest.mark.skipif(importlib.util.find_spec("presidio_analyzer") is not None, reason="Presidio is installed")
def test_names_without_presidio_are_an_error_of_the_configuration() -> None:
    """Whoever asks for them is told what to install, before anything runs."""
    with pytest.raises(ConfigError, match=r"vecgate\[presidio\]"):
        catalogue(Detection(presidio=Presidio(model="en_core_web_sm")))
