"""One ranked list out of several modalities.

Within one modality the cosine orders hits. Across modalities cosines cannot be compared: encoders
put texts and pictures in separate regions of their space (the modality gap), so for a text query
nearly every text has a higher cosine than the best picture. A mixed list by raw cosine is a list
of texts.

So each hit is measured against what this query scores on *any* item of the hit's modality: a
fixed random sample of it gives a mean and a spread, and hits are ordered by how many spreads they
stand above the mean. Both are computed for each query, as the gap depends on whether the query is
a text, a picture or a sum of both.

Small collections need care, because there the answers themselves are in the sample. The best
sampled score is left out: among five pictures the one that matches would otherwise widen the
spread that it is measured by. And the spread is drawn towards that of the other modality with the
force of a few observations, so that three texts of nearly one score do not make a tiny spread and
every text a sensation. With a thousand sampled items neither matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unisearch.datatypes import FloatArray, IdArray, Modality

_PRIOR_OBSERVATIONS = 10
"""How many sampled scores the prior spread is worth."""

_PRIOR_SPREAD = 0.05
"""Typical spread of cosines to unrelated items, where no modality has enough items to tell."""


@dataclass(frozen=True, slots=True)
class Background:
    """What one query scores on any item of one modality.

    Attributes:
        mean: Mean cosine.
        spread: Standard deviation of the cosine of one more item, above 0; infinite where there
            is nothing to compare with.
    """

    mean: float
    spread: float

    def z(self, scores: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Spreads above the mean, of the shape of ``scores``; increasing in them."""
        return (scores.astype(np.float64) - self.mean) / self.spread


def backgrounds(samples: Mapping[Modality, FloatArray]) -> dict[Modality, Background]:
    """Estimates a query's background in each modality.

    Args:
        samples: The query's cosines ``[S]`` to a random sample of each modality, S >= 0.
    """
    rests = {
        modality: np.sort(scores.astype(np.float64))[:-1] for modality, scores in samples.items()
    }
    spreads = [float(rest.std(ddof=1)) for rest in rests.values() if len(rest) >= 2]
    prior = max(spreads, default=_PRIOR_SPREAD) or _PRIOR_SPREAD
    return {modality: _background(rest, prior) for modality, rest in rests.items()}


def _background(rest: npt.NDArray[np.float64], prior: float) -> Background:
    if not len(rest):
        return Background(mean=0.0, spread=math.inf)
    mean = float(rest.mean())
    squares = float(((rest - mean) ** 2).sum()) + _PRIOR_OBSERVATIONS * prior**2
    variance = squares / (_PRIOR_OBSERVATIONS + len(rest) - 1)
    return Background(mean, math.sqrt(variance * (1 + 1 / len(rest))))


@dataclass(frozen=True, slots=True)
class Ranked:
    """One hit in a fused list."""

    modality: Modality
    item_id: int
    score: float


def fuse(
    found: Mapping[Modality, tuple[FloatArray, IdArray]],
    background: Mapping[Modality, Background],
    k: int,
) -> list[Ranked]:
    """Merges one query's hits of several modalities.

    Args:
        found: For each modality, scores ``[K]``, descending, and ids ``[K]``; id -1 is padding.
        background: Of the same query, for each modality in ``found`` when there are several.
        k: How many to return.

    Returns:
        At most k hits. Those of one modality stay in the order in which they were found.
    """
    candidates: list[tuple[float, int, Ranked]] = []
    for modality, (scores, ids) in found.items():
        keep = ids >= 0
        kept = scores[keep]
        zs = kept if len(found) == 1 else background[modality].z(kept)
        candidates += [
            (-float(z), position, Ranked(modality, int(item_id), float(score)))
            for position, (z, item_id, score) in enumerate(zip(zs, ids[keep], kept, strict=True))
        ]
    # Equal z: by position, so that equal scores keep the index's order (by id).
    candidates.sort(key=lambda candidate: candidate[:2])
    return [ranked for _, _, ranked in candidates[:k]]
