"""The REST interface of the stand-in for Qdrant: HTTP, credentials and the forms of answers and errors."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import TypeAdapter, ValidationError

from support.qdrant import Call, Qdrant, quiet
from support.qdrant_keys import Forbidden, Refused
from support.qdrant_routes import ROUTES, Missing, names_point

OPEN = {"/", "/healthz", "/livez", "/readyz"}


def handler(server: Qdrant) -> type[BaseHTTPRequestHandler]:
    """Return the handler of HTTP requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = [(name.lower(), value) for name, value in self.headers.items()]
            server.seen.append(Call(self.command, self.path, headers, body))
            status, kind, data = _respond(server, self.command, self.path, dict(headers), body)
            self.send_response_only(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _handle

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _respond(server: Qdrant, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
    path = unquote(urlsplit(target).path)
    if path in OPEN and path != "/":
        return 200, "text/plain; charset=utf-8", b"all shards are ready" if path == "/readyz" else b"healthz check passed"
    try:
        access = server.keys.admit(headers) if path not in OPEN else None
    except Refused:
        return 401, "text/plain; charset=utf-8", b"Invalid API key or JWT"
    for verb, pattern, function, write in ROUTES:
        found = pattern.fullmatch(path)
        if found is None or verb != ("GET" if method == "HEAD" else method):
            continue
        names = found.groupdict()
        try:
            sent = json.loads(body) if body else None
            if access is not None:
                access.require(_collections(names, sent), write=write)
            with server.lock, quiet():
                result = function(server.local, names, sent)
        except Exception as error:  # noqa: BLE001 - a server answers whatever happens
            status, text = _failure(error)
            return status, "application/json", json.dumps({"status": {"error": text}, "time": 0.0}).encode()
        if path == "/":
            return 200, "application/json", json.dumps(result).encode()
        answer = {"result": TypeAdapter(Any).dump_python(result, mode="json", exclude_none=True), "status": "ok", "time": 0.0}
        return 200, "application/json", json.dumps(answer).encode()
    return 404, "text/plain", b""


def _collections(names: dict[str, str], sent: Any) -> list[str]:
    found = [names["collection"]] if "collection" in names else []
    for each in (sent or {}).get("searches", [sent or {}]) if isinstance(sent, dict) else []:
        for key in ("lookup_from", "with_lookup"):
            place = each.get(key)
            if place:
                found.append(place if isinstance(place, str) else place["collection"])
    return found


def _failure(error: Exception) -> tuple[int, str]:
    text = str(error)
    if isinstance(error, Forbidden):
        return 403, "Forbidden: Global manage access is required"
    if isinstance(error, ValidationError | json.JSONDecodeError | TypeError | KeyError) and not names_point(error):
        return 400, f"Format error in JSON body: {text}"
    if isinstance(error, Missing) or names_point(error) or "not found" in text.lower() or "does not exist" in text.lower():
        return 404, f"Not found: {text}"
    if "already exists" in text:
        return 409, f"Wrong input: {text}"
    return 400, f"Wrong input: {text}"
