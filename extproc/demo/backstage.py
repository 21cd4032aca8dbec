"""Everything that the demo runs on, started and stopped: a database, a collector, keys, a configuration, and the gateway.

All of it listens on loopback alone and lies in one temporary directory, which is gone afterwards; tokens come from a key that
was made for this run. The gateway is the real command, `vecgate up`, in a process of its own.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from extproc import token
from extproc.audit import keys
from extproc.config import load
from extproc.demo.collector import collecting
from extproc.demo.stage import Evidence, Stage, Tokens
from extproc.demo.tickets import tickets
from extproc.errors import ConfigError
from extproc.private import private_directory, write_private

_ISSUER: Final = "https://login.vecgate.demo"
_LOOPBACK: Final = "127.0.0.1"
_START_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 40.0
_POLL: Final = 0.05
_TOKEN_SECONDS: Final = 8 * 3600
"""Long enough to try things out for a working day."""
_EXPIRED_SECONDS: Final = 3600
_TAIL_LINES: Final = 15


@contextmanager
def backstage(policy: Path, tell: Callable[[str], None]) -> Iterator[Stage]:
    """Start everything with the policy at `policy`; stop it when the block ends, however it ends.

    `tell` is told what is being waited for. Raises `ConfigError` where something does not start.
    """
    with ExitStack() as stack:
        root = Path(tempfile.mkdtemp(prefix="vecgate-demo-"))
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        stack.callback(tell, "Stopping …")
        # Clients and exporters would otherwise ask a proxy of the environment for loopback.
        for name in ("no_proxy", "NO_PROXY"):
            os.environ[name] = ",".join(filter(None, (os.environ.get(name), _LOOPBACK)))
        tell("Starting the collector …")
        collector = stack.enter_context(collecting())
        tell("Starting the database (Chroma) …")
        database = _url(_free_port())
        stack.enter_context(_chroma(root, database))
        tell("Starting the gateway (vecgate up: Envoy and a worker) …")
        listen, database_key = _free_port(), "db-key-" + secrets.token_urlsafe(24)
        file = _configure(root, policy, listen=listen, database=database, otlp=_url(collector.port), database_key=database_key)
        config = load(file)
        stack.enter_context(_gateway(root, file))
        yield Stage(
            config=file,
            host=_LOOPBACK,
            port=listen,
            database_url=database,
            tokens=_tokens(root, file, database_key),
            tickets=tickets(),
            evidence=Evidence(
                directory=config.audit.directory,
                sealing_key=lambda: keys.sealing_key(config.audit.sealing_key),
                collector=collector,
            ),
        )


# --- what the gateway is told -------------------------------------------------------------------------------------------


def _configure(root: Path, policy: Path, *, listen: int, database: str, otlp: str, database_key: str) -> Path:
    """Write keys and `vecgate.yaml` below `root`; return the latter."""
    if not policy.is_dir():
        raise ConfigError(f"{policy}: no such directory; name a policy directory with --policy")
    for name in ("secrets", "run", "audit"):
        private_directory(root / name)
    token.create_key(root / "secrets/issuer.jwk")
    (root / "jwks.json").write_text(token.jwks(root / "secrets/issuer.jwk"), "utf-8")
    write_private(root / "secrets/kb.key", database_key.encode(), replace=False)
    write_private(root / "secrets/mask.key", secrets.token_hex(32).encode(), replace=False)
    document = {
        "version": 1,
        "databases": [
            {
                "name": "kb",
                "engine": "chroma",
                "listen": f"{_LOOPBACK}:{listen}",
                "upstream": database,
                "credential": {"header": "x-chroma-token", "value": {"file": "secrets/kb.key"}},
            }
        ],
        "identity": {"issuers": [{"issuer": _ISSUER, "jwks": {"file": "jwks.json"}, "demo": True}]},
        "policy": {"bundle": str(policy.resolve())},
        "audit": {
            "directory": "audit",
            "origin": "vecgate.demo/kb",
            "signing_key": {"file": "secrets/audit.key"},
            "sealing_key": {"file": "secrets/sealing.key"},
            "otlp": otlp,
        },
        "masking": {"keys": [{"id": "demo", "value": {"file": "secrets/mask.key"}}]},
        "service": {"socket": "run/extproc.sock"},
    }
    file = root / "vecgate.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    return file


def _tokens(root: Path, file: Path, database_key: str) -> Tokens:
    issuer, key, now = token.demo_issuer(load(file)), root / "secrets/issuer.jwk", int(time.time())

    def of(role: str, *, start: int = now, lifetime: int = _TOKEN_SECONDS) -> str:
        person = {"reader": "rita", "writer": "walt", "admin": "ada"}[role]
        return token.mint(key, issuer, person, now=start, lifetime=lifetime, roles=[role], person=f"{person}@northwick.example")

    return Tokens(
        reader=of("reader"),
        writer=of("writer"),
        admin=of("admin"),
        forged=_promoted(of("reader")),
        expired=of("reader", start=now - 2 * _EXPIRED_SECONDS, lifetime=_EXPIRED_SECONDS),
        database_key=database_key,
    )


def _promoted(signed: str) -> str:
    """Return a reader's token in which the role was changed to admin, and the signature was not."""
    head, payload, signature = signed.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    text = json.dumps(_replaced(claims, "reader", "admin")).encode()
    return ".".join((head, base64.urlsafe_b64encode(text).rstrip(b"=").decode(), signature))


def _replaced(value: Any, old: str, new: str) -> Any:
    match value:
        case dict():
            return {name: _replaced(item, old, new) for name, item in value.items()}
        case list():
            return [_replaced(item, old, new) for item in value]
        case _:
            return new if value == old else value


# --- processes ----------------------------------------------------------------------------------------------------------


@contextmanager
def _chroma(root: Path, url: str) -> Iterator[None]:
    program = Path(sys.executable).with_name("chroma")
    if not program.exists():
        raise ConfigError("the demo's database is not installed; install vecgate[local], or run `make venv`")
    place = httpx.URL(url)
    command = (str(program), "run", "--path", str(root / "chroma"), "--host", place.host, "--port", str(place.port))
    with _running(command, root / "chroma.log", {"ANONYMIZED_TELEMETRY": "False"}) as child:
        _wait(lambda: _answers(f"{url}/api/v2/heartbeat"), child, root / "chroma.log", "the database")
        yield


@contextmanager
def _gateway(root: Path, file: Path) -> Iterator[None]:
    log = root / "vecgate.log"
    with _running((sys.executable, "-m", "extproc", "up", "-c", str(file)), log, {}) as child:
        _wait(lambda: "ready" in log.read_text("utf-8", "replace").splitlines(), child, log, "the gateway")
        yield


@contextmanager
def _running(command: tuple[str, ...], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in a process group of its own, so that Ctrl-C reaches only the demo, which then stops it in order."""
    with log.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603  # our own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield child
    finally:
        try:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(_STOP_SECONDS)
        finally:
            # Also where somebody has no patience and interrupts the wait.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _wait(condition: Callable[[], bool], child: subprocess.Popen[bytes], log: Path, what: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while not condition():
        if child.poll() is not None or time.monotonic() > end:
            said = "\n".join(log.read_text("utf-8", "replace").splitlines()[-_TAIL_LINES:])
            raise ConfigError(f"{what} did not start; it said:\n{said}")
        time.sleep(_POLL)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.create_server((_LOOPBACK, 0)) as server:
        return int(server.getsockname()[1])


def _url(port: int) -> str:
    return f"http://{_LOOPBACK}:{port}"
