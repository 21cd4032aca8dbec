"""The fourth and the fifth part of the corpus are what their generators make, and their labels stand where values are."""

from __future__ import annotations

from collections import Counter
from types import ModuleType

import pytest

from detectors import fifth, fourth

pytestmark = pytest.mark.parametrize("part", [fourth, fifth], ids=["fourth", "fifth"])


def test_the_frozen_file_is_what_the_generator_makes(part: ModuleType) -> None:
    """The generator gives the frozen part again, byte for byte."""
    assert part.FROZEN.read_bytes() == part.written().encode()


def test_half_of_the_records_hold_no_value(part: ModuleType) -> None:
    """Of 2,000 records, 1,000 have labels and 1,000 have none."""
    assert Counter(bool(record["entities"]) for record in part.corpus()) == {True: 1000, False: 1000}


def test_labels_stand_apart_and_within_the_text(part: ModuleType) -> None:
    """No label is empty, begins or ends with white space, or reaches into the next."""
    for record in part.corpus():
        end = 0
        for label in record["entities"]:
            value = record["text"][label["start"] : label["end"]]
            assert (label["start"] >= end, value.strip(), bool(value)) == (True, value, True)
            end = label["end"]
