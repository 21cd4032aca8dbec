"""JSON as the standard library reads it: the second opinion on what a body says."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 4000
"""Digits of an integer that Python still turns into a number; a longer one stays text."""


def read(document: bytes) -> Any:
    """Return the value of a document in UTF-8. Raises `ValueError` for a key that comes twice and for what is not JSON."""
    return _UNIQUE.decode(document.decode())


def pairs(document: bytes) -> Any:
    """Return the value of a document with every object as a `Pairs`; bytes that are not UTF-8 stand as half surrogates."""
    return _PAIRS.decode(document.decode("utf-8", "surrogateescape"))


def text(value: Any) -> str:
    """Return a value as text that differs for every difference: 1 is not 1.0, and -0.0 is not 0."""
    return json.dumps(value)


class Pairs(tuple[tuple[str, Any], ...]):
    """The members of an object, also those of a key that comes twice."""

    __slots__ = ()


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        message = "a key comes twice"
        raise ValueError(message)
    return found


def _whole(digits: str) -> Any:
    if digits == "-0":  # is -0.0 wherever it is a number of its own
        return -0.0
    return int(digits) if len(digits) < LONGEST else digits


def _refused(constant: str) -> Any:
    raise ValueError(constant)


_UNIQUE = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_whole, parse_constant=_refused)
_PAIRS = json.JSONDecoder(object_pairs_hook=Pairs, parse_int=_whole, parse_constant=_refused)
