"""Ids and where their vectors are: the bookkeeping that indexes share."""

from __future__ import annotations

import numpy as np

from unisearch.datatypes import FloatArray, IdArray


class IdTable:
    """Which slot (row) belongs to which id. Slots are 0 … N-1 without gaps."""

    def __init__(self, ids: IdArray | None = None) -> None:
        self.ids = np.empty(0, np.int64) if ids is None else ids
        """int64 [N], in order of slots."""
        self._order: IdArray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def find(self, ids: IdArray) -> IdArray:
        """Slots of some ids, -1 where there is none."""
        if not len(self.ids):
            return np.full(len(ids), -1, np.int64)
        order = self._sorted()
        at = np.minimum(np.searchsorted(self.ids, ids, sorter=order), len(self.ids) - 1)
        slots = order[at]
        return np.where(self.ids[slots] == ids, slots, -1)

    def append(self, ids: IdArray) -> None:
        """Gives new ids the next slots."""
        self.ids = np.concatenate([self.ids, ids])
        self._order = None

    def delete(self, slots: IdArray) -> None:
        """Forgets slots; those behind them move up, in their order."""
        self.ids = np.delete(self.ids, slots)
        self._order = None

    def _sorted(self) -> IdArray:
        """Slots in ascending order of ids."""
        if self._order is None:
            # Ids mostly come in ascending order; looking is cheaper than sorting.
            ascending = bool(np.all(self.ids[1:] > self.ids[:-1]))
            self._order = np.arange(len(self.ids)) if ascending else np.argsort(self.ids)
        return self._order


class Rows:
    """An id table with a matrix that grows: vectors by slot."""

    def __init__(self, dim: int) -> None:
        self.table = IdTable()
        self._matrix: FloatArray = np.empty((0, dim), np.float32)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def matrix(self) -> FloatArray:
        """float32 [N, D], in order of slots."""
        return self._matrix[: len(self.table)]

    def put(self, ids: IdArray, vectors: FloatArray) -> IdArray:
        """Replaces the vectors of known ids and appends the others; ids must differ.

        Returns:
            The slots that were replaced.
        """
        slots = self.table.find(ids)
        known = slots >= 0
        self._matrix[slots[known]] = vectors[known]
        self._reserve(len(self.table) + int((~known).sum()))
        start = len(self.table)
        self.table.append(ids[~known])
        self._matrix[start : len(self.table)] = vectors[~known]
        return slots[known]

    def drop(self, slots: IdArray) -> None:
        """Forgets slots; those behind them move up."""
        if len(slots):
            self._matrix = np.delete(self.matrix, slots, axis=0)
            self.table.delete(slots)

    def load(self, ids: IdArray, matrix: FloatArray) -> None:
        """Takes over ids and their vectors in place of all that was there."""
        self.table = IdTable(ids)
        self._matrix = matrix

    def _reserve(self, count: int) -> None:
        """Makes room, by half as much again, so that many small additions stay cheap."""
        if count > len(self._matrix):
            grown = np.empty(
                (max(count, len(self._matrix) * 3 // 2), self._matrix.shape[1]), np.float32
            )
            grown[: len(self.table)] = self.matrix
            self._matrix = grown
