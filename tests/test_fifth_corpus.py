"""The fifth part of the corpus is what its generator makes, and its labels stand where values are."""

from __future__ import annotations

from collections import Counter

from detectors import fifth


def test_the_frozen_file_is_what_the_generator_makes() -> None:
    """The generator gives the frozen part again, byte for byte."""
    assert fifth.FROZEN.read_bytes() == fifth.written().encode()


def test_half_of_the_records_hold_no_value() -> None:
    """Of 2,000 records, 1,000 have labels and 1,000 have none."""
    assert Counter(bool(record["entities"]) for record in fifth.corpus()) == {True: 1000, False: 1000}


def test_labels_stand_apart_and_within_the_text() -> None:
    """No label is empty, begins or ends with white space, or reaches into the next."""
    for record in fifth.corpus():
        end = 0
        for label in record["entities"]:
            value = record["text"][label["start"] : label["end"]]
            assert (label["start"] >= end, value.strip(), bool(value)) == (True, value, True)
            end = label["end"]
