"""Gives one OPA its bundle, over loopback and to nobody else: the latest, at once when there is a later one (long polling).

OPA can watch a file by itself, but loads what it finds there unverified, and a bundle of its own configuration it reads from a
file only once. So it is given the file over HTTP, as from any bundle server, and verifies it each time. This knows nothing
of what a bundle holds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_LONG_POLLING: Final = "application/vnd.openpolicyagent.bundles"
"""The content type by which OPA knows that it may wait for the next bundle."""
_POLL: Final = 0.1
"""Seconds until the server notices that it is to end."""
_IDLE: Final = 60.0
"""Seconds that a connection may say nothing."""
_WAIT: Final = re.compile(r"wait=([0-9]{1,3})")


class BundleServer:
    """One bundle at one URL, for whoever shows the token. It serves from its making on, in threads, until it is closed."""

    def __init__(self, archive: bytes) -> None:
        self.token: Final = secrets.token_urlsafe(32)
        self._archive = archive
        self._closed = False
        self._changed = threading.Condition()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._http.serve_forever, args=(_POLL,), name="vecgate-bundles", daemon=True).start()

    @property
    def url(self) -> str:
        """Where it serves; any path will do."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def publish(self, archive: bytes) -> None:
        """Serve `archive` from now on."""
        with self._changed:
            self._archive = archive
            self._changed.notify_all()

    def close(self) -> None:
        """Serve no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._http.shutdown()
        self._http.server_close()

    def later_than(self, tag: str, seconds: int) -> tuple[bytes, str]:
        """Return the bundle and its tag; where that is `tag` still, wait for another one for so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or _tag(self._archive) != tag, seconds)
            return self._archive, _tag(self._archive)


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing: an OPA that ends hangs up."""


def _tag(archive: bytes) -> str:
    return f'"{hashlib.sha256(archive).hexdigest()}"'


def _handler(bundles: BundleServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _IDLE

        def do_GET(self) -> None:
            shown = self.headers.get("authorization", "").encode()
            if not hmac.compare_digest(shown, f"Bearer {bundles.token}".encode()):
                self._answer(HTTPStatus.UNAUTHORIZED)
                return
            known = self.headers.get("if-none-match", "")
            wait = _WAIT.search(self.headers.get("prefer", ""))
            archive, tag = bundles.later_than(known, int(wait[1]) if wait else 0)
            if tag == known:
                self._answer(HTTPStatus.NOT_MODIFIED, etag=tag)
            else:
                self._answer(HTTPStatus.OK, archive, etag=tag)

        def _answer(self, status: HTTPStatus, body: bytes = b"", **fields: str) -> None:
            self.send_response(status)
            for name, value in {"content-type": _LONG_POLLING, "content-length": str(len(body)), **fields}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: OPA itself says what it could not get."""

    return Handler
