"""Approximate search with any index that FAISS's factory can make.

The exact vectors are kept beside the FAISS structure, which only proposes: hits are ranked by
their exact scores, whatever the structure compresses, and rows that were removed are recognised
by their missing vector, whether FAISS can remove from it (it cannot from HNSW) or not.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Self

import numpy as np

from unisearch.datatypes import FloatArray, IdArray
from unisearch.errors import ConfigError, DamagedStore
from unisearch.store.arrays import read_arrays, write_arrays
from unisearch.store.faiss_cpu import FEW
from unisearch.store.faiss_io import import_faiss
from unisearch.store.flat import scan_rows
from unisearch.store.index import VectorIndex
from unisearch.store.ranking import Candidates, tolerance, top_k
from unisearch.store.rows import Rows

_log = logging.getLogger(__name__)

SMALLEST = 10_000
"""Below so many items everything is scanned, which is exact and takes a millisecond."""

_GROWTH = 4
"""The structure is trained anew when there are so many times more items than at its making."""

_TRAINING_ROWS = 262_144
_COMPRESSED = ("PQ", "SQ4", "RaBitQ", "LSH", "ITQ")


class FactoryIndex(VectorIndex):
    """A FAISS structure by its factory string, e.g. ``HNSW32`` or ``IVF4096,PQ96x4fs``.

    A refinement stage in the string (``…,RFlat``) is allowed and superfluous.

    Args:
        dim: Length of the vectors.
        factory: The string.
        parameters: Search parameters as FAISS names them, e.g. ``efSearch=128`` or ``nprobe=64``.
        smallest: Number of items from which on the structure is made and used.
        candidates: How many candidates are proposed for each answer that is wanted; by default 4,
            and 50 from structures that compress.

    Raises:
        ConfigError: FAISS does not understand the string.
    """

    kind = "faiss-factory"

    def __init__(
        self,
        dim: int,
        factory: str,
        *,
        parameters: str = "",
        smallest: int = SMALLEST,
        candidates: int | None = None,
    ) -> None:
        super().__init__(dim)
        self.factory = factory
        self._parameters = parameters
        self._smallest = max(1, smallest)
        self._candidates = candidates or (50 if any(c in factory for c in _COMPRESSED) else 4)
        self._faiss = import_faiss()
        self._rows = Rows(dim)
        self._structure: Any = None
        # Which id each row of the structure stands for; -1 where it was removed or replaced.
        self._labels: IdArray = np.empty(0, np.int64)
        self._made_with = 0
        self._make_structure()  # complains about the string now, not after an hour

    def __len__(self) -> int:
        return len(self._rows)

    def _ids(self) -> IdArray:
        return self._rows.table.ids

    def _add(self, ids: IdArray, vectors: FloatArray) -> None:
        replaced = ids[self._rows.table.find(ids) >= 0]
        self._rows.put(ids, vectors)
        if self._structure is not None:
            self._forget(replaced)
            self._structure.add(vectors)
            self._labels = np.concatenate([self._labels, ids])
        self._keep_up()

    def _remove(self, ids: IdArray) -> int:
        slots = self._rows.table.find(ids)
        here = slots >= 0
        self._rows.drop(slots[here])
        if self._structure is not None:
            self._forget(ids[here])
        self._keep_up()
        return int(here.sum())

    def _search(
        self, queries: FloatArray, k: int, allowed: IdArray | None
    ) -> tuple[FloatArray, IdArray]:
        matrix, ids = self._rows.matrix, self._rows.table.ids
        slots = None
        if allowed is not None:
            slots = self._rows.table.find(allowed)
            slots = slots[slots >= 0]
        few = slots is not None and len(slots) * FEW <= len(self)
        if self._structure is None or few:
            return scan_rows(matrix, ids, queries, k, slots)
        engine = _Proposals(self._structure, self._labels, self._rows, slots, k * self._candidates)
        scores, found = top_k(engine, queries, k, total=engine.total, error=tolerance(self.dim))
        # A filter, or rows that are gone, can leave too few candidates; never too few answers.
        short = np.flatnonzero(found[:, min(k, engine.total) - 1] < 0)
        if len(short):
            scores[short], found[short] = scan_rows(matrix, ids, queries[short], k, slots)
        return scores, found

    # --- the structure ---

    def _forget(self, ids: IdArray) -> None:
        """Marks rows of the structure as gone."""
        self._labels[np.isin(self._labels, ids)] = -1

    def _keep_up(self) -> None:
        """Makes the structure anew if there is none yet, or it has become a poor one."""
        n = len(self)
        if n < self._smallest:
            self._structure, self._labels = None, np.empty(0, np.int64)
        elif (
            self._structure is None
            or n >= _GROWTH * self._made_with
            or (len(self._labels) - n) * 4 > n
        ):
            self._build()

    def _build(self) -> None:
        """Makes the structure from all vectors."""
        matrix, n = self._rows.matrix, len(self)
        structure = self._make_structure()
        if not structure.is_trained:
            picked = np.random.default_rng(0).permutation(n)[:_TRAINING_ROWS]
            try:
                structure.train(matrix[np.sort(picked)])
            except RuntimeError as error:
                # Mostly too few vectors for the number of centroids that it names.
                said = str(error).rsplit("Error: ", maxsplit=1)[-1]
                _log.warning("%s cannot be trained on %d vectors: %s", self.factory, n, said)
                self._structure, self._labels = None, np.empty(0, np.int64)
                return
        structure.add(matrix)
        self._structure, self._labels, self._made_with = structure, self._rows.table.ids.copy(), n

    def _make_structure(self) -> Any:
        """An empty structure."""
        faiss = self._faiss
        try:
            structure = faiss.index_factory(self.dim, self.factory, faiss.METRIC_INNER_PRODUCT)
            inverted = faiss.try_extract_index_ivf(structure)
            if inverted is not None:
                # FAISS looks into one list by default, which finds too little.
                inverted.nprobe = max(8, inverted.nlist // 16)
            self._set_parameters(structure)
        except RuntimeError as error:
            said = str(error).rsplit("Error: ", maxsplit=1)[-1]
            raise ConfigError(
                f"FAISS cannot make an index {self.factory!r} ({self._parameters or 'no'} "
                f"parameters) of {self.dim} numbers: {said}"
            ) from error
        return structure

    def _set_parameters(self, structure: Any) -> None:
        if self._parameters:
            self._faiss.ParameterSpace().set_index_parameters(structure, self._parameters)

    # --- files ---

    def _write(self, path: Path) -> None:
        structure = np.empty(0, np.uint8)
        if self._structure is not None:
            structure = self._faiss.serialize_index(self._structure)
        words = np.array([self.factory, self._parameters])
        numbers = np.array([self._smallest, self._candidates, self._made_with])
        ids, matrix = self._rows.table.ids, self._rows.matrix
        write_arrays(path, [words, numbers, ids, matrix, self._labels, structure])

    @classmethod
    def _read(cls, path: Path) -> Self:
        words, numbers, ids, matrix, labels, structure = read_arrays(path, 6)
        if words.dtype.kind != "U" or matrix.dtype != np.float32 or structure.dtype != np.uint8:
            raise DamagedStore(f"{path} is no index of this kind")
        index = cls(
            matrix.shape[1],
            str(words[0]),
            parameters=str(words[1]),
            smallest=int(numbers[0]),
            candidates=int(numbers[1]),
        )
        index._rows.load(ids, matrix)
        index._labels, index._made_with = labels, int(numbers[2])
        if len(structure):
            try:
                index._structure = index._faiss.deserialize_index(structure)
            except RuntimeError as error:
                raise DamagedStore(f"{path} holds no FAISS index: {error}") from error
            index._set_parameters(index._structure)
        return index


class _Proposals:
    """An engine over a structure that may miss something and may be asked only once."""

    def __init__(
        self, structure: Any, labels: IdArray, rows: Rows, slots: IdArray | None, wanted: int
    ) -> None:
        self._structure, self._labels, self._rows, self._wanted = structure, labels, rows, wanted
        self._allowed: np.ndarray | None = None
        self.total = len(rows) if slots is None else len(slots)
        if slots is not None:
            self._allowed = np.zeros(len(rows), np.bool_)
            self._allowed[slots] = True

    def propose(self, queries: FloatArray, m: int) -> Candidates:
        # As many more as are likely to be thrown away again below.
        share = self.total / max(1, len(self._labels))
        m = min(len(self._labels), int(max(m, self._wanted) / share) + 1)
        scores, rows = self._structure.search(queries, m)
        ids = np.where(rows >= 0, self._labels[rows], -1)
        slots = self._rows.table.find(ids.ravel()).reshape(ids.shape)
        if self._allowed is not None:
            slots = np.where((slots >= 0) & self._allowed[slots], slots, -1)
        scores = np.where(slots >= 0, scores, np.float32(-np.inf))
        order = np.argsort(-scores, axis=1, kind="stable")
        # Its scores are not exact, so no bound can be drawn from them: all candidates are ranked.
        scores = np.where(np.isfinite(np.take_along_axis(scores, order, 1)), 0.0, -np.inf)
        slots = np.take_along_axis(slots, order, 1)
        return Candidates(
            scores.astype(np.float32), slots, np.full(len(queries), -np.inf, np.float32)
        )

    def vectors_at(self, slots: IdArray) -> FloatArray:
        return self._rows.matrix[slots]

    def ids_at(self, slots: IdArray) -> IdArray:
        return self._rows.table.ids[slots]
