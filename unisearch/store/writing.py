"""A batch → the tables, within one transaction of the caller's."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Table, bindparam, literal, select

from unisearch.datatypes import Modality
from unisearch.store import metadata
from unisearch.store import vectors as vector_rows
from unisearch.store.chunks import chunks
from unisearch.store.matching import OldItem, changed, match
from unisearch.store.records import (
    FileWrite,
    ItemWrite,
    Metadata,
    VectorWrite,
    WriteBatch,
    display_path,
)
from unisearch.store.tables import (
    encoders,
    facts,
    files,
    fitting,
    items,
    state,
    tombstones,
    vectors,
)

_log = logging.getLogger(__name__)

_Row = dict[str, Any]


def apply(connection: Connection, batch: WriteBatch) -> int:
    """Writes a batch; see :meth:`unisearch.store.catalog.Catalog.write`."""
    # First of all, and so the lock that lets one writer at a time into PostgreSQL: generations
    # are committed in their order, and a reader that has seen one has seen all before it.
    generation: int = connection.execute(
        state.update().values(generation=state.c.generation + 1).returning(state.c.generation)
    ).scalar_one()
    _delete_files(connection, batch.deletes, generation)
    _move_files(connection, batch.moves, generation)
    if batch.touches:
        connection.execute(
            files.update()
            .where(files.c.id == bindparam("of"))
            .values(size_bytes=bindparam("size"), mtime_ns=bindparam("mtime")),
            [
                {"of": of, "size": fitting(size), "mtime": fitting(mtime)}
                for of, size, mtime in batch.touches
            ],
        )
    _write_vectors(connection, batch.vectors, generation)
    # A path that is there twice is written as it was read last.
    latest = {(write.root_id, write.path_bytes): write for write in batch.files}
    _write_files(connection, list(latest.values()), generation)
    _require_vectors(connection, list(latest.values()), batch)
    return generation


# --- files that go or move ---


def _delete_files(connection: Connection, file_ids: Iterable[int], generation: int) -> None:
    """Removes files with all that is in them."""
    for piece in chunks(file_ids):
        gone = items.c.file_id.in_(piece)
        _bury(connection, gone, generation)
        connection.execute(files.delete().where(files.c.id.in_(piece)))


def _bury(connection: Connection, gone: Any, generation: int) -> None:
    """Notes which items are about to be removed."""
    connection.execute(
        tombstones.insert().from_select(
            ["item_id", "modality", "generation"],
            select(items.c.id, items.c.modality, literal(generation, BigInteger)).where(gone),
        )
    )


def _move_files(
    connection: Connection, moves: Sequence[tuple[int, int, bytes]], generation: int
) -> None:
    """Gives files other paths; their ids and items stay."""
    targets = {(root_id, path): file_id for file_id, root_id, path in moves}
    if len(targets) < len(moves):
        raise ValueError("two files cannot be moved to one path")
    there: set[int] = set()
    for piece in chunks(file_id for file_id, _, _ in moves):
        there |= set(connection.execute(select(files.c.id).where(files.c.id.in_(piece))).scalars())
    moving = [move for move in moves if move[0] in there]
    if len(moving) < len(moves):
        _log.warning("%d files to be moved are no longer there", len(moves) - len(moving))
    if not moving:
        return
    occupants = _files_at(connection, targets)
    _delete_files(connection, set(occupants.values()) - there, generation)
    # Files may swap names: first all go where nothing can be (no name holds a NUL).
    steps: list[_Row] = [{"of": of, "root": root, "path": path} for of, root, path in moving]
    aside = [{**step, "path": b"\0%d" % step["of"]} for step in steps]
    statement = (
        files.update()
        .where(files.c.id == bindparam("of"))
        .values(root_id=bindparam("root"), path_bytes=bindparam("path"), path=bindparam("shown"))
    )
    if set(occupants.values()) & there:
        connection.execute(statement, [{**step, "shown": ""} for step in aside])
    connection.execute(statement, [{**step, "shown": display_path(step["path"])} for step in steps])


def _files_at(
    connection: Connection, paths: Iterable[tuple[int, bytes]]
) -> dict[tuple[int, bytes], int]:
    """Ids of the files at some paths, as far as there are any."""
    by_root: defaultdict[int, list[bytes]] = defaultdict(list)
    for root_id, path in paths:
        by_root[root_id].append(path)
    found: dict[tuple[int, bytes], int] = {}
    for root_id, wanted in by_root.items():
        for piece in chunks(wanted):
            rows = connection.execute(
                select(files.c.path_bytes, files.c.id).where(
                    files.c.root_id == root_id, files.c.path_bytes.in_(piece)
                )
            )
            found |= {(root_id, path): file_id for path, file_id in rows}
    return found


# --- vectors ---


def _write_vectors(connection: Connection, writes: Sequence[VectorWrite], generation: int) -> None:
    """Adds the vectors of contents that have none."""
    if not writes:
        return
    packed = vector_rows.pack(writes, _dims(connection))
    rows = [
        {
            "content_hash": write.content_hash,
            "modality": str(write.modality),
            "encoder_id": write.encoder_id,
            "data": data,
            "generation": generation,
        }
        for write, data in zip(writes, packed, strict=True)
    ]
    insert = _dialect_insert(connection.dialect.name)
    connection.execute(insert(vectors).on_conflict_do_nothing(), rows)


def _dialect_insert(dialect: str) -> Any:
    """The database's own ``insert``; imported here because searching never needs either."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert
    from sqlalchemy.dialects import sqlite

    return sqlite.insert


