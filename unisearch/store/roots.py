"""Roots: the folders that files are relative to.

A root below the folder that holds the collection is kept relative to it, so that a disk with
pictures and their collection can be mounted elsewhere; any other one is kept as an absolute path.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select

from unisearch.errors import StoreError
from unisearch.store.atomic import absolute
from unisearch.store.records import RootRecord, display_path
from unisearch.store.tables import files, roots


def all_roots(connection: Connection, base: Path | None) -> list[RootRecord]:
    """All roots, oldest first."""
    rows = connection.execute(select(roots.c.id, roots.c.path_bytes).order_by(roots.c.id))
    return [RootRecord(root_id, _resolved(path, base)) for root_id, path in rows]


def inside(root: Path, path: Path) -> bytes | None:
    """``path`` relative to ``root``, ``b""`` if equal, ``None`` if it lies elsewhere."""
    if path == root:
        return b""
    try:
        return os.fsencode(path.relative_to(root))
    except ValueError:
        return None


def deepest(records: list[RootRecord], path: Path) -> tuple[RootRecord, bytes] | None:
    """The deepest root that ``path`` is or lies in, and the path relative to it."""
    path = absolute(path)
    found = [(root, rest) for root in records if (rest := inside(root.path, path)) is not None]
    return min(found, key=lambda pair: len(pair[1]), default=None)


def below(under: bytes) -> ColumnElement[bool]:
    """The condition that a file is, or lies below, this path relative to its root."""
    # "0" is the character after "/": all that begins with "under/" lies between.
    within = and_(files.c.path_bytes >= under + b"/", files.c.path_bytes < under + b"0")
    return or_(files.c.path_bytes == under, within)


def ensure(connection: Connection, path: Path, base: Path | None) -> RootRecord:
    """The root at exactly this folder; a new one takes over the files of those inside it."""
    path = absolute(path)
    records = all_roots(connection, base)
    for root in records:
        if root.path == path:
            return root
    stored = _stored(path, base)
    values = {"path_bytes": stored, "path": display_path(stored)}
    root_id = connection.execute(roots.insert().values(values).returning(roots.c.id)).scalar_one()
    for root in records:
        rest = inside(path, root.path)
        if rest is not None:
            _take_over(connection, root.id, root_id, rest + b"/")
    return RootRecord(root_id, path)


def move(connection: Connection, old: Path, new: Path, base: Path | None) -> RootRecord:
    """Says that a root now lies elsewhere."""
    old, new = absolute(old), absolute(new)
    at = {root.path: root for root in all_roots(connection, base)}
    if old not in at:
        known = ", ".join(sorted(str(path) for path in at)) or "none"
        raise ValueError(f"there is no root at {old}; there are: {known}")
    if new in at and new != old:
        raise ValueError(f"there is already a root at {new}")
    stored = _stored(new, base)
    values = {"path_bytes": stored, "path": display_path(stored)}
    connection.execute(roots.update().where(roots.c.id == at[old].id).values(values))
    return RootRecord(at[old].id, new)


def _take_over(connection: Connection, old_id: int, new_id: int, prefix: bytes) -> None:
    """Moves all files of a root into one that encloses it."""
    rows = connection.execute(
        select(files.c.id, files.c.path_bytes).where(files.c.root_id == old_id)
    ).all()
    if rows:
        connection.execute(
            files.update()
            .where(files.c.id == bindparam("of"))
            .values(root_id=new_id, path_bytes=bindparam("there"), path=bindparam("shown")),
            [
                {"of": file_id, "there": prefix + path, "shown": display_path(prefix + path)}
                for file_id, path in rows
            ],
        )
    connection.execute(roots.delete().where(roots.c.id == old_id))


def _stored(path: Path, base: Path | None) -> bytes:
    """An absolute path → what the catalog keeps."""
    rest = inside(base, path) if base is not None else None
    return os.fsencode(path) if rest is None else rest


def _resolved(stored: bytes, base: Path | None) -> Path:
    """What the catalog keeps → an absolute path."""
    path = Path(os.fsdecode(stored))
    if path.is_absolute():
        return path
    if base is None:
        raise StoreError(
            f"the root {str(path)!r} is relative to the folder of its collection: open the catalog "
            "through the collection (or with base=)"
        )
    return base / path
