"""A real Envoy under the bootstrap that `vecgate envoy` prints, with a service of the test's own behind it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import yaml
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from extproc import bootstrap
from extproc.config import load, socket_paths
from extproc.protocols import credential_headers
from extproc.server import SERVICE
from support.gateway import ALLOW_ALL, configuration, merge
from support.issuer import TestIssuer
from support.ports import free_port

Process = Callable[[AsyncIterator[bytes], grpc.aio.ServicerContext], AsyncIterator[bytes]]


def write_config(directory: Path, upstream: str, **changes: Any) -> tuple[Path, int, TestIssuer]:
    """Write a configuration; return its path, the listener's port and the issuer of its tokens."""
    issuer, port = TestIssuer(), free_port()
    (directory / "mask.key").write_bytes(b"0123456789abcdef0123456789abcdef")
    path = directory / "vecgate.yaml"
    path.write_text(yaml.safe_dump(merge(configuration(directory, issuer, port, upstream, ALLOW_ALL), changes)))
    for secret in directory.glob("*.key"):
        secret.chmod(0o600)
    (directory / "var").mkdir(mode=0o700, exist_ok=True)
    return path, port, issuer


@asynccontextmanager
async def envoy(
    config: Path, port: int, change: Callable[[dict[str, Any]], None] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Run Envoy with the bootstrap of `config`, after `change`, until the block ends; give a client of its listener."""
    document = config.with_name("bootstrap.json")
    rendered = bootstrap.render(load(config), credential_headers())
    if change:
        change(rendered)
    document.write_text(json.dumps(rendered))
    program = Path(sys.executable).with_name("envoy")
    with config.with_name("envoy.log").open("w") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it starts at once and is waited for elsewhere
            [program, "-c", document, "--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            await _listening(port)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
                yield client
        finally:
            process.terminate()
            process.wait(20)


async def _listening(port: int) -> None:
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return
    message = "Envoy does not listen"
    raise AssertionError(message)


@asynccontextmanager
async def service(config: Path, process: Any, **codec: Any) -> AsyncIterator[grpc.aio.Server]:
    """Serve `process` as the ext_proc service on the socket of `config`; `codec` may name (de)serialisers."""
    server = grpc.aio.server()
    handler = grpc.stream_stream_rpc_method_handler(process, **codec)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Process": handler}),))
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    await healthy.set("", health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(f"unix:{socket_paths(load(config))[0]}")
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)
