"""Explains: puts a request to the gateway's own pipeline, with parts around it that do nothing, and asks OPA for its trace.

So what is told is what the gateway would do, down to the bytes that would leave. Nothing leaves, nothing is written down, and
the gateway's credential goes to nobody but, where that is wanted, the database that is asked for a name.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from extproc.audit.entry import ENFORCEMENT, Entry
from extproc.audit.history import Recalled
from extproc.audit.witness import Witness
from extproc.config import database as named
from extproc.config.types import Config, Database
from extproc.configured import default_level, identifier, looked_up, mask_key, upstream_of
from extproc.decision import Decision, Input
from extproc.detectors import catalogue
from extproc.engines.engine import encode
from extproc.engines.source import Source
from extproc.errors import AuditError, ConfigError, EngineError
from extproc.events import Immediate, Replace, Reply
from extproc.guard import Guard
from extproc.locks import Locks
from extproc.obligations.fulfilment import Means
from extproc.pipeline import Exchange
from extproc.policy.asking import Caller, Supposed, Wire
from extproc.policy.candidate import candidate
from extproc.policy.effect import effect
from extproc.policy.explanation import Explained, Explanation, differences
from extproc.policy.records import Asked, asked
from extproc.policy.tracing import Traced, trace
from extproc.protocols import adapter_for
from extproc.protocols.adapter import Outgoing
from extproc.reservations import Reservations
from extproc.safe import Safe
from extproc.upstream import Generation, Upstream

MOST_OPERATIONS: Final = 10
"""Operations of one request that are explained; a batch may have a thousand, most of them alike."""

_EXCHANGE: Final = "explained"
_DENIED: Final = 403
_SECOND_NS: Final = 1_000_000_000


class Explainer:
    """Explains by the policy that a configuration names. Raises `ConfigError` where its files are not at hand."""

    def __init__(self, config: Config) -> None:
        policy = config.policy
        if policy.bundle is None:
            raise ConfigError("policy.bundle is missing: only a policy whose files are here can be explained")
        self._config = config
        self._catalogue = catalogue(config.detection)
        self._safe = looked_up(config)
        self._source = Source(path=policy.bundle, library=policy.library, key=policy.verification_key)

    async def request(self, database: str, caller: Caller, wire: Wire, now_ns: int, supposed: Supposed | None) -> Explanation:
        """Explain a request to `database` at `now_ns`, Unix nanoseconds. Without `supposed` the database itself is asked."""
        policy, guarded = self._config.policy, named(self._config, database)
        request = wire.request(self._config, caller.token_claims(self._config, now_ns // _SECOND_NS))
        log = _Unwritten()
        async with (
            candidate(self._source, policy.entrypoint, policy.engine) as engine,
            _around(guarded, supposed, self._safe) as around,
        ):
            guard = self._guard(guarded, log, now_ns, engine=engine, **around)
            reply = await Exchange(guard, exchange=_EXCHANGE, traceparent=None).handle(request)
            found = _replied(reply, wire, revision=engine.revision)
        for entry in log.entries[-1:]:
            found.reason = (*entry.reasons, "")[0]
            operations = list(asked(entry.reasons, entry.private))
            found.operations = tuple(map(self._one, operations[:MOST_OPERATIONS]))
            if len(entry.facts) > MOST_OPERATIONS:
                found.notes.append(f"the first {MOST_OPERATIONS} of {len(entry.facts)} operations are shown")
        found.notes += [
            f"OPA decides otherwise, and the rules are those of OPA: {each}" for each in differences(found.operations)
        ]
        if supposed is not None and supposed.unanswered:
            _leave_open(found, supposed.unanswered[0])
        if guarded.enforcement == "observe" and found.operations:
            found.observed = found.status in {None, _DENIED}
            found.notes.append(f"database {database} is only observed: what is decided would be told, and not done")
        return found

    async def input(self, document: bytes) -> Explanation:
        """Explain a policy input. What a request's own bytes would tell is not known. Raises `ConfigError` for what is none."""
        question, policy = _input(document), self._config.policy
        async with candidate(self._source, policy.entrypoint, policy.engine) as engine:
            try:
                decision: Decision | EngineError = (await engine.decide(question)).decision
            except EngineError as error:
                decision = error
            found = Explanation(revision=engine.revision)
        one = self._one(Asked(input=question, decision=decision))
        found.operations, found.reason = (one,), one.effect.refusal
        found.notes += [f"OPA decides otherwise, and the rules are those of OPA: {each}" for each in differences((one,))]
        return found

    def exchange(self, entries: Sequence[Recalled]) -> Explanation:
        """Explain a recorded exchange, given all its entries. Raises `AuditError` where what was asked is not there."""
        leaves = [each.leaf for each in entries if each.leaf]
        if not leaves:
            raise AuditError("no entry on record is of that exchange", code="entry_missing")
        if entries[0].private is None:
            raise AuditError("what was asked in that exchange was erased, or does not open", code=entries[0].missing)
        first, last = leaves[0], leaves[-1]
        operations = list(asked(first.reasons, entries[0].private))
        found = Explanation(
            revision=first.revision,
            operations=tuple(map(self._one, operations[:MOST_OPERATIONS])),
            reason=(*last.reasons, "")[0],
            status=last.status,
            exchange=last.exchange,
            time=first.time,
        )
        if last.detail.get(ENFORCEMENT) and last.end not in {"denied", "failed"}:
            found.observed = True
            found.notes.append("its database was only observed: what was decided was told and not done")
        found.notes += [f"the policy as it is now decides otherwise: {each}" for each in differences(found.operations)]
        return found

    def _guard(self, database: Database, log: _Unwritten, now_ns: int, **parts: Any) -> Guard:
        """Return a guard of `database` that has no credential and writes nothing down."""
        adapter = adapter_for(database.engine)
        return Guard(
            database=database.name,
            adapter=adapter,
            identifier=identifier(self._config, adapter.credential_headers, database),
            credential=lambda: None,
            renew=lambda: None,
            locks=_unlocked(),
            witness=Witness(log=log, database=database.name, engine=database.engine, clock=lambda: now_ns),
            mask_key=mask_key(self._config, self._safe),
            catalogue=self._catalogue,
            default_level=default_level(self._config),
            clock=lambda: now_ns,
            **parts,
        )

    def _one(self, one: Asked) -> Explained:
        try:
            traced = trace(self._source, self._config.policy.entrypoint, encode(one.input))
        except EngineError as error:  # an input that no engine is asked about
            traced = Traced(decision=error, given=())
        means = Means(level=default_level(self._config), key=mask_key(self._config, self._safe)(), catalogue=self._catalogue)
        comes_to = effect(one.input.operation, one.decision, means)
        return Explained(input=one.input, decision=one.decision, effect=comes_to, traced=traced)


