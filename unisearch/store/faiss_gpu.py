"""Exact search with FAISS on a GPU.

The vectors lie in the host's memory too: there hits get their exact scores, and there everything
is answered that the GPU cannot do (a filter that leaves few, thousands of answers).
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from unisearch.datatypes import FloatArray, IdArray
from unisearch.errors import ConfigError
from unisearch.store.faiss_cpu import FEW, FaissIndex
from unisearch.store.faiss_io import import_faiss
from unisearch.store.flat import scan_rows
from unisearch.store.ranking import Candidates, scan, tolerance, top_k

_MOST = 2048
"""FAISS finds no more than so many neighbours on a GPU."""

_ERROR = 1e-3
"""How far scores may be off: matrix units may round their inputs to ten bits (TF32)."""


def gpus() -> int:
    """How many GPUs FAISS can use; 0 without FAISS."""
    try:
        import faiss
    except ImportError:
        return 0
    return int(faiss.get_num_gpus()) if hasattr(faiss, "GpuIndexFlatIP") else 0


class GpuIndex(FaissIndex):
    """A flat index on a GPU; its file is that of :class:`FaissIndex`.

    Args:
        dim: Length of the vectors.
        device: Number of the GPU.

    Raises:
        ConfigError: FAISS sees no such GPU.
    """

    def __init__(self, dim: int, device: int = 0) -> None:
        super().__init__(dim)
        found = gpus()
        if not 0 <= device < found:
            raise ConfigError(
                f"there is no GPU {device}: FAISS sees {found}; install the extra 'gpu' instead of "
                "'cpu', or use the device 'cpu'"
            )
        self._device = device
        self._resources: Any = None
        self._copy: Any = None
        # FAISS's memory on a GPU serves one search at a time.
        self._turn = threading.Lock()

    def _add(self, ids: IdArray, vectors: FloatArray) -> None:
        before = len(self)
        new = self._table.find(ids) < 0
        super()._add(ids, vectors)
        if self._copy is not None and new.all() and self._copy.ntotal == before:
            self._copy.add(vectors)
        else:
            self._copy = None  # a GPU index can only grow

    def _remove(self, ids: IdArray) -> int:
        removed = super()._remove(ids)
        if removed:
            self._copy = None
        return removed

    def _search(
        self, queries: FloatArray, k: int, allowed: IdArray | None
    ) -> tuple[FloatArray, IdArray]:
        slots = None
        if allowed is not None:
            slots = self._table.find(allowed)
            slots = slots[slots >= 0]
            if len(slots) * FEW <= len(self):
                return scan_rows(self._matrix(), self._table.ids, queries, k, slots)
        engine = _Gpu(self, slots)
        error = max(_ERROR, tolerance(self.dim))
        return top_k(engine, queries, k, total=engine.total, error=error)

    def _on_gpu(self, queries: FloatArray, m: int) -> tuple[FloatArray, IdArray]:
        """Scores and slots of the best ``m`` rows, after copying the vectors if they changed."""
        with self._turn:
            if self._copy is None:
                faiss = import_faiss()
                self._resources = self._resources or faiss.StandardGpuResources()
                settings = faiss.GpuIndexFlatConfig()
                settings.device = self._device
                copy = faiss.GpuIndexFlatIP(self._resources, self.dim, settings)
                copy.add(self._matrix())
                self._copy = copy
            scores, slots = self._copy.search(queries, m)
        return scores, slots


class _Gpu:
    """An engine over the copy on the GPU."""

    def __init__(self, index: GpuIndex, slots: IdArray | None) -> None:
        self._index, self._slots = index, slots
        self._matrix, self._ids = index._matrix(), index._ids()
        self.total = len(self._ids) if slots is None else len(slots)
        self._allowed: np.ndarray | None = None
        if slots is not None:
            self._allowed = np.zeros(len(self._ids), np.bool_)
            self._allowed[slots] = True

    def propose(self, queries: FloatArray, m: int) -> Candidates:
        n = len(self._ids)
        # A GPU knows no filter: as many more as the filter is likely to throw away.
        wide = min(n, int(m * n / self.total * 1.25) + 1)
        if wide > _MOST:
            return self._on_host(queries, m)
        scores, slots = self._index._on_gpu(queries, wide)
        bound = scores[:, -1].copy() if wide < n else np.full(len(queries), -np.inf, np.float32)
        keep = slots >= 0
        if self._allowed is not None:
            keep &= self._allowed[slots]
        scores = np.where(keep, scores, np.float32(-np.inf))
        order = np.argsort(-scores, axis=1, kind="stable")
        return Candidates(
            np.take_along_axis(scores, order, 1), np.take_along_axis(slots, order, 1), bound
        )

    def _on_host(self, queries: FloatArray, m: int) -> Candidates:
        """The same from the host's memory."""
        if self._slots is None:
            return scan(queries, self._matrix, m)
        found = scan(queries, self._matrix[self._slots], m)
        return found._replace(slots=self._slots[found.slots])

    def vectors_at(self, slots: IdArray) -> FloatArray:
        return self._matrix[slots]

    def ids_at(self, slots: IdArray) -> IdArray:
        return self._ids[slots]
