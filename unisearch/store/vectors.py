"""Vectors on their way into and out of the catalog: fp16 there, float32 unit rows here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from sqlalchemy import Connection, select

from unisearch.datatypes import FloatArray, IdArray, Modality
from unisearch.errors import DamagedStore, EncoderMismatch
from unisearch.store.chunks import chunks
from unisearch.store.records import VectorWrite
from unisearch.store.tables import encoders, items, vectors

_STORED = np.dtype("<f2")


def pack(writes: Sequence[VectorWrite], dims: dict[int, int]) -> list[bytes]:
    """Vectors → what the catalog keeps, in the same order.

    Args:
        writes: N vectors.
        dims: Length of the vectors of each encoder, by its id.

    Raises:
        EncoderMismatch: A vector has another length than its encoder's, or no known encoder.
        ValueError: A vector is not finite, or zero.
    """
    packed = []
    for write in writes:
        vector = np.asarray(write.vector, dtype=np.float32)
        if write.encoder_id not in dims:
            raise EncoderMismatch(f"there is no encoder {write.encoder_id}: register it first")
        if vector.shape != (dims[write.encoder_id],):
            raise EncoderMismatch(
                f"the vector of {write.content_hash} has shape {vector.shape}; encoder "
                f"{write.encoder_id} gives {dims[write.encoder_id]} numbers"
            )
        length = float(np.linalg.norm(vector))
        # NaN and infinities end here too: no comparison with them is true.
        if not 1e-6 < length < np.inf:
            raise ValueError(
                f"the vector of {write.content_hash} has length {length}: it is no direction"
            )
        packed.append((vector / length).astype(_STORED).tobytes())
    return packed


def unpack(rows: Sequence[tuple[int, bytes]], dim: int) -> tuple[IdArray, FloatArray]:
    """Ids and stored vectors → int64 [N], float32 [N, D], unit rows in the same order."""
    ids = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
    data = b"".join([row[1] for row in rows])
    if len(data) != len(rows) * dim * _STORED.itemsize:
        raise DamagedStore(
            f"{len(rows)} vectors of {dim} numbers take {len(data)} bytes instead of "
            f"{len(rows) * dim * _STORED.itemsize}: restore the catalog, or delete it and index "
            "again"
        )
    matrix = np.frombuffer(data, dtype=_STORED).reshape(len(rows), dim).astype(np.float32)
    # Rounding to fp16 left lengths within 0.1 % of 1; scores are to be cosines.
    matrix /= np.sqrt(np.einsum("nd,nd->n", matrix, matrix))[:, np.newaxis]
    return ids, matrix


def dim_of(connection: Connection, encoder_id: int) -> int:
    """Length of an encoder's vectors."""
    statement = select(encoders.c.dim).where(encoders.c.id == encoder_id)
    dim: int | None = connection.execute(statement).scalar()
    if dim is None:
        raise EncoderMismatch(f"there is no encoder {encoder_id} in this catalog")
    return dim


def read(connection: Connection, ids: Iterable[int], encoder_id: int) -> tuple[IdArray, FloatArray]:
    """Vectors of items: those of ``ids`` that have one, ascending."""
    dim = dim_of(connection, encoder_id)
    found: list[tuple[int, bytes]] = []
    for piece in chunks(sorted(set(ids))):
        statement = select(items.c.id, items.c.content_hash, items.c.modality)
        rows = connection.execute(statement.where(items.c.id.in_(piece))).all()
        for modality in Modality:
            of_modality = [(row[0], row[1]) for row in rows if row[2] == modality]
            found += _with_data(connection, of_modality, modality, encoder_id)
    return unpack(sorted(found), dim)


def read_after(
    connection: Connection, last_id: int, modality: Modality, encoder_id: int, block: int
) -> tuple[IdArray, FloatArray, int | None]:
    """The vectors of a modality among the next ``block`` items after ``last_id``.

    Returns:
        Ids, vectors, and the id that was come to; ``None`` at the end.
    """
    # The modality is compared here: with it as a condition, a database may rather use an index
    # on something else and sort everything for each block.
    statement = select(items.c.id, items.c.content_hash, items.c.modality)
    statement = statement.where(items.c.id > last_id).order_by(items.c.id).limit(block)
    rows = connection.execute(statement).all()
    of_modality = [(row[0], row[1]) for row in rows if row[2] == modality]
    found = _with_data(connection, of_modality, modality, encoder_id)
    ids, matrix = unpack(found, dim_of(connection, encoder_id))
    return ids, matrix, rows[-1][0] if rows else None


def _with_data(
    connection: Connection, of: Sequence[tuple[int, str]], modality: Modality, encoder_id: int
) -> list[tuple[int, bytes]]:
    """Ids and content hashes → ids and stored vectors, in the same order, where there is one."""
    data: dict[str, bytes] = {}
    for piece in chunks({content_hash for _, content_hash in of}):
        statement = select(vectors.c.content_hash, vectors.c.data).where(
            vectors.c.content_hash.in_(piece),
            vectors.c.modality == str(modality),
            vectors.c.encoder_id == encoder_id,
        )
        data |= {row[0]: row[1] for row in connection.execute(statement)}
    return [(item_id, data[content_hash]) for item_id, content_hash in of if content_hash in data]


def known(
    connection: Connection, hashes: Iterable[str], modality: Modality, encoder_id: int
) -> Iterator[str]:
    """Those of some contents that have a vector."""
    for piece in chunks(set(hashes)):
        yield from connection.execute(
            select(vectors.c.content_hash).where(
                vectors.c.content_hash.in_(piece),
                vectors.c.modality == str(modality),
                vectors.c.encoder_id == encoder_id,
            )
        ).scalars()
