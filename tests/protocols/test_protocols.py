"""Adapters are chosen by the engine's word."""

from __future__ import annotations

import pytest

from extproc.errors import ConfigError
from extproc.protocols import adapter_for


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
