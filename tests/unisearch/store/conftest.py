"""Catalogs in both databases, and short ways to fill them."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
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


@pytest.fixture
def unprivileged() -> Callable[..., str]:
    """Runs a script in a process that file permissions bind, even if these tests run as root.

    The script is given the arguments as ``sys.argv[1:]``; what it prints is returned.
    """

    def run(script: str, *arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            preexec_fn=_give_up_override if os.geteuid() == 0 else None,
        )
        if done.returncode == _CANNOT:
            pytest.skip("root cannot give up its right to ignore file permissions here")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


_CANNOT = 77


def _give_up_override() -> None:
    """Takes from root, for good, what lets it ignore permissions (see ``man 7 capabilities``)."""
    drop, override, read_search = 24, 1, 2
    libc = ctypes.CDLL(None)
    for capability in (override, read_search):
        if libc.prctl(drop, capability, 0, 0, 0) != 0:
            os._exit(_CANNOT)


@pytest.fixture
def closed() -> Iterator[Callable[[Path], None]]:
    """Forbids writing to a folder and the files in it, until the test ends."""
    closed: list[tuple[Path, int]] = []

    def close(folder: Path) -> None:
        for path in (*folder.iterdir(), folder):
            mode = path.stat().st_mode
            closed.append((path, mode))
            path.chmod(mode & ~0o222)

    yield close
    for path, mode in closed:
        if path.exists():
            path.chmod(mode)
