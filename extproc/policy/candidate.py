"""A policy that decides nothing yet, asked what it would decide: in a process of its own, or by an OPA server of our own.

Either is an `engine.Engine`, the same that a gateway asks, so a candidate decides here what it would decide there.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from extproc.engines.build import build
from extproc.engines.embedded import EmbeddedEngine
from extproc.engines.engine import Engine
from extproc.engines.opa import OpaEngine, Server
from extproc.engines.opa_program import opa_program, require_loads
from extproc.engines.signature import SigningKey
from extproc.engines.source import Source
from extproc.errors import ConfigError, EngineError

EngineKind = Literal["embedded", "opa"]

_DEADLINE: Final = 10.0
"""Seconds for one decision: nobody waits for it, and a busy machine must not look like a denial."""
_START_SECONDS: Final = 30.0
_POLL: Final = 0.02
_POLICY: Final = "policy.tar.gz"
_KEY: Final = "policy.pem"


@asynccontextmanager
async def candidate(source: Source, entrypoint: str, kind: EngineKind) -> AsyncIterator[Engine]:
    """Load the policy of `source` and give what decides by it. Raises `ConfigError` for one that does not load."""
    if kind == "embedded":
        engine = EmbeddedEngine(source, entrypoint, _DEADLINE)
        try:
            yield engine
        finally:
            await engine.close()
    else:
        with tempfile.TemporaryDirectory(prefix="vecgate-opa-") as name:
            async with _server(source, entrypoint, Path(name)) as server:
                yield server


@asynccontextmanager
async def _server(source: Source, entrypoint: str, folder: Path) -> AsyncIterator[OpaEngine]:
    """Run an OPA on a private socket in `folder`, with the policy as a bundle file that it verifies."""
    key = SigningKey.create() if source.path.is_dir() else None
    archive = build(source.files(), source.path, key).archive if key else source.archive()
    public = key.public() if key else source.verification_key()
    require_loads(archive, public, entrypoint)
    (folder / _POLICY).write_bytes(archive)
    (folder / _KEY).write_text(public.pem, encoding="utf-8")
    socket = folder / "opa.sock"
    process = await asyncio.create_subprocess_exec(
        str(opa_program()),
        *("run", "--server", "--addr", f"unix://{quote(str(socket))}", "--bundle", _POLICY),
        *("--verification-key", _KEY, "--signing-alg", public.algorithm),
        *("--skip-version-check", "--log-level", "error"),
        cwd=folder,
        env={"PATH": os.defpath},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    engine = OpaEngine(Server(socket=socket), entrypoint, _DEADLINE)
    try:
        await _answers(engine, process)
        yield engine
    finally:
        await engine.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(engine: OpaEngine, process: asyncio.subprocess.Process) -> None:
    """Wait until OPA decides. Raises `ConfigError` where it never does."""
    try:
        async with asyncio.timeout(_START_SECONDS):
            while process.returncode is None:
                try:
                    await engine.look()
                except EngineError:
                    await asyncio.sleep(_POLL)
                else:
                    return
    except TimeoutError:
        pass
    raise ConfigError("OPA does not start on this policy; `opa run` says why")
