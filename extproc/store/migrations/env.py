"""Where alembic begins: it is given a connection that is in a transaction, and makes none of its own."""

from __future__ import annotations

from alembic import context

from extproc.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
