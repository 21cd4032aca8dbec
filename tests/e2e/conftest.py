"""Gateways that tests of the edges share, because starting one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.database import Recorder, recorder
from support.gateway import STARTER, Gateway, running
from support.obliged import AS_TOLD
from support.qdrant_gateway import Doors, guarded
from support.shelf import fill


@pytest.fixture(scope="module")
def book() -> Iterator[Recorder]:
    """Run an upstream that records, with a shelf of answers."""
    with recorder() as found:
        fill(found)
        yield found


@pytest.fixture(scope="session")
def open_gateway(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under an allow-all policy in front of the real Chroma."""
    with running(tmp_path_factory.mktemp("open"), f"http://127.0.0.1:{chroma}") as gateway:
        yield gateway


@pytest.fixture(scope="session")
def starter_gateway(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under the starter policy in front of the real Chroma."""
    with running(tmp_path_factory.mktemp("starter"), f"http://127.0.0.1:{chroma}", policy=STARTER) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def qdrant_doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Run a gateway under an allow-all policy in front of a stand-in for Qdrant."""
    with guarded(tmp_path_factory.mktemp("qdrant"), limits={"body": "1MiB"}) as doors:
        yield doors


@pytest.fixture(scope="session")
def starter_doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Run a gateway under the starter policy in front of a stand-in for Qdrant."""
    with guarded(tmp_path_factory.mktemp("qdrant-starter"), policy=STARTER) as doors:
        yield doors


@pytest.fixture(scope="session")
def told_doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Run a gateway in front of a stand-in for Qdrant; the caller's token says what it is obliged to."""
    with guarded(tmp_path_factory.mktemp("qdrant-told"), policy=AS_TOLD) as doors:
        yield doors
