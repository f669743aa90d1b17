"""Candidates of any engine → exact ranks.

Engines compute in float32, each in its own order of summation, so that equal vectors get scores
that differ in the last digits and ties come out by chance. Identical files are common, and an
answer that depends on the engine cannot be tested. So an engine only proposes candidates, with a
bound on all that it left out; their scores are computed again in float64, rounded to float32, and
sorted by score and then by id. Whenever the bound is too close to the k-th score to be sure, the
engine is asked for more.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from unisearch.datatypes import FloatArray, IdArray

_SPARE = 16
"""How many more than k are asked for at first: most ties end within."""

_PAIRS = 8192
"""Pairs of query and candidate whose scores are computed at a time."""

_ROWS = 32_768
_QUERIES = 256


class Candidates(NamedTuple):
    """What an engine proposes for Q queries.

    Attributes:
        scores: float32 [Q, M], approximate, descending; -inf where there is none.
        slots: int64 [Q, M]: where the vectors are; any number where there is none.
        bound: float32 [Q]: nothing that was left out scores more; -inf if nothing was left out.
    """

    scores: FloatArray
    slots: IdArray
    bound: FloatArray


class Engine(Protocol):
    """What proposes candidates."""

    def propose(self, queries: FloatArray, m: int) -> Candidates:
        """About the best ``m`` for each query; all that there are if ``m`` is large enough."""
        ...

    def vectors_at(self, slots: IdArray) -> FloatArray:
        """The exact vectors, float32 [P, D]."""
        ...

    def ids_at(self, slots: IdArray) -> IdArray:
        """The ids, int64 [P]."""
        ...


def tolerance(dim: int) -> float:
    """How far a float32 score of unit vectors may be from the true one, whatever the order of
    summation."""
    return dim * float(np.finfo(np.float32).eps)


def nothing(queries: int, k: int) -> tuple[FloatArray, IdArray]:
    """Scores and ids without any answer."""
    return np.full((queries, k), -np.inf, np.float32), np.full((queries, k), -1, np.int64)


def top_k(
    engine: Engine, queries: FloatArray, k: int, *, total: int, error: float
) -> tuple[FloatArray, IdArray]:
    """The exact k best of what an engine can propose.

    Args:
        engine: Proposes.
        queries: float32 [Q, D].
        k: How many.
        total: How many vectors the engine chooses from.
        error: How far the engine's scores may be from the true ones, for queries of length 1.

    Returns:
        Scores [Q, k] and ids [Q, k], as :meth:`VectorIndex.search` does.
    """
    scores, ids = nothing(len(queries), k)
    errors = (error * np.linalg.norm(queries, axis=1)).astype(np.float32)
    pending = np.arange(len(queries))
    m = min(total, k + _SPARE)
    while len(pending) and total:
        found = engine.propose(queries[pending], m)
        near = 2 * errors[pending]
        last = found.scores[:, k - 1] if found.scores.shape[1] >= k else np.float32(-np.inf)
        sure = (found.bound == -np.inf) | (last - near > found.bound) | (m >= total)
        for row in np.flatnonzero(sure):
            width = int((found.scores[row] > -np.inf).sum())
            if width > k:
                width = int((found.scores[row] >= found.scores[row, k - 1] - near[row]).sum())
            query = pending[row]
            _rank(engine, queries[query], found.slots[row, :width], scores[query], ids[query])
        pending = pending[~sure]
        m = min(total, m * 8)
    return scores, ids


def _rank(
    engine: Engine, query: FloatArray, slots: IdArray, scores: FloatArray, ids: IdArray
) -> None:
    """Fills one row of the answer from candidates among which it surely is."""
    exact = np.empty(len(slots), np.float32)
    wide = query.astype(np.float64)
    for start in range(0, len(slots), _PAIRS):
        vectors = engine.vectors_at(slots[start : start + _PAIRS])
        # einsum adds up every row in the same order, so equal vectors have equal scores.
        exact[start : start + _PAIRS] = np.einsum("pd,d->p", vectors.astype(np.float64), wide)
    found = engine.ids_at(slots)
    best = np.lexsort((found, -exact))[: len(ids)]
    scores[: len(best)] = exact[best]
    ids[: len(best)] = found[best]


def scan(queries: FloatArray, matrix: FloatArray, m: int) -> Candidates:
    """Proposes by computing all scores; slots are rows of ``matrix``."""
    n = len(matrix)
    m = min(m, n)
    parts = []
    for start in range(0, len(queries), _QUERIES):
        parts.append(_scan(queries[start : start + _QUERIES], matrix, m))
    scores = np.concatenate([part[0] for part in parts])
    slots = np.concatenate([part[1] for part in parts])
    bound = np.full(len(queries), -np.inf, np.float32) if m == n else scores[:, -1]
    return Candidates(scores, slots, bound)


def _scan(queries: FloatArray, matrix: FloatArray, m: int) -> tuple[FloatArray, IdArray]:
    """The best ``m`` of one block of queries."""
    best_scores = np.empty((len(queries), 0), np.float32)
    best_slots = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(matrix), _ROWS):
        block = queries @ matrix[start : start + _ROWS].T
        slots, block = _best(block, m)
        best_scores = np.concatenate([best_scores, block], axis=1)
        best_slots = np.concatenate([best_slots, slots + start], axis=1)
        if best_scores.shape[1] > m:
            kept, best_scores = _best(best_scores, m)
            best_slots = np.take_along_axis(best_slots, kept, 1)
    order = np.argsort(-best_scores, axis=1, kind="stable")
    return np.take_along_axis(best_scores, order, 1), np.take_along_axis(best_slots, order, 1)


def _best(scores: FloatArray, m: int) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Columns and values of the ``m`` best of each row, in any order."""
    if scores.shape[1] <= m:
        return np.broadcast_to(np.arange(scores.shape[1]), scores.shape), scores
    columns = np.argpartition(scores, -m, axis=1)[:, -m:]
    return columns, np.take_along_axis(scores, columns, 1)
