"""What every test may ask for: real servers, started once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.database import chroma_server

ROOT = Path(__file__).resolve().parents[1]

# The machine may be slow and shared: no test is judged by the clock.
settings.register_profile("vecgate", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vecgate")


@pytest.fixture(scope="session")
def opa() -> str:
    """Return the path of the OPA program; `make opa` builds it."""
    found = os.environ.get("VECGATE_OPA") or shutil.which("opa") or str(next(ROOT.glob(".cache/bin/opa-*"), ""))
    if not found or not Path(found).exists():
        pytest.fail("OPA is missing: run `make opa`")
    return found


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of a real Chroma server that all tests share; each uses collections of its own."""
    with chroma_server(tmp_path_factory.mktemp("chroma")) as port:
        yield port
