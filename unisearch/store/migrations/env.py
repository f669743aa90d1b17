"""What Alembic runs before the migrations; see ``runner``."""

from __future__ import annotations

from alembic import context

from unisearch.store.schema import VERSION_TABLE
from unisearch.store.tables import schema

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=schema,
    version_table=VERSION_TABLE,
    # SQLite changes a table by copying it.
    render_as_batch=True,
)
# No transaction of Alembic's own: the caller's holds everything, tables and version.
context.run_migrations()
