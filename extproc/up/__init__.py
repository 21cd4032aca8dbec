"""Everything in the foreground: OPA, workers, control API, then Envoy, kept running; "ready" once every listener answers.

What dies is started again after a pause that grows. On SIGTERM or SIGINT the listeners close first, what is under way may end,
then Envoy goes, then the workers, because they still write what Envoy's last exchanges came to, and OPA last. Children never
outlive this process. How a part works is none of this module's business; it knows commands, sockets and exit statuses.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from extproc import bootstrap, discovery
from extproc.config import admin_path, control_path, load, socket_paths
from extproc.config.doors import doors
from extproc.config.forms import Address
from extproc.config.types import Config
from extproc.errors import ConfigError
from extproc.private import private_directory, write_private
from extproc.protocols import credential_headers
from extproc.up.child import Child, Part
from extproc.up.opa import ManagedOpa

_START_TIMEOUT: Final = 60.0
"""Seconds until every part must answer for the first time."""
_DISCOVERY_PATIENCE: Final = 30.0
"""Seconds that an issuer may take until it answers, for it may start at the same time as we."""
_POLL: Final = 0.05
_EXCHANGES_GRACE: Final = 15.0
"""Seconds that exchanges under way may take to end."""
_ENVOY_GRACE: Final = 5.0
_WORKER_GRACE: Final = 30.0
"""Seconds for a worker's own drain, which is 20, and the flush of its log."""
_OPA_GRACE: Final = 5.0
_ADMIN_TIMEOUT: Final = 2.0
_ACTIVE: Final = re.compile(r"^http\.(?!admin\.)[^:]*\.downstream_rq_active: ([0-9]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to run, and how to tell that it runs: `sockets` are the workers', `admin` is Envoy's, `listeners` clients'.

    The control API is one of the workers here: it starts, ends and is started again as they are.
    """

    workers: tuple[Part, ...]
    envoy: Part
    sockets: tuple[Path, ...]
    admin: Path
    listeners: tuple[Address, ...]
    opa: ManagedOpa | None = None


def run(path: Path) -> int:
    """Run what the configuration at `path` describes until SIGTERM or SIGINT; return the exit status.

    Raises `ConfigError` where a part does not come up at the start.
    """
    config = load(path)
    return asyncio.run(supervise(plan(config, path)))


def plan(config: Config, path: Path) -> Plan:
    """Make the private directory and Envoy's bootstrap in it, and return what is to run."""
    private_directory(config.service.socket.parent)
    document = config.service.socket.with_name("envoy.json")
    found = discovery.resolve(config, patience=_DISCOVERY_PATIENCE)
    write_private(document, bootstrap.text(found, credential_headers()).encode(), replace=True)
    # -P: a file of the current directory must not stand in for a module.
    program = (sys.executable, "-P", "-m", "extproc")
    serve = (*program, "serve", "-c", str(path), "--worker")
    control = Part(name="control", command=(*program, "control", "-c", str(path)))
    # As many threads as workers: a worker is the slower half of the pair, and more threads would only wait for it.
    threads = ("--concurrency", str(config.workers))
    envoy = (str(bootstrap.envoy_program()), "-c", str(document), *threads, "--disable-hot-restart", "--log-level", "warning")
    return Plan(
        workers=(
            *(Part(name=f"worker-{index}", command=(*serve, str(index))) for index in range(config.workers)),
            *([control] if config.control else []),
        ),
        envoy=Part(name="envoy", command=envoy),
        sockets=(*socket_paths(config), *([control_path(config)] if config.control else [])),
        admin=admin_path(config),
        listeners=(
            *(door.listen for door in doors(config) if door.listen),
            *([config.control.listen] if config.control else []),
        ),
        opa=ManagedOpa(config) if config.policy.engine == "opa" and config.policy.opa.managed else None,
    )


async def supervise(what: Plan, *, grace: float = _EXCHANGES_GRACE, announce: Callable[[], None] | None = None) -> int:
    """Run `what` until SIGTERM or SIGINT; 0 when everything ended as told. `announce` says that all listeners answer."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    workers = [Child(part) for part in what.workers]
    envoy = Child(what.envoy)
    opa = Child(what.opa.part) if what.opa else None
    try:
        if await _come_up(what, opa, workers, envoy, stop):
            for child in (*([opa] if opa else []), *workers, envoy):
                child.settled = True
            (announce or _announce)()
            await _until_told(what, stop)
            await _drain(what.admin, grace)
    finally:
        orderly = await envoy.end(_ENVOY_GRACE)
        ended = await asyncio.gather(*(worker.end(_WORKER_GRACE) for worker in workers))
        if what.opa and opa:
            ended.append(await opa.end(_OPA_GRACE))
            await asyncio.to_thread(what.opa.close)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    return 0 if orderly and all(ended) else 1


def _announce() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


async def _come_up(what: Plan, opa: Child | None, workers: Sequence[Child], envoy: Child, stop: asyncio.Event) -> bool:
    """Start everything in order; return False when told to stop meanwhile. Raises `ConfigError` where a part fails."""
    started: list[Child] = []
    if what.opa and opa:
        what.opa.socket.unlink(missing_ok=True)
        opa.start()
        started.append(opa)
        if not await _until(_all_answer([_socket_answers(what.opa.socket)]), started, stop):
            return False
    for worker in workers:
        worker.start()
    started += workers
    if not await _until(_all_answer([_socket_answers(path) for path in what.sockets]), started, stop):
        return False
    what.admin.unlink(missing_ok=True)
    envoy.start()
    started.append(envoy)
    # Envoy's own word comes first: on the listeners' ports somebody else might answer.
    answers = [_envoy_is_live(what.admin), *(_listener_answers(address) for address in what.listeners)]
    return await _until(_all_answer(answers), started, stop)


async def _until_told(what: Plan, stop: asyncio.Event) -> None:
    """Wait until told to stop; meanwhile a managed OPA is given new policies."""
    if what.opa is None:
        await stop.wait()
        return
    following = asyncio.create_task(what.opa.follow())
    following.add_done_callback(lambda _: stop.set())  # by itself it ends of a defect alone, and so do we then
    await stop.wait()
    following.cancel()
    await asyncio.wait([following])


async def _until(condition: Awaitable[None], children: Sequence[Child], stop: asyncio.Event) -> bool:
    """Wait for `condition`; return False when told to stop first. Raises `ConfigError` when a child fails or time is up."""
    done = asyncio.ensure_future(condition)
    stopped = asyncio.ensure_future(stop.wait())
    waited: list[asyncio.Future[Any]] = [done, stopped, *(child.failed for child in children)]
    try:
        await asyncio.wait(waited, timeout=_START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        for child in children:
            if child.failed.done():
                raise ConfigError(f"{child.name} did not start; what it said stands above")
        if not done.done() and not stopped.done():
            raise ConfigError(f"not everything answered within {_START_TIMEOUT:g} s; what was said stands above")
        return not stopped.done()
    finally:
        done.cancel()
        stopped.cancel()
        await asyncio.gather(done, stopped, return_exceptions=True)


async def _all_answer(probes: Sequence[Callable[[], Awaitable[bool]]]) -> None:
    for answers in probes:
        while not await answers():  # noqa: ASYNC110  # what is waited for is another process
            await asyncio.sleep(_POLL)


def _socket_answers(path: Path) -> Callable[[], Awaitable[bool]]:
    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(str(path))
        except OSError:
            return False
        await _hang_up(writer)
        return True

    return answers


def _listener_answers(address: Address) -> Callable[[], Awaitable[bool]]:
    # A listener on every address is reached over loopback.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104  # nothing is bound here

    async def answers() -> bool:
        try:
            _, writer = await asyncio.open_connection(host, address.port)
        except OSError:
            return False
        await _hang_up(writer)
        return True

    return answers


def _envoy_is_live(admin: Path) -> Callable[[], Awaitable[bool]]:
    async def answers() -> bool:
        return (await _ask(admin, "GET", "/ready")).strip().endswith("LIVE")

    return answers


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        return


async def _drain(admin: Path, grace: float) -> None:
    """Close the listeners, have kept connections closed after their exchange, and wait until none is under way."""
    await _ask(admin, "POST", "/healthcheck/fail")
    await _ask(admin, "POST", "/drain_listeners")
    try:
        async with asyncio.timeout(grace):
            while await _under_way(admin):  # noqa: ASYNC110  # what is waited for is another process
                await asyncio.sleep(_POLL)
    except TimeoutError:
        return


async def _under_way(admin: Path) -> int:
    """Return how many requests Envoy holds."""
    return sum(int(count) for count in _ACTIVE.findall(await _ask(admin, "GET", "/stats?filter=downstream_rq_active")))


async def _ask(admin: Path, method: str, target: str) -> str:
    """Return what Envoy's admin interface answers, or nothing where it does not."""
    transport = httpx.AsyncHTTPTransport(uds=str(admin))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://admin", timeout=_ADMIN_TIMEOUT) as client:
            response = await client.request(method, target)
    except httpx.HTTPError:
        return ""
    return response.text if response.is_success else ""
