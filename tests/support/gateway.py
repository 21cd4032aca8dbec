"""A whole gateway for tests: `vecgate up` with a real Envoy, in front of whatever upstream a test names."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chromadb
import httpx
import yaml
from chromadb.api import ClientAPI
from chromadb.config import Settings

from support.issuer import TestIssuer
from support.ports import free_port
from support.processes import command, descendants

ROOT = Path(__file__).resolve().parents[2]
ALLOW_ALL = ROOT / "tests" / "policies" / "allow_all"
STARTER = ROOT / "rego"
RAW_KEY = "the-databases-own-key-that-nobody-else-may-know"
START_SECONDS = 60


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes` laid over it, mapping by mapping."""
    merged = dict(base)
    for name, value in changes.items():
        under = merged.get(name)
        merged[name] = merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


@dataclass(slots=True)
class Gateway:
    """One running gateway. `directory` holds its configuration, socket, keys and evidence."""

    directory: Path
    issuer: TestIssuer
    port: int
    process: subprocess.Popen[str]
    config: Path
    errors: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def audit(self) -> Path:
        """The audit directory."""
        return self.directory / "var" / "audit"

    def http(self, *roles: str, **options: Any) -> httpx.Client:
        """Return a plain HTTP client that shows a token of these roles; with none, no token."""
        headers = {"x-chroma-token": self.issuer.token(*roles)} if roles else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False, **options)

    def chroma(self, *roles: str, token: str | None = None) -> ClientAPI:
        """Return an unchanged Chroma client whose API key is a token of these roles."""
        return chroma_client(self.port, token or self.issuer.token(*roles))

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return [pid for pid in descendants(self.process.pid) if "serve" in command(pid)]

    def envoy(self) -> int:
        """Return the process id of Envoy."""
        return next(pid for pid in descendants(self.process.pid) if Path((*command(pid), "")[0]).name.startswith("envoy"))

    def stop(self) -> int:
        """Ask the gateway to drain; return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def chroma_client(port: int, token: str | None = None) -> ClientAPI:
    """Return an unchanged Chroma client on a loopback port."""
    auth: dict[str, Any] = (
        {
            "chroma_client_auth_provider": "chromadb.auth.token_authn.TokenAuthClientProvider",
            "chroma_client_auth_credentials": token,
            "chroma_auth_token_transport_header": "X-Chroma-Token",
        }
        if token
        else {}
    )
    return chromadb.HttpClient(host="127.0.0.1", port=port, settings=Settings(anonymized_telemetry=False, **auth))


def configuration(directory: Path, issuer: TestIssuer, port: int, upstream: str, policy: Path) -> dict[str, Any]:
    """Return a whole `vecgate.yaml` for tests."""
    (directory / "kb.key").write_text(RAW_KEY)
    return {
        "version": 1,
        "databases": [
            {
                "name": "kb",
                "engine": "chroma",
                "listen": f"127.0.0.1:{port}",
                "upstream": upstream,
                "credential": {"header": "x-chroma-token", "value": {"file": "kb.key"}},
            }
        ],
        "identity": {
            "issuers": [
                {"issuer": issuer.issuer, "audiences": ["vecgate"], "jwks": {"file": str(issuer.write_jwks(directory))}}
            ]
        },
        "policy": {"engine": "embedded", "bundle": str(policy)},
        "masking": {"keys": [{"id": "k1", "value": {"file": "mask.key"}}]},
        "audit": {"directory": "var/audit", "origin": "vecgate.test/tests"},
    }


@contextmanager
def running(
    directory: Path,
    upstream: str,
    *,
    policy: Path = ALLOW_ALL,
    engine: str = "embedded",
    issuer: TestIssuer | None = None,
    enforcement: str = "enforce",
    beside: Sequence[dict[str, Any]] = (),
    credential: dict[str, str] | None = None,
    **changes: Any,
) -> Iterator[Gateway]:
    """Run a gateway in `directory` until the block ends; `changes` are laid over its configuration.

    `beside` are further databases, `credential` says where the database's key is, `enforcement` is that of the database. With
    the engine ``opa`` the gateway runs an OPA of its own.
    """
    issuer = issuer or TestIssuer()
    changes["policy"] = {"engine": engine, "opa": {"managed": engine == "opa"}}
    port = free_port()
    (directory / "mask.key").write_bytes(b"0123456789abcdef0123456789abcdef")
    for secret in directory.glob("*.key"):
        secret.chmod(0o600)
    config = directory / "vecgate.yaml"
    document = merge(configuration(directory, issuer, port, upstream, policy), changes)
    document["databases"][0]["enforcement"] = enforcement
    if credential is not None:
        document["databases"][0]["credential"]["value"] = credential
    document["databases"] += beside
    config.write_text(yaml.safe_dump(document))
    for secret in directory.glob("*.key"):
        secret.chmod(0o600)
    process = subprocess.Popen(
        [sys.executable, "-m", "extproc", "up", "-c", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
    )
    gateway = Gateway(directory=directory, issuer=issuer, port=port, process=process, config=config)
    listener = threading.Thread(target=_drain, args=(process, gateway.errors), daemon=True)
    listener.start()
    try:
        _await_ready(gateway)
        yield gateway
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(45)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        listener.join(5)
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def _drain(process: subprocess.Popen[str], into: list[str]) -> None:
    if process.stderr:
        into.extend(process.stderr)


def _await_ready(gateway: Gateway) -> None:
    """Wait for the word on standard output; fail with what the gateway said instead."""
    stdout = gateway.process.stdout
    line = stdout.readline() if stdout else ""
    if line.strip() != "ready":
        gateway.process.terminate()
        gateway.process.wait(30)
        time.sleep(0.2)
        message = f"the gateway said {line!r} and not ready:\n{''.join(gateway.errors)[-4000:]}"
        raise AssertionError(message)
