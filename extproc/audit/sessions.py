"""The index of sessions: who did what, what came back, and who has seen a record, as questions to the store.

It is derived: everything in it can be read from the audit directory with the sealing key, and `Index.rebuild` does so. So it is
as secret as what it is made from, and what is erased there must be forgotten here; the ids of records are in it as keyed hashes
only. A session is what became of one exchange: its outcome, a rejected login, or an act of administration. A store may be
shared by several gateways: each asks about the logs in its own directory, told apart by their first leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from extproc.audit import erasure, reader
from extproc.audit.entry import ENFORCEMENT
from extproc.audit.keys import Pseudonyms
from extproc.audit.leaf import Leaf
from extproc.audit.reader import Opened
from extproc.audit.receipts import accounted, retained
from extproc.secret import Secret
from extproc.store import Store
from extproc.store.tables import FOLLOWED, PLACES, SEEN, SESSIONS

_BATCH: Final = 2000
_KINDS: Final = frozenset({"outcome", "login_rejected", "administration"})
_LONGEST: Final = 512  # bytes of a text that is looked for; an index of PostgreSQL's takes no more than some 2700


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of one exchange and what became of it. `masked` are the patterns that hid something in its answer.

    `shown` says how the records in the answer were seen, None where none were.
    """

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
    shown: Literal["clear", "masked"] | None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions are asked for; what is said must all be so.

    `since` and `until` are RFC 3339 times or beginnings of them, such as ``2026-03``. `record` is the id of a record that came
    back, `masked` a pattern that hid something.
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
    """The index of the audit directory `directory` in a store. Blocks. Methods raise `AuditError`, `StoreError`."""

    tables: Final = (SESSIONS.name, SEEN.name)
    """The tables from which entries are forgotten."""

    def __init__(self, store: Store, directory: Path, sealing_key: Secret) -> None:
        self._store = store
        self._directory = directory
        self._sealing_key = sealing_key
        self._hashed = Pseudonyms(sealing_key).of

    def update(self) -> int:
        """Take in what was appended since the last time; return how many entries that were."""
        logs = self._logs()
        return sum(self._follow(worker, logs) for worker in logs)

    def rebuild(self) -> int:
        """Forget everything and read it all again; return how many entries that were."""
        logs = self._logs().values()
        with self._store.begin() as connection:
            for table in (SEEN, SESSIONS, PLACES, FOLLOWED):
                connection.execute(delete(table).where(table.c.log.in_(logs)))
        return self.update()

    def forget(self, worker: str, entries: Iterable[int]) -> None:
        """Forget what is known of these entries, because they were erased, but for where they are."""
        log = self._logs().get(worker)
        if log is not None:
            with self._store.begin() as connection:
                _forget(connection, log, entries)

    def find(self, wanted: Wanted) -> list[Session]:
        """Return the sessions that are wanted, the newest first."""
        query = select(SESSIONS).where(SESSIONS.c.log.in_(self._logs().values()), *_conditions(wanted))
        if wanted.record is not None:
            same = [SEEN.c[name] == SESSIONS.c[name] for name in ("log", "entry", "operation")]
            query = query.join(SEEN, sa.and_(*same)).where(SEEN.c.record == self._hashed(wanted.record))
        query = query.order_by(SESSIONS.c.time.desc(), SESSIONS.c.worker, SESSIONS.c.entry.desc(), SESSIONS.c.operation)
        with self._store.read() as connection:
            return [_session(dict(row)) for row in connection.execute(query.limit(wanted.limit)).mappings()]

    def places(self, exchange: str) -> list[tuple[str, int]]:
        """Return worker and index of each entry of an exchange, in order; of those that were erased too."""
        query = select(PLACES.c.worker, PLACES.c.entry).where(
            PLACES.c.exchange == exchange, PLACES.c.log.in_(self._logs().values())
        )
        with self._store.read() as connection:
            return [(row.worker, row.entry) for row in connection.execute(query.order_by(PLACES.c.worker, PLACES.c.entry))]

    def _logs(self) -> dict[str, str]:
        """Return what tells the log of each worker from any other: a digest of its first leaf."""
        found = {}
        for worker in reader.workers(self._directory):
            for leaf in islice(reader.read_lines(self._directory, worker), 1):
                found[worker] = sha256(leaf).hexdigest()[:32]
        return found

    def _follow(self, worker: str, logs: Mapping[str, str]) -> int:
        log = logs[worker]
        with self._store.read() as connection:
            start = connection.scalar(select(FOLLOWED.c.following).where(FOLLOWED.c.log == log)) or 0
        taken = 0
        for batch in _batches(reader.read_entries(self._directory, worker, self._sealing_key, start)):
            place = {"log": log, "worker": worker}
            opened = [(leaf, entry) for leaf, entry in batch if entry is not None]
            places = [place | {"entry": leaf.index, "exchange": leaf.exchange} for leaf, _ in batch if leaf.exchange]
            sessions = [place | row for leaf, entry in opened for row in _sessions(leaf, entry)]
            seen = [
                {"log": log, "entry": leaf.index, "operation": operation, "record": record}
                for leaf, entry in opened
                for operation, records in _seen(leaf, entry).items()
                for record in dict.fromkeys(map(self._hashed, records))
            ]
            with self._store.begin() as connection:
                for table, rows in ((PLACES, places), (SESSIONS, sessions), (SEEN, seen)):
                    if rows:
                        connection.execute(insert(table), rows)
                self._drop(connection, log, logs, [leaf.detail for leaf, _ in batch if leaf.kind == "administration"])
                connection.execute(delete(FOLLOWED).where(FOLLOWED.c.log == log))
                connection.execute(insert(FOLLOWED).values(log=log, following=batch[-1][0].index + 1))
            taken += len(batch)
        return taken

    def _drop(self, connection: Connection, log: str, logs: Mapping[str, str], details: list[dict[str, str]]) -> None:
        """Forget what receipts in a log say was erased, of any log, and what was removed of this one because it was old."""
        for origin, ranges in accounted(details).items():
            worker = origin.rpartition("/")[2]
            if worker in logs:
                _forget(connection, logs[worker], erasure.destroyed(self._directory, worker, ranges))
        if kept := retained(details):
            for table in (SEEN, SESSIONS, PLACES):
                connection.execute(delete(table).where(table.c.log == log, table.c.entry < kept))


