"""What "like this" means: the vector of an item, of a file, or of something from outside."""

from __future__ import annotations

import codecs
from pathlib import Path

import numpy as np

from unisearch.datatypes import FloatArray
from unisearch.encoders.base import Encoder
from unisearch.errors import QueryError
from unisearch.files import open_regular
from unisearch.search.encoding import encode_queries
from unisearch.search.query import Query
from unisearch.store.catalog import Catalog
from unisearch.store.records import EncoderRecord

MANY_ITEMS = 200
"""A container with more items than this has no common meaning that one could search for."""

_TEXT_BYTES = 20_000
"""More than any encoder reads at once."""


def likeness(
    catalog: Catalog, target: int | str | Path, encoder: Encoder, space: EncoderRecord | None
) -> tuple[FloatArray, list[int]]:
    """The vector to search with.

    Args:
        catalog: Knows the vectors of what was indexed.
        target: An item's id or a file's path.
        encoder: For a file that was not indexed.
        space: The encoder's record, if the catalog has one.

    Returns:
        float32 [1, D], a unit row, and the ids that the target itself has in the collection.

    Raises:
        QueryError: There is nothing to search with.
    """
    if isinstance(target, int):
        own = [target] if catalog.items([target]) else []
        if not own:
            raise QueryError(f"the collection has no item {target}")
    else:
        files = catalog.find_files(Path(target))
        own = [item.id for item in catalog.items_of([file.id for file in files])]
        if len(own) > MANY_ITEMS:
            raise QueryError(
                f"{str(target)!r} holds {len(own):,} items: give the id of one, "
                "as `unisearch list --json` shows them"
            )
    if own and space is not None:
        ids, vectors = catalog.vectors(own, space.id)
        if len(ids):
            return _mean(vectors, target), own
    if isinstance(target, int):
        raise QueryError(f"item {target} has no vector of {encoder.name!r}")
    return encode_queries([_file_query(Path(target))], encoder), own


def _mean(vectors: FloatArray, target: object) -> FloatArray:
    mean = vectors.mean(axis=0, keepdims=True)
    length = float(np.linalg.norm(mean))
    if not length > 1e-4:
        raise QueryError(f"the items of {str(target)!r} cancel each other out")
    unit: FloatArray = (mean / length).astype(np.float32)
    return unit


def _file_query(path: Path) -> Query:
    """A file from outside the collection: a text if it reads as one, else a picture."""
    try:
        with open_regular(path) as file:
            start = file.read(_TEXT_BYTES)
    except OSError as error:
        raise QueryError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    text = _as_text(start)
    is_drawing = text is not None and "<svg" in text
    return Query.of(path) if text is None or is_drawing else Query.of(text)


def _as_text(start: bytes) -> str | None:
    """The bytes as text, if they are UTF-8 (perhaps cut within a character) without zeros."""
    if b"\0" in start or not start.strip():
        return None
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(start, len(start) < _TEXT_BYTES)
    except UnicodeDecodeError:
        return None
