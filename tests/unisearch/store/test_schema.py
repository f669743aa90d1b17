"""Tables made at once and tables made by migrations are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from unisearch.errors import StoreError
from unisearch.store import schema as schema_module
from unisearch.store.catalog import Catalog
from unisearch.store.database import Database
from unisearch.store.migrations import runner
from unisearch.store.schema import HEAD, VERSION_TABLE, prepare
from unisearch.store.tables import schema

from .desk import Desk


@pytest.fixture
def database(address: str | Path) -> Iterator[Database]:
    """An empty database."""
    opened = Database(address, create=True)
    yield opened
    opened.close()


def _differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), schema))


def _checks(connection: Connection) -> dict[str, list[str]]:
    """What Alembic does not compare: checks, primary keys, foreign keys' actions."""
    inspector = inspect(connection)
    found = {}
    for table in sorted(schema.tables):
        found[table] = sorted(
            [str(check["name"]) for check in inspector.get_check_constraints(table)]
            + [str(inspector.get_pk_constraint(table))]
            + [
                f"{key['name']} {key['constrained_columns']} {sorted(key['options'].items())}"
                for key in inspector.get_foreign_keys(table)
            ]
            + [f"{c['name']} {c['type']} {c['nullable']}" for c in inspector.get_columns(table)]
        )
    return found


def test_the_constant_is_the_newest_migration() -> None:
    assert runner.head() == HEAD
    assert HEAD in runner.revisions()


def test_migrations_make_the_tables_that_the_program_uses(
    database: Database, tmp_path: Path
) -> None:
    with database.writing() as connection:
        runner.upgrade(connection)
    with database.reading() as connection:
        assert _differences(connection) == []
        version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars()
        assert version.all() == [HEAD]
    prepare(database, create=False)  # nothing is left to do


def test_tables_made_at_once_are_the_same(address: str | Path, tmp_path: Path) -> None:
    with Catalog.open(address, create=True) as catalog, catalog._database.reading() as connection:
        assert _differences(connection) == []
        at_once = _checks(connection)
    if isinstance(address, Path):
        migrated = Database(tmp_path / "other.sqlite", create=True)
        with migrated.writing() as connection:
            runner.upgrade(connection)
            assert _checks(connection) == at_once
        migrated.close()


def test_migrated_tables_work(database: Database) -> None:
    with database.writing() as connection:
        runner.upgrade(connection)
    catalog = Catalog(database, None)
    encoder = catalog.register_encoder("fake", "f", 8)
    desk = Desk(catalog, encoder, catalog.ensure_root(Path("/pictures")))
    desk.put(desk.picture("a.jpg"), desk.text("a.txt", "one", "two"))
    assert len(desk.ids()) == 3


def test_older_tables_are_brought_up_to_date(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(database, create=True)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = 'older'"))
    upgraded = []
    monkeypatch.setattr(runner, "revisions", lambda: {"older", HEAD})
    monkeypatch.setattr(runner, "upgrade", upgraded.append)
    prepare(database, create=False)
    assert len(upgraded) == 1
    database.read_only = True
    with pytest.raises(StoreError, match=r"older schema 'older' instead of '0001'.*for writing"):
        prepare(database, create=False)


def test_a_migration_that_fails_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(database, create=True)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = 'older'"))

    def fail(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (x int)"))
        connection.execute(text("ALTER TABLE files ADD COLUMN half INTEGER"))
        raise RuntimeError("on the way")

    monkeypatch.setattr(runner, "revisions", lambda: {"older"})
    monkeypatch.setattr(runner, "upgrade", fail)
    with pytest.raises(RuntimeError, match="on the way"):
        prepare(database, create=False)
    with database.reading() as connection:
        assert "half" not in inspect(connection).get_table_names()
        assert _differences(connection) == []


def test_making_that_is_interrupted_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(size: int) -> str:
        raise RuntimeError("on the way")

    monkeypatch.setattr(schema_module.secrets, "token_hex", fail)
    with pytest.raises(RuntimeError, match="on the way"):
        prepare(database, create=True)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == []
    monkeypatch.undo()
    prepare(database, create=True)


def test_two_make_it_at_once(database: Database) -> None:
    prepare(database, create=True)
    with database.writing() as connection:
        schema_module._make(connection, database)  # came second: finds it made
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM state")).scalar() == 1
