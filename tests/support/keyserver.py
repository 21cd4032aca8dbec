"""The web server of a made-up issuer: its keys and its discovery document, changed while it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from support.httpserver import http_server
from support.issuer import TestIssuer

DISCOVERY = "/.well-known/openid-configuration"


@dataclass(slots=True)
class KeyServer:
    """Serves the JWKS of `issuer` at ``/keys``; `asked` counts how often it was fetched."""

    issuer: TestIssuer
    port: int = 0
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
    keys = KeyServer(issuer=issuer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = keys.answer(self.path)
            body = (found or "").encode()
            self.send_response(404 if found is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server(Handler) as keys.port:
        keys.document = {"issuer": issuer.issuer, "jwks_uri": f"{keys.url}/keys"}
        yield keys