def _dims(connection: Connection) -> dict[int, int]:
    """Length of the vectors of each encoder."""
    rows = connection.execute(select(encoders.c.id, encoders.c.dim))
    return {row[0]: row[1] for row in rows}


def _require_vectors(
    connection: Connection, writes: Sequence[FileWrite], batch: WriteBatch
) -> None:
    """Sees to it that no item of the batch is without its vector."""
    encoder_ids = {write.encoder_id for write in batch.vectors}
    if batch.encoder_id is not None:
        encoder_ids = {batch.encoder_id}
    needed: defaultdict[Modality, dict[str, FileWrite]] = defaultdict(dict)
    for write in writes:
        for item in write.items:
            needed[item.modality][item.content_hash] = write
    for encoder_id in encoder_ids:
        for modality, by_hash in needed.items():
            missing = by_hash.keys() - set(
                vector_rows.known(connection, by_hash, modality, encoder_id)
            )
            if missing:
                where = display_path(by_hash[min(missing)].path_bytes)
                raise ValueError(
                    f"{len(missing)} items ({modality}) have no vector under encoder {encoder_id}, "
                    f"one of them in {where}; nothing of the batch was written"
                )


# --- files and their items ---


def _write_files(connection: Connection, writes: Sequence[FileWrite], generation: int) -> None:
    """Puts files in the place of those at the same paths."""
    if not writes:
        return
    at = _files_at(connection, [(write.root_id, write.path_bytes) for write in writes])
    known = set(at.values())
    old_items = _old_items(connection, known)
    values = [_file_values(write) for write in writes]
    ids = [at.get((write.root_id, write.path_bytes)) for write in writes]
    updates = [{**row, "of": of} for row, of in zip(values, ids, strict=True) if of is not None]
    if updates:
        columns: _Row = {column: bindparam(f"new_{column}") for column in values[0]}
        connection.execute(
            files.update().where(files.c.id == bindparam("of")).values(columns),
            [{"of": row.pop("of"), **{f"new_{k}": v for k, v in row.items()}} for row in updates],
        )
        _forget_facts(connection, facts.c.file_id, known)
    inserts = [row for row, of in zip(values, ids, strict=True) if of is None]
    new_ids = iter(_insert(connection, files, inserts))
    file_ids = [next(new_ids) if of is None else of for of in ids]

    fact_rows: list[_Row] = []
    changes = _ItemChanges()
    for file_id, write in zip(file_ids, writes, strict=True):
        fact_rows += _fact_rows("file_id", file_id, write.metadata)
        changes.add(file_id, old_items.get(file_id, []), write.items, generation)
    for piece in chunks(changes.gone):
        _bury(connection, items.c.id.in_(piece), generation)
        connection.execute(items.delete().where(items.c.id.in_(piece)))
    _update_items(connection, changes.updates)
    item_ids = _insert(connection, items, changes.inserts)
    _forget_facts(connection, facts.c.item_id, [item_id for item_id, _ in changes.retold])
    for item_id, of in [*changes.retold, *zip(item_ids, changes.told, strict=True)]:
        fact_rows += _fact_rows("item_id", item_id, of)
    if fact_rows:
        connection.execute(facts.insert(), fact_rows)


