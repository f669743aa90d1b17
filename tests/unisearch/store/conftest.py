"""Catalogs in both databases, and short ways to fill them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from unisearch.store.catalog import Catalog

from .desk import DIM, Desk

POSTGRES = os.environ.get("UNISEARCH_TEST_POSTGRES")


@pytest.fixture
def postgres_address() -> Iterator[str]:
    """A schema of its own in PostgreSQL."""
    if not POSTGRES:
        pytest.skip("UNISEARCH_TEST_POSTGRES is not set; see scripts/postgres")
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    plain = POSTGRES.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield f"{POSTGRES}?options=-csearch_path%3D{name}"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a catalog can be made, in each database."""
    if request.param == "sqlite":
        return tmp_path / "collection" / ".unisearch" / "catalog.sqlite"
    found: str = request.getfixturevalue("postgres_address")
    return found


@pytest.fixture
def catalog(address: str | Path) -> Iterator[Catalog]:
    """An empty catalog."""
    with Catalog.open(address, create=True) as opened:
        yield opened


@pytest.fixture
def desk(catalog: Catalog) -> Desk:
    """An empty catalog with an encoder and the root ``/pictures``."""
    encoder = catalog.register_encoder("fake", "0123456789abcdef", DIM)
    return Desk(catalog, encoder, catalog.ensure_root(Path("/pictures")))


@pytest.fixture
def sqlite_desk(tmp_path: Path) -> Iterator[Desk]:
    """The same, always in SQLite, for what is about files."""
    path = tmp_path / "collection" / ".unisearch" / "catalog.sqlite"
    with Catalog.open(path, create=True) as opened:
        encoder = opened.register_encoder("fake", "0123456789abcdef", DIM)
        yield Desk(opened, encoder, opened.ensure_root(Path("/pictures")))
