"""Tenants at work at once on the same ids, through a real gateway on a real Chroma, against a model: ``make tenancy``.

Round after round each tenant does one thing at the same moment, at times with a loader beside them who may do anything. What
each was told, and all that Chroma then holds, must be what the model gives for some order of these acts; anything else is a
finding. The acts come from a seed, which is told; which of them meet in the database does not.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from chaos import report
from support.database import chroma_server
from support.gateway import ROOT, Gateway, running
from tenancy.acts import LOADER, TENANTS, Act, Maker
from tenancy.model import Model, Outcome, is_own

POLICY: Final = ROOT / "tests" / "policies" / "tenants"
_COLLECTIONS: Final = "/api/v2/tenants/default_tenant/databases/default_database/collections"
_LIFETIME: Final = 4 * 3600
_FAILED: Final = "the database failed"
_MOST_FAILURES: Final = 0.002
"""Part of the acts at which Chroma may fail by itself: now and then it cannot read what others are writing."""


@dataclass(slots=True)
class Course:
    """What was seen. `findings` are what should not be, each a text; the rest is counted."""

    seed: int
    rounds: int = 0
    steps: int = 0
    returned: int = 0
    foreign_read: int = 0
    overtaken: int = 0
    told: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


class Stage:
    """One gateway before one Chroma, and one collection that is reached through it and past it."""

    def __init__(self, gateway: Gateway, chroma: int) -> None:
        self._tokens = {
            tenant: gateway.issuer.token("tenant", tenant=tenant, exp=int(time.time()) + _LIFETIME) for tenant in TENANTS
        }
        self._tokens[LOADER] = gateway.issuer.token("loader", exp=int(time.time()) + _LIFETIME)
        self._clients = {
            actor: httpx.AsyncClient(base_url=gateway.url, headers={"x-chroma-token": token}, timeout=30, trust_env=False)
            for actor, token in self._tokens.items()
        }
        self._behind = httpx.AsyncClient(base_url=f"http://127.0.0.1:{chroma}", timeout=30, trust_env=False)
        self._path = ""

    async def open(self) -> None:
        """Make the collection."""
        made = await self._clients[LOADER].post(_COLLECTIONS, json={"name": f"shared-{time.time_ns()}"})
        made.raise_for_status()
        self._path = f"{_COLLECTIONS}/{made.json()['id']}"

    async def close(self) -> None:
        """Close the connections."""
        for client in (*self._clients.values(), self._behind):
            await client.aclose()

    async def do(self, act: Act) -> Outcome:
        """Send an act through the gateway and return what its actor is told."""
        client, path = self._clients[act.actor], f"{self._path}/{act.operation}"
        response = await (client.get(path) if act.body is None else client.post(path, json=act.body))
        return _outcome(act, response)

    async def dump(self) -> list[Any]:
        """Return all that Chroma holds, asked past the gateway."""
        include = ["documents", "metadatas", "embeddings"]
        found = (await self._behind.post(f"{self._path}/get", json={"include": include})).json()
        columns = [found[name] or [] for name in ("ids", *include)]
        return [list(row) for row in zip(*columns, strict=True)]


def _outcome(act: Act, response: httpx.Response) -> Outcome:
    body = response.json()
    if not response.is_success:
        words = str(body["message"]).split()
        denied = words[:3] == ["denied", "by", "Vecgate:"]
        return Outcome(status=response.status_code, reason=words[3] if denied else str(body["message"]))
    if act.operation == "get":
        include = (act.body or {}).get("include", ("documents", "metadatas"))
        body = {name: body[name] if body[name] is not None else [] for name in ("ids", *include)}
    elif act.operation == "query":
        include = (act.body or {})["include"]
        count = len(body["ids"])
        body = [{name: body[name][index] for name in ("ids", *include)} for index in range(count)]
    return Outcome(status=response.status_code, told=body)


def _same(one: object, other: object) -> bool:
    """Whether two values are one JSON: to Python, true is 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _explain(model: Model, acts: list[Act], seen: list[Outcome], held: list[Any]) -> tuple[Model, int] | None:
    """Return the model after the first order of `acts` that gives what was seen and is held, and how far that order is off.

    Where the database failed, a read tells nothing, and a write was done or not.
    """
    failed = [index for index, outcome in enumerate(seen) if outcome.reason == _FAILED]
    unsure = [index for index in failed if acts[index].writes]
    for left_out in itertools.chain.from_iterable(itertools.combinations(unsure, count) for count in range(len(unsure) + 1)):
        done = [index for index in range(len(acts)) if index in unsure or index not in failed]
        for turn, order in enumerate(itertools.permutations(index for index in done if index not in left_out)):
            after = model.copy()
            told = [(index, after.do(acts[index])) for index in order]
            agreed = all(index in failed or _agree(expected, seen[index]) for index, expected in told)
            if agreed and _same(after.dump(), held):
                return after, turn
    return None


