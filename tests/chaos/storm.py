"""Workers killed with SIGKILL under load, and the proof that nothing went wrong: ``make chaos``.

A real gateway stands before a made-up database whose answers hold planted values. Clients on keep-alive connections ask as
fast as they are answered, each request under a marker of its own as its user agent, which the private part of every entry
keeps and which reaches the database. Meanwhile a random worker is killed at random moments, its successor in the middle of its
start included. Then the gateway is stopped, and what clients and database saw is held against the audit files.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal

from chaos import evidence, http1, proofs, report, store
from extproc.audit import standalone
from extproc.audit.keys import sealing_key, signing_key
from extproc.audit.note import Signer
from extproc.audit.reader import read_leaves
from extproc.secret import SecretFile
from support import processes
from support.gateway import ROOT, Gateway, running
from support.ports import free_port
from support.shelf import COLLECTIONS, MODEL, RECORDS, UUID, get_answer

MASKING: Final = ROOT / "tests" / "policies" / "masking"
PLANTED: Final = "planted-value"
_CLIENTS: Final = 8
_ROWS: Final = 40
_SLOWEST_ANSWER: Final = 0.03
_PAUSE_AFTER_ERROR: Final = 0.05
_UNTIL_COUNTED: Final = 0.4
_CLERK_ALONE: Final = 0.2
_CLERK_AS_WELL: Final = 0.5
"""How often the process that keeps a worker's log is killed in the worker's place, and how often together with it."""

"""Seconds in which a kill costs what it costs, and no successor serves yet."""
_MOST_COST: Final = 2 * _CLIENTS
"""Requests that may fail when one of several workers is killed: those under way, and as many that come too soon after."""
_LONGEST_WAIT: Final = 90.0
_MINUTES_OF_TOKEN: Final = 60
_MARKER: Final = "storm-"
_ORIGIN: Final = "vecgate.test/tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How hard it blows: a gateway of `workers`, `kills` of them, in no more than `seconds`.

    After a kill the next one waits for one of `waits`, drawn at random: for ``nothing``, for the next ``success``, or until
    ``all`` workers serve; and then up to `pause` seconds.
    """

    workers: int
    kills: int
    seconds: float
    seed: int = 1
    waits: tuple[Literal["nothing", "success", "all"], ...] = (*("nothing",) * 3, *("success",) * 5, *("all",) * 2)
    pause: float = 1.0


@dataclass(slots=True, kw_only=True)
class Storm:
    """What was seen of one storm, and what is wrong with it.

    `gaps` are the seconds from a kill to the next success while another worker ran, `outages` while none did; `costs` are the
    requests that failed when one of several serving workers was killed, `served_at` the times of all successes.
    """

    weather: Weather
    answers: list[proofs.Answer] = field(default_factory=list)
    arrivals: list[proofs.Arrival] = field(default_factory=list)
    wrecks: list[evidence.Wreck] = field(default_factory=list)
    entries: list[evidence.Kept] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    outages: list[float] = field(default_factory=list)
    costs: list[int] = field(default_factory=list)
    served_at: list[float] = field(default_factory=list)
    orphans: list[int] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    kills: int = 0
    clerks: int = 0
    power_cuts: int = 0
    while_starting: int = 0
    seconds: float = 0.0
    restarts: int = 0

    @property
    def successes(self) -> int:
        """How many answers clients took for the database's."""
        return len(self.served_at)

    def kinds(self) -> Counter[str]:
        """Return how many answers of each kind the clients got."""
        return Counter(answer.kind for answer in self.answers)


def storm(directory: Path, weather: Weather) -> Storm:
    """Run one storm with everything it needs in `directory`, and judge it."""
    seen = Storm(weather=weather)
    port = free_port()
    with running(
        directory,
        f"http://127.0.0.1:{port}",
        policy=MASKING,
        workers=weather.workers,
        audit={"recording": "request"},
        limits={"rejected_logins": 1_000_000},  # an entry for each answer
    ) as gateway:
        envoy = gateway.envoy()
        began = time.monotonic()
        asyncio.run(_blow(gateway, port, seen))
        seen.seconds = time.monotonic() - began
        if gateway.envoy() != envoy:
            seen.findings.append("Envoy was started again")
        if len(processes.workers(gateway.process.pid)) != weather.workers:
            seen.findings.append("not all workers run at the end")
        if (status := gateway.stop()) != 0:
            seen.findings.append(f"the gateway ended with status {status}")
        seen.findings += [f"process {pid} outlived its worker" for pid in seen.orphans if processes.runs(pid)]
    _judge(seen, directory)
    return seen


