"""Questions to the catalog about files and items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true

from unisearch.datatypes import Modality
from unisearch.store.atomic import absolute
from unisearch.store.chunks import chunks
from unisearch.store.metadata import load
from unisearch.store.records import (
    NOTHING,
    Counts,
    FileRecord,
    FileStatus,
    ItemRecord,
    Metadata,
    RootRecord,
    display_path,
)
from unisearch.store.roots import below, inside
from unisearch.store.tables import LARGEST, files, items, state, vectors

_FILE = (
    files.c.id,
    files.c.root_id,
    files.c.path_bytes,
    files.c.kind,
    files.c.size_bytes,
    files.c.mtime_ns,
    files.c.content_hash,
    files.c.status,
    files.c.reason,
    files.c.detail,
)
_ITEM = (
    items.c.id,
    items.c.file_id,
    items.c.ordinal,
    items.c.modality,
    items.c.content_hash,
    items.c.passage,
    items.c.line,
    items.c.member,
    items.c.metadata.label("own_metadata"),
    files.c.metadata.label("file_metadata"),
    files.c.root_id,
    files.c.path_bytes,
    files.c.kind,
    files.c.size_bytes,
    files.c.mtime_ns,
    files.c.taken_ns,
)


def file_block(
    connection: Connection, root_id: int, under: bytes, after: bytes | None, limit: int
) -> list[FileRecord]:
    """The next files of a root in order of their path's bytes."""
    statement = select(*_FILE).where(files.c.root_id == root_id)
    if under:
        statement = statement.where(below(under))
    if after is not None:
        statement = statement.where(files.c.path_bytes > after)
    rows = connection.execute(statement.order_by(files.c.path_bytes).limit(limit))
    return [FileRecord(*tuple(row)) for row in rows]


def files_by_hash(connection: Connection, content_hash: str) -> list[FileRecord]:
    """Files with some content, oldest first."""
    return _files(connection, files.c.content_hash == content_hash)


def files_at(
    connection: Connection, path: Path, roots: Sequence[RootRecord], *, and_below: bool
) -> list[FileRecord]:
    """What is known at an absolute path."""
    path = absolute(path)
    ways: list[ColumnElement[bool]] = []
    for root in roots:
        rest = inside(root.path, path)
        if rest:
            there = below(rest) if and_below else files.c.path_bytes == rest
            ways.append(and_(files.c.root_id == root.id, there))
        elif and_below and (rest == b"" or inside(path, root.path) is not None):
            ways.append(files.c.root_id == root.id)
    return _files(connection, or_(*ways)) if ways else []


def skip_reasons(connection: Connection) -> dict[str, int]:
    """Number of skipped files by reason, most first."""
    number = func.count().label("number")
    reason = func.coalesce(files.c.reason, "unknown").label("reason")
    rows = connection.execute(
        select(reason, number)
        .where(files.c.status == str(FileStatus.SKIPPED))
        .group_by(reason)
        .order_by(number.desc(), reason)
    )
    return {str(row[0]): int(row[1]) for row in rows}


def counts(connection: Connection, encoder_id: int | None) -> Counts:
    """How much there is."""
    statuses = connection.execute(select(files.c.status, func.count()).group_by(files.c.status))
    by_status = {str(row[0]): int(row[1]) for row in statuses}
    encoded: dict[Modality, int] = {}
    if encoder_id is not None:
        joined = items.join(
            vectors,
            and_(
                vectors.c.content_hash == items.c.content_hash,
                vectors.c.modality == items.c.modality,
                vectors.c.encoder_id == encoder_id,
            ),
        )
        encoded = _by_modality(
            connection.execute(
                select(items.c.modality, func.count())
                .select_from(joined)
                .group_by(items.c.modality)
            )
        )
    return Counts(
        files=by_status.get(FileStatus.INDEXED, 0),
        files_skipped=by_status.get(FileStatus.SKIPPED, 0),
        items=_by_modality(
            connection.execute(select(items.c.modality, func.count()).group_by(items.c.modality))
        ),
        encoded=encoded,
        vectors=connection.execute(select(func.count()).select_from(vectors)).scalar_one(),
        generation=connection.execute(select(state.c.generation)).scalar_one(),
    )


def items_by_id(
    connection: Connection, ids: Iterable[int], roots: Sequence[RootRecord]
) -> list[ItemRecord]:
    """Items, in ascending order of ids; those that are not there are left out."""
    found: list[ItemRecord] = []
    # What is no id of any catalog need not fit into a column.
    wanted = {item_id for item_id in map(int, ids) if 0 <= item_id <= LARGEST}
    for piece in chunks(sorted(wanted)):
        found += _items(connection, items.c.id.in_(piece), roots, items.c.id)
    return found


def items_of(
    connection: Connection, file_ids: Iterable[int], roots: Sequence[RootRecord]
) -> list[ItemRecord]:
    """All items of some files, by file and ordinal."""
    found: list[ItemRecord] = []
    for piece in chunks(sorted({int(file_id) for file_id in file_ids})):
        order = (items.c.file_id, items.c.ordinal, items.c.id)
        found += _items(connection, items.c.file_id.in_(piece), roots, *order)
    return found


def item_block(
    connection: Connection,
    after: int,
    modality: Modality | None,
    roots: Sequence[RootRecord],
    limit: int,
) -> list[ItemRecord]:
    """The next items in order of ids."""
    of_modality = true() if modality is None else items.c.modality == str(modality)
    condition = and_(items.c.id > after, of_modality)
    return list(_items(connection, condition, roots, items.c.id, limit=limit))


def _files(connection: Connection, condition: ColumnElement[bool]) -> list[FileRecord]:
    rows = connection.execute(select(*_FILE).where(condition).order_by(files.c.id))
    return [FileRecord(*tuple(row)) for row in rows]


def _items(
    connection: Connection,
    condition: ColumnElement[bool],
    roots: Sequence[RootRecord],
    *order: ColumnElement[Any],
    limit: int | None = None,
) -> Iterator[ItemRecord]:
    statement = select(*_ITEM).join_from(items, files, files.c.id == items.c.file_id)
    statement = statement.where(condition).order_by(*order).limit(limit)
    folders = {root.id: root.path for root in roots}
    for row in connection.execute(statement):
        yield _item(row, folders)


def _item(row: Any, folders: dict[int, Path]) -> ItemRecord:
    return ItemRecord(
        id=row.id,
        file_id=row.file_id,
        ordinal=row.ordinal,
        modality=Modality(row.modality),
        content_hash=row.content_hash,
        passage=row.passage,
        line=row.line,
        member=row.member,
        metadata=_merged(row.file_metadata, row.own_metadata),
        root=folders[row.root_id],
        path_bytes=row.path_bytes,
        path=display_path(row.path_bytes),
        kind=row.kind,
        size_bytes=row.size_bytes,
        mtime_ns=row.mtime_ns,
        taken_ns=row.taken_ns,
    )


def _merged(of_file: str | None, own: str | None) -> Metadata:
    """A file's metadata and, before it, an item's."""
    if not of_file and not own:
        return NOTHING
    return MappingProxyType({**load(of_file), **load(own)})


def _by_modality(rows: Iterable[Any]) -> dict[Modality, int]:
    return {Modality(modality): number for modality, number in rows}