def _agree(expected: Outcome, seen: Outcome) -> bool:
    return (expected.status, expected.reason) == (seen.status, seen.reason) and _same(expected.told, seen.told)


async def drive(gateway: Gateway, chroma: int, *, steps: int, seed: int) -> Course:
    """Have the tenants do at least `steps` things; stop at the first finding."""
    maker = Maker(random.Random(seed))  # noqa: S311 - chance that can be had again, no secret
    course, model, stage = Course(seed), Model(), Stage(gateway, chroma)
    began = time.monotonic()
    await stage.open()
    try:
        while course.steps < steps and not course.findings:
            acts = maker.round()
            seen = list(await asyncio.gather(*map(stage.do, acts)))
            held = await stage.dump()
            _note(course, acts, seen)
            explained = _explain(model, acts, seen, held)
            if explained is None:
                course.findings.append(_finding(course, model, acts, seen, held))
                break
            model, turn = explained
            course.overtaken += bool(turn)
    finally:
        await stage.close()
    failures = sum(count for what, count in course.told.items() if what.endswith(_FAILED))
    if failures > max(1, course.steps * _MOST_FAILURES):
        course.findings.append(f"seed {seed}: the database failed {failures} times")
    course.seconds = time.monotonic() - began
    return course


def _note(course: Course, acts: list[Act], seen: list[Outcome]) -> None:
    course.rounds += 1
    course.steps += len(acts)
    for act, outcome in zip(acts, seen, strict=True):
        course.told[f"{act.operation}: {outcome.reason or outcome.status}"] += 1
        if act.writes or act.operation == "count" or outcome.reason:
            continue
        for part in outcome.told if isinstance(outcome.told, list) else [outcome.told]:
            course.returned += len(part["ids"])
            foreign = sum(not is_own(act.actor, metadata) for metadata in part.get("metadatas", ()))
            course.foreign_read += foreign
            if foreign:
                course.findings.append(f"round {course.rounds}: {foreign} foreign records were read by {act}")


def _finding(course: Course, model: Model, acts: list[Act], seen: list[Outcome], held: list[Any]) -> str:
    lines = [f"seed {course.seed}, round {course.rounds}: no order of these acts gives what was seen"]
    after = model.copy()
    for act, outcome in zip(acts, seen, strict=True):
        lines += [f"  {act}", f"    seen      {outcome}", f"    expected  {after.do(act)} (in this order)"]
    lines += ["  before    " + json.dumps(model.dump()), "  held      " + json.dumps(held)]
    lines += ["  expected  " + json.dumps(after.dump())]
    return "\n".join(lines)


@contextmanager
def stage(directory: Path) -> Iterator[tuple[Gateway, int]]:
    """Run a Chroma and a gateway of two workers before it, under the policy of tenants."""
    with (
        chroma_server(directory) as port,
        running(directory, f"http://127.0.0.1:{port}", policy=POLICY, workers=2) as gateway,
    ):
        yield gateway, port


# --- make tenancy -----------------------------------------------------------------------------------------------------------


def rows(course: Course) -> Iterator[tuple[str, object]]:
    """Give what is told of a course, a line for each fact."""
    yield "acts, three or four at a time", course.steps
    for what in sorted(course.told):
        yield f"· {what}", course.told[what]
    yield "records that tenants were given", course.returned
    yield "of them foreign", course.foreign_read
    yield "rounds in which one act overtook another", course.overtaken
    yield "findings", len(course.findings)
    yield "seconds", f"{course.seconds:.0f}"


def main(arguments: list[str]) -> int:
    """Have tenants at work as `arguments` say, and write what came of it into the documentation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--document", type=Path, default=report.ROBUSTNESS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory, stage(Path(directory)) as (gateway, port):
        course = asyncio.run(drive(gateway, port, steps=options.steps, seed=options.seed))
    sys.stdout.writelines(f"FINDING {finding}\n" for finding in course.findings)
    table = report.table(["", ""], rows(course))
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    report.write(options.document, "tenancy", f"Measured {when} on {os.cpu_count()} cores, seed {course.seed}.\n\n{table}")
    sys.stdout.write(f"{table}\n")
    return 1 if course.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
