"""The control API as a process: configuration to parts, served on a private socket until told to stop.

Its log is one of its own, beside the workers'. On SIGTERM or SIGINT requests under way may end, then a stop entry is written.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, Literal

import uvicorn

from extproc import __version__
from extproc.audit.entry import Entry
from extproc.audit.ledger import Ledger
from extproc.config import control_path
from extproc.config.types import Config
from extproc.configured import (
    identifier,
    keep,
    load_administration,
    mask_keys,
    open_ledger,
    open_mirror,
    open_safe,
    open_store,
    sealing_key,
    signed_by,
)
from extproc.control.acts import Acts
from extproc.control.admins import Admins
from extproc.control.app import Table, application
from extproc.control.callers import CREDENTIAL_HEADERS
from extproc.control.erasing import Eraser
from extproc.control.locks import Locksmith
from extproc.control.reveal import Reveal
from extproc.control.sessions import Archive, Sessions
from extproc.errors import ConfigError
from extproc.locks import Locks, Watch
from extproc.private import private_directory
from extproc.safe import Safe

_log = logging.getLogger(__name__)

LOG: Final = "control"
"""The name of this process's log."""
_GRACE: Final = 10
"""Seconds that requests under way may take to end."""
_MOST_HEAD: Final = 128 << 10
"""Bytes of a request's head: Envoy's own bound, and what it says of the token."""


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. Raises `ConfigError`, `AuditError` at the start."""
    if config.control is None:
        raise ConfigError("the configuration has no `control`; name an address to listen on")
    safe = open_safe(config)
    for failure in await asyncio.to_thread(safe.look):
        _log.error("a secret could not be looked up: %s", failure)
    locks = Locks(oldest=config.limits.locks_age, clock=time.monotonic)
    watch = Watch(locks, partial(open_store, config), clock=time.monotonic)
    engine = load_administration(config, safe)
    judge = engine or Admins(config.control.admins)
    ledger = open_ledger(config, LOG)
    mirror = open_mirror(config, LOG, safe, ledger)
    try:
        acts = Acts(judge=judge, log=ledger, clock=time.time_ns, locks=locks)
        known, table = identifier(config, CREDENTIAL_HEADERS), _table(config, acts, safe, ledger)
        server = _server(config, application(table, identifier=known, acts=acts, clock=time.time_ns))
        await ledger.append(_mark("start", judge.revision, **signed_by(config, LOG)))
        following = [asyncio.create_task(safe.follow()), asyncio.create_task(watch.follow())]
        if engine is not None:
            following.append(asyncio.create_task(engine.follow(lambda revision: _told(ledger, revision))))
        for task in following:
            task.add_done_callback(lambda _: _stop(server))  # by itself it ends of a defect alone, and so do we then
        keeping = [asyncio.create_task(each) for each in (keep(config, LOG, ledger), mirror.follow())]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, server)
        await server.serve()
        await ledger.append(_mark("stop", judge.revision))
        for task in (*following, *keeping):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    finally:
        watch.close()
        if engine is not None:
            await engine.close()
        await ledger.close()
        await mirror.close()


def _table(config: Config, acts: Acts, safe: Safe, ledger: Ledger) -> Table:
    """Return every route. Each names its function here, so that this is all there is."""
    locksmith = Locksmith(acts, partial(open_store, config))
    archive = Archive(config.audit.directory, sealing_key(config), partial(open_store, config))
    sessions = Sessions(acts, archive)
    return {
        ("POST", "/v1/erase"): Eraser(acts, archive, log=ledger, origin=config.audit.origin, clock=time.time_ns),
        ("POST", "/v1/locks"): locksmith.set,
        ("POST", "/v1/locks/lift"): locksmith.lift,
        ("POST", "/v1/locks/list"): locksmith.list,
        ("POST", "/v1/masks/reveal"): Reveal(acts, mask_keys(config, safe)),
        ("POST", "/v1/sessions/list"): sessions.list,
        ("POST", "/v1/sessions/show"): sessions.show,
    }


def _server(config: Config, app: object) -> uvicorn.Server:
    socket = control_path(config)
    private_directory(socket.parent)
    socket.unlink(missing_ok=True)
    return _Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]  # an ASGI application
            uds=str(socket),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            http="h11",
            ws="none",
            h11_max_incomplete_event_size=_MOST_HEAD,
            timeout_graceful_shutdown=_GRACE,
        )
    )


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


async def _told(ledger: Ledger, revision: str) -> None:
    await ledger.append(_mark("policy", revision))


def _mark(kind: Literal["start", "stop", "policy"], revision: str, **detail: str) -> Entry:
    return Entry(kind=kind, time_ns=time.time_ns(), revision=revision, detail={"version": __version__} | detail)
