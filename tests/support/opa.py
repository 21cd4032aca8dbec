"""A real OPA server for tests, on a private socket, given its bundles by our own bundle server; and one that only plays OPA."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from extproc.engines.build import build
from extproc.engines.opa import Server
from extproc.engines.signature import SigningKey
from extproc.up.bundles import BundleServer
from support import processes

START_SECONDS = 60


def archive(key: SigningKey, rules: str, data: dict[str, Any] | None = None, name: str | None = None) -> bytes:
    """Return a signed bundle file of one module ``p`` with `rules`."""
    files = {"p.rego": f"package p\n\n{rules}".encode(), "data.json": json.dumps(data or {}).encode()}
    return build(files, Path(), key, name).archive


@dataclass(slots=True)
class Opa:
    """An OPA that runs, or does not. `bundles` gives it its policy, signed with `key`."""

    program: str
    folder: Path
    key: SigningKey
    bundles: BundleServer
    process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> Server:
        """Where it is."""
        return Server(socket=self.folder / "opa.sock")

    def publish(self, rules: str, data: dict[str, Any] | None = None, name: str | None = None) -> None:
        """Give it another policy."""
        self.bundles.publish(archive(self.key, rules, data, name))

    def start(self, *, ready: bool = True) -> None:
        """Start it; with `ready`, wait until it has a policy."""
        config = self.folder / "opa.json"
        config.write_text(json.dumps(self._configuration()))
        listen = ("--addr", f"unix://{self.folder / 'opa.sock'}")
        quiet = ("--skip-version-check", "--log-format", "text")
        with (self.folder / "opa.log").open("ab") as log:
            command = [self.program, "run", "--server", *listen, "--config-file", str(config), *quiet]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self._await("/health?bundles" if ready else "/health")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; once it is told to stop, wait until it has."""
        assert self.process is not None
        self.process.send_signal(number)
        while number is signal.SIGSTOP and not processes.stopped(self.process.pid):
            time.sleep(0.01)

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log(self) -> str:
        """Return what it said."""
        return (self.folder / "opa.log").read_text()

    def _configuration(self) -> dict[str, Any]:
        polling = {"min_delay_seconds": 1, "max_delay_seconds": 1, "long_polling_timeout_seconds": 30}
        bundle = {"service": "test", "resource": "p", "polling": polling, "signing": {"keyid": "k"}}
        return {
            "services": {"test": {"url": self.bundles.url, "credentials": {"bearer": {"token": self.bundles.token}}}},
            "keys": {"k": {"algorithm": "ES256", "key": self.key.public().pem}},
            "bundles": {"p": bundle},
        }

    def _await(self, target: str) -> None:
        end = time.monotonic() + START_SECONDS
        transport = httpx.HTTPTransport(uds=str(self.folder / "opa.sock"))
        with httpx.Client(transport=transport, base_url="http://opa") as client:
            while time.monotonic() < end and self.process and self.process.poll() is None:
                try:
                    if client.get(target).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                time.sleep(0.02)
        message = f"OPA did not answer:\n{self.log()[-3000:]}"
        raise AssertionError(message)


@contextmanager
def opa_server(program: str, folder: Path, rules: str, data: dict[str, Any] | None = None) -> Iterator[Opa]:
    """Run an OPA on one module ``p`` with `rules` until the block ends. `folder` must have a short path, for its socket."""
    key = SigningKey.create()
    opa = Opa(program=program, folder=folder, key=key, bundles=BundleServer(archive(key, rules, data)))
    try:
        opa.start()
        yield opa
    finally:
        opa.kill()
        opa.bundles.close()


@dataclass(slots=True)
class Actor:
    """Something at a socket that answers as a test likes: with `answer`, or with what `answers` gives for a request."""

    socket: Path
    answer: bytes = b""
    answers: Callable[[bytes], bytes] | None = None
    seen: list[bytes] = field(default_factory=list)

    @property
    def server(self) -> Server:
        """Where it is."""
        return Server(socket=self.socket)


@asynccontextmanager
async def actor(socket: Path, answer: bytes = b"") -> AsyncIterator[Actor]:
    """Play OPA at `socket`: read a request, write the answer, hang up."""
    plays = Actor(socket=socket, answer=answer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        request = head + await reader.readexactly(length)
        plays.seen.append(request)
        writer.write(plays.answers(request) if plays.answers else plays.answer)
        writer.close()

    listening = await asyncio.start_unix_server(serve, str(socket))
    async with listening:
        yield plays


def http(status: int, body: Any, **fields: str) -> bytes:
    """Return an HTTP answer; a body that is no bytes is JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(content)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content
