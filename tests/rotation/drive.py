"""Keys change while requests run: the database's key, mounted as Kubernetes does it, and the issuer's key, fetched.

Before each turn a new database key is valid beside the old one, and a new issuer key has been published for one cache time; no
request may fail. Afterwards every place that others can read is searched for the bytes of every key and token.
``make rotation`` does fifty turns and writes what it found into the documentation; a test does a few.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx

from chaos import report
from support.database import Recorder, recorder
from support.gateway import Gateway, running
from support.issuer import ISSUER, TestIssuer, new_key
from support.keyserver import DISCOVERY, KeyServer, key_server
from support.otlp import Receiver
from support.processes import command, descendants
from support.shelf import JSON, RECORDS, fill, get_answer

CLIENTS = 2


@dataclass(slots=True)
class Keyed:
    """A database that takes the keys in `accepted`."""

    book: Recorder
    accepted: set[str] = field(default_factory=set)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request that shows one of them, refuse any other."""
        known = handler.headers.get("x-chroma-token") in self.accepted
        body = json.dumps(get_answer() if known else {"error": "ChromaError", "message": "who are you?"}).encode()
        handler.send_response_only(200 if known else 401)
        for name, value in {**JSON, "content-length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@dataclass(slots=True)
class Mount:
    """A secret as Kubernetes mounts it: a link to a link to a directory, and a new directory is swapped in whole."""

    folder: Path
    turns: int = 0

    def put(self, value: str) -> None:
        """Swap a new value in."""
        directory = self.folder / f"..{self.turns:04}"
        directory.mkdir(parents=True)
        (directory / "kb.key").write_text(value)
        link = self.folder / "..data_tmp"
        link.symlink_to(directory.name)
        old = (self.folder / "..data").resolve() if self.turns else None
        link.rename(self.folder / "..data")
        if old is None:
            (self.folder / "kb.key").symlink_to("..data/kb.key")
        else:
            (old / "kb.key").unlink()
            old.rmdir()
        self.turns += 1


@dataclass(slots=True)
class Stage:
    """Everything that takes part, every secret that was ever used, and every answer that a client was given."""

    gateway: Gateway
    database: Keyed
    keys: KeyServer
    mount: Mount
    spans: Receiver
    secrets: list[str]
    answers: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class Found:
    """What came of it: answers by status, and where a secret was seen."""

    turns: int
    statuses: Counter[int] = field(default_factory=Counter)
    restarts: int = 0
    searched: int = 0
    leaks: list[str] = field(default_factory=list)
    seconds: float = 0.0


@contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """Run a gateway of two workers between an issuer that is fetched from and a database that wants a key."""
    first = secrets.token_hex(16)
    mount = Mount(directory / "mount")
    mount.put(first)
    with recorder() as book, key_server(TestIssuer()) as keys, Receiver() as spans:
        fill(book)
        database = Keyed(book, {first})
        book.answers[f"{RECORDS}/get"] = database.answer
        issuer = {"issuer": ISSUER, "jwks": {"uri": keys.url + DISCOVERY, "cache": "1s"}}
        with running(
            directory,
            f"http://127.0.0.1:{book.port}",
            issuer=keys.issuer,
            workers=2,
            credential={"file": "mount/kb.key"},
            identity={"issuers": [issuer]},
            audit={"otlp": spans.endpoint},
        ) as gateway:
            yield Stage(gateway, database, keys, mount, spans, [first])


def drive(at: Stage, turns: int) -> Found:
    """Change both keys so often under load; return what came of it."""
    found, began, over = Found(turns=turns), time.monotonic(), threading.Event()
    before = at.gateway.workers()
    lock = threading.Lock()

    def load() -> None:
        with httpx.Client(base_url=at.gateway.url, trust_env=False, timeout=60) as client:
            while not over.is_set():
                token = at.keys.issuer.token("reader")
                answer = client.post(f"{RECORDS}/get", content=b"{}", headers=JSON | {"x-chroma-token": token})
                with lock:
                    at.secrets.append(token)
                    at.answers.add(told(answer))
                    found.statuses[answer.status_code] += 1

    threads = [threading.Thread(target=load) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(turns):
            _turn(at, turn)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    found.restarts = len(set(before) - set(at.gateway.workers()))
    search(at, found)
    found.seconds = time.monotonic() - began
    return found


def told(answer: httpx.Response) -> bytes:
    """Return everything that a client is told: header fields and body."""
    return b"\n".join(b": ".join(line) for line in answer.headers.raw) + b"\n\n" + answer.content


def _turn(at: Stage, turn: int) -> None:
    """Change both keys, each with an overlap."""
    issuer, new = at.keys.issuer, new_key(f"turn-{turn}")
    key = secrets.token_hex(16)
    at.secrets.append(key)
    at.database.accepted.add(key)
    at.mount.put(key)
    issuer.beside = [new]
    _fetched(at.keys, 2)  # one may have been under way when the key was published
    issuer.key, issuer.beside = new, [issuer.key]
    _fetched(at.keys, 1)  # requests under way still show a token of the old key
    issuer.beside = []
    at.database.accepted.intersection_update({key})


def _fetched(keys: KeyServer, times: int) -> None:
    wanted, deadline = keys.asked + times, time.monotonic() + 60
    while keys.asked < wanted:
        if time.monotonic() > deadline:
            message = "the keys are not fetched again"
            raise AssertionError(message)
        time.sleep(0.02)


def search(at: Stage, found: Found) -> None:
    """Look for the bytes of every secret in every place that others can read."""
    needles = {secret.encode() for secret in at.secrets}
    # A token's signature is what makes it one; header and claims alone open nothing, but are looked for all the same.
    needles |= {part for secret in list(needles) for part in secret.split(b".")[1:]}
    for place, content in places(at):
        found.searched += len(content)
        found.leaks += [f"{place} holds a secret" for needle in needles if needle in content]


def places(at: Stage) -> Iterator[tuple[str, bytes]]:
    """Give every place that is searched: what it is called, and what is there."""
    gateway = at.gateway
    yield "standard error", "".join(gateway.errors).encode()
    for path in sorted(gateway.audit.rglob("*")):
        if path.is_file():
            yield f"audit/{path.relative_to(gateway.audit)}", path.read_bytes()
    yield "spans", at.spans.raw
    for pid in (gateway.process.pid, *descendants(gateway.process.pid)):
        yield f"command line of {pid}", "\0".join(command(pid)).encode()
        yield f"environment of {pid}", Path(f"/proc/{pid}/environ").read_bytes()
    for path in sorted((gateway.directory / "var").iterdir()):  # the bootstrap, the store
        if path.is_file():
            yield f"var/{path.name}", path.read_bytes()
    yield "answers", b"".join(at.answers)
    transport = httpx.HTTPTransport(uds=str(gateway.directory / "var" / "envoy-admin.sock"))
    with httpx.Client(transport=transport, base_url="http://admin", timeout=60) as admin:
        for page in ("config_dump?include_eds", "clusters", "stats", "server_info", "certs"):
            yield f"Envoy's {page}", admin.get(f"/{page}").content


def rows(found: Found) -> Iterator[tuple[str, object]]:
    """Give what is told, a line for each fact."""
    yield "rotations of the database's key, and of the issuer's", found.turns
    for status, count in sorted(found.statuses.items()):
        yield f"requests answered {status}", count
    yield "workers started again", found.restarts
    yield "bytes searched for keys and tokens", found.searched
    yield "places where one was found", len(found.leaks)
    yield "seconds", f"{found.seconds:.0f}"


def main(arguments: list[str]) -> int:
    """Do as `arguments` say, and write what came of it into the documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=50)
    parser.add_argument("--document", type=Path, default=report.ROBUSTNESS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory, stage(Path(directory)) as at:
        found = drive(at, options.turns)
    sys.stdout.writelines(f"FINDING {leak}\n" for leak in found.leaks)
    table = report.table(["", ""], rows(found))
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    report.write(options.document, "rotation", f"Measured {when} on {os.cpu_count()} cores.\n\n{table}")
    sys.stdout.write(f"{table}\n")
    return 1 if found.leaks or found.restarts or set(found.statuses) != {200} else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
