"""Cached features enter the network as the pictures themselves would."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("transformers", reason="training needs the extra 'train'")

from tests.unisearch.pretraining.tiny import tiny_features, tiny_model  # noqa: E402
from unisearch.model.visual.frontend import Regions, grid_boxes  # noqa: E402
from unisearch.model.visual.tags import Tags  # noqa: E402
from unisearch.pretraining.features import KEPT_CLASSES, PictureFeatures  # noqa: E402
from unisearch.pretraining.pictures import (  # noqa: E402
    embed_pictures,
    regions_and_tags,
    without_gaps,
)

TRUNK = {
    "visual_trunk": "efficientnet-lite0",
    "visual_image_size_px": 64,
    "region_feature_size": 1_280,
    "region_classes": 1_000,
}


def of_pixels(regions: Regions) -> PictureFeatures:
    """What the cache would hold of pictures with one view."""
    assert regions.picture_probabilities is not None
    top = regions.picture_probabilities.topk(KEPT_CLASSES)
    return PictureFeatures(
        ids=tuple(map(str, range(len(regions.features)))),
        grid=regions.features[:, None].numpy().astype(np.float16),
        classes=top.indices[:, None].numpy().astype(np.int16),
        probabilities=top.values[:, None].numpy().astype(np.float16),
    )


@torch.no_grad()
def test_the_cache_equals_the_pixels() -> None:
    model = tiny_model(**TRUNK)
    assert model.front_end is not None
    model.front_end.trunk.classifier.weight.mul_(300)  # a classifier that is sure of something
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8))
    pixels[1, :, :20] = 0
    pixels[2, 30:] //= 4
    seen = model.see(pixels)
    tags = model.tags_of(seen)
    assert tags is not None
    assert seen.picture_probabilities is not None
    regions, words = regions_and_tags(model, of_pixels(seen), [2, 0, 1], [0, 0, 0])
    order = [2, 0, 1]
    # Half precision: 11 bits.
    torch.testing.assert_close(regions.features, seen.features[order], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(regions.boxes, seen.boxes[order])
    torch.testing.assert_close(regions.validity, seen.validity[order])
    assert regions.picture_probabilities is not None
    kept = regions.picture_probabilities > 0
    assert (kept.sum(dim=1) <= KEPT_CLASSES).all()
    torch.testing.assert_close(
        regions.picture_probabilities[kept],
        seen.picture_probabilities[order][kept],
        rtol=1e-3,
        atol=1e-6,
    )
    compact = without_gaps(Tags(*(getattr(tags, f.name)[order] for f in fields(Tags))))
    assert torch.equal(words.input_ids, compact.input_ids)
    assert torch.equal(words.positions, compact.positions)
    torch.testing.assert_close(words.weights, compact.weights, rtol=2e-3, atol=1e-4)
    torch.testing.assert_close(
        model.embed_regions(regions, words), model.embed_images(pixels)[order], atol=2e-3, rtol=0
    )


@torch.no_grad()
def test_without_gaps_changes_nothing() -> None:
    model = tiny_model(tag_tokens=4)  # names fill one or two of four slots
    assert model.tag_table is not None
    random = np.random.default_rng(1)
    seen = torch.from_numpy(random.dirichlet(np.full(20, 0.3), 5)).float()
    tags: Tags = model.tag_table(seen)
    compact = without_gaps(tags)
    longest = int((tags.weights > 0).sum(dim=1).max())
    assert compact.input_ids.shape == (5, longest)
    assert longest < tags.input_ids.shape[1]
    for i in range(5):  # what is left stands in its old order
        words = tags.weights[i] > 0
        count = int(words.sum())
        for name in ("input_ids", "weights", "positions"):
            before, after = getattr(tags, name)[i], getattr(compact, name)[i]
            assert torch.equal(before[words], after[:count]), name
        assert not compact.weights[i, count:].any()
    for pooling in ("mean", "first"):
        model.config.pooling = pooling
        torch.testing.assert_close(
            model.encode(tags=tags).pooled_image, model.encode(tags=compact).pooled_image
        )


@torch.no_grad()
def test_all_pictures_at_once_equal_one_by_one() -> None:
    model, features = tiny_model(), tiny_features(5, 2)
    alone = [model.embed_regions(*regions_and_tags(model, features, [i], [0])) for i in range(5)]
    for batch_size in (2, 64):
        found = embed_pictures(model, features, batch_size)
        torch.testing.assert_close(found, torch.cat(alone), atol=1e-6, rtol=0)
    assert embed_pictures(model, tiny_features(0, 1)).shape == (0, 16)


def test_the_view_that_was_asked_for() -> None:
    features = tiny_features(3, 2)
    regions, _ = regions_and_tags(tiny_model(), features, [2, 0], [1, 0])
    np.testing.assert_array_equal(regions.features[0].numpy(), features.grid[2, 1])
    np.testing.assert_array_equal(regions.features[1].numpy(), features.grid[0, 0])
    torch.testing.assert_close(regions.boxes[0], grid_boxes(2))
