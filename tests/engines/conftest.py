"""What the tests of engines ask with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from extproc.decision import Input
from support import asking


@pytest.fixture
def asked() -> Callable[..., Input]:
    """Return a maker of policy inputs: a reader's search, but for the changes."""
    return asking.asked
