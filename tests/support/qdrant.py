"""A stand-in for a Qdrant server: its REST and gRPC interfaces over the local mode of the official client.

No Qdrant server can be had from a package registry. What points match a filter, how scores come about and what an answer looks
like is the official client's own work here; routes, forms of errors and credentials follow the published API. It keeps what
it was sent, so that a test can look at it.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

import grpc
from qdrant_client.local.qdrant_local import QdrantLocal

from support.qdrant_keys import Keys

VERSION = "1.19.0"


@dataclass(slots=True)
class Call:
    """One request as the database received it. `target` is a path with its query, or the full name of an RPC."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(slots=True)
class Qdrant:
    """A running stand-in. `lock` holds `local`, which is not made for threads; `seen` are requests in their order."""

    keys: Keys
    local: QdrantLocal = field(default_factory=lambda: QdrantLocal(":memory:", force_disable_check_same_thread=True))
    lock: Any = field(default_factory=threading.RLock)
    seen: list[Call] = field(default_factory=list)
    rest: int = 0
    grpc: int = 0
    calls: Any = None

    def stop(self) -> None:
        """Close the gRPC interface."""
        self.calls.stop(0).wait()

    def last(self, target: str | None = None) -> Call:
        """Return the last request, of those to `target` if it is named."""
        return next(call for call in reversed(self.seen) if target is None or call.target.partition("?")[0] == target)

    def clear(self) -> None:
        """Drop every collection, and forget what was seen."""
        with self.lock:
            for each in self.local.get_collections().collections:
                self.local.delete_collection(each.name)
            self.seen.clear()


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what the local mode warns of, which is what it does otherwise than a server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def qdrant_server(key: str | None = None) -> Iterator[Qdrant]:
    """Run a stand-in until the block ends; with a `key` it wants that key, or a JWT that is signed with it."""
    from support.qdrant_grpc import handlers  # noqa: PLC0415 - each module needs the type above
    from support.qdrant_rest import handler  # noqa: PLC0415

    server = Qdrant(keys=Keys(key))
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(server))
    http.daemon_threads = True
    server.rest = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    pool = futures.ThreadPoolExecutor(max_workers=8)
    rpc = grpc.server(pool, options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
    rpc.add_generic_rpc_handlers(handlers(server))
    server.grpc = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    server.calls = rpc
    try:
        yield server
    finally:
        rpc.stop(0).wait()
        pool.shutdown()
        http.shutdown()
        http.server_close()
        thread.join(5)
        server.local.close()
