"""A whole gateway in front of the stand-in for Qdrant: both of its doors, and unchanged clients for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qdrant_client import AsyncQdrantClient, QdrantClient

from extproc.events import Transport
from support.gateway import ALLOW_ALL, RAW_KEY, Gateway, running
from support.ports import free_port
from support.qdrant import Qdrant, qdrant_server

OVER: tuple[Transport, ...] = ("rest", "grpc")


@dataclass(slots=True)
class Doors:
    """A running gateway and the database behind it, each with its REST and its gRPC port."""

    gateway: Gateway
    database: Qdrant
    rest: int
    grpc: int

    def client(self, over: Transport, *roles: str, **claims: Any) -> QdrantClient:
        """Return an unchanged client whose API key is a token of these roles; with none, no key."""
        key = self.gateway.issuer.token(*roles, **claims) if roles else None
        return QdrantClient(**_settings(self.rest, self.grpc, over, key))

    def asynchronous(self, over: Transport, *roles: str) -> AsyncQdrantClient:
        """Return the client's asynchronous form."""
        return self.asynchronous_with(over, self.gateway.issuer.token(*roles))

    def asynchronous_with(self, over: Transport, token: str) -> AsyncQdrantClient:
        """Return the client's asynchronous form, whose API key is this token."""
        return AsyncQdrantClient(**_settings(self.rest, self.grpc, over, token))

    def direct(self, over: Transport) -> QdrantClient:
        """Return a client that goes past the gateway, with the database's own key."""
        return QdrantClient(**_settings(self.database.rest, self.database.grpc, over, RAW_KEY))

    def direct_asynchronous(self, over: Transport) -> AsyncQdrantClient:
        """Return an asynchronous client that goes past the gateway."""
        return AsyncQdrantClient(**_settings(self.database.rest, self.database.grpc, over, RAW_KEY))


def _settings(rest: int, grpc: int, over: Transport, key: str | None) -> dict[str, Any]:
    """Return the arguments of an unchanged client on loopback ports.

    The key stands where `api_key` would put it, but for the warning that it crosses in clear.
    """
    return {
        "url": f"http://127.0.0.1:{rest}",
        "grpc_port": grpc,
        "prefer_grpc": over == "grpc",
        "headers": {"api-key": key} if key else {},
        "timeout": 30,
        "check_compatibility": False,
    }


@contextmanager
def guarded(directory: Path, *, policy: Path = ALLOW_ALL, credential: Any = None, **changes: Any) -> Iterator[Doors]:
    """Run a stand-in and a gateway before it until the block ends; `changes` are laid over the gateway's configuration."""
    with qdrant_server(RAW_KEY) as database:
        rest, grpc = free_port(), free_port()
        entry = {
            "name": "kb",
            "engine": "qdrant",
            "listen": f"127.0.0.1:{rest}",
            "upstream": f"http://127.0.0.1:{database.rest}",
            "grpc": {"listen": f"127.0.0.1:{grpc}", "upstream": f"http://127.0.0.1:{database.grpc}"},
            "credential": {"header": "api-key", "value": {"file": "kb.key"}, **(credential or {})},
        }
        with running(directory, "", policy=policy, databases=[entry], **changes) as gateway:
            yield Doors(gateway, database, rest, grpc)
