from __future__ import annotations

import numpy as np

from unisearch.search.sampling import sample_ids


def test_all_of_a_few() -> None:
    np.testing.assert_array_equal(sample_ids(np.array([5, 1, 3])), [1, 3, 5])
    assert len(sample_ids(np.array([], dtype=np.int64))) == 0


def test_the_same_ones_each_time_and_spread_evenly() -> None:
    ids = np.arange(10_000, dtype=np.int64)
    drawn = sample_ids(ids, 1000)
    np.testing.assert_array_equal(drawn, sample_ids(ids[::-1].copy(), 1000))
    assert len(np.unique(drawn)) == 1000
    per_tenth = np.histogram(drawn, bins=10, range=(0, 10_000))[0]
    assert per_tenth.min() > 60
    assert per_tenth.max() < 140


def test_new_items_hardly_change_it() -> None:
    before = sample_ids(np.arange(10_000, dtype=np.int64), 1000)
    after = sample_ids(np.arange(10_100, dtype=np.int64), 1000)
    assert len(np.intersect1d(before, after)) > 970
