"""Alembic's entry: the connection is handed in by `app/store/schema.py`, which also commits."""

from __future__ import annotations

from alembic import context

from app.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=False)
context.run_migrations()
