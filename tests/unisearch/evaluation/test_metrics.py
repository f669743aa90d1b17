from __future__ import annotations

import doctest
import math

import numpy as np
import pytest

from unisearch.evaluation import metrics
from unisearch.evaluation.metrics import (
    bootstrap,
    cross_modal_metrics,
    embedding_ranks,
    first_ranks,
    paired_bootstrap,
    recall_at_k,
    retrieval_metrics,
    shared_captions,
    spearman,
)


def naive_first_rank(scores: list[float], right: list[bool]) -> int:
    """Walk down the list, wrong answers first among equals."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], right[i]))
    return next(place for place, i in enumerate(order, start=1) if right[i])


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(metrics).failed == 0


def test_ranks_of_a_matrix_worked_out_by_hand() -> None:
    scores = [
        [0.9, 0.1, 0.5],  # the right one is first
        [0.2, 0.3, 0.4],  # the right one is last
        [0.7, 0.6, 0.8],  # two right ones, the better is second
    ]
    positives = [[1, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert first_ranks(scores, positives).tolist() == [1, 3, 2]
    assert recall_at_k(scores, positives, 1) == pytest.approx(1 / 3)
    assert recall_at_k(scores, positives, 2) == pytest.approx(2 / 3)
    assert recall_at_k(scores, positives, 3) == 1.0


def test_an_encoder_that_maps_everything_to_one_point_finds_nothing() -> None:
    scores, positives = np.ones((3, 4)), np.eye(3, 4)
    assert first_ranks(scores, positives).tolist() == [4, 4, 4]


def test_ranks_agree_with_a_walk_down_the_list() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        queries, candidates = random.integers(1, 12, 2)
        # Few different values: many ties.
        scores = random.integers(0, 4, (queries, candidates)) / 4
        positives = random.random((queries, candidates)) < 0.3
        positives[np.arange(queries), random.integers(0, candidates, queries)] = True
        expected = [
            naive_first_rank(list(row), list(right))
            for row, right in zip(scores, positives, strict=True)
        ]
        assert first_ranks(scores, positives).tolist() == expected


def test_embeddings_in_blocks_give_the_ranks_of_the_whole_matrix() -> None:
    random = np.random.default_rng(1)
    queries = random.standard_normal((600, 8)).astype(np.float32)
    candidates = random.standard_normal((50, 8)).astype(np.float32)
    positives = np.zeros((600, 50), dtype=bool)
    positives[np.arange(600), random.integers(0, 50, 600)] = True
    expected = first_ranks(queries @ candidates.T, positives)
    assert embedding_ranks(queries, candidates, positives).tolist() == expected.tolist()


def test_identical_captions_count_as_answers_of_each_others_pictures() -> None:
    texts, positives = shared_captions([["a frog"], ["a frog", "green"], ["a toad"]])
    assert texts == ["a frog", "green", "a toad"]
    assert positives.tolist() == [[True, True, False], [False, True, False], [False, False, True]]


def test_both_directions_on_three_vectors() -> None:
    texts = np.array([[1, 0], [0, 1]], dtype=np.float32)
    images = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    # The second text belongs to the third picture only, where the second picture is in the way.
    positives = np.array([[True, False, False], [False, False, True]])
    positives[0, 1] = True
    found = cross_modal_metrics(texts, images, positives, ks=(1, 2))
    assert found.text_to_image.recall == {1: 0.5, 2: 1.0}
    assert found.text_to_image.queries == 2
    assert found.image_to_text.recall == {1: pytest.approx(2 / 3), 2: 1.0}
    assert found.image_to_text.median_rank == 1


def test_summary_of_ranks() -> None:
    found = retrieval_metrics([1, 4, 4], ks=(1, 3, 4))
    assert found.recall == {1: pytest.approx(1 / 3), 3: pytest.approx(1 / 3), 4: 1.0}
    assert found.median_rank == 4
    assert found.mean_reciprocal_rank == pytest.approx((1 + 0.25 + 0.25) / 3)


@pytest.mark.parametrize(
    ("scores", "positives", "message"),
    [
        ([[1.0]], [[1, 0]], r"\(1, 1\).*\(1, 2\)"),
        ([[1.0, 2.0], [1.0, 2.0]], [[1, 0], [0, 0]], "query 1 has no right answer among the 2"),
        ([[math.nan]], [[1]], "not numbers"),
        ([1.0], [1], r"\[Q, C\]"),
    ],
)
def test_matrices_that_cannot_be_measured(
    scores: list[object], positives: list[object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        first_ranks(scores, positives)  # type: ignore[arg-type]


def test_no_ranks_no_summary() -> None:
    with pytest.raises(ValueError, match="at least one"):
        retrieval_metrics([])


def test_spearman_of_ordered_reversed_and_tied_lists() -> None:
    assert spearman([1, 2, 3], [10, 20, 90]) == pytest.approx(1)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))


def test_spearman_agrees_with_counting_ranks_one_by_one() -> None:
    random = np.random.default_rng(2)
    one, other = random.integers(0, 6, 40), random.integers(0, 6, 40)

    def ranks(values: list[int]) -> list[float]:
        return [sum(w < v for w in values) + (sum(w == v for w in values) + 1) / 2 for v in values]

    expected = np.corrcoef(ranks(one.tolist()), ranks(other.tolist()))[0, 1]
    assert spearman(one, other) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [([1, 2], [1, 2, 3], "one length"), ([1], [1], "one length"), ([1, 1], [1, 2], "all equal")],
)
def test_lists_without_a_rank_correlation(
    first: list[float], second: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        spearman(first, second)


def test_bootstrap_covers_the_mean_of_coins() -> None:
    hits = np.random.default_rng(3).random(400) < 0.3
    found = bootstrap(hits)
    assert found.estimate == pytest.approx(hits.mean())
    # The normal approximation of a proportion of 400.
    half = 1.96 * math.sqrt(hits.mean() * (1 - hits.mean()) / 400)
    assert found.low == pytest.approx(hits.mean() - half, abs=0.01)
    assert found.high == pytest.approx(hits.mean() + half, abs=0.01)
    assert bootstrap(hits) == found
    assert bootstrap(hits, seed=1) != found


def test_paired_bootstrap_sees_a_gain_that_two_separate_intervals_would_hide() -> None:
    random = np.random.default_rng(4)
    before = random.random(300) < 0.5
    after = before | (random.random(300) < 0.05)
    gain = paired_bootstrap(before, after)
    assert gain.low > 0
    assert bootstrap(before).high > bootstrap(after).low


def test_bootstrap_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match=r"not 95"):
        bootstrap([1, 0], confidence=95)
    with pytest.raises(ValueError, match="at least one"):
        bootstrap([])
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        paired_bootstrap([1, 0], [1, 0, 1])
