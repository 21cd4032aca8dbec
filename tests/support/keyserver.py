"""The web server of a made-up issuer: its keys and its discovery document, changed while it runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.issuer import TestIssuer

DISCOVERY = "/.well-known/openid-configuration"


@dataclass(slots=True)
class KeyServer:
    """Serves the JWKS of `issuer` at ``/keys``; `asked` counts how often it was fetched."""

    port: int
    issuer: TestIssuer
    document: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str) -> str | None:
        """Return what is at `path`; None where there is nothing."""
        if path == "/keys":
            self.asked += 1
            return self.issuer.jwks()
        return json.dumps(self.document) if path == DISCOVERY else None


@contextmanager
def key_server(issuer: TestIssuer) -> Iterator[KeyServer]:
    """Serve the keys of `issuer` until the block ends; its discovery document names them."""
    http = _Server(("127.0.0.1", 0), _Handler)
    http.keys = KeyServer(port=http.server_address[1], issuer=issuer)
    http.keys.document = {"issuer": issuer.issuer, "jwks_uri": f"{http.keys.url}/keys"}
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield http.keys
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    keys: KeyServer


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        found = self.server.keys.answer(self.path)
        body = (found or "").encode()
        self.send_response(404 if found is None else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
