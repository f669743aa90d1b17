"""Filters → conditions in SQL, and what SQL cannot do.

Sizes, dates, folders and metadata are conditions in SQL. Globs are not: no database has ``**`` or
compares paths that are not UTF-8. SQL narrows the files by all other conditions and by the plain
text that a glob ends with; the rest are matched here, once a file and not once an item.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, not_, or_, select

from unisearch.datatypes import IdArray, Modality
from unisearch.store.atomic import absolute
from unisearch.store.chunks import CHUNK
from unisearch.store.filters import Condition, Filters
from unisearch.store.globs import Globs, literal_ending
from unisearch.store.metadata import clean_text, folded, number
from unisearch.store.records import RootRecord
from unisearch.store.roots import below, inside
from unisearch.store.tables import LARGEST, facts, files, fitting, items, vectors

_EXACT = 2**53
"""Above this, one floating-point number stands for several integers. Ids are often so long, and are
told apart by their text; only what is written with an exponent has no other text to compare."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def select_ids(
    connection: Connection,
    filters: Filters,
    modality: Modality | None,
    encoder_id: int | None,
    roots: list[RootRecord],
) -> IdArray:
    """Ids of the items that pass, int64 [N], ascending."""
    conditions = [_metadata(condition) for condition in filters.metadata]
    if modality is not None:
        conditions.append(items.c.modality == str(modality))
    if encoder_id is not None:
        conditions.append(
            exists().where(
                vectors.c.content_hash == items.c.content_hash,
                vectors.c.modality == items.c.modality,
                vectors.c.encoder_id == encoder_id,
            )
        )
    of_files = _file_conditions(filters, roots)
    if filters.paths or filters.not_paths:
        matching = _matching_files(connection, filters, of_files, roots)
        if len(matching) > CHUNK:
            # Too many to name in a statement: fetch each item's file and compare here.
            rows = connection.execute(select(items.c.id, items.c.file_id).where(*conditions)).all()
            pairs = np.array([tuple(row) for row in rows], dtype=np.int64).reshape(-1, 2)
            return np.sort(pairs[np.isin(pairs[:, 1], matching), 0])
        of_files = []
        conditions.append(items.c.file_id.in_(matching.tolist()))
    statement = select(items.c.id).where(*conditions)
    if of_files:
        statement = statement.join_from(items, files, files.c.id == items.c.file_id).where(
            *of_files
        )
    return np.sort(np.array(connection.execute(statement).scalars().all(), dtype=np.int64))


def _matching_files(
    connection: Connection,
    filters: Filters,
    conditions: list[ColumnElement[bool]],
    roots: list[RootRecord],
) -> IdArray:
    """Ids of the files that pass all conditions on files, globs among them."""
    endings = [literal_ending(glob) for glob in filters.paths]
    if endings and all(endings):
        # On SQLite LIKE ignores case, which lets too many through and never too few.
        conditions = [
            *conditions,
            or_(*(files.c.path.endswith(e, autoescape=True) for e in endings)),
        ]
    wanted = Globs(filters.paths) if filters.paths else None
    unwanted = Globs(filters.not_paths)
    folders = {root.id: bytes(root.path) for root in roots}
    statement = select(files.c.id, files.c.root_id, files.c.path_bytes).where(*conditions)
    found = [
        file_id
        for file_id, root_id, path in connection.execute(statement)
        if (wanted is None or wanted.match(folders[root_id], path))
        and not unwanted.match(folders[root_id], path)
    ]
    return np.array(found, dtype=np.int64)


def _file_conditions(filters: Filters, roots: list[RootRecord]) -> list[ColumnElement[bool]]:
    """The conditions on files that SQL can decide."""
    conditions: list[ColumnElement[bool]] = []
    date = func.coalesce(files.c.taken_ns, files.c.mtime_ns)
    if filters.after is not None:
        conditions.append(date >= fitting(_nanoseconds(filters.after)))
    # The catalog holds dates up to 2262: all of them lie before a later one.
    if filters.before is not None and (before := _nanoseconds(filters.before)) <= LARGEST:
        conditions.append(date < fitting(before))
    if filters.min_bytes is not None:
        conditions.append(files.c.size_bytes >= fitting(filters.min_bytes))
    if filters.max_bytes is not None:
        conditions.append(files.c.size_bytes <= fitting(filters.max_bytes))
    if filters.roots:
        conditions.append(or_(*(_within(folder, roots) for folder in filters.roots)))
    return conditions


def _within(folder: Path, roots: list[RootRecord]) -> ColumnElement[bool]:
    """The condition that a file lies in a folder, whichever root it belongs to."""
    folder = absolute(folder)
    ways: list[ColumnElement[bool]] = [false()]
    for root in roots:
        if inside(folder, root.path) is not None:
            ways.append(files.c.root_id == root.id)
        elif rest := inside(root.path, folder):
            ways.append(and_(files.c.root_id == root.id, below(rest)))
    return or_(*ways)


def _metadata(condition: Condition) -> ColumnElement[bool]:
    """One condition on metadata: of the item itself or of its file."""
    key, operator, value = condition
    if operator == "!=":
        return not_(_metadata((key, "=", value)))
    fact = and_(facts.c.key == clean_text(key), _compared(operator, value))
    return or_(
        items.c.id.in_(select(facts.c.item_id).where(facts.c.item_id.is_not(None), fact)),
        items.c.file_id.in_(select(facts.c.file_id).where(facts.c.file_id.is_not(None), fact)),
    )


def _compared(operator: str, value: str | int | float | bool) -> ColumnElement[bool]:
    """A fact compared with a value."""
    if operator == "~":
        return facts.c.folded.contains(folded(value), autoescape=True)
    as_number = number(value)
    column: ColumnElement[object] = facts.c.folded if as_number is None else facts.c.number
    operand: object = folded(value) if as_number is None else as_number
    match operator:
        case "=" if as_number is not None and abs(as_number) > _EXACT and "e" not in folded(value):
            written = or_(facts.c.folded == folded(value), facts.c.folded.contains("e"))
            return and_(column == operand, written)
        case "=":
            return column == operand
        case "<":
            return column < operand
        case "<=":
            return column <= operand
        case ">":
            return column > operand
        case _:
            return column >= operand


def _nanoseconds(moment: datetime) -> int:
    """Nanoseconds since 1970 UTC; without a zone it is local time."""
    if moment.tzinfo is None:
        try:
            moment = moment.astimezone()
        except (ValueError, OverflowError):  # at either end of the calendar
            moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
