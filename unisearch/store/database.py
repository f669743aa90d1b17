"""Connections: SQLite or PostgreSQL behind the same two doors, ``reading`` and ``writing``."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool

from unisearch.errors import (
    ConfigError,
    MissingExtra,
    NoCollection,
    ReadOnlyCollection,
    StoreError,
)
from unisearch.store.atomic import absolute
from unisearch.store.atomic import translated as translated_file
from unisearch.store.failures import translated

_log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 30.0
"""How long to wait for another process's transaction; one batch takes milliseconds."""

_WRITES = "unisearch_writes"


class Database:
    """A place that holds tables.

    Args:
        address: A path to an SQLite file or a URL.
        create: Make the SQLite file if there is none.
        read_only: Open so that nothing can be written.

    Raises:
        NoCollection: There is no such file and ``create`` is false.
        MissingExtra: PostgreSQL without its driver.
        ConfigError: The URL does not parse, or is for something else.
    """

    def __init__(
        self, address: str | Path, *, create: bool = False, read_only: bool = False
    ) -> None:
        url = _parse(address)
        self.read_only = read_only
        self.path: Path | None = None
        """The file, for SQLite."""
        if url is None or url.get_backend_name() == "sqlite":
            self.path = absolute(Path(url.database or "") if url else Path(address))
            self.name = str(self.path)
            self._engine = _sqlite(self.path, create=create, read_only=read_only)
            self._reader, self._writer = self._engine, _writing(self._engine)
        elif url.get_backend_name() == "postgresql":
            self.name = url.render_as_string(hide_password=True)
            self._engine = _postgres(url)
            # Each read sees one state of the database, whatever others commit meanwhile.
            self._reader = self._engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            self._writer = self._engine
        else:
            raise ConfigError(
                f"a catalog cannot lie in {url.get_backend_name()!r}: use a path, sqlite:///… or "
                "postgresql+psycopg://…"
            )

    @property
    def is_sqlite(self) -> bool:
        """Whether it is an SQLite file."""
        return self.path is not None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state and changes nothing."""
        with translated(self.name), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed at the end, or undone if an error leaves it."""
        if self.read_only:
            raise ReadOnlyCollection(
                f"{self.name} was opened for reading only: open it for writing to change it"
            )
        with translated(self.name), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Closes all connections."""
        with translated(self.name):
            self._engine.dispose()


def _parse(address: str | Path) -> URL | None:
    """The URL, or ``None`` for a path."""
    if isinstance(address, Path) or "://" not in address:
        return None
    try:
        url = make_url(address)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        # The address is not quoted: it may hold a password.
        raise ConfigError(f"the catalog's address is none that is known: {error}") from error
    except ImportError as error:
        raise MissingExtra("a catalog in PostgreSQL", "postgres") from error
    return url


def _writing(engine: Engine) -> Engine:
    """The same connections, for transactions that take SQLite's writer lock at their start: one
    that began as a reader could be refused when it turns to writing."""
    return engine.execution_options(**{_WRITES: True})


def _sqlite(path: Path, *, create: bool, read_only: bool) -> Engine:
    """An engine for an SQLite file, which is made here if it may be."""
    if path.is_dir():
        raise StoreError(f"{path} is a folder: name the catalog's file in it")
    if not path.exists():
        if read_only or not create:
            raise NoCollection(
                f"there is no catalog at {path}: restore it from a backup, or make it anew with "
                "`unisearch index FOLDER`"
            )
        with translated_file(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def connect() -> sqlite3.Connection:
        return _connect_read_only(path) if read_only else _connect(path, "mode=rw")

    engine = create_engine(
        "sqlite+pysqlite://",
        creator=connect,
        # A read-only connection decides anew each time how it may read; see _connect_read_only.
        poolclass=NullPool if read_only else QueuePool,
        **({} if read_only else {"max_overflow": 60, "pool_timeout": BUSY_TIMEOUT_S}),
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    if not read_only:
        with translated(str(path)), closing(_connect(path, "mode=rw")) as connection:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            _log.warning(
                "%s: this file system has no write-ahead log; searching waits for indexing", path
            )
    return engine


def _connect(path: Path, parameters: str) -> sqlite3.Connection:
    """One connection to an SQLite file."""
    # Transactions are begun by us, not guessed by the driver (isolation_level=None).
    connection = sqlite3.connect(
        f"{path.as_uri()}?{parameters}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    # With a write-ahead log NORMAL keeps every transaction whole, even when the power fails.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -16384")
    return connection


def _connect_read_only(path: Path) -> sqlite3.Connection:
    """One connection that cannot write.

    SQLite reads a file with a write-ahead log only if it can make or open the log's own index
    beside it. On read-only media it cannot; then the file is all there is and does not change, and
    may be read as such, unless a log was left behind that holds a part of the truth.
    """
    try:
        connection = _connect(path, "mode=ro")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        return connection
    except sqlite3.OperationalError as error:
        code = error.sqlite_errorcode & 0xFF
        if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise StoreError(
                f"{path} was not closed in good order and cannot be completed here, where nothing "
                "may be written: open it once where it can be"
            ) from error
    return _connect(path, "mode=ro&immutable=1")


def _postgres(url: URL) -> Engine:
    """An engine for a PostgreSQL server."""
    if url.get_driver_name() != "psycopg" or url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise MissingExtra("a catalog in PostgreSQL", "postgres") from error
    arguments: dict[str, Any] = {"connect_timeout": 10, "fallback_application_name": "unisearch"}
    return create_engine(url, pool_pre_ping=True, max_overflow=60, connect_args=arguments)
