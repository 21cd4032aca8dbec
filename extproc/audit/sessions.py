"""The index of sessions: who did what, what came back, and who has seen a record, as questions to a database.

It is derived: everything in it can be read from the audit directory with the sealing key, and `Index.rebuild` does so. So it is
as secret as what it is made from, and what is erased there must be forgotten here. SQLite or PostgreSQL, whatever SQLAlchemy is
given. A session is what became of one exchange: its outcome, a rejected login, or an act of administration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, select
from sqlalchemy import Index as Lookup

from extproc.audit import reader
from extproc.audit.leaf import Leaf
from extproc.audit.reader import Opened
from extproc.secret import Secret

_TABLES: Final = MetaData()
_PLACE: Final = ("worker", "entry")
_SESSIONS: Final = Table(
    "sessions",
    _TABLES,
    Column("worker", String, primary_key=True),
    Column("entry", Integer, primary_key=True),
    Column("operation", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("time", String, nullable=False),
    Column("exchange", String, nullable=False),
    Column("principal", String),
    Column("person", String),
    Column("source", String, nullable=False),
    Column("database", String, nullable=False),
    Column("collection", String),
    Column("action", String),
    Column("decision", String),
    Column("reasons", String, nullable=False),
    Column("end", String),
    Column("status", Integer),
    Column("rows", Integer),
    Column("masked", String, nullable=False),
    Lookup("sessions_by_time", "time"),
    Lookup("sessions_by_exchange", "exchange"),
    Lookup("sessions_by_person", "person", "time"),
    Lookup("sessions_by_principal", "principal", "time"),
    Lookup("sessions_by_collection", "database", "collection", "time"),
)
_SEEN: Final = Table(
    "seen",
    _TABLES,
    Column("record", String, primary_key=True),
    Column("worker", String, primary_key=True),
    Column("entry", Integer, primary_key=True),
    Column("operation", Integer, primary_key=True),
    Lookup("seen_by_entry", "worker", "entry"),
)
_PROGRESS: Final = Table("progress", _TABLES, Column("worker", String, primary_key=True), Column("following", Integer))
_BATCH: Final = 2000
_KINDS: Final = frozenset({"outcome", "login_rejected", "administration"})


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of one exchange and what became of it. `masked` are the patterns that hid something in its answer."""

    worker: str
    entry: int
    operation: int
    kind: str
    time: str
    exchange: str
    principal: str | None
    person: str | None
    source: str
    database: str
    collection: str | None
    action: str | None
    decision: str | None
    reasons: tuple[str, ...]
    end: str | None
    status: int | None
    rows: int | None
    masked: tuple[str, ...]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions are asked for; what is said must all be so.

    `since` and `until` are RFC 3339 times or beginnings of them, such as ``2026-03``. `record` is the id of a record that came
    back, which is known where answers were recorded in full; `masked` a pattern that hid something.
    """

    principal: str | None = None
    person: str | None = None
    database: str | None = None
    collection: str | None = None
    action: str | None = None
    decision: str | None = None
    reason: str | None = None
    exchange: str | None = None
    record: str | None = None
    masked: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int = 100


class Index:
    """The index in the database `engine`, of the audit directory `directory`. Raises `AuditError` where that is unreadable."""

    def __init__(self, engine: Engine, directory: Path, sealing_key: Secret) -> None:
        self._engine = engine
        self._directory = directory
        self._sealing_key = sealing_key
        _TABLES.create_all(engine)

    def update(self) -> int:
        """Take in what was appended since the last time; return how many entries that were."""
        return sum(self._follow(worker) for worker in reader.workers(self._directory))

    def rebuild(self) -> int:
        """Forget everything and read it all again; return how many entries that were."""
        with self._engine.begin() as connection:
            for table in (_SEEN, _SESSIONS, _PROGRESS):
                connection.execute(table.delete())
        return self.update()

    def forget(self, worker: str, entries: Iterable[int]) -> None:
        """Forget what is known of these entries, because they were erased."""
        with self._engine.begin() as connection:
            for entry in entries:
                for table in (_SEEN, _SESSIONS):
                    connection.execute(table.delete().where(table.c.worker == worker, table.c.entry == entry))

    def find(self, wanted: Wanted) -> list[Session]:
        """Return the sessions that are wanted, the newest first."""
        query = select(_SESSIONS).where(*_conditions(wanted))
        if wanted.record is not None:
            same = [_SEEN.c[name] == _SESSIONS.c[name] for name in (*_PLACE, "operation")]
            query = query.join(_SEEN, sa.and_(*same)).where(_SEEN.c.record == wanted.record)
        query = query.order_by(_SESSIONS.c.time.desc(), _SESSIONS.c.worker, _SESSIONS.c.entry.desc(), _SESSIONS.c.operation)
        with self._engine.connect() as connection:
            return [_session(dict(row._mapping)) for row in connection.execute(query.limit(wanted.limit))]  # noqa: SLF001 - its public name

    def _follow(self, worker: str) -> int:
        with self._engine.connect() as connection:
            start = connection.scalar(select(_PROGRESS.c.following).where(_PROGRESS.c.worker == worker)) or 0
        taken = 0
        for batch in _batches(reader.read_entries(self._directory, worker, self._sealing_key, start)):
            sessions = [row for leaf, opened in batch if opened is not None for row in _sessions(worker, leaf, opened)]
            seen = [row for leaf, opened in batch if opened is not None for row in _seen(worker, leaf, opened)]
            taken += len(batch)
            with self._engine.begin() as connection:
                for table, rows in ((_SESSIONS, sessions), (_SEEN, seen)):
                    if rows:
                        connection.execute(table.insert(), rows)
                connection.execute(_PROGRESS.delete().where(_PROGRESS.c.worker == worker))
                connection.execute(_PROGRESS.insert(), [{"worker": worker, "following": start + taken}])
        return taken


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    columns = _SESSIONS.c
    for name in ("principal", "person", "database", "collection", "action", "decision", "exchange"):
        if (value := getattr(wanted, name)) is not None:
            yield columns[name] == value
    for name, value in (("reasons", wanted.reason), ("masked", wanted.masked)):
        if value is not None:
            yield columns[name].contains(f"\n{value}\n", autoescape=True)
    if wanted.since is not None:
        yield columns.time >= wanted.since
    if wanted.until is not None:
        yield columns.time < wanted.until


def _batches(entries: Iterator[tuple[Leaf, Opened | None]]) -> Iterator[list[tuple[Leaf, Opened | None]]]:
    batch = []
    for each in entries:
        batch.append(each)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _sessions(worker: str, leaf: Leaf, opened: Opened) -> Iterator[dict[str, Any]]:
    """Give a row for each operation, and one where there was none."""
    if leaf.kind not in _KINDS:
        return
    who = opened.private.principal
    common = {
        "worker": worker,
        "entry": leaf.index,
        "kind": leaf.kind,
        "time": leaf.time,
        "exchange": leaf.exchange,
        "principal": who.id if who else None,
        "person": who.person if who else None,
        "source": opened.private.source,
        "database": leaf.database,
        "end": leaf.end,
        "status": leaf.status,
    }
    for operation, fact in enumerate(leaf.facts):
        yield common | {
            "operation": operation,
            "collection": fact.collection,
            "action": fact.action,
            "decision": fact.decision,
            "reasons": _joined(fact.reasons),
            "rows": fact.rows,
            "masked": _joined(fact.masked_fields),
        }
    if not leaf.facts:
        yield common | {
            "operation": 0,
            "collection": None,
            "action": None,
            "decision": leaf.decision,
            "reasons": _joined(leaf.reasons),
            "rows": None,
            "masked": "",
        }


def _seen(worker: str, leaf: Leaf, opened: Opened) -> Iterator[dict[str, Any]]:
    records = opened.recording.records if opened.recording is not None else {}
    for operation, ids in records.items():
        for record in dict.fromkeys(ids):
            yield {"record": record, "worker": worker, "entry": leaf.index, "operation": operation}


def _joined(words: Sequence[str]) -> str:
    """Return words so that each can be looked for with its line feeds around it."""
    return "".join(f"\n{word}" for word in words) + "\n" if words else ""


def _session(row: dict[str, Any]) -> Session:
    return Session(**row | {name: tuple(row[name].split("\n")[1:-1]) for name in ("reasons", "masked")})