def _judge(seen: Storm, directory: Path) -> None:
    audit = directory / "var" / "audit"
    key = sealing_key(SecretFile(path=directory / "var" / "keys" / "sealing.key"))
    signing = signing_key(SecretFile(path=directory / "var" / "keys" / "audit.key"))
    for worker in evidence.workers(audit):
        if standalone.main([str(evidence.log(audit, worker)), str(Signer.load(f"{_ORIGIN}/{worker}", signing).verifier)]):
            seen.findings.append(f"{worker}: the log does not verify")
        kept, wrong = evidence.read(audit, worker, key)
        seen.entries += kept
        seen.findings += wrong
        if [leaf.index for leaf in read_leaves(audit, worker)] != list(range(len(kept))):
            seen.findings.append(f"{worker}: the program's own reader does not find {len(kept)} leaves in order")
    seen.restarts = sum(entry.leaf["kind"] == "start" for entry in seen.entries) - seen.weather.workers
    seen.findings += [
        *(f"a kill cost {cost} requests" for cost in seen.costs if cost > _MOST_COST),
        *proofs.every_success_is_on_record(seen.answers, seen.entries),
        *proofs.every_refusal_is_on_record(seen.answers, seen.entries),
        *proofs.nothing_leaked(seen.answers),
        *proofs.no_exchange_is_told_twice(seen.entries),
        *proofs.nothing_arrived_before_its_intent(seen.arrivals, seen.entries),
        *proofs.starts_tell_what_was_put_right(seen.wrecks, seen.entries),
    ]


# --- the weather ----------------------------------------------------------------------------------------------------------


async def _blow(gateway: Gateway, port: int, seen: Storm) -> None:
    chance = random.Random(seen.weather.seed)  # noqa: S311  # a storm that can be had again
    token = gateway.issuer.token("reader", exp=int(time.time()) + _MINUTES_OF_TOKEN * 60)
    crowd = _Crowd(port=gateway.port, token=token, seen=seen, chance=chance)
    async with store.serving(port, partial(_answer, evidence.Follower(gateway.audit), seen, chance)):
        clients = [asyncio.create_task(crowd.client(number)) for number in range(_CLIENTS)]
        try:
            await _until(partial(_served_since, seen, _CLIENTS), seen, "nothing was answered before the first kill")
            await _kill(gateway, seen, chance)
            await _recovered(gateway, seen)
        finally:
            crowd.over.set()
            await asyncio.gather(*clients)


async def _kill(gateway: Gateway, seen: Storm, chance: random.Random) -> None:
    """Kill workers until there were enough of it, or no time is left."""
    loop, weather = asyncio.get_running_loop(), seen.weather
    end, steady = loop.time() + weather.seconds, True
    await _recovered(gateway, seen)
    while seen.kills < weather.kills and loop.time() < end:
        await asyncio.sleep(chance.uniform(0, weather.pause))
        alive = processes.workers(gateway.process.pid)
        if not alive:
            continue
        victim = chance.choice(sorted(alive))
        alone = all(pid == victim or not processes.evaluators(pid) for pid in alive)
        evaluators, clerks = processes.evaluators(victim), processes.clerks(victim)
        before, asked, at = seen.successes, len(seen.answers), loop.time()
        if evaluators and clerks and chance.random() < _CLERK_ALONE:
            os.kill(clerks[0], signal.SIGKILL)
            seen.clerks += 1
            await _until(partial(_clerk_is_back, victim, clerks[0]), seen, f"worker {victim} gets no other clerk")
            steady = chance.choice(weather.waits) == "all"
            if steady:
                await _recovered(gateway, seen)
            continue
        seen.orphans += evaluators + clerks
        seen.while_starting += not evaluators
        os.kill(victim, signal.SIGKILL)
        if chance.random() < _CLERK_AS_WELL:
            _kill_all(clerks)
        await _until(partial(_all_gone, [victim, *clerks]), seen, f"worker {victim} or its clerk does not end")
        seen.kills += 1
        await asyncio.to_thread(_look_at, gateway.audit, alive[victim], seen, chance)
        if steady and weather.workers > 1:
            await asyncio.sleep(_UNTIL_COUNTED)
            seen.costs.append(sum(not answer.native for answer in seen.answers[asked:]))
        wait = chance.choice(weather.waits)
        if wait != "nothing" and await _until(partial(_served_since, seen, before), seen, "no success after a kill"):
            (seen.outages if alone else seen.gaps).append(seen.served_at[before] - at)
        steady = wait == "all"
        if steady:
            await _recovered(gateway, seen)


def _look_at(audit: Path, worker: str, seen: Storm, chance: random.Random) -> None:
    """Note what a dead worker left; every third time, after its files have suffered a loss of power as well."""
    with evidence.locked(audit, worker) as ours:
        if not ours:
            return  # on a machine this slow its successor was faster than we are
        if chance.random() < 1 / 3:
            evidence.cut_power(audit, worker, chance)
            seen.power_cuts += 1
        seen.wrecks.append(evidence.wreck(audit, worker))


