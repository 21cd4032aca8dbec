"""A guard in the test's own process: real adapter, real policy, real masks; the disk and the database are lists."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from typing import Any

from extproc.audit.entry import Entry
from extproc.audit.witness import Witness
from extproc.decision import Decision, Input, Level
from extproc.detection.catalogue import Catalogue
from extproc.engines.engine import Decided, Engine
from extproc.errors import AuditError
from extproc.events import Fields, Head, Immediate, Replace, Reply, Request, Response, Side
from extproc.guard import Guard
from extproc.identity import Identifier, Issuer
from extproc.locks import Locks
from extproc.obligations.operators import MaskKey
from extproc.pipeline import Exchange
from extproc.protocols import adapter_for
from extproc.protocols.adapter import Facts, Question, Reservation
from extproc.secret import Secret
from support.shelf import MODEL

ISSUER = "https://idp.test"
NAMESPACE = "envoy.filters.http.jwt_authn"
CATALOGUE = Catalogue()
KEY = MaskKey.derive("k1", Secret(b"0123456789abcdef0123456789abcdef"))


@dataclass(slots=True)
class MemoryLog:
    """Keeps entries; refuses them while `broken`."""

    entries: list[Entry] = field(default_factory=list)
    broken: bool = False

    async def append(self, entry: Entry, span: object = None) -> int:
        """Keep `entry`."""
        del span
        if self.broken:
            raise AuditError("the disk is full")
        self.entries.append(entry)
        return len(self.entries) - 1


@dataclass(slots=True)
class KnownCollections:
    """Answers each question with one collection, or with whose records are there; counts what was asked and forgotten.

    `records` are the ids that are the caller's own, then those that are there.
    """

    records: tuple[list[str], list[str]] = ([], [])
    asked: list[Question] = field(default_factory=list)
    forgotten: int = 0
    answer: Any = field(default_factory=lambda: dict(MODEL))

    async def ask(self, questions: tuple[Question, ...]) -> Facts:
        """Answer."""
        self.asked += questions
        if isinstance(self.answer, Exception):
            raise self.answer
        if questions[0].topic == "own_records":
            return {question: {"ids": ids} for question, ids in zip(questions, self.records, strict=True)}
        return dict.fromkeys(questions, self.answer)

    def forget(self) -> None:
        """Count."""
        self.forgotten += 1


@dataclass(slots=True)
class Places:
    """Reserves whatever is wanted, and tells what was and how it was let go of; refuses everything while `broken`."""

    taken: list[Reservation] = field(default_factory=list)
    released: list[bool] = field(default_factory=list)
    broken: Exception | None = None

    async def take(self, wanted: Reservation) -> Places:
        """Take."""
        if self.broken:
            raise self.broken
        self.taken.append(wanted)
        return self

    def release(self, *, done: bool) -> None:
        """Count, whether the write was sure to be done or not."""
        self.released.append(done)


@dataclass(slots=True)
class FixedEngine:
    """Gives the same decision, or raises the same error, whatever is asked."""

    outcome: Decision | Exception
    seen: list[Input] = field(default_factory=list)
    revision: str = "sha256:test"

    async def decide(self, asked: Input) -> Decided:
        """Decide."""
        self.seen.append(asked)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Decided(decision=self.outcome, revision=self.revision)

    async def close(self) -> None:
        """Hold nothing."""


@dataclass(slots=True)
class Bench:
    """A guard and what lies around it."""

    guard: Guard
    log: MemoryLog
    collections: KnownCollections
    places: Places = field(default_factory=Places)

    def exchange(self) -> Exchange:
        """Begin an exchange."""
        return Exchange(self.guard, exchange="0" * 32, traceparent=None)

    def changed(self, **parts: Any) -> Bench:
        """Return the same bench with other parts in its guard."""
        return Bench(guard=replace(self.guard, **parts), log=self.log, collections=self.collections, places=self.places)


def bench(engine: Engine, *, key: MaskKey | None = KEY, level: Level = Level.REQUEST) -> Bench:
    """Return a guard of one Chroma database around `engine`."""
    log, collections, places, adapter = MemoryLog(), KnownCollections(), Places(), adapter_for("chroma")
    issuer = Issuer(
        issuer=ISSUER,
        audiences=frozenset({"vecgate"}),
        roles="roles",
        groups="groups",
        person="email",
        workload=None,
        max_lifetime=86400,
    )
    locks = Locks(oldest=3600.0, clock=lambda: 0.0)
    locks.learn({}, 0.0)
    guard = Guard(
        database="kb",
        adapter=adapter,
        identifier=Identifier(
            issuers={ISSUER: issuer}, namespace=NAMESPACE, key="payload_", headers=adapter.credential_headers
        ),
        engine=engine,
        upstream=collections,  # type: ignore[arg-type]  # what the pipeline asks of it is all here
        reservations=places,  # type: ignore[arg-type]  # likewise
        credential=lambda: ("x-chroma-token", b"own-key"),
        witness=Witness(log=log, database="kb", engine="chroma", clock=time.time_ns),
        mask_key=lambda: key,
        renew=lambda: None,
        locks=locks,
        catalogue=CATALOGUE,
        default_level=level,
        clock=time.time_ns,
    )
    return Bench(guard=guard, log=log, collections=collections, places=places)


def request(target: str, body: Any = None, *, method: str = "POST", roles: tuple[str, ...] = ("reader",)) -> Request:
    """Return a whole request of a caller with these roles; with none, of nobody."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    fields: Fields = ((":method", method.encode()), (":path", target.encode()), (":authority", b"kb"))
    if data:
        fields += (("content-type", b"application/json"), ("content-length", str(len(data)).encode()))
    metadata: dict[str, dict[str, Any]] = {}
    if roles:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": "vecgate", "sub": "u", "iat": now, "exp": now + 600, "roles": list(roles)}
        fields += (("x-chroma-token", b"a.b.c"),)
        metadata = {NAMESPACE: {"payload_0": claims}}
    head = Head(
        side=Side.REQUEST,
        fields=fields,
        end_of_stream=not data,
        attributes={"source.address": "10.1.2.3:4567"},
        metadata=metadata,
    )
    return Request(method=method, target=target, head=head, body=data)


def response(body: Any, status: int = 200, fields: Fields = (("content-type", b"application/json"),)) -> Response:
    """Return a whole response of the database."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = Head(
        side=Side.RESPONSE,
        fields=((":status", str(status).encode()), *fields, ("content-length", str(len(data)).encode())),
        end_of_stream=not data,
        attributes={"response.code_details": "via_upstream", "upstream.address": "127.0.0.1:8000"},
    )
    return Response(status=status, head=head, body=data)


def delivered(reply: Reply, answer: Response) -> bytes:
    """Return the body that the client receives."""
    match reply:
        case Replace(body=body) if body is not None:
            return body
        case Immediate(body=body):
            return body
        case _:
            return answer.body
