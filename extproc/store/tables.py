"""The tables of the store, as they are after the last migration."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

METADATA: Final = MetaData()

REVISIONS: Final = Table(
    "revisions",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""A number for each kind of thing that workers keep a copy of; it grows with each change."""

LOCKS: Final = Table(
    "locks",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("value", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", BigInteger, nullable=False),
    Column("lifted_by", Text),
    Column("lifted_at", BigInteger),
)
"""Locks that hold and that were lifted; times are Unix seconds, people principals' ids."""

Index(
    "locks_that_hold",
    LOCKS.c.kind,
    LOCKS.c.value,
    unique=True,
    sqlite_where=LOCKS.c.lifted_at.is_(None),
    postgresql_where=LOCKS.c.lifted_at.is_(None),
)

SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("log", String(32), primary_key=True),
    Column("entry", BigInteger, primary_key=True),
    Column("operation", Integer, primary_key=True),
    Column("worker", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("time", String(32), nullable=False),
    Column("exchange", String(64), nullable=False),
    Column("principal", Text),
    Column("person", Text),
    Column("source", Text, nullable=False),
    Column("database", Text, nullable=False),
    Column("collection", Text),
    Column("action", Text),
    Column("decision", String(8)),
    Column("reasons", Text, nullable=False),
    Column("end", String(16)),
    Column("status", Integer),
    Column("rows", BigInteger),
    Column("masked", Text, nullable=False),
    Index("sessions_by_time", "time"),
    Index("sessions_by_person", "person", "time"),
    Index("sessions_by_principal", "principal", "time"),
    Index("sessions_by_collection", "database", "collection", "time"),
)
"""What became of each operation; derived from the logs. Lists are words with line feeds around them."""

SEEN: Final = Table(
    "seen",
    METADATA,
    Column("record", String(64), primary_key=True),
    Column("log", String(32), primary_key=True),
    Column("entry", BigInteger, primary_key=True),
    Column("operation", Integer, primary_key=True),
    Index("seen_by_entry", "log", "entry"),
)
"""Which records, by a keyed hash of their ids, came back in the answer to an operation."""

PLACES: Final = Table(
    "places",
    METADATA,
    Column("log", String(32), primary_key=True),
    Column("entry", BigInteger, primary_key=True),
    Column("worker", Text, nullable=False),
    Column("exchange", String(64), nullable=False),
    Index("places_by_exchange", "exchange"),
)
"""Where the entries of an exchange are."""

FOLLOWED: Final = Table(
    "followed",
    METADATA,
    Column("log", String(32), primary_key=True),
    Column("following", BigInteger, nullable=False),
)
"""How far each log was read: the index of the entry that follows."""