def _unlocked() -> Locks:
    """Return locks of which none holds: what is explained is what the policy decides."""
    locks = Locks(oldest=1.0, clock=lambda: 0.0)
    locks.learn({}, 0.0)
    return locks


class _Unwritten:
    """A log that keeps its entries to itself."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def append(self, entry: Entry, span: object = None) -> int:
        del span
        self.entries.append(entry)
        return len(self.entries) - 1


@asynccontextmanager
async def _around(database: Database, supposed: Supposed | None, safe: Safe) -> AsyncIterator[dict[str, Any]]:
    """Give what a guard asks and where it reserves records: nothing of it is shared with a gateway that runs."""
    with tempfile.TemporaryDirectory(prefix="vecgate-explain-") as name:
        generation = Generation(Path(name) / "generation")
        if supposed is None:
            upstream = upstream_of(database, generation, safe)
        else:
            upstream = Upstream(client=supposed.client(), credential=lambda: None, generation=generation, clock=time.monotonic)
        try:
            yield {"upstream": upstream, "reservations": Reservations(Path(name) / "reservations", clock=time.monotonic)}
        finally:
            await upstream.close()


def _replied(reply: Reply, wire: Wire, *, revision: str) -> Explanation:
    """Return what the client is told, or what leaves."""
    match reply:
        case Immediate(status=status, body=body):
            return Explanation(revision=revision, status=status, answer=body)
        case Replace(set_fields=fields, body=body):
            found = {name: value.decode("latin-1") for name, value in fields}
            outgoing = Outgoing(method=found.get(":method", wire.method), target=found[":path"], body=body)
            return Explanation(revision=revision, outgoing=outgoing)
        case _:
            raise EngineError("the gateway says nothing to that request")


def _leave_open(found: Explanation, question: str) -> None:
    """Say that it depends on the database. Raises `ConfigError` where nothing was decided before it would be asked."""
    if not found.operations:
        raise ConfigError(f"only the database knows what is asked ({question}): name the --collection, or --ask it")
    found.reason, found.status, found.answer, found.undecided = "", None, b"", True
    found.notes.append("whose records these are only the database knows: --ask it")


def _input(document: bytes) -> Input:
    try:
        found = msgspec.json.decode(document, type=Input)
        unknown = _unknown(msgspec.json.decode(document), msgspec.json.decode(msgspec.json.encode(found)), "input")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"that is no policy input: {error}") from error
    if unknown:
        raise ConfigError(f"that is no policy input: {unknown} is not known")
    return found


def _unknown(given: Any, taken: Any, where: str) -> str:
    """Return the first member that was not taken over."""
    if isinstance(given, dict) and isinstance(taken, dict):
        for name, value in given.items():
            if name not in taken:
                return f"{where}.{name}"
            if inner := _unknown(value, taken[name], f"{where}.{name}"):
                return inner
    return ""
