"""What must outlive a process and be the same for every worker: a SQLite file, or a PostgreSQL database.

SQLAlchemy's core over tables that `tables` names and `migrations` brings about. Everything here blocks, so whoever serves
exchanges calls it beside the event loop. What stands in the tables is the business of the modules that use them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from alembic import command
from alembic.config import Config as Alembic
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from extproc.errors import StoreError

_PATIENCE: Final = 5
"""Seconds until a connection or a lock of the database's own must be had."""
_WRITES: Final = "vecgate_writes"
_UPGRADE: Final = 0x7665636761746531
"""The PostgreSQL advisory lock under which one process at a time brings the tables up to date."""


class Store:
    """One store. `begin` and `read` give connections; each is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(**{_WRITES: True})

    @classmethod
    def open(cls, *, path: Path | None, url: str = "", password: Callable[[], str] | None = None) -> Store:
        """Return the SQLite store at `path`, or the PostgreSQL one at `url`, with its tables up to date. Raises `StoreError`.

        `password` is asked for each new connection.
        """
        if path is not None:
            with _told():
                _make(path)
            engine = sqlalchemy.create_engine(f"sqlite:///{path}", connect_args={"timeout": _PATIENCE})
            sqlalchemy.event.listen(engine, "connect", _prepare_sqlite)
            sqlalchemy.event.listen(engine, "begin", _begin_sqlite)
        else:
            engine = _postgresql(url, password)
        store = cls(engine)
        with _told():
            store._upgrade()
        return store

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Give a connection to write with, committed at the end. Raises `StoreError`."""
        with _told(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection to read with, which holds up nobody. Raises `StoreError`."""
        with _told(), self._engine.connect() as connection:
            yield connection

    def scrub(self, *tables: str) -> None:
        """Have what was deleted from `tables` be in none of their files any more, nor in the log of SQLite's.

        Raises `StoreError`, also while somebody reads on and on.
        """
        with _told(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                alone = connection.execution_options(isolation_level="AUTOCOMMIT")
                alone.exec_driver_sql(f"VACUUM (FULL) {', '.join(tables)}")  # written anew: free space keeps what was there
                return
            raw = connection.connection.driver_connection
            busy = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] if raw is not None else 0
        if busy:
            raise StoreError("the store is being read, so what was deleted is still in its log file; try again")

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _upgrade(self) -> None:
        with self._writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE})
            config = Alembic()
            with resources.as_file(resources.files("extproc.store") / "migrations") as scripts:
                config.set_main_option("script_location", str(scripts))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")


def _postgresql(url: str, password: Callable[[], str] | None) -> Engine:
    found = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")
    try:
        engine = sqlalchemy.create_engine(found, pool_pre_ping=True, connect_args={"connect_timeout": _PATIENCE})
    except ImportError as error:
        raise StoreError("PostgreSQL needs a library; install `vecgate[postgresql]`") from error

    def connect(_: Any, __: Any, ___: Any, parameters: dict[str, Any]) -> None:
        if password is not None:
            parameters["password"] = password()

    sqlalchemy.event.listen(engine, "do_connect", connect)
    return engine


def _make(path: Path) -> None:
    """Make the file where it is absent, for its owner alone; SQLite gives the files beside it the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten


def _begin_sqlite(connection: Connection) -> None:
    # Who writes waits for its turn before it reads, so no two transactions stand in each other's way half done.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _told() -> Iterator[None]:
    """Turn the library's errors into ours; its words may quote a statement's values."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"the store does not answer as it should ({type(error).__name__})") from error
