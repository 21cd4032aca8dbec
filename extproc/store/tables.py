"""The tables of the store, as they are after the last migration."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table, Text

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
