"""Who is locked out: locks in the store, and each worker's copy of those that hold.

A lock names a principal, a person, a role, an issuer, a token (its `jti`) or a database, and ends access on every worker within
a second. Each worker looks a few times a second; while the store does not answer it goes by its copy, for a time, and then it
denies everything: a lock that cannot be seen must not be missed. This module knows no exchange.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Final, Literal, get_args

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from extproc.errors import ConfigError, Denied, Malformed, NotFound, StoreError
from extproc.operation import Principal
from extproc.store import Store
from extproc.store.tables import LOCKS, REVISIONS

Kind = Literal["principal", "person", "role", "issuer", "token", "database"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_REVISION: Final = "locks"
_LOOK_EVERY: Final = 0.25
_log = logging.getLogger(__name__)


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """One lock; times are Unix seconds. `lifted_by` and `lifted_at` are None while it holds."""

    id: str
    kind: Kind
    value: str
    note: str
    set_by: str
    set_at: int
    lifted_by: str | None = None
    lifted_at: int | None = None


class Locks:
    """The locks that hold, as one worker knows them. `clock` gives seconds; what is older than `oldest` is not gone by."""

    def __init__(self, *, oldest: float, clock: Callable[[], float]) -> None:
        self._oldest = oldest
        self._clock = clock
        self._looked: float | None = None
        self._by_name: Mapping[tuple[str, str], str] = {}

    def learn(self, holding: Mapping[tuple[str, str], str], looked: float) -> None:
        """Take the ids of all locks that hold, by kind and value, as they were at `looked` at the latest."""
        self._by_name, self._looked = holding, looked

    def require_open(self, principal: Principal, database: str) -> None:
        """Raise `Denied` where a lock holds for this caller or database, or where that is not known."""
        if self._looked is None or self._clock() - self._looked > self._oldest:
            raise Denied("who is locked out cannot be seen just now, so nobody is let in", code="locks_unknown")
        if not self._by_name:
            return
        for name in _names(principal, database):
            if name in self._by_name:
                raise Denied(f"access is locked (lock {self._by_name[name]}); ask who runs the gateway", code="access_locked")


def _names(principal: Principal, database: str) -> list[tuple[str, str]]:
    """Return everything by which a lock could name this caller."""
    names = [("database", database), ("issuer", principal.issuer), ("principal", principal.id)]
    if principal.person:
        names.append(("person", principal.person))
    token = principal.claims.get("jti")
    if isinstance(token, str):
        names.append(("token", token))
    return names + [("role", role) for role in principal.roles]


class Watch:
    """Keeps `Locks` up to date. `open_store` opens the store, blocking; it is asked again until that works."""

    def __init__(self, locks: Locks, open_store: Callable[[], Store], clock: Callable[[], float]) -> None:
        self._locks = locks
        self._open_store = open_store
        self._clock = clock
        self._store: Store | None = None
        self._revision: int | None = None
        self._holding: dict[tuple[str, str], str] = {}

    def look(self) -> None:
        """Look once, blocking. Raises `StoreError`, `ConfigError`."""
        looked = self._clock()
        if self._store is None:
            self._store = self._open_store()
        with self._store.read() as connection:
            revision = _revision(connection)
            if revision != self._revision:
                self._holding = _holding(connection)
                self._revision = revision
        self._locks.learn(self._holding, looked)

    async def settle(self, patience: float) -> None:
        """Look until that works, for `patience` seconds at most."""
        deadline = self._clock() + patience
        while self._clock() < deadline:
            try:
                await asyncio.to_thread(self.look)
            except (StoreError, ConfigError):
                await asyncio.sleep(_LOOK_EVERY)
            else:
                return

    async def follow(self) -> None:
        """Look a few times a second, for ever."""
        answers = True
        while True:
            try:
                await asyncio.to_thread(self.look)
                answers = True
            except (StoreError, ConfigError) as error:
                if answers:
                    _log.error("locks cannot be seen: %s", error)
                answers = False
            await asyncio.sleep(_LOOK_EVERY)

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()


def _revision(connection: Connection) -> int:
    found = connection.execute(select(REVISIONS.c.number).where(REVISIONS.c.name == _REVISION)).scalar()
    return int(found or 0)


def _holding(connection: Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute(select(LOCKS.c.kind, LOCKS.c.value, LOCKS.c.id).where(LOCKS.c.lifted_at.is_(None)))
    return {(row.kind, row.value): row.id for row in rows}


# --- changes, which block --------------------------------------------------------------------------------------------------


def set_lock(store: Store, *, kind: str, value: str, note: str, by: str, now: int) -> Lock:
    """Set a lock; one that holds already is returned as it is. Raises `Malformed` for an unknown kind, `StoreError`."""
    if kind not in KINDS or not value:
        raise Malformed(f"a lock is of one of {', '.join(KINDS)}, and names one")
    with store.begin() as connection:
        _changed(connection)
        holds = (LOCKS.c.kind == kind) & (LOCKS.c.value == value) & LOCKS.c.lifted_at.is_(None)
        row = connection.execute(select(LOCKS).where(holds)).mappings().one_or_none()
        if row is None:
            made = {"id": secrets.token_hex(8), "kind": kind, "value": value, "note": note, "set_by": by, "set_at": now}
            connection.execute(insert(LOCKS).values(made))
            row = connection.execute(select(LOCKS).where(holds)).mappings().one()
        return Lock(**row)


def lift_lock(store: Store, lock: str, *, by: str, now: int) -> Lock:
    """Lift a lock; one that was lifted before is returned as it is. Raises `NotFound`, `StoreError`."""
    with store.begin() as connection:
        _changed(connection)
        holds = (LOCKS.c.id == lock) & LOCKS.c.lifted_at.is_(None)
        connection.execute(update(LOCKS).where(holds).values(lifted_by=by, lifted_at=now))
        return _found(connection, lock)


def find_lock(store: Store, lock: str) -> Lock:
    """Return a lock, whether it holds or not. Raises `NotFound`, `StoreError`."""
    with store.read() as connection:
        return _found(connection, lock)


def list_locks(store: Store, *, lifted: bool = False) -> list[Lock]:
    """Return the locks that hold, the newest first; with `lifted` those that were lifted too. Raises `StoreError`."""
    chosen = select(LOCKS).order_by(LOCKS.c.set_at.desc(), LOCKS.c.id)
    with store.read() as connection:
        rows = connection.execute(chosen if lifted else chosen.where(LOCKS.c.lifted_at.is_(None)))
        return [Lock(**row) for row in rows.mappings()]


def _found(connection: Connection, lock: str) -> Lock:
    row = connection.execute(select(LOCKS).where(LOCKS.c.id == lock)).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such lock")
    return Lock(**row)


def _changed(connection: Connection) -> None:
    """Have every worker read the locks anew; done first, it also keeps others from changing them meanwhile."""
    connection.execute(update(REVISIONS).where(REVISIONS.c.name == _REVISION).values(number=REVISIONS.c.number + 1))
