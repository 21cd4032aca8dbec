"""A stand-in for Vault: the parts of its documented HTTP API that a client of KV version 2 needs, with leases that end.

Written after the API documentation of Vault (auth/token, auth/approle, auth/kubernetes, secret/kv/kv-v2). Time is the test's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from support.httpserver import http_server

ROLE_ID, SECRET_ID = "role-1", "secret-of-role-1"
SERVICE_ACCOUNT = "a-service-accounts-token"
_DATA = re.compile(r"/v1/secret/data/([^?]+)")


@dataclass(slots=True)
class StandInVault:
    """`secrets` are what it keeps, by path; `tokens` the end of each token's lease, in the test's seconds."""

    secrets: dict[str, dict[str, str] | None] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    now: float = 0.0
    lease: int = 100
    renewable: bool = True
    sealed: bool = False
    url: str = ""
    seen: list[str] = field(default_factory=list)

    def issue(self) -> str:
        """Return a new token."""
        token = f"hvs.token-{len(self.tokens)}"
        self.tokens[token] = self.now + self.lease
        return token

    def answer(  # noqa: PLR0911 - each answer of the API
        self, path: str, token: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """Return status and document for one request."""
        self.seen.append(path.partition("?")[0])
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        logins = {
            "/v1/auth/approle/login": {"role_id": ROLE_ID, "secret_id": SECRET_ID},
            "/v1/auth/kubernetes/login": {"role": "vecgate", "jwt": SERVICE_ACCOUNT},
        }
        if path in logins:
            return self._granted(self.issue()) if body == logins[path] else (400, {"errors": ["invalid credentials"]})
        if self.tokens.get(token, -1.0) <= self.now:
            return 403, {"errors": ["permission denied"]}
        if path == "/v1/auth/token/lookup-self":
            return 200, {"data": {"ttl": int(self.tokens[token] - self.now), "renewable": self.renewable}}
        if path == "/v1/auth/token/renew-self":
            if not self.renewable:
                return 400, {"errors": ["lease is not renewable"]}
            self.tokens[token] = self.now + self.lease
            return self._granted(token)
        found = _DATA.fullmatch(path.partition("?")[0])
        if not found or found[1] not in self.secrets:
            return 404, {"errors": []}
        data = self.secrets[found[1]]
        metadata = {"version": 1, "deletion_time": "" if data else "2026-01-01T00:00:00Z", "destroyed": False}
        return 200 if data else 404, {"data": {"data": data, "metadata": metadata}}

    def _granted(self, token: str) -> tuple[int, dict[str, Any]]:
        auth = {"client_token": token, "lease_duration": self.lease, "renewable": self.renewable}
        return 200, {"auth": auth}


@contextmanager
def stand_in_vault() -> Iterator[StandInVault]:
    """Serve a stand-in until the block ends."""
    vault = StandInVault()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            token = self.headers.get("x-vault-token", "")
            status, document = vault.answer(self.path, token, json.loads(body or b"{}"))
            answer = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = _handle

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server(Handler) as port:
        vault.url = f"http://127.0.0.1:{port}"
        yield vault
