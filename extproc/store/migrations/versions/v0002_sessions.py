"""The index of sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make its tables."""
    op.create_table(
        "sessions",
        sa.Column("log", sa.String(32), primary_key=True),
        sa.Column("entry", sa.BigInteger, primary_key=True),
        sa.Column("operation", sa.Integer, primary_key=True),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("exchange", sa.String(64), nullable=False),
        sa.Column("principal", sa.Text),
        sa.Column("person", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("database", sa.Text, nullable=False),
        sa.Column("collection", sa.Text),
        sa.Column("action", sa.Text),
        sa.Column("decision", sa.String(8)),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("end", sa.String(16)),
        sa.Column("status", sa.Integer),
        sa.Column("rows", sa.BigInteger),
        sa.Column("masked", sa.Text, nullable=False),
    )
    op.create_index("sessions_by_time", "sessions", ["time"])
    op.create_index("sessions_by_person", "sessions", ["person", "time"])
    op.create_index("sessions_by_principal", "sessions", ["principal", "time"])
    op.create_index("sessions_by_collection", "sessions", ["database", "collection", "time"])
    op.create_table(
        "seen",
        sa.Column("record", sa.String(64), primary_key=True),
        sa.Column("log", sa.String(32), primary_key=True),
        sa.Column("entry", sa.BigInteger, primary_key=True),
        sa.Column("operation", sa.Integer, primary_key=True),
    )
    op.create_index("seen_by_entry", "seen", ["log", "entry"])
    op.create_table(
        "places",
        sa.Column("log", sa.String(32), primary_key=True),
        sa.Column("entry", sa.BigInteger, primary_key=True),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("exchange", sa.String(64), nullable=False),
    )
    op.create_index("places_by_exchange", "places", ["exchange"])
    op.create_table(
        "followed",
        sa.Column("log", sa.String(32), primary_key=True),
        sa.Column("following", sa.BigInteger, nullable=False),
    )