def _forget(connection: Connection, log: str, entries: Iterable[int]) -> None:
    for entry in entries:
        for table in (SEEN, SESSIONS):
            connection.execute(delete(table).where(table.c.log == log, table.c.entry == entry))


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    columns = SESSIONS.c
    for name in ("principal", "person", "database", "collection", "action", "decision", "exchange"):
        if (value := getattr(wanted, name)) is not None:
            yield columns[name] == _fit(value)
    for name, value in (("reasons", wanted.reason), ("masked", wanted.masked)):
        if value is not None:
            yield sa.func.replace(columns[name], f"\n{_fit(value)}\n", "") != columns[name]  # LIKE takes no notice of case
    if wanted.since is not None:
        yield columns.time >= wanted.since
    if wanted.until is not None:
        yield columns.time < wanted.until


def _batches(entries: Iterator[tuple[Leaf, Opened | None]]) -> Iterator[list[tuple[Leaf, Opened | None]]]:
    while batch := list(islice(entries, _BATCH)):
        yield batch


def _sessions(leaf: Leaf, opened: Opened) -> Iterator[dict[str, Any]]:
    """Give a row for each operation, and one where there was none."""
    if leaf.kind not in _KINDS:
        return
    who = opened.private.principal
    common = {
        "entry": leaf.index,
        "kind": leaf.kind,
        "time": leaf.time,
        "exchange": leaf.exchange,
        "principal": _fit(who.id) if who else None,
        "person": _fit(who.person) if who else None,
        "source": _fit(opened.private.source),
        "database": _fit(leaf.database),
        "end": leaf.end,
        "status": leaf.status,
    }
    observed = ENFORCEMENT in leaf.detail  # then what was to be masked was not
    for operation, fact in enumerate(leaf.facts):
        yield common | {
            "operation": operation,
            "collection": _fit(fact.collection),
            "action": _fit(fact.action),
            "decision": fact.decision,
            "reasons": _joined(fact.reasons),
            "rows": fact.rows,
            "masked": "" if observed else _joined(fact.masked_fields),
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


def _seen(leaf: Leaf, opened: Opened) -> dict[int, list[str]]:
    """Return the ids of the records that were let out, by the number of the operation that they answer."""
    if leaf.end != "delivered":
        return {}
    found = {operation: list(ids) for operation, ids in (opened.recording.records if opened.recording else {}).items()}
    for operation, ids in enumerate(opened.private.returned):
        found.setdefault(operation, []).extend(map(erasure.plain, ids))
    return found


def _fit(text: str | None) -> str | None:
    """Return a text as the index has it: one that a database would refuse, as its digest."""
    if text is None or ("\0" not in text and len(text.encode()) <= _LONGEST):
        return text
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def _joined(words: Sequence[str]) -> str:
    """Return words so that each can be looked for with its line feeds around it."""
    return "".join(f"\n{_fit(word)}" for word in words) + "\n" if words else ""


def _session(row: dict[str, Any]) -> Session:
    del row["log"]
    lists = {name: tuple(row[name].split("\n")[1:-1]) for name in ("reasons", "masked")}
    return Session(**row | lists, shown=_shown(row["rows"], row["end"], lists["masked"]))


def _shown(rows: int | None, end: str | None, masked: tuple[str, ...]) -> Literal["clear", "masked"] | None:
    if not rows or end != "delivered":
        return None
    return "masked" if masked else "clear"
