"""Keeping the catalog in order: its encoders, what may be forgotten, whether it is sound."""

from __future__ import annotations

from sqlalchemy import Connection, and_, exists, func, select, text

from unisearch.datatypes import Modality
from unisearch.errors import EncoderMismatch
from unisearch.store.database import Database
from unisearch.store.records import EncoderRecord
from unisearch.store.tables import encoders as encoder_table
from unisearch.store.tables import indexes, items, state, tombstones, vectors


def encoders(connection: Connection) -> list[EncoderRecord]:
    """All encoders, oldest first."""
    columns = [encoder_table.c[name] for name in ("id", "name", "fingerprint", "dim")]
    rows = connection.execute(select(*columns).order_by(encoder_table.c.id))
    return [EncoderRecord(*row) for row in rows]


def known_encoder(connection: Connection, fingerprint: str, dim: int) -> EncoderRecord | None:
    """The encoder with this fingerprint, if the catalog has it."""
    for record in encoders(connection):
        if record.fingerprint == fingerprint:
            if record.dim != dim:
                raise EncoderMismatch(
                    f"the encoder {record.name!r} ({fingerprint}) has vectors of {record.dim} "
                    f"numbers in this catalog, now of {dim}: a changed encoder needs another "
                    "fingerprint"
                )
            return record
    return None


def register_encoder(
    connection: Connection, name: str, fingerprint: str, dim: int
) -> EncoderRecord:
    """Makes an encoder known, unless another process just did."""
    # Taken for its lock: see writing.apply.
    connection.execute(state.update().values(generation=state.c.generation))
    record = known_encoder(connection, fingerprint, dim)
    if record is not None:
        return record
    if dim < 1:
        raise ValueError(f"the dim of an encoder must be at least 1, not {dim}")
    values = {"name": name, "fingerprint": fingerprint, "dim": dim}
    statement = encoder_table.insert().values(values).returning(encoder_table.c.id)
    return EncoderRecord(connection.execute(statement).scalar_one(), name, fingerprint, dim)


def mark_index(
    connection: Connection, encoder_id: int, modality: Modality, generation: int
) -> None:
    """Notes which generation a saved index reflects."""
    this = and_(indexes.c.encoder_id == encoder_id, indexes.c.modality == str(modality))
    connection.execute(indexes.delete().where(this))
    values = {"encoder_id": encoder_id, "modality": str(modality), "generation": generation}
    connection.execute(indexes.insert().values(values))


def prune(connection: Connection) -> int:
    """Drops vectors without items, and tombstones that every saved index has seen.

    An index that reflects something older is told to start anew, so nothing goes wrong if one was
    not noted here: it only takes longer.
    """
    connection.execute(state.update().values(generation=state.c.generation))
    used = exists().where(
        items.c.content_hash == vectors.c.content_hash, items.c.modality == vectors.c.modality
    )
    dropped = connection.execute(vectors.delete().where(~used)).rowcount
    oldest, now = connection.execute(
        select(select(func.min(indexes.c.generation)).scalar_subquery(), state.c.generation)
    ).one()
    seen = now if oldest is None else min(oldest, now)
    connection.execute(tombstones.delete().where(tombstones.c.generation <= seen))
    connection.execute(
        state.update().where(state.c.removals_from < seen).values(removals_from=seen)
    )
    return dropped


def check(database: Database) -> list[str]:
    """Looks for damage; returns what was found, one sentence each."""
    found: list[str] = []
    with database.reading() as connection:
        if database.is_sqlite:
            said = connection.execute(text("PRAGMA integrity_check(20)")).scalars().all()
            found += [f"the file is damaged: {line}" for line in said if line != "ok"]
            loose = connection.execute(text("PRAGMA foreign_key_check")).all()
            if loose:
                found.append(f"{len(loose)} rows refer to rows that are gone")
        of_encoder = encoder_table.c.id == vectors.c.encoder_id
        wrong = connection.execute(
            select(func.count())
            .select_from(vectors.join(encoder_table, of_encoder))
            .where(func.length(vectors.c.data) != encoder_table.c.dim * 2)
        ).scalar_one()
        if wrong:
            found.append(f"{wrong} vectors have another length than their encoder's")
        blind = connection.execute(
            select(func.count())
            .select_from(items)
            .where(
                ~exists().where(
                    vectors.c.content_hash == items.c.content_hash,
                    vectors.c.modality == items.c.modality,
                )
            )
        ).scalar_one()
        if blind:
            found.append(f"{blind} items have no vector at all, so no search can find them")
    return found
