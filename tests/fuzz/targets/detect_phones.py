"""The recognisers of `detection.phones` on any text: what they promise holds, and no text takes them long."""

from __future__ import annotations

from typing import Final

from extproc.detection import phones
from fuzz.detecting import Promises

_PROMISES: Final = Promises(phones.RECOGNISERS)


def check(data: bytes) -> None:
    """Search and mask a text."""
    _PROMISES.check(data)
