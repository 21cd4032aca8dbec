"""What would be stored: a mask in it is refused in whatever spelling it comes, and nothing that has none is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from extproc.errors import Denied
from extproc.obligations.marks import refuse_written_masks
from fuzz import plain_json
from fuzz.mutation import tree as mutate

__all__ = ["check", "mutate"]

_ENTITIES: Final = frozenset({"EMAIL_ADDRESS", "US_SSN"})
_MASK: Final = re.compile(
    r"\[(?:REDACTED|EMAIL_ADDRESS|US_SSN|hash:[A-Za-z0-9_-]{1,63}:[0-9a-f]{32}|token:[A-Za-z0-9_-]{1,63}:[A-Za-z0-9_-]{20,}"
    r"|\*{4}[^\]]*)\]"
)


def check(data: bytes) -> None:
    """Look for masks in what would be stored, in two spellings."""
    try:
        document = plain_json.read(data)
        spelt = (msgspec.json.encode(document), json.dumps(document).encode())
    except (ValueError, RecursionError):
        return
    there = any(map(_MASK.search, _texts(document)))
    for stored in spelt:
        try:
            refuse_written_masks(stored, _ENTITIES)
        except Denied:
            assert there, "what has no mask is refused"
        except (ValueError, RecursionError):
            return
        else:
            assert not there, "a mask is stored"


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield key
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case _:
            pass
