"""One worker process: the parts put together from the configuration, served until told to stop, and taken down in order.

The composition root of the service: the only place that knows both the configuration and the parts. On SIGTERM or SIGINT it
stops taking streams, lets those under way end, writes a stop entry, flushes the log and the spans, and returns.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from contextlib import suppress
from typing import Final, Literal

from extproc import __version__
from extproc.accesslog import AccessLog
from extproc.audit import retention
from extproc.audit.entry import Entry
from extproc.audit.keys import Keys
from extproc.audit.ledger import Ledger
from extproc.audit.note import Signer
from extproc.audit.orders import Witness as Cosigner
from extproc.audit.witness import Witness
from extproc.config import socket_paths
from extproc.config.types import Config, Database
from extproc.configured import credential_of, default_level, identifier, load_engine, mask_key, upstream_of
from extproc.engines.cache import DecisionCache
from extproc.engines.engine import Engine
from extproc.engines.opa import OpaEngine
from extproc.errors import EngineError
from extproc.observation import Observation
from extproc.pipeline import Guard
from extproc.protocols import adapter_for
from extproc.reservations import Reservations
from extproc.server import Server, Servicer
from extproc.upstream import Generation

_SWITCH_SECONDS: Final = 0.0001
"""How long a busy thread keeps the interpreter: at the usual 5 ms whoever writes a slow disk, or reads a large request, would
wait behind the event loop."""

_COLLECTED_AFTER: Final = (10_000, 20, 50)
"""Objects, then collections of the generation before, after which the garbage collector looks."""

_GRACE: Final = 20.0
"""Seconds that exchanges under way may take to end once the worker is told to stop."""


async def serve(config: Config, index: int) -> None:
    """Serve as the worker number `index` until SIGTERM or SIGINT. Raises `ConfigError`, `AuditError` at the start."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    name = f"worker-{index}"
    held = Keys.load(config.audit.sealing_key, config.audit.signing_key, config.audit.retiring_keys)
    policy = load_engine(config)
    if isinstance(policy, OpaEngine):
        with suppress(EngineError):  # one that does not answer yet is asked again, and until then everything is denied
            await policy.look()
    engine = DecisionCache(policy, clock=time.time)
    ledger = Ledger.open(
        config.audit.directory,
        name,
        held,
        origin=config.audit.origin,
        heartbeat=config.audit.heartbeat,
        witnesses=tuple(Cosigner(key=each.key, url=str(each.url)) for each in config.audit.witnesses),
        otlp=str(config.audit.otlp) if config.audit.otlp else None,
        pseudonyms=config.audit.identifiers == "pseudonym",
    )
    try:
        generation = Generation(config.service.socket.with_suffix(".generation"))
        reservations = Reservations(config.service.socket.with_suffix(".reservations"), clock=time.monotonic)
        guards = {
            database.name: _guard(
                config, database, engine=engine, ledger=ledger, generation=generation, reservations=reservations
            )
            for database in config.databases
        }
        server = _server(config, index, guards, ledger)
        signers = [str(Signer.load(f"{config.audit.origin}/{name}", pem).verifier) for pem in held.signing]
        cosigners = " ".join(each.key for each in config.audit.witnesses)
        named = {"keys": " ".join(signers), **({"witnesses": cosigners} if cosigners else {})}
        await ledger.append(_mark("start", engine.revision, **named, **_told(ledger), **_observed(guards)))
        following = asyncio.create_task(policy.follow(lambda revision: _told_of_policy(ledger, revision)))
        following.add_done_callback(lambda _: stop.set())  # by itself it ends of a defect alone, and so does the worker then
        keeping = asyncio.create_task(_kept(config, name, ledger))
        reminding = [asyncio.create_task(each.observation.follow()) for each in guards.values() if each.observation]
        await server.start()
        _settle_memory()
        await stop.wait()
        await server.drain(_GRACE)
        for task in (following, keeping, *reminding):
            task.cancel()
        for guard in guards.values():
            await guard.upstream.close()
        await ledger.append(_mark("stop", engine.revision))
        with suppress(asyncio.CancelledError):
            await following
    finally:
        await engine.close()
        await ledger.close()


def _settle_memory() -> None:
    """Take what lives as long as the process out of the garbage collector's sight, and have it look for cycles less often.

    An exchange leaves none behind but for its errors; at the usual thresholds the search costs some percent of each.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_AFTER)


def _mark(kind: Literal["start", "stop", "policy"], revision: str, **detail: str) -> Entry:
    return Entry(kind=kind, time_ns=time.time_ns(), revision=revision, detail={"version": __version__} | detail)


async def _told_of_policy(ledger: Ledger, revision: str) -> None:
    await ledger.append(_mark("policy", revision))


async def _kept(config: Config, worker: str, ledger: Ledger) -> None:
    """Remove what is older than the configuration has it kept."""
    if config.audit.retention is not None:
        await retention.follow(config.audit.directory, worker, config.audit.retention, log=ledger, clock=time.time_ns)


def _told(ledger: Ledger) -> dict[str, str]:
    """Return what the ledger had to put right when it was opened, for the record."""
    found = {name: getattr(ledger.recovered, name) for name in ("torn", "restored", "lost")}
    return {f"recovered_{name}": str(count) for name, count in found.items() if count}


def _observed(guards: dict[str, Guard]) -> dict[str, str]:
    """Return which databases are only observed, for the record."""
    names = [name for name, guard in guards.items() if guard.observation]
    return {"observed": ", ".join(names)} if names else {}


def _server(config: Config, index: int, guards: dict[str, Guard], ledger: Ledger) -> Server:
    authorities = {each.match.authority.lower(): each.name for each in config.databases if each.match}
    return Server(
        servicer=Servicer(guards=guards, authorities=authorities, max_body=config.limits.body),
        access_log=AccessLog(log=ledger, engines={each.name: each.engine for each in config.databases}, clock=time.time_ns),
        socket=socket_paths(config)[index],
        max_body=config.limits.body,
    )


def _guard(
    config: Config,
    database: Database,
    *,
    engine: Engine,
    ledger: Ledger,
    generation: Generation,
    reservations: Reservations,
) -> Guard:
    adapter = adapter_for(database.engine)
    return Guard(
        database=database.name,
        adapter=adapter,
        identifier=identifier(config, adapter),
        engine=engine,
        upstream=upstream_of(database, generation),
        reservations=reservations,
        credential=credential_of(database),
        witness=Witness(log=ledger, database=database.name, engine=database.engine, clock=time.time_ns),
        mask_key=mask_key(config),
        default_level=default_level(config),
        clock=time.time_ns,
        observation=Observation(database.name) if database.enforcement == "observe" else None,
    )
