"""The contract of every vector index.

An index knows ids and unit vectors, nothing else. It is derived from the catalog and may be thrown
away at any time. Scores are cosines, higher is better, and exact for every hit that is returned:
an approximate index may miss a hit, but never misstates one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from unisearch.datatypes import FloatArray, IdArray
from unisearch.errors import EncoderMismatch
from unisearch.store.atomic import replace_file
from unisearch.store.ranking import nothing
from unisearch.store.sealing import check_seal, seal
from unisearch.store.sharing import SharedLock


class VectorIndex(ABC):
    """Ids and unit vectors of one encoder and modality.

    Any number of threads may search at once; a change waits for them and they for it.

    Worked example, D = 2, items 10 and 20::

        index.add([10, 20], [[1, 0], [0, 1]])
        index.search([[0.6, 0.8]], k=3)
        scores [[0.8, 0.6, -inf]]
        ids    [[20,  10,  -1 ]]

    A subclass fills in the methods that begin with an underscore; they are called with checked
    arguments and with the lock held.
    """

    kind: ClassVar[str]
    """What its files are; classes of one kind read each other's."""

    def __init__(self, dim: int) -> None:
        """Makes an empty index of vectors of length ``dim``."""
        if dim < 1:
            raise ValueError(f"dim must be at least 1, not {dim}")
        self.dim = dim
        self._lock = SharedLock()

    @abstractmethod
    def __len__(self) -> int:
        """How many items it holds."""

    @property
    def ids(self) -> IdArray:
        """int64 [N]: all ids, ascending."""
        with self._lock.shared():
            return np.sort(self._ids())

    def add(self, ids: IdArray | Sequence[int], vectors: FloatArray) -> None:
        """Adds items; an id already present is replaced, the last of equal ids wins.

        Args:
            ids: int64 [N], each at least 0.
            vectors: float32 [N, D], finite, unit rows.

        Raises:
            EncoderMismatch: The rows are not of length ``dim``.
            ValueError: Shapes do not agree, an id is negative, a row is not finite or not of
                length 1 (by more than 1 %).
        """
        ids = _checked_ids(ids)
        vectors = self._checked(vectors, "vectors")
        if len(ids) != len(vectors):
            raise ValueError(f"{len(ids)} ids do not fit {len(vectors)} vectors")
        if len(ids) and ids.min() < 0:
            raise ValueError(f"an id must be at least 0, not {ids.min()}")
        lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
        wrong = np.flatnonzero(~(np.abs(lengths - 1) <= 0.01))  # NaN is wrong too
        if len(wrong):
            raise ValueError(
                f"vector {wrong[0]} has length {lengths[wrong[0]]} instead of 1: normalise it"
            )
        ids, last = np.unique(ids[::-1], return_index=True)
        if len(ids):
            vectors = vectors[len(vectors) - 1 - last]
            with self._lock.alone():
                self._add(ids, vectors)

    def remove(self, ids: IdArray | Sequence[int]) -> int:
        """Removes items, as far as they are there.

        Returns:
            How many were.
        """
        ids = _distinct(_checked_ids(ids))
        if not len(ids):
            return 0
        with self._lock.alone():
            return self._remove(ids)

    def search(
        self, queries: FloatArray, k: int, *, allowed: IdArray | Sequence[int] | None = None
    ) -> tuple[FloatArray, IdArray]:
        """The k nearest items of each query.

        Args:
            queries: float32 [Q, D]; scores are cosines if the rows are of unit length.
            k: How many; rows with fewer answers are padded.
            allowed: If given, only these ids may be answers; ids not in the index do not matter.

        Returns:
            Scores float32 [Q, k], descending, padded with -inf, and ids int64 [Q, k], padded with
            -1. Equal scores are in ascending order of ids.

        Raises:
            EncoderMismatch: The rows are not of length ``dim``.
            ValueError: ``k`` is less than 1, or a query is not finite.
        """
        queries = self._checked(queries, "queries")
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        if not np.isfinite(queries).all():
            raise ValueError("a query has numbers that are not finite")
        only = None if allowed is None else _distinct(_checked_ids(allowed))
        if not len(queries) or (only is not None and not len(only)):
            return nothing(len(queries), k)
        with self._lock.shared():
            return self._search(queries, k, only)

    def save(self, path: Path) -> str:
        """Writes the index to ``path``: temporary file, fsync, rename. An old file there stays
        whole until the new one is.

        Returns:
            The file's checksum.

        Raises:
            StorageFull: No space is left.
            ReadOnlyCollection: The folder cannot be written to.
        """
        checksum = ""

        def write(temporary: Path) -> None:
            nonlocal checksum
            self._write(temporary)
            checksum = seal(temporary)

        with self._lock.shared():
            replace_file(path, write)
        return checksum

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what :meth:`save` wrote.

        Raises:
            DamagedStore: The file is not whole (its checksum is verified) or of another kind.
            FileNotFoundError: There is none.
        """
        check_seal(path)
        return cls._read(path)

    # --- for subclasses ---

    @abstractmethod
    def _ids(self) -> IdArray:
        """All ids, in any order."""

    @abstractmethod
    def _add(self, ids: IdArray, vectors: FloatArray) -> None:
        """Adds or replaces; at least one, ids ascending and different."""

    @abstractmethod
    def _remove(self, ids: IdArray) -> int:
        """Removes; at least one, ids ascending and different."""

    @abstractmethod
    def _search(
        self, queries: FloatArray, k: int, allowed: IdArray | None
    ) -> tuple[FloatArray, IdArray]:
        """Searches; at least one query, ``allowed`` ascending and different."""

    @abstractmethod
    def _write(self, path: Path) -> None:
        """Writes all of it to a new file."""

    @classmethod
    @abstractmethod
    def _read(cls, path: Path) -> Self:
        """Reads a file that is surely whole; its kind may still be wrong."""

    def _checked(self, vectors: Any, name: str) -> FloatArray:
        """An array float32 [N, dim], contiguous."""
        array = np.ascontiguousarray(vectors, dtype=np.float32)
        if array.ndim != 2:
            raise ValueError(f"{name} must have two dimensions, not shape {array.shape}")
        if array.shape[1] != self.dim:
            raise EncoderMismatch(
                f"{name} of {array.shape[1]} numbers do not fit an index of {self.dim}: they come "
                "from another encoder"
            )
        return array


def _distinct(ids: IdArray) -> IdArray:
    """The same ids, ascending and each once.

    For this ``np.unique`` would import masked arrays, which takes as long as opening a catalog.
    """
    ids = np.sort(ids)
    first = np.ones(len(ids), dtype=np.bool_)
    first[1:] = ids[1:] != ids[:-1]
    return ids[first]


def _checked_ids(ids: Any) -> IdArray:
    """An array int64 [N]."""
    array = np.asarray(ids, dtype=np.int64)
    if array.ndim != 1:
        raise ValueError(f"ids must have one dimension, not shape {array.shape}")
    return array
