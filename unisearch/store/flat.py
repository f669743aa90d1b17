"""Brute force in numpy: what runs without FAISS, and what FAISS is measured by."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from unisearch.datatypes import FloatArray, IdArray
from unisearch.errors import DamagedStore
from unisearch.store.arrays import read_arrays, write_arrays
from unisearch.store.index import VectorIndex
from unisearch.store.ranking import Candidates, nothing, scan, tolerance, top_k
from unisearch.store.rows import Rows


class NumpyIndex(VectorIndex):
    """Keeps all vectors in one matrix and computes all scores."""

    kind = "numpy"

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self._rows = Rows(dim)

    def __len__(self) -> int:
        return len(self._rows)

    def _ids(self) -> IdArray:
        return self._rows.table.ids

    def _add(self, ids: IdArray, vectors: FloatArray) -> None:
        self._rows.put(ids, vectors)

    def _remove(self, ids: IdArray) -> int:
        slots = self._rows.table.find(ids)
        slots = slots[slots >= 0]
        self._rows.drop(slots)
        return len(slots)

    def _search(
        self, queries: FloatArray, k: int, allowed: IdArray | None
    ) -> tuple[FloatArray, IdArray]:
        slots = None
        if allowed is not None:
            slots = self._rows.table.find(allowed)
            slots = slots[slots >= 0]
        return scan_rows(self._rows.matrix, self._rows.table.ids, queries, k, slots)

    def _write(self, path: Path) -> None:
        write_arrays(path, [self._rows.table.ids, self._rows.matrix])

    @classmethod
    def _read(cls, path: Path) -> Self:
        ids, matrix = read_arrays(path, 2)
        if ids.dtype != np.int64 or matrix.dtype != np.float32 or len(ids) != len(matrix):
            raise DamagedStore(f"{path} is no index of this kind: {ids.dtype} and {matrix.dtype}")
        index = cls(matrix.shape[1])
        index._rows.load(ids, matrix)
        return index


class _Scan:
    """An engine that computes all scores of a matrix, or of some of its rows."""

    def __init__(self, matrix: FloatArray, ids: IdArray, slots: IdArray | None) -> None:
        self._matrix = matrix if slots is None else matrix[slots]
        self._ids = ids if slots is None else ids[slots]

    def propose(self, queries: FloatArray, m: int) -> Candidates:
        return scan(queries, self._matrix, m)

    def vectors_at(self, slots: IdArray) -> FloatArray:
        return self._matrix[slots]

    def ids_at(self, slots: IdArray) -> IdArray:
        return self._ids[slots]


def scan_rows(
    matrix: FloatArray, ids: IdArray, queries: FloatArray, k: int, slots: IdArray | None = None
) -> tuple[FloatArray, IdArray]:
    """Brute force over a matrix, or over some of its rows.

    Args:
        matrix: float32 [N, D].
        ids: int64 [N].
        queries: float32 [Q, D].
        k: How many.
        slots: Only these rows.

    Returns:
        Scores [Q, k] and ids [Q, k], as :meth:`VectorIndex.search` does.
    """
    total = len(ids) if slots is None else len(slots)
    if not total:
        return nothing(len(queries), k)
    engine = _Scan(matrix, ids, slots)
    return top_k(engine, queries, k, total=total, error=tolerance(matrix.shape[1]))
