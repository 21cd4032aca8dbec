"""A witness for tests: what c2sp.org/tlog-witness asks of one, over HTTP, from the definitions, without the program's code."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from support.httpserver import http_server

NAME = "witness.test/w1"
TIME = 1_700_000_000


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """Return the four bytes that tell a key."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


@dataclass(slots=True, kw_only=True)
class Cosigner:
    """A witness that knows some logs by origin and public key. While `silent` it answers 500; `seen` is what it has signed."""

    logs: dict[str, bytes]
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    seen: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    silent: bool = False
    port: int = 0

    @property
    def url(self) -> str:
        """The submission prefix."""
        return f"http://127.0.0.1:{self.port}/w"

    @property
    def public(self) -> bytes:
        """The public key."""
        return self.key.public_key().public_bytes_raw()

    @property
    def verifier(self) -> str:
        """The verifier key."""
        return f"{NAME}+{key_id(NAME, 4, self.public).hex()}+{base64.b64encode(bytes([4]) + self.public).decode()}"

    def add(self, body: bytes) -> tuple[int, str]:
        """Return status and answer to one ``add-checkpoint``."""
        head, _, checkpoint = body.decode().partition("\n\n")
        old_line, *proof = head.split("\n")
        old = int(old_line.removeprefix("old "))
        text, _, signatures = checkpoint.rpartition("\n\n")
        origin, size_line, root_line = text.split("\n")
        size, root = int(size_line), base64.b64decode(root_line)
        if origin not in self.logs:
            return 404, ""
        if not any(self._signed(origin, f"{text}\n", line) for line in signatures.splitlines()):
            return 403, ""
        if old > size:
            return 400, ""
        seen, seen_root = self.seen.get(origin, (0, b""))
        if old != seen or (old == size and root != seen_root):
            return 409, f"{seen}\n"
        if old and not follows(old, seen_root, size, root, [base64.b64decode(line) for line in proof]):
            return 422, ""
        self.seen[origin] = size, root
        made = TIME.to_bytes(8) + self.key.sign(f"cosignature/v1\ntime {TIME}\n{text}\n".encode())
        return 200, f"\N{EM DASH} {NAME} {base64.b64encode(key_id(NAME, 4, self.public) + made).decode()}\n"

    def _signed(self, origin: str, text: str, line: str) -> bool:
        _, name, encoded = line.split(" ")
        raw, public = base64.b64decode(encoded), self.logs[origin]
        if (name, raw[:4]) != (origin, key_id(origin, 1, public)):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode())
        except InvalidSignature:
            return False
        return True


def follows(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof holds, by the algorithm of RFC 9162, section 2.1.4.2."""
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    one, two = old - 1, new - 1
    while one & 1:
        one, two = one >> 1, two >> 1
    left = right = path[0]
    for each in path[1:]:
        if two == 0:
            return False
        if one & 1 or one == two:
            left, right = sha256(b"\1" + each + left).digest(), sha256(b"\1" + each + right).digest()
            while one and not one & 1:
                one, two = one >> 1, two >> 1
        else:
            right = sha256(b"\1" + right + each).digest()
        one, two = one >> 1, two >> 1
    return (left, right, two) == (old_root, new_root, 0)


@contextmanager
def serving(cosigner: Cosigner) -> Iterator[Cosigner]:
    """Serve a witness on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answer = (500, "") if cosigner.silent else cosigner.add(body)
            if self.path != "/w/add-checkpoint":
                status, answer = 404, ""
            cosigner.asked.append(status)
            self.send_response_only(status)
            if status == 409:
                self.send_header("content-type", "text/x.tlog.size")
            self.send_header("content-length", str(len(answer.encode())))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http_server(Handler) as cosigner.port:
        yield cosigner
