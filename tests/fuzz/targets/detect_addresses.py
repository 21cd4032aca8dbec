"""The recognisers of `detection.addresses` on any text: what they promise holds, and no text takes them long."""

from __future__ import annotations

from typing import Final

from extproc.detection import addresses
from fuzz.detecting import Promises

_PROMISES: Final = Promises(addresses.RECOGNISERS)


def check(data: bytes) -> None:
    """Search and mask a text."""
    _PROMISES.check(data)