class _ItemChanges:
    """What becomes of the items of several files."""

    def __init__(self) -> None:
        self.gone: list[int] = []
        self.updates: list[_Row] = []
        self.inserts: list[_Row] = []
        self.told: list[Metadata] = []
        """Metadata of the inserts."""
        self.retold: list[tuple[int, Metadata]] = []
        """Metadata of the updates for which it changed."""

    def add(
        self, file_id: int, old: Sequence[OldItem], new: Sequence[ItemWrite], generation: int
    ) -> None:
        """Compares the items of one file with those that it had."""
        pairs, gone, added = match(old, new)
        self.gone += [item.id for item in gone]
        for before, after in pairs:
            row = _item_values(after)
            if not changed(before, row):
                continue
            same = row["content_hash"] == before.content_hash
            row["generation"] = before.generation if same else generation
            self.updates.append({**row, "id": before.id})
            if row["metadata"] != before.metadata:
                self.retold.append((before.id, after.metadata))
        self.inserts += [
            {**_item_values(item), "file_id": file_id, "generation": generation} for item in added
        ]
        self.told += [item.metadata for item in added]


def _update_items(connection: Connection, rows: Sequence[_Row]) -> None:
    """Gives items other values; all rows have the same columns."""
    if rows:
        columns: _Row = {column: bindparam(f"new_{column}") for column in rows[0]}
        connection.execute(
            items.update().where(items.c.id == bindparam("new_id")).values(columns),
            [{f"new_{column}": value for column, value in row.items()} for row in rows],
        )


def _old_items(connection: Connection, file_ids: Iterable[int]) -> defaultdict[int, list[OldItem]]:
    """The items of some files as they are, by file and in order."""
    columns = [items.c[name] for name in OldItem._fields]
    found: defaultdict[int, list[OldItem]] = defaultdict(list)
    for piece in chunks(file_ids):
        statement = select(*columns).where(items.c.file_id.in_(piece))
        for row in connection.execute(statement.order_by(items.c.ordinal, items.c.id)):
            item = OldItem(*row)
            found[item.file_id].append(item)
    return found


def _insert(connection: Connection, table: Table, rows: Sequence[_Row]) -> list[int]:
    """Adds rows; returns the ids that they were given, in the same order."""
    if not rows:
        return []
    last: int = connection.execute(
        state.update().values(last_id=state.c.last_id + len(rows)).returning(state.c.last_id)
    ).scalar_one()
    ids = list(range(last - len(rows) + 1, last + 1))
    numbered = [{**row, "id": of} for row, of in zip(rows, ids, strict=True)]
    connection.execute(table.insert(), numbered)
    return ids


def _forget_facts(connection: Connection, column: Any, ids: Iterable[int]) -> None:
    for piece in chunks(ids):
        connection.execute(facts.delete().where(column.in_(piece)))


def _fact_rows(owner: str, owner_id: int, of: Metadata) -> list[_Row]:
    rows = []
    for fact in metadata.facts(of) if of else ():
        rows.append({"file_id": None, "item_id": None, **fact._asdict(), owner: owner_id})
    return rows


def _file_values(write: FileWrite) -> _Row:
    return {
        "root_id": write.root_id,
        "path_bytes": write.path_bytes,
        "path": display_path(write.path_bytes),
        "kind": str(write.kind),
        "size_bytes": fitting(write.size_bytes),
        "mtime_ns": fitting(write.mtime_ns),
        "taken_ns": None if write.taken_ns is None else fitting(write.taken_ns),
        "content_hash": write.content_hash,
        "status": str(write.status),
        "reason": metadata.clean_optional(write.reason),
        "detail": metadata.clean_optional(write.detail),
        "metadata": metadata.dump(write.metadata),
    }


def _item_values(write: ItemWrite) -> _Row:
    return {
        "ordinal": write.ordinal,
        "modality": str(write.modality),
        "content_hash": write.content_hash,
        "passage": metadata.clean_optional(write.passage),
        "line": write.line,
        "member": metadata.clean_optional(write.member),
        "metadata": metadata.dump(write.metadata),
    }
