from __future__ import annotations

import numpy as np
import pytest

from unisearch.datatypes import FloatArray, IdArray, Modality
from unisearch.search.fusion import Background, backgrounds, fuse

TEXT, IMAGE = Modality.TEXT, Modality.IMAGE


def row(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float32)


def found(scores: FloatArray, first_id: int = 0) -> tuple[FloatArray, IdArray]:
    return scores, np.arange(first_id, first_id + len(scores), dtype=np.int64)


def test_a_large_sample_gives_its_own_mean_and_deviation() -> None:
    scores = np.random.default_rng(0).normal(0.2, 0.04, 1000).astype(np.float32)
    background = backgrounds({TEXT: scores})[TEXT]
    assert background.mean == pytest.approx(scores.mean(), abs=1e-3)
    assert background.spread == pytest.approx(scores.std(), rel=0.02)


def test_worked_example() -> None:
    # Without the best: (0.1, 0.3), mean 0.2, sum of squares 0.02, deviation √0.02 = the prior.
    # Variance (0.02 + 10·0.02) / (10 + 2 - 1) = 0.02; of one more: times 1 + ½.
    background = backgrounds({IMAGE: row(0.1, 0.9, 0.3)})[IMAGE]
    assert background.mean == pytest.approx(0.2)
    assert background.spread == pytest.approx(np.sqrt(0.03))
    np.testing.assert_allclose(background.z(row(0.2, 0.2 + np.sqrt(0.03))), [0, 1], atol=1e-6)


def test_the_gap_between_modalities_does_not_decide() -> None:
    rng = np.random.default_rng(1)
    texts = np.sort(rng.normal(0.40, 0.03, 500).astype(np.float32))[::-1]  # nothing stands out
    images = np.sort(rng.normal(0.10, 0.03, 500).astype(np.float32))[::-1].copy()
    images[0] = 0.30  # lower than every text, and far above every other picture
    background = backgrounds({TEXT: texts, IMAGE: images})
    ranked = fuse({TEXT: found(texts[:10]), IMAGE: found(images[:10], 1000)}, background, 10)
    assert (ranked[0].modality, ranked[0].item_id) == (IMAGE, 1000)
    assert ranked[0].score == pytest.approx(0.30)


def test_the_picture_that_matches_leads_even_among_five() -> None:
    rng = np.random.default_rng(2)
    texts = np.sort(rng.normal(0.40, 0.03, 500).astype(np.float32))[::-1]
    images = row(0.32, 0.11, 0.10, 0.09, 0.08)
    background = backgrounds({TEXT: texts, IMAGE: images})
    ranked = fuse({TEXT: found(texts[:10]), IMAGE: found(images, 1000)}, background, 3)
    assert ranked[0].item_id == 1000


def test_three_alike_texts_are_no_sensation() -> None:
    rng = np.random.default_rng(3)
    images = np.sort(rng.normal(0.10, 0.03, 500).astype(np.float32))[::-1].copy()
    images[0] = 0.30
    texts = row(0.403, 0.4005, 0.400)
    background = backgrounds({TEXT: texts, IMAGE: images})
    ranked = fuse({TEXT: found(texts), IMAGE: found(images[:10], 1000)}, background, 3)
    assert ranked[0].item_id == 1000


def test_order_within_a_modality_is_by_cosine_then_id() -> None:
    scores = row(0.5, 0.5, 0.4, 0.1)
    ids = np.array([7, 9, 3, -1], dtype=np.int64)
    single = fuse({TEXT: (scores, ids)}, {}, 10)
    assert [(r.item_id, r.modality) for r in single] == [(7, TEXT), (9, TEXT), (3, TEXT)]
    background = {TEXT: Background(0.0, 1.0), IMAGE: Background(0.0, 1.0)}
    both = fuse({IMAGE: found(row(0.45), 100), TEXT: (scores, ids)}, background, 10)
    assert [r.item_id for r in both] == [7, 9, 100, 3]


@pytest.mark.parametrize("k", [1, 3, 100])
def test_at_most_k(k: int) -> None:
    ranked = fuse({TEXT: found(row(0.9, 0.8, 0.7, 0.6))}, {}, k)
    assert [r.item_id for r in ranked] == list(range(min(k, 4)))


def test_nothing_to_compare_with_is_neutral() -> None:
    background = backgrounds({TEXT: row(), IMAGE: row(0.7)})
    assert np.isinf(background[TEXT].spread)
    np.testing.assert_array_equal(background[IMAGE].z(row(0.7)), [0.0])


def test_equal_scores_do_not_divide_by_zero() -> None:
    background = backgrounds({TEXT: row(0.2, 0.2, 0.2, 0.2)})[TEXT]
    assert background.spread > 0
    assert np.isfinite(background.z(row(0.2, 0.3))).all()
