"""The contract of every vector index.

An index knows ids and unit vectors, nothing else. It is derived from the catalog and may be thrown
away at any time. Scores are cosines, higher is better, and exact for every hit that is returned:
an approximate index may miss a hit, but never misstates one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from unisearch.datatypes import FloatArray, IdArray


class VectorIndex(ABC):
    """Ids and unit vectors of one encoder and modality.

    Any number of threads may search at once; a change waits for them and they for it.

    Worked example, D = 2, items 10 and 20::

        index.add([10, 20], [[1, 0], [0, 1]])
        index.search([[0.6, 0.8]], k=3)
        scores [[0.8, 0.6, -inf]]
        ids    [[20,  10,  -1 ]]
    """

    def __init__(self, dim: int) -> None:
        """Makes an empty index of vectors of length ``dim``."""
        if dim < 1:
            raise ValueError(f"dim must be at least 1, not {dim}")
        self.dim = dim

    @abstractmethod
    def __len__(self) -> int:
        """How many items it holds."""

    @property
    @abstractmethod
    def ids(self) -> IdArray:
        """int64 [N]: all ids, ascending."""

    @abstractmethod
    def add(self, ids: IdArray, vectors: FloatArray) -> None:
        """Adds items; an id already present is replaced, the last of equal ids wins.

        Args:
            ids: int64 [N], each at least 0.
            vectors: float32 [N, D], finite, unit rows.

        Raises:
            EncoderMismatch: The rows are not of length ``dim``.
            ValueError: Shapes do not agree, an id is negative, a row is not finite or not of
                length 1 (by more than 1 %).
        """

    @abstractmethod
    def remove(self, ids: IdArray) -> int:
        """Removes items, as far as they are there.

        Returns:
            How many were.
        """

    @abstractmethod
    def search(
        self, queries: FloatArray, k: int, *, allowed: IdArray | None = None
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

    @abstractmethod
    def save(self, path: Path) -> None:
        """Writes the index to ``path``: temporary file, fsync, rename. An old file there stays
        whole until the new one is.

        Raises:
            StorageFull: No space is left.
            ReadOnlyCollection: The folder cannot be written to.
        """

    @classmethod
    @abstractmethod
    def load(cls, path: Path) -> Self:
        """Reads what :meth:`save` wrote.

        Raises:
            DamagedStore: The file is not whole (its checksum is verified) or of another kind.
            FileNotFoundError: There is none.
        """
