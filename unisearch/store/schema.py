"""Making, checking and upgrading the tables.

Alembic does the upgrading and is imported for that alone; a catalog that is up to date is
recognised by one query, a new one is made in one step.
"""

from __future__ import annotations

import logging
import secrets

from sqlalchemy import Connection, inspect, text

from unisearch.errors import DamagedStore, NoCollection, SchemaTooNew, StoreError
from unisearch.store.database import Database
from unisearch.store.tables import schema, state

_log = logging.getLogger(__name__)

HEAD = "0001"
"""The newest revision of the tables; the last file of ``migrations/versions``."""

VERSION_TABLE = "unisearch_version"

# Any number will do, as long as it is always this one: two processes must not make tables at once.
_ADVISORY_LOCK = 0x756E6973


def prepare(database: Database, *, create: bool) -> None:
    """Sees to it that the tables are there and are those of this program.

    Args:
        database: Where they should be.
        create: Make them if the database is empty.

    Raises:
        NoCollection: It is empty and ``create`` is false.
        DamagedStore: It holds something else.
        SchemaTooNew: A newer unisearch made it.
        StoreError: It is older and may only be read.
    """
    with database.reading() as connection:
        found = _revision(connection, database)
    if found is None:
        if not create or database.read_only:
            raise NoCollection(
                f"{database.name} holds no catalog: it is empty (its making may have been "
                "interrupted): `unisearch index FOLDER` completes it"
            )
        with database.writing() as connection:
            _make(connection, database)
    elif found != HEAD:
        _upgrade(database, found)


def _revision(connection: Connection, database: Database) -> str | None:
    """The revision of the tables; ``None`` if the database is empty."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        rows = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()
        if len(rows) == 1:
            return str(rows[0])
        raise DamagedStore(f"{database.name}: its schema has {len(rows)} revisions instead of one")
    if database.is_sqlite and tables:
        raise DamagedStore(
            f"{database.name} is the database of another program (tables {_some(tables)}): "
            "name another file"
        )
    ours = tables & set(schema.tables)
    if ours:
        raise DamagedStore(
            f"{database.name} holds tables of another program with names that the catalog needs "
            f"({_some(ours)}): give it a database, or a schema (search_path), of its own"
        )
    return None


def _some(names: set[str]) -> str:
    """A few of the names."""
    return ", ".join(sorted(names)[:3]) + (", …" if len(names) > 3 else "")


def _make(connection: Connection, database: Database) -> None:
    """Makes the tables, unless another process just did."""
    _exclude_others(connection)
    if _revision(connection, database) is not None:
        return
    schema.create_all(connection, checkfirst=False)
    connection.execute(
        text(
            f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
            f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text(f"INSERT INTO {VERSION_TABLE} VALUES (:head)"), {"head": HEAD})
    first = {"id": 1, "generation": 0, "last_id": 0, "removals_from": 0}
    connection.execute(state.insert(), {**first, "uid": secrets.token_hex(16)})


def _upgrade(database: Database, found: str) -> None:
    """Brings older tables up to date in one transaction."""
    from unisearch.store.migrations import runner

    known = runner.revisions()
    if found not in known:
        raise SchemaTooNew(
            f"{database.name} has schema {found!r}, this version of unisearch knows up to "
            f"{HEAD!r}: install a newer unisearch"
        )
    if database.read_only:
        raise StoreError(
            f"{database.name} has the older schema {found!r} instead of {HEAD!r}: open it once for "
            "writing to bring it up to date"
        )
    _log.info("%s: bringing the schema from %s to %s", database.name, found, HEAD)
    with database.writing() as connection:
        _exclude_others(connection)
        runner.upgrade(connection)


def _exclude_others(connection: Connection) -> None:
    """Lets one process at a time change tables; SQLite does that by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
