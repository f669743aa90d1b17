"""What changed since a generation: how an index follows the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlalchemy import select

from unisearch.datatypes import FloatArray, IdArray, Modality
from unisearch.store import vectors as vector_rows
from unisearch.store.chunks import chunks
from unisearch.store.database import Database
from unisearch.store.tables import items, state, tombstones, vectors


@dataclass(frozen=True, slots=True)
class Changes:
    """What an index must do to get from one generation to another; in this order.

    Attributes:
        full: The index must be emptied first: the catalog no longer knows what was removed since.
        removed: int64 [N]: ids that are to go, if they are there.
        blocks: ``(ids int64 [B], vectors float32 [B, D])``: to be added or replaced.
        generation: What the index reflects afterwards.
    """

    full: bool
    removed: IdArray
    blocks: Iterator[tuple[IdArray, FloatArray]]
    generation: int


def changes_since(
    database: Database, generation: int, modality: Modality, encoder_id: int, block: int
) -> Changes:
    """See :meth:`unisearch.store.catalog.Catalog.changes_since`."""
    with database.reading() as connection:
        vector_rows.dim_of(connection, encoder_id)  # complain now, not at the first block
        now, removals_from = connection.execute(
            select(state.c.generation, state.c.removals_from)
        ).one()
        # A generation yet to come means that the catalog was restored from a backup.
        full = generation != 0 and not removals_from <= generation <= now
        if full or generation == 0:
            nothing = np.empty(0, dtype=np.int64)
            return Changes(full, nothing, _all(database, modality, encoder_id, block), now)
        rows = connection.execute(
            select(items.c.id, items.c.content_hash).where(
                items.c.generation > generation, items.c.modality == str(modality)
            )
        )
        newer = {row[0]: row[1] for row in rows}
        seeing = set(vector_rows.known(connection, newer.values(), modality, encoder_id))
        changed = {item_id for item_id, content in newer.items() if content in seeing}
        # Edited, and the new content has no vector under this encoder yet.
        removed = newer.keys() - changed
        removed |= set(
            connection.execute(
                select(tombstones.c.item_id).where(
                    tombstones.c.generation > generation, tombstones.c.modality == str(modality)
                )
            ).scalars()
        )
        # Older items that a second encoder has come to only now.
        contents = connection.execute(
            select(vectors.c.content_hash).where(
                vectors.c.generation > generation,
                vectors.c.modality == str(modality),
                vectors.c.encoder_id == encoder_id,
            )
        ).scalars()
        for piece in chunks(contents.all()):
            changed |= set(
                connection.execute(
                    select(items.c.id).where(
                        items.c.content_hash.in_(piece), items.c.modality == str(modality)
                    )
                ).scalars()
            )
    blocks = _some(database, _sorted(changed), encoder_id, block)
    return Changes(False, _sorted(removed), blocks, now)


def _sorted(ids: set[int]) -> IdArray:
    return np.array(sorted(ids), dtype=np.int64)


def _all(
    database: Database, modality: Modality, encoder_id: int, block: int
) -> Iterator[tuple[IdArray, FloatArray]]:
    """All vectors of a modality, a block of ids at a time."""
    last: int | None = -1
    while last is not None:
        with database.reading() as connection:
            ids, matrix, last = vector_rows.read_after(
                connection, last, modality, encoder_id, block
            )
        if len(ids):
            yield ids, matrix


def _some(
    database: Database, ids: IdArray, encoder_id: int, block: int
) -> Iterator[tuple[IdArray, FloatArray]]:
    """The vectors of some items; those that lost theirs meanwhile are left out."""
    for start in range(0, len(ids), block):
        with database.reading() as connection:
            found, matrix = vector_rows.read(
                connection, ids[start : start + block].tolist(), encoder_id
            )
        if len(found):
            yield found, matrix
