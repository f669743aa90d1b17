"""Exact search with FAISS: all scores, computed by BLAS or AVX."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from unisearch.datatypes import FloatArray, IdArray
from unisearch.errors import DamagedStore
from unisearch.store.faiss_io import import_faiss, read_index, write_index
from unisearch.store.flat import scan_rows
from unisearch.store.index import VectorIndex
from unisearch.store.ranking import Candidates, tolerance, top_k
from unisearch.store.rows import IdTable

FEW = 8
"""One in so many: up to this share of allowed items they are fetched and scanned; above, FAISS
scans everything and looks at a bitmap for each vector, which takes twice as long as without."""

_FEW_QUERIES = 4
"""More are several times faster with numpy's BLAS. In ms, 100,000 vectors on two idle cores, FAISS
and numpy: 1 query 10 and 7, 2 queries 10 and 21, 4 queries 20 and 23, 8 queries 40 and 29, 32
queries 160 and 59. For one query FAISS, on one thread, is still the better choice: it takes half of
the processor time, and where others want the cores BLAS waits for all of its threads.

A matrix that is mapped from a file begins at an odd place. FAISS does not mind; numpy would copy it
first."""


class FaissIndex(VectorIndex):
    """FAISS's flat inner-product index.

    In memory FAISS knows rows, not ids: a removed row is really gone, a replaced one written over,
    so that searching never has to skip anything. The file is an ``IndexIDMap2`` with the ids, as
    any other program with FAISS reads it.
    """

    kind = "faiss-flat"

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self._faiss = import_faiss()
        self._flat = self._faiss.IndexFlatIP(dim)
        self._table = IdTable()
        self._mapped: Any = None

    def __len__(self) -> int:
        return len(self._table)

    def _ids(self) -> IdArray:
        return self._table.ids

    def _add(self, ids: IdArray, vectors: FloatArray) -> None:
        self._own()
        slots = self._table.find(ids)
        known = slots >= 0
        if known.any():
            self._matrix()[slots[known]] = vectors[known]
        if not known.all():
            self._flat.add(vectors[~known])
            self._table.append(ids[~known])

    def _remove(self, ids: IdArray) -> int:
        slots = self._table.find(ids)
        slots = slots[slots >= 0]
        if len(slots):
            self._own()
            self._flat.remove_ids(self._faiss.IDSelectorBatch(slots))
            self._table.delete(slots)
        return len(slots)

    def _search(
        self, queries: FloatArray, k: int, allowed: IdArray | None
    ) -> tuple[FloatArray, IdArray]:
        slots = None
        if allowed is not None:
            slots = self._table.find(allowed)
            slots = slots[slots >= 0]
            if len(slots) * FEW <= len(self):
                return scan_rows(self._matrix(), self._table.ids, queries, k, slots)
        elif len(queries) > _FEW_QUERIES and self._matrix().flags.aligned:
            return scan_rows(self._matrix(), self._table.ids, queries, k, None)
        engine = _Flat(self._faiss, self._flat, self._matrix(), self._table.ids, slots)
        return top_k(engine, queries, k, total=engine.total, error=tolerance(self.dim))

    def _matrix(self) -> FloatArray:
        """FAISS's own memory, float32 [N, D], in order of slots."""
        return flat_matrix(self._faiss, self._flat, self.dim)

    def _own(self) -> None:
        """Copies what is only mapped from the file: FAISS ends the process if that is changed."""
        if self._mapped is not None:
            own = self._faiss.IndexFlatIP(self.dim)
            own.add(self._matrix())
            self._flat, self._mapped = own, None

    def _write(self, path: Path) -> None:
        wrapper = self._faiss.IndexIDMap2(self._faiss.IndexFlatIP(self.dim))
        wrapper.own_fields = False
        wrapper.index, wrapper.ntotal = self._flat, self._flat.ntotal
        self._faiss.copy_array_to_vector(self._table.ids, wrapper.id_map)
        write_index(wrapper, path)

    @classmethod
    def _read(cls, path: Path) -> Self:
        wrapper = read_index(path, mapped=True)
        faiss = import_faiss()
        flat = faiss.downcast_index(wrapper.index) if hasattr(wrapper, "id_map") else None
        if not isinstance(flat, faiss.IndexFlatIP):
            raise DamagedStore(f"{path} is no index of this kind: {type(wrapper).__name__}")
        index = cls(wrapper.d)
        # The wrapper owns the flat index, which owns or maps the vectors.
        index._flat, index._mapped = flat, wrapper
        index._table = IdTable(faiss.vector_to_array(wrapper.id_map))
        return index


class _Flat:
    """An engine over a flat index of FAISS and, if given, some of its slots."""

    def __init__(
        self, faiss: Any, flat: Any, matrix: FloatArray, ids: IdArray, slots: IdArray | None
    ) -> None:
        self._faiss, self._flat, self._matrix, self._ids = faiss, flat, matrix, ids
        self.total = len(ids) if slots is None else len(slots)
        self._parameters = None
        if slots is not None:
            wanted = np.zeros(len(ids), dtype=np.bool_)
            wanted[slots] = True
            # The selector reads this array whenever it is asked: it must live as long.
            self._bitmap = np.packbits(wanted, bitorder="little")
            selector = faiss.IDSelectorBitmap(self._bitmap)
            self._parameters = faiss.SearchParameters(sel=selector)

    def propose(self, queries: FloatArray, m: int) -> Candidates:
        with _one_thread(self._faiss) if len(queries) == 1 else contextlib.nullcontext():
            scores, slots = self._flat.search(queries, m, params=self._parameters)
        scores[slots < 0] = -np.inf
        left_out = m < self.total
        bound = scores[:, -1] if left_out else np.full(len(queries), -np.inf, np.float32)
        return Candidates(scores, slots, bound)

    def vectors_at(self, slots: IdArray) -> FloatArray:
        return self._matrix[slots]

    def ids_at(self, slots: IdArray) -> IdArray:
        return self._ids[slots]


@contextlib.contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    """Lets FAISS use only the calling thread; other threads are not concerned.

    It gives each thread queries of its own. With one query the others only wait, and that busily.
    """
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def flat_matrix(faiss: Any, flat: Any, dim: int) -> FloatArray:
    """The memory of a flat index as an array, float32 [N, D]."""
    if not flat.ntotal:
        return np.empty((0, dim), np.float32)
    view: FloatArray = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * dim).reshape(-1, dim)
    return view
