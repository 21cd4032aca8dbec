"""Recognisers of the configuration on any text, and any pattern as one: it is refused, or keeps what all of them promise.

A line is the pattern, the rest the text.
"""

from __future__ import annotations

from typing import Final

from extproc.detection import custom
from extproc.detection.detector import Detector
from extproc.errors import ConfigError

_TERMS: Final = custom.of_terms("PROJECT", ["Blue Heron", "Ω-7", "x"])
_PART: Final = custom.of_pattern("PART", "[A-Z]{2}-[0-9]{4}", validator=None, context=["part"], score=0.6)
_BADGE: Final = custom.of_pattern("BADGE", "B([0-9]{8})", validator="luhn", score=0.8)
_LONGEST_PATTERN: Final = 200


def check(data: bytes) -> None:
    """Search and mask a text."""
    pattern, _, text = data.partition(b"\n")
    for recogniser in (_TERMS, _PART, _BADGE):
        detector = Detector([recogniser])
        found = detector.findings(text.decode("utf-8", "replace").encode())
        assert all(each.type == recogniser.entity for each in found)
    try:
        own = custom.of_pattern("OWN", pattern.decode("utf-8", "replace")[:_LONGEST_PATTERN], score=1.0)
    except ConfigError:
        return
    Detector([own]).findings(text.decode("utf-8", "replace").encode())
