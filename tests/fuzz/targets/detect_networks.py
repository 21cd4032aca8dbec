"""The recognisers of `detection.networks` on any text: what they promise holds, and no text takes them long."""

from __future__ import annotations

from typing import Final

from extproc.detection import networks
from fuzz.detecting import Promises

_PROMISES: Final = Promises(networks.RECOGNISERS)


def check(data: bytes) -> None:
    """Search and mask a text."""
    _PROMISES.check(data)
