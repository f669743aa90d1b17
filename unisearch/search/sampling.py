"""A fixed random sample of an index, for the background of a query."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from unisearch.datatypes import IdArray

SAMPLE_SIZE = 1000
"""Enough for a mean within 3 % of a spread; more would cost time on each query."""


def sample_ids(ids: IdArray, size: int = SAMPLE_SIZE) -> IdArray:
    """Draws ids at random, the same ones each time.

    The sample is those ids whose hash is smallest. So it hardly changes when a few items come or
    go, and neither do the answers that depend on it; a seeded draw would change altogether.

    Args:
        ids: int64 [N].
        size: How many to draw at most.

    Returns:
        int64 [min(N, size)], ascending.
    """
    if len(ids) <= size:
        return np.sort(ids)
    smallest = np.argpartition(_mixed(ids), size)[:size]
    return np.sort(ids[smallest])


def _mixed(ids: IdArray) -> npt.NDArray[np.uint64]:
    """The finaliser of splitmix64: a bijection whose values look random."""
    z = ids.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
