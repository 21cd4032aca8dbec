"""Adapters are chosen by the engine's word."""

from __future__ import annotations

import pytest

from extproc.errors import ConfigError
from extproc.protocols import adapter_for, credential_headers


def test_adapter_of_an_engine() -> None:
    """The engine's word gives its adapter."""
    adapter = adapter_for("chroma")

    assert adapter.engine == "chroma"
    assert adapter.credential_headers == (("x-chroma-token", ""), ("authorization", "Bearer "))


@pytest.mark.parametrize("engine", ["qdrant", "Chroma", "", "nothing"])
def test_engine_without_an_adapter(engine: str) -> None:
    """An engine that is not built is a mistake in the configuration; the message says which are."""
    with pytest.raises(ConfigError, match="chroma"):
        adapter_for(engine)


def test_credential_headers_by_engine() -> None:
    """Each engine's clients put their credential where its adapter says."""
    assert {"chroma": adapter_for("chroma").credential_headers} == credential_headers()
