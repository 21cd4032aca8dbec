"""Masks have forms by which they can be told, so that none is written back over the value that it hides.

Whoever reads ``[REDACTED]`` and writes the record again would store it. What is `null` or has been dropped cannot be told from
what was never there; `docs/masking.md` says what follows. Pure.
"""

from __future__ import annotations

import functools
from typing import Final

import msgspec

from extproc.detection.expression import Expression
from extproc.errors import Denied

_FORMS: Final = (
    "REDACTED",
    r"hash:[A-Za-z0-9_-]{1,63}:[0-9a-f]{32}",
    r"token:[A-Za-z0-9_-]{1,63}:[A-Za-z0-9_-]{20,}",
    r"\*\*\*\*(?:[^\]\"\\]|\\.)*",  # what is kept of a value may be any text, which in JSON has its escapes
)
_MOST_SETS: Final = 16


def refuse_written_masks(stored: bytes, entities: frozenset[str]) -> None:
    """Raise `Denied` (``masked_value_written``) where `stored`, which is JSON, holds a mask as this gateway makes them.

    `entities` are the types of values that it finds inside texts, each of which is a mask in brackets.
    """
    if b"[" not in stored and b"\\" not in stored:
        return
    # Escapes undone: what a client spells with one is stored without.
    plain = msgspec.json.encode(msgspec.json.decode(stored)) if b"\\" in stored else stored
    if _masks(entities).find(plain) is not None:
        raise Denied(
            "a value that is written has the form of a mask, and would take the place of what it hides",
            code="masked_value_written",
        )


@functools.lru_cache(maxsize=_MOST_SETS)
def _masks(entities: frozenset[str]) -> Expression:
    return Expression(rf"\[(?:{'|'.join((*_FORMS, *sorted(entities)))})\]")
