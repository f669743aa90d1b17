"""What databases say when they fail → the store's errors, with the way out."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from unisearch.errors import (
    CollectionBusy,
    DamagedStore,
    ReadOnlyCollection,
    StorageFull,
    StoreError,
)

_FULL = "make room and run this again: what was committed before is whole"
_DAMAGED = (
    "restore it from a backup, or delete it and index again: it holds nothing but what was "
    "indexed, and your own files are not touched"
)
_READ_ONLY = "open it for reading only, or put the collection where you may write"

# PostgreSQL's codes: the class, or the whole code where the class is too wide.
_POSTGRES: dict[str, tuple[type[StoreError], str]] = {
    "53100": (StorageFull, _FULL),
    "53": (StoreError, "the server has no resources left for it: try again later"),
    "25006": (ReadOnlyCollection, "the server, or this login, only reads: open it so"),
    "42501": (ReadOnlyCollection, "this login lacks a privilege: grant it, or use another"),
    "55P03": (CollectionBusy, "another process writes to it: wait until that has finished"),
    "40": (CollectionBusy, "another process wrote to it at the same moment: run this again"),
    "XX001": (DamagedStore, _DAMAGED),
    "XX002": (DamagedStore, _DAMAGED),
    "28": (StoreError, "the login is refused: see PGPASSWORD or ~/.pgpass"),
    "3D": (StoreError, "there is no such database: make one with createdb"),
    "08": (
        StoreError,
        "see that the server runs, the login is right, and the database is there (createdb)",
    ),
    "57P": (StoreError, "the server is going down or coming up: try again later"),
}


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turns database errors inside into the store's.

    Args:
        name: The catalog, as people know it (a path, or an address without its password).
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _from_sqlite(name, error) from error
    except PoolTimeout as error:
        raise CollectionBusy(f"{name}: too many threads use it at once: {error}") from error
    except DBAPIError as error:
        cause = error.orig
        if isinstance(cause, sqlite3.Error):
            raise _from_sqlite(name, cause) from error
        raise _from_postgres(name, error) from error


def _from_sqlite(name: str, error: sqlite3.Error) -> StoreError:
    """The store's error for one of SQLite's."""
    code = getattr(error, "sqlite_errorcode", 0)
    match code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return StorageFull(f"{name} cannot grow ({error}): {_FULL}")
        case sqlite3.SQLITE_IOERR if code in _WRITING:
            # A quota or a limit on file sizes looks so, and so does a disk that fails.
            return StorageFull(
                f"{name} cannot be written ({error}): is the disk full? If so, {_FULL}"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return DamagedStore(f"{name} is damaged ({error}): {_DAMAGED}")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return ReadOnlyCollection(f"{name} cannot be written to ({error}): {_READ_ONLY}")
        case sqlite3.SQLITE_CANTOPEN if Path(name).exists() and not os.access(name, os.R_OK):
            return StoreError(f"{name} may not be read: check its permissions")
        case sqlite3.SQLITE_CANTOPEN:
            return ReadOnlyCollection(
                f"{name} cannot be opened: its folder or file may not be written to; {_READ_ONLY}"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return CollectionBusy(
                f"{name} is being written to by another process: wait until that has finished"
            )
    return StoreError(f"{name}: the database failed: {error}")


_WRITING = {
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
}


def _from_postgres(name: str, error: DBAPIError) -> StoreError:
    """The store's error for one of psycopg's."""
    said = " ".join(str(error.orig).split())
    state = getattr(error.orig, "sqlstate", None)
    # A connection that was never made has no code.
    state = state or ("08" if type(error.orig).__name__ == "OperationalError" else "")
    for length in (5, 3, 2):
        if state[:length] in _POSTGRES:
            kind, advice = _POSTGRES[state[:length]]
            return kind(f"{name}: {said}; {advice}")
    return StoreError(f"{name}: the database failed: {said}")
