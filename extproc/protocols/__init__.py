"""Wire protocols: one adapter for each interface of a database, chosen by configuration and never by sniffing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from extproc.errors import ConfigError
from extproc.events import Transport
from extproc.operation import Operation
from extproc.protocols import qdrant_tokens
from extproc.protocols.adapter import Adapter
from extproc.protocols.chroma import Chroma
from extproc.protocols.qdrant import Qdrant
from extproc.protocols.qdrant_rest import Rest

Mint = Callable[[bytes, Sequence[Operation], str, int], bytes]
"""Makes a token for one request of a database's own key: the key, what was decided, for whom, and the Unix second."""

MINTS: Final[Mapping[str, Mint]] = {Qdrant.engine: qdrant_tokens.mint}
"""By engine, for those that take such tokens."""


def _qdrant_over_grpc() -> Adapter:
    try:
        from extproc.protocols.qdrant_grpc import Grpc  # noqa: PLC0415 - what it needs is an extra
    except ModuleNotFoundError as error:
        raise ConfigError("Qdrant over gRPC needs the official client's messages: pip install 'vecgate[qdrant]'") from error
    return Qdrant(Grpc())


_ADAPTERS: Final[Mapping[tuple[str, Transport], Callable[[], Adapter]]] = {
    (Chroma.engine, "rest"): Chroma,
    (Qdrant.engine, "rest"): lambda: Qdrant(Rest()),
    (Qdrant.engine, "grpc"): _qdrant_over_grpc,
}


def adapter_for(engine: str, transport: Transport = "rest") -> Adapter:
    """Return the adapter of an engine over a transport. Raises `ConfigError` for one that is not built, or lacks an extra."""
    if (engine, transport) not in _ADAPTERS:
        built = ", ".join(dict.fromkeys(name for name, over in _ADAPTERS if over == transport))
        raise ConfigError(f"there is no adapter for the engine {engine!r} over {transport} yet; there is one for: {built}")
    return _ADAPTERS[engine, transport]()


def credential_headers() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return, by engine, where its clients put their credential: (header name, value prefix) pairs."""
    return {adapter.engine: adapter.credential_headers for adapter in (Chroma, Qdrant)}