def _kill_all(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _all_gone(pids: list[int]) -> bool:
    return not any(map(processes.runs, pids))


def _clerk_is_back(worker: int, before: int) -> bool:
    """Whether a worker has another clerk than the one `before`, or has itself been started again."""
    return not processes.runs(worker) or any(clerk != before for clerk in processes.clerks(worker))


def _served_since(seen: Storm, before: int) -> bool:
    return seen.successes > before


def _all_run(gateway: Gateway, seen: Storm) -> bool:
    return len(processes.workers(gateway.process.pid)) == seen.weather.workers


async def _recovered(gateway: Gateway, seen: Storm) -> None:
    """Wait until every worker runs and answers: its log grows, and then grows by more than its start."""
    follower = evidence.Follower(gateway.audit)

    def all_grew(before: dict[str, int]) -> bool:
        now = follower.counts()
        return all(now[name] > before.get(name, 0) for name in now)

    await _until(partial(_all_run, gateway, seen), seen, "a worker stays away")
    for _ in range(3):
        await _until(partial(all_grew, follower.counts()), seen, "a worker came back and answers nothing")


async def _until(condition: Callable[[], bool], seen: Storm, otherwise: str) -> bool:
    """Wait until `condition` holds; where it does not, `otherwise` is a finding."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _LONGEST_WAIT
    while not condition():
        if loop.time() > end:
            seen.findings.append(otherwise)
            return False
        await asyncio.sleep(0.005)
    return True


# --- clients and database ---------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Crowd:
    """Clients that ask until it is `over`, and what they have in common."""

    port: int
    token: str
    seen: Storm
    chance: random.Random
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def client(self, number: int) -> None:
        async with http1.Connection(self.port) as connection:
            count = 0
            while not self.over.is_set():
                count += 1
                marker = f"{_MARKER}{number}-{count}"
                answer = await _ask(connection, _request(marker, self.token, self.chance), marker)
                self.seen.answers.append(answer)
                if answer.success:
                    self.seen.served_at.append(asyncio.get_running_loop().time())
                if not answer.native:
                    await asyncio.sleep(_PAUSE_AFTER_ERROR)


async def _ask(connection: http1.Connection, request: bytes, marker: str) -> proofs.Answer:
    try:
        reply = await connection.ask(request)
    except http1.Broken as broken:
        leaked = PLANTED.encode() in broken.heard
        return proofs.Answer(marker=marker, status=None, kind=broken.kind, native=False, leaked=leaked)
    native = reply.fields.get("content-type") == "application/json"
    kind = str(reply.status) if native else f"{reply.status} by Envoy"
    return proofs.Answer(marker=marker, status=reply.status, kind=kind, native=native, leaked=PLANTED.encode() in reply.raw)


def _request(marker: str, token: str, chance: random.Random) -> bytes:
    """Return a request that is told by its user agent: mostly reads, some writes, a few that are refused."""
    fields = {"user-agent": marker, "content-type": "application/json", "x-chroma-token": token}
    kind = chance.choices(("get", "query", "add", "malformed", "nobody"), (50, 20, 20, 5, 5))[0]
    body: object = {"ids": [marker], "include": ["documents", "metadatas", "embeddings"]}
    match kind:
        case "query":
            body = {"query_embeddings": [[0.5, 0.25, 0.125]], "n_results": _ROWS, "where": {"marker": {"$eq": marker}}}
        case "add":
            body = {
                "ids": [marker],
                "embeddings": [[1.0, 0.5, 0.25]],
                "documents": [PLANTED],
                "metadatas": [{"email": PLANTED}],
            }
        case "malformed":
            body = {"ids": 7}
        case "nobody":
            del fields["x-chroma-token"]
    action = kind if kind in {"query", "add"} else "get"
    return http1.request("POST", f"{RECORDS}/{action}", fields, json.dumps(body).encode())


def _shelf() -> dict[str, tuple[int, bytes]]:
    got = get_answer(
        ids=[f"t{row}" for row in range(_ROWS)],
        embeddings=[[0.25, 0.5, 0.75]] * _ROWS,
        documents=[f"a text with a {PLANTED}"] * _ROWS,
        metadatas=[{"email": f"{row}@{PLANTED}.test", "ssn": PLANTED, "n": row} for row in range(_ROWS)],
    )
    found = {name: value if value is None else [value] for name, value in got.items() if name != "include"}
    found |= {"distances": [[0.125] * _ROWS], "include": ["documents", "metadatas", "embeddings", "distances"]}
    return {
        f"{COLLECTIONS}/by-id/{UUID}": (200, json.dumps(MODEL).encode()),
        f"{RECORDS}/get": (200, json.dumps(got).encode()),
        f"{RECORDS}/query": (200, json.dumps(found).encode()),
        f"{RECORDS}/add": (201, b"{}"),
    }


_SHELF: Final = _shelf()
_UNKNOWN: Final = (404, json.dumps({"error": "NotFoundError", "message": "nothing here"}).encode())


async def _answer(follower: evidence.Follower, seen: Storm, chance: random.Random, asked: store.Asked) -> tuple[int, bytes]:
    """Answer a request after noting it, soon but not at once, so that kills fall into its waiting."""
    if asked.user_agent.startswith(_MARKER):
        counts = follower.counts()
        seen.arrivals.append(proofs.Arrival(marker=asked.user_agent, target=asked.target, counts=counts))
        await asyncio.sleep(chance.uniform(0, _SLOWEST_ANSWER))
    return _SHELF.get(asked.target.partition("?")[0], _UNKNOWN)


# --- make chaos -------------------------------------------------------------------------------------------------------------


def rows(storms: list[Storm]) -> Iterator[tuple[str, ...]]:
    """Give what is told of storms, a line for each fact."""

    def row(name: str, value: Callable[[Storm], object]) -> tuple[str, ...]:
        return (name, *(str(value(each)) for each in storms))

    yield row("workers killed with SIGKILL", lambda each: each.kills)
    yield row("of them in the middle of their start", lambda each: each.while_starting)
    yield row("of them with a loss of power made up as well", lambda each: each.power_cuts)
    yield row("clerks killed under a worker that lives on", lambda each: each.clerks)
    yield row("restarts on record", lambda each: each.restarts)
    yield row("requests of clients", lambda each: len(each.answers))
    kinds = sorted({kind for each in storms for kind in each.kinds()})
    for kind in kinds:
        yield row(f"· answered: {kind}", lambda each, kind=kind: each.kinds()[kind])  # type: ignore[misc]
    yield row("requests that reached the database", lambda each: len(each.arrivals))
    yield row("entries in the logs", lambda each: len(each.entries))
    yield row("intents without an outcome", lambda each: len(proofs.unfinished(each.entries)))
    yield row("bytes of torn records dropped at restarts", lambda each: sum(wreck.torn for wreck in each.wrecks))
    yield row("leaves that were published only at restarts", lambda each: sum(wreck.restored for wreck in each.wrecks))
    yield row("planted values that came out", lambda each: sum(answer.leaked for answer in each.answers))
    yield row("next success after a kill, another worker running: median, longest (s)", lambda each: _spread(each.gaps))
    yield row("next success after a kill, none running: median, longest (s)", lambda each: _spread(each.outages))
    yield row("failed when one of two serving workers was killed: median, most", lambda each: _spread(each.costs))
    yield row("seconds", lambda each: f"{each.seconds:.0f}")
    yield row("findings", lambda each: len(each.findings))


def _spread(figures: Sequence[float]) -> str:
    ordered = sorted(figures)
    return f"{ordered[len(ordered) // 2]:.3g}, {ordered[-1]:.3g}" if ordered else "none"


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """Give a directory on the disk that holds this checkout, and remove it afterwards."""
    (ROOT / "var").mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "var", prefix=prefix) as directory:
        yield Path(directory)


def main(arguments: list[str]) -> int:
    """Run the storms that `arguments` ask for, and write what they came to into the documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="with two workers")
    parser.add_argument("--seconds", type=float, default=480, help="the most that they may take")
    parser.add_argument("--kills-alone", type=int, default=12, help="with one worker")
    parser.add_argument("--seconds-alone", type=float, default=120, help="the most that they may take")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--document", type=Path, default=report.ROBUSTNESS)
    options = parser.parse_args(arguments)
    storms = []
    for workers, kills, seconds in ((2, options.kills, options.seconds), (1, options.kills_alone, options.seconds_alone)):
        weather = Weather(workers=workers, kills=kills, seconds=seconds, seed=options.seed)
        with scratch("chaos-") as directory:
            seen = storm(directory, weather)
        storms.append(seen)
        sys.stdout.write(f"{workers} worker(s): {seen.kills} kills, {len(seen.answers)} requests in {seen.seconds:.0f} s\n")
        sys.stdout.writelines(f"  FINDING {finding}\n" for finding in seen.findings[:50])
    table = report.table(
        ["", *(f"{each.weather.workers} worker{'s' * (each.weather.workers > 1)}" for each in storms)], rows(storms)
    )
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    report.write(options.document, "chaos", f"Measured {when} on {os.cpu_count()} cores, seed {options.seed}.\n\n{table}")
    sys.stdout.write(f"{table}\n")
    return 1 if any(each.findings for each in storms) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
