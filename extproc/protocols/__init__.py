"""Wire protocols: one adapter for each database, chosen by configuration and never by sniffing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from extproc.errors import ConfigError
from extproc.protocols.adapter import Adapter
from extproc.protocols.chroma import Chroma

_ADAPTERS: Final[Mapping[str, type[Chroma]]] = {Chroma.engine: Chroma}


def adapter_for(engine: str) -> Adapter:
    """Return the adapter of an engine. Raises `ConfigError` for one that is not built."""
    if engine not in _ADAPTERS:
        raise ConfigError(f"there is no adapter for the engine {engine!r} yet; there is one for: {', '.join(_ADAPTERS)}")
    return _ADAPTERS[engine]()


def credential_headers() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return, by engine, where its clients put their credential: (header name, value prefix) pairs."""
    return {engine: adapter.credential_headers for engine, adapter in _ADAPTERS.items()}
