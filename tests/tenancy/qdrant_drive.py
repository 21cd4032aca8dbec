"""Tenants at work at once on the same points of Qdrant's, over REST and over gRPC, against a model.

Round after round each tenant does one thing at the same moment, at times with a loader beside them who may do anything. What
each was told, and all that the database then holds, must be what the model gives for some order of these acts.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import UnexpectedResponse

from extproc.events import Transport
from support.qdrant_gateway import OVER, Doors, guarded
from tenancy.drive import POLICY, Course, measured
from tenancy.model import Outcome
from tenancy.qdrant_acts import LOADER, TENANTS, Act, Maker
from tenancy.qdrant_model import SIZES, Model, is_own, others, told

_STATUS: Final = {"PERMISSION_DENIED": 403, "NOT_FOUND": 404, "INVALID_ARGUMENT": 400}
_LIFETIME: Final = 4 * 3600


class Stage:
    """One gateway before one database, with a client of each actor's for each interface."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._behind = doors.direct("rest")
        self._clients: dict[tuple[str, Transport], AsyncQdrantClient] = {}
        for actor, over in itertools.product((*TENANTS, LOADER), OVER):
            claims = {"tenant": actor} if actor != LOADER else {}
            role = "loader" if actor == LOADER else "tenant"
            key = doors.gateway.issuer.token(role, exp=int(time.time()) + _LIFETIME, **claims)
            self._clients[actor, over] = doors.asynchronous_with(over, key)

    def open(self) -> None:
        """Make the collections."""
        self._doors.database.clear()
        for name in ("shared", "other"):
            self._behind.create_collection(name, vectors_config=SIZES)
        self._behind.upsert("other", others())

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()

    async def do(self, act: Act) -> Outcome:
        """Have an act done through the gateway and return what its actor is told."""
        try:
            result = await getattr(self._clients[act.actor, act.over], act.method)("shared", **act.arguments)
        except UnexpectedResponse as error:
            return _refusal(error.status_code or 0, error.content.decode())
        except grpc.RpcError as error:
            return _refusal(_STATUS.get(error.code().name, 0), str(error.details()))
        return Outcome(status=200, told=told(act, result))

    def dump(self) -> Any:
        """Return all that the database holds."""
        found, _ = self._behind.scroll("shared", limit=1000, with_vectors=True)
        return sorted(([each.id, each.vector, each.payload or {}] for each in found), key=lambda row: str(row[0]))


def _refusal(status: int, text: str) -> Outcome:
    """Return what a refusal says: the gateway's reason; of the database's own that nothing is there."""
    _, found, words = text.partition("denied by Vecgate: ")
    return Outcome(status=status, reason=words.split()[0] if found else "not_found" if status == 404 else text)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are alike: to Python, true is 1; and each interface keeps as many digits of a number as it likes."""
    match one, other:
        case (dict(), dict()):
            return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
        case ((list() | tuple()), (list() | tuple())):
            return len(one) == len(other) and all(map(_same, one, other))
        case (bool(), _) | (_, bool()):
            return one is other
        case ((int() | float()), (int() | float())):
            return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-4)
        case _:
            return bool(one == other)


def _explain(model: Model, acts: list[Act], seen: list[Outcome], held: Any) -> tuple[Model, int] | None:
    """Return the model after the first order of `acts` that gives what was seen and is held, and how far that order is off."""
    for turn, order in enumerate(itertools.permutations(range(len(acts)))):
        after = model.copy()
        if all(_agree(after.do(acts[index]), seen[index]) for index in order) and _same(after.dump(), held):
            return after, turn
    return None


def _agree(expected: Outcome, seen: Outcome) -> bool:
    return (expected.status, expected.reason) == (seen.status, seen.reason) and _same(expected.told, seen.told)


async def drive(doors: Doors, *, steps: int, seed: int) -> Course:
    """Have the tenants do at least `steps` things; stop at the first finding."""
    maker = Maker(random.Random(seed))  # noqa: S311 - chance that can be had again, no secret
    course, model, stage = Course(seed), Model(), Stage(doors)
    began = time.monotonic()
    stage.open()
    try:
        while course.steps < steps and not course.findings:
            acts = maker.round()
            seen = list(await asyncio.gather(*map(stage.do, acts)))
            held = stage.dump()
            _note(course, acts, seen)
            explained = _explain(model, acts, seen, held)
            if explained is None:
                course.findings.append(_finding(course, model, acts, seen, held))
                break
            model, turn = explained
            course.overtaken += bool(turn)
    finally:
        await stage.close()
    course.seconds = time.monotonic() - began
    return course


def _note(course: Course, acts: list[Act], seen: list[Outcome]) -> None:
    course.rounds += 1
    course.steps += len(acts)
    for act, outcome in zip(acts, seen, strict=True):
        course.told[f"{act.method} over {act.over}: {outcome.reason or outcome.status}"] += 1
        for point in _points(outcome.told):
            course.returned += 1
            payload = point.get("payload") or {}
            if "tenant" in payload and not is_own(act.actor, payload, point["id"]):
                course.foreign_read += 1
                course.findings.append(f"round {course.rounds}: a foreign record was read by {act}")


def _points(found: Any) -> Iterator[dict[str, Any]]:
    """Give every record in what came back, however deep."""
    if isinstance(found, dict):
        if "id" in found and "hits" not in found:
            yield found
        found = list(found.values())
    for inner in found if isinstance(found, list) else []:
        yield from _points(inner)


def _finding(course: Course, model: Model, acts: list[Act], seen: list[Outcome], held: Any) -> str:
    lines = [f"seed {course.seed}, round {course.rounds}: no order of these acts gives what was seen"]
    after = model.copy()
    for act, outcome in zip(acts, seen, strict=True):
        expected = after.do(act)
        lines += [f"  {act.actor} {act.method} over {act.over}: {outcome.status} {outcome.reason}"]
        if not _agree(expected, outcome):
            lines += [f"    {act}", f"    seen      {outcome}", f"    expected  {expected} (in this order)"]
    lines += ["  before    " + json.dumps(model.dump()), "  held      " + json.dumps(held)]
    lines += ["  expected  " + json.dumps(after.dump())]
    return "\n".join(lines)


@contextmanager
def stage(directory: Path) -> Iterator[Doors]:
    """Run a stand-in and a gateway of two workers before it, under the policy of tenants."""
    with guarded(directory, policy=POLICY, workers=2) as doors:
        yield doors


def _run(directory: Path, steps: int, seed: int) -> Course:
    with stage(directory) as doors:
        return asyncio.run(drive(doors, steps=steps, seed=seed))


if __name__ == "__main__":
    sys.exit(measured(sys.argv[1:], _run, marker="tenancy-qdrant"))
