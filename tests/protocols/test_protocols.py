"""Adapters are chosen by the engine's word."""

from __future__ import annotations

import sys

import pytest

from extproc.errors import ConfigError
from extproc.events import Transport
from extproc.protocols import adapter_for, credential_headers


def test_adapter_of_an_engine() -> None:
    """The engine's word gives its adapter."""
    adapter = adapter_for("chroma")

    assert adapter.engine == "chroma"
    assert adapter.credential_headers == (("x-chroma-token", ""), ("authorization", "Bearer "))


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_an_adapter_for_each_transport(transport: Transport) -> None:
    """Qdrant has one for each of its interfaces, with the same places for a credential."""
    adapter = adapter_for("qdrant", transport)

    assert adapter.engine == "qdrant"
    assert adapter.credential_headers == (("api-key", ""), ("authorization", "Bearer "))


@pytest.mark.parametrize(("engine", "transport"), [("weaviate", "rest"), ("Chroma", "rest"), ("", "rest"), ("nothing", "rest")])
def test_engine_without_an_adapter(engine: str, transport: Transport) -> None:
    """An engine that is not built is a mistake in the configuration; the message says which are."""
    with pytest.raises(ConfigError, match="chroma, qdrant"):
        adapter_for(engine, transport)


def test_an_engine_that_does_not_speak_grpc() -> None:
    """Chroma has no gRPC interface."""
    with pytest.raises(ConfigError, match="over grpc yet; there is one for: qdrant"):
        adapter_for("chroma", "grpc")


def test_without_the_clients_messages_one_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Qdrant over gRPC needs an extra; where it is missing the message names it."""
    monkeypatch.setitem(sys.modules, "extproc.protocols.qdrant_grpc", None)

    with pytest.raises(ConfigError, match=r"pip install 'vecgate\[qdrant\]'"):
        adapter_for("qdrant", "grpc")


def test_credential_headers_by_engine() -> None:
    """Each engine's clients put their credential where its adapter says."""
    assert {name: adapter_for(name).credential_headers for name in ("chroma", "qdrant")} == credential_headers()
