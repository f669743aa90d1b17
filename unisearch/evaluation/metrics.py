"""Measures over plain arrays: no model, no files, no catalog.

Notation: Q queries, C candidates. A *score* is higher for better matches. ``positives[q, c]``
says that candidate c is a right answer to query q; a query may have several, and finding one of
them is finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

BoolArray: TypeAlias = npt.NDArray[np.bool_]
"""Which candidates are right answers, ``[Q, C]``."""

RankArray: TypeAlias = npt.NDArray[np.int64]
"""For each query the place of its first right answer, from 1, ``[Q]``."""

KS = (1, 5, 10)
"""The depths at which recall is usually reported."""

_ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalMetrics:
    """How well queries find their answers.

    Attributes:
        recall: Depth k → share of queries with a right answer among the first k, in [0, 1].
        median_rank: Median place of the first right answer; 1 is best.
        mean_reciprocal_rank: Mean of 1 / place, in (0, 1].
        queries: Number of queries Q.
    """

    recall: Mapping[int, float]
    median_rank: float
    mean_reciprocal_rank: float
    queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossModalMetrics:
    """Retrieval in both directions.

    Attributes:
        text_to_image: Texts as queries, pictures as candidates.
        image_to_text: Pictures as queries, texts as candidates.
    """

    text_to_image: RetrievalMetrics
    image_to_text: RetrievalMetrics


@dataclass(frozen=True, slots=True)
class Interval:
    """A bootstrap confidence interval around an estimate."""

    estimate: float
    low: float
    high: float


def shared_captions(captions: Sequence[Sequence[str]]) -> tuple[list[str], BoolArray]:
    """List the different captions and say which pictures each belongs to.

    Two pictures that carry the same words are both right answers to them, so identical strings
    become one text with several pictures.

    Args:
        captions: For each of I pictures, its captions.

    Returns:
        The T different captions in order of appearance, and ``bool [T, I]``.

    >>> texts, positives = shared_captions([["a cat"], ["a dog", "a pet"], ["a cat"]])
    >>> texts
    ['a cat', 'a dog', 'a pet']
    >>> positives.astype(int).tolist()
    [[1, 0, 1], [0, 1, 0], [0, 1, 0]]
    """
    texts = list(dict.fromkeys(text for own in captions for text in own))
    row_of = {text: row for row, text in enumerate(texts)}
    positives = np.zeros((len(texts), len(captions)), dtype=bool)
    for picture, own in enumerate(captions):
        for text in own:
            positives[row_of[text], picture] = True
    return texts, positives


def first_ranks(scores: npt.ArrayLike, positives: npt.ArrayLike) -> RankArray:
    """Give the place of each query's best right answer, from 1.

    A wrong candidate with the same score as the best right one counts as before it: an encoder
    that maps everything to one point finds nothing.

    Args:
        scores: ``[Q, C]``.
        positives: ``bool [Q, C]``, at least one in each row.

    Raises:
        ValueError: The shapes differ, a query has no right answer, or a score is not a number.

    >>> first_ranks([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1]], [[0, 1, 0], [1, 0, 1]]).tolist()
    [2, 1]
    """
    scores, right = _checked(scores, positives)
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    ahead = (scores >= best) & ~right
    return np.asarray(1 + ahead.sum(axis=1), dtype=np.int64)


def retrieval_metrics(ranks: npt.ArrayLike, ks: Sequence[int] = KS) -> RetrievalMetrics:
    """Summarise the places that `first_ranks` gives.

    >>> found = retrieval_metrics([1, 2, 7, 30])
    >>> found.recall
    {1: 0.25, 5: 0.5, 10: 0.75}
    >>> found.median_rank
    4.5
    """
    places = np.asarray(ranks, dtype=np.int64)
    if places.ndim != 1 or not len(places):
        raise ValueError(f"expected a list of ranks, at least one; got shape {places.shape}")
    return RetrievalMetrics(
        recall={k: float((places <= k).mean()) for k in ks},
        median_rank=float(np.median(places)),
        mean_reciprocal_rank=float((1.0 / places).mean()),
        queries=len(places),
    )


def recall_at_k(scores: npt.ArrayLike, positives: npt.ArrayLike, k: int) -> float:
    """Give the share of queries with a right answer among their first `k` candidates.

    >>> recall_at_k([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1]], [[0, 1, 0], [1, 0, 0]], k=1)
    0.5
    """
    return retrieval_metrics(first_ranks(scores, positives), ks=(k,)).recall[k]


def embedding_ranks(
    queries: npt.NDArray[np.float32],
    candidates: npt.NDArray[np.float32],
    positives: BoolArray,
) -> RankArray:
    """Give `first_ranks` of the dot products of embeddings, a block of queries at a time.

    Args:
        queries: ``[Q, D]``.
        candidates: ``[C, D]``.
        positives: ``bool [Q, C]``.
    """
    blocks = range(0, len(queries), _ROWS_AT_ONCE)
    found = [
        first_ranks(queries[start : start + _ROWS_AT_ONCE] @ candidates.T, positives[start:stop])
        for start, stop in ((start, start + _ROWS_AT_ONCE) for start in blocks)
    ]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def cross_modal_metrics(
    texts: npt.NDArray[np.float32],
    images: npt.NDArray[np.float32],
    positives: BoolArray,
    ks: Sequence[int] = KS,
) -> CrossModalMetrics:
    """Measure both directions between texts and pictures in one space.

    Args:
        texts: Unit rows ``[T, D]``.
        images: Unit rows ``[I, D]``.
        positives: ``bool [T, I]``, as `shared_captions` gives it.
        ks: Depths of recall.
    """
    return CrossModalMetrics(
        text_to_image=retrieval_metrics(embedding_ranks(texts, images, positives), ks),
        image_to_text=retrieval_metrics(embedding_ranks(images, texts, positives.T), ks),
    )


def spearman(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Give the rank correlation of two lists of numbers, in [-1, 1]; ties share their mean rank.

    It is how graded similarity (STS) is scored: only the order of the judgements matters.

    Raises:
        ValueError: The lists differ in length, are shorter than two, or one is constant.

    >>> spearman([1, 2, 3, 4], [10, 20, 40, 30])
    0.8
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1 or len(one) < 2:
        raise ValueError(f"expected two lists of one length; got {one.shape} and {other.shape}")
    one, other = _mean_ranks(one), _mean_ranks(other)
    one, other = one - one.mean(), other - other.mean()
    spread = np.sqrt((one**2).sum() * (other**2).sum())
    if spread == 0:
        raise ValueError("a list whose values are all equal has no rank correlation")
    return float((one * other).sum() / spread)


def bootstrap(
    values: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Give the mean of per-query values with a percentile bootstrap interval over the queries.

    For recall at k pass ``ranks <= k``.

    >>> bootstrap([1, 1, 1, 1])
    Interval(estimate=1.0, low=1.0, high=1.0)
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not len(sample):
        raise ValueError(f"expected a list of values, at least one; got shape {sample.shape}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    random = np.random.default_rng(seed)
    means = np.array(
        [sample[random.integers(0, len(sample), len(sample))].mean() for _ in range(resamples)]
    )
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(sample.mean()), float(low), float(high))


def paired_bootstrap(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Give the mean gain of `second` over `first` on the same queries, with an interval.

    The gain is significant when the interval leaves zero out.

    >>> paired_bootstrap([0, 0, 1], [1, 1, 1]).estimate
    0.6666666666666666
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape:
        raise ValueError(f"paired values must have one shape; got {one.shape} and {other.shape}")
    return bootstrap(other - one, confidence=confidence, resamples=resamples, seed=seed)


def _checked(
    scores: npt.ArrayLike, positives: npt.ArrayLike
) -> tuple[npt.NDArray[np.floating], BoolArray]:
    given = np.asarray(scores)
    if not np.issubdtype(given.dtype, np.floating):
        given = given.astype(np.float64)
    right = np.asarray(positives).astype(bool)
    if given.ndim != 2 or given.shape != right.shape:
        raise ValueError(f"scores {given.shape} and positives {right.shape} must be one [Q, C]")
    if np.isnan(given).any():
        raise ValueError("scores hold values that are not numbers")
    if not right.any(axis=1).all():
        row = int(np.flatnonzero(~right.any(axis=1))[0])
        raise ValueError(f"query {row} has no right answer among the {right.shape[1]} candidates")
    return given, right


def _mean_ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rank from 1; equal values get the mean of the places they fill."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[group], dtype=np.float64)
