"""One worker process: the parts put together from the configuration, served until told to stop, and taken down in order.

The composition root of the service: the only place that knows both the configuration and the parts. On SIGTERM or SIGINT it
stops taking streams, lets those under way end, writes a stop entry, flushes the log and the spans, and returns.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from contextlib import suppress
from typing import Final, Literal

from extproc import __version__
from extproc.accesslog import AccessLog
from extproc.audit.entry import Entry
from extproc.audit.flood import Flood, Tally
from extproc.audit.ledger import Ledger
from extproc.audit.witness import Witness
from extproc.config import socket_paths
from extproc.config.doors import Door, doors
from extproc.config.types import Config
from extproc.configured import (
    credential_of,
    default_level,
    identifier,
    keep,
    load_engine,
    mask_key,
    open_ledger,
    open_mirror,
    open_safe,
    open_store,
    signed_by,
    upstream_of,
)
from extproc.detection.catalogue import Catalogue
from extproc.detectors import catalogue
from extproc.engines.cache import DecisionCache
from extproc.engines.engine import Engine
from extproc.engines.opa import OpaEngine
from extproc.errors import EngineError
from extproc.guard import Guard
from extproc.identity import REASONS
from extproc.locks import Locks, Watch
from extproc.manners import keep_freed_memory, settle_objects, wait_ones_turn
from extproc.observation import Observation
from extproc.protocols import MINTS, adapter_for
from extproc.reservations import Reservations
from extproc.safe import Safe
from extproc.server import Server, Servicer
from extproc.upstream import Generation, Upstream

_log = logging.getLogger(__name__)

_SWITCH_SECONDS: Final = 0.0001
"""How long a busy thread keeps the interpreter: at the usual 5 ms whoever writes a slow disk, or reads a large request, would
wait behind the event loop."""

_PATIENCE: Final = 5.0
"""Seconds that the store may take to show its locks before the worker serves without, which is to say denies."""
_GRACE: Final = 20.0
"""Seconds that exchanges under way may take to end once the worker is told to stop."""


async def serve(config: Config, index: int) -> None:
    """Serve as the worker number `index` until SIGTERM or SIGINT. Raises `ConfigError`, `AuditError` at the start."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    wait_ones_turn()
    keep_freed_memory()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    name = f"worker-{index}"
    safe = open_safe(config)
    for failure in await asyncio.to_thread(safe.look):
        _log.error("a secret could not be looked up: %s", failure)  # it is looked up again, and until then what needs it fails
    locks = Locks(oldest=config.limits.locks_age, clock=time.monotonic)
    watch = Watch(locks, lambda: open_store(config), clock=time.monotonic)
    await watch.settle(_PATIENCE)
    policy = load_engine(config, safe)
    if isinstance(policy, OpaEngine):
        with suppress(EngineError):  # one that does not answer yet is asked again, and until then everything is denied
            await policy.look()
    engine = DecisionCache(policy, clock=time.time)
    ledger = open_ledger(config, name)
    mirror = open_mirror(config, name, safe, ledger)
    try:
        generation = Generation(config.service.socket.with_suffix(".generation"))
        reservations = Reservations(config.service.socket.with_suffix(".reservations"), clock=time.monotonic)
        upstreams = {database.name: upstream_of(database, generation, safe) for database in config.databases}
        flood = _flood(config, name, ledger)
        known = catalogue(config.detection)
        guards = {
            door.name: _guard(
                config,
                door,
                engine=engine,
                log=flood,
                upstream=upstreams[door.database.name],
                reservations=reservations,
                safe=safe,
                locks=locks,
                known=known,
            )
            for door in doors(config)
        }
        server = _server(config, index, guards, ledger)
        await ledger.append(_mark("start", engine.revision, **signed_by(config, name), **_told(ledger), **_observed(guards)))
        following = [
            asyncio.create_task(policy.follow(lambda revision: _told_of_policy(ledger, revision))),
            asyncio.create_task(safe.follow()),
            asyncio.create_task(flood.follow()),
            asyncio.create_task(watch.follow()),
        ]
        for task in following:
            task.add_done_callback(lambda _: stop.set())  # by itself it ends of a defect alone, and so does the worker then
        keeping = [asyncio.create_task(each) for each in (keep(config, name, ledger), mirror.follow())]
        reminding = [asyncio.create_task(each.observation.follow()) for each in guards.values() if each.observation]
        await flood.sum_up()  # what a killed worker of this name had counted
        await server.start()
        settle_objects()
        await stop.wait()
        await server.drain(_GRACE)
        for task in (*following, *keeping, *reminding):
            task.cancel()
        for upstream in upstreams.values():
            await upstream.close()
        await flood.sum_up()
        await ledger.append(_mark("stop", engine.revision))
        for task in following:
            with suppress(asyncio.CancelledError):
                await task
    finally:
        watch.close()
        await engine.close()
        await ledger.close()
        await mirror.close()


def _flood(config: Config, name: str, ledger: Ledger) -> Flood:
    folder = config.audit.directory / "tally"
    tallies = {each.name: Tally(folder / f"{name}-{each.name}", REASONS) for each in config.databases}
    return Flood(ledger, tallies, whole=config.limits.rejected_logins, clock=time.time_ns)


def _mark(kind: Literal["start", "stop", "policy"], revision: str, **detail: str) -> Entry:
    return Entry(kind=kind, time_ns=time.time_ns(), revision=revision, detail={"version": __version__} | detail)


async def _told_of_policy(ledger: Ledger, revision: str) -> None:
    await ledger.append(_mark("policy", revision))


def _told(ledger: Ledger) -> dict[str, str]:
    """Return what the ledger had to put right when it was opened, for the record."""
    found = {name: getattr(ledger.recovered, name) for name in ("torn", "restored", "lost")}
    return {f"recovered_{name}": str(count) for name, count in found.items() if count}


def _observed(guards: dict[str, Guard]) -> dict[str, str]:
    """Return which databases are only observed, for the record."""
    names = [name for name, guard in guards.items() if guard.observation]
    return {"observed": ", ".join(names)} if names else {}


def _server(config: Config, index: int, guards: dict[str, Guard], ledger: Ledger) -> Server:
    authorities = {door.authority: door.name for door in doors(config) if door.authority}
    return Server(
        servicer=Servicer(guards=guards, authorities=authorities, max_body=config.limits.body),
        access_log=AccessLog(
            log=ledger,
            databases={door.name: (door.database.name, door.database.engine) for door in doors(config)},
            clock=time.time_ns,
        ),
        socket=socket_paths(config)[index],
        max_body=config.limits.body,
    )


def _guard(
    config: Config,
    door: Door,
    *,
    engine: Engine,
    log: Flood,
    upstream: Upstream,
    reservations: Reservations,
    safe: Safe,
    locks: Locks,
    known: Catalogue,
) -> Guard:
    database = door.database
    adapter = adapter_for(database.engine, door.transport)
    return Guard(
        database=database.name,
        adapter=adapter,
        identifier=identifier(config, adapter.credential_headers, database),
        engine=engine,
        upstream=upstream,
        reservations=reservations,
        locks=locks,
        credential=credential_of(database, safe),
        mint=MINTS[database.engine] if database.credential and database.credential.mint else None,
        witness=Witness(log=log, database=database.name, engine=database.engine, clock=time.time_ns),
        mask_key=mask_key(config, safe),
        renew=safe.hurry,
        catalogue=known,
        default_level=default_level(config),
        clock=time.time_ns,
        observation=Observation(database.name) if database.enforcement == "observe" else None,
    )
