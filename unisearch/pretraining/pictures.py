"""Pictures as the training loop wants them: cached features turned into regions and tags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from unisearch.model.unimo import UnimoModel
from unisearch.model.visual.frontend import Regions, grid_boxes
from unisearch.model.visual.tags import Tags
from unisearch.pretraining.features import PictureFeatures


def regions_and_tags(
    model: UnimoModel, features: PictureFeatures, rows: Sequence[int], views: Sequence[int]
) -> tuple[Regions, Tags]:
    """What the network sees of chosen views, without running the trunk.

    Args:
        model: Its tag table is used.
        features: The cache.
        rows: B pictures.
        views: B view numbers.
    """
    at = (np.asarray(rows), np.asarray(views))
    grid = torch.from_numpy(features.grid[at].astype(np.float32))
    B, R = grid.shape[:2]
    classes = torch.from_numpy(features.classes[at].astype(np.int64))
    probabilities = torch.from_numpy(features.probabilities[at].astype(np.float32))
    every = torch.zeros(B, model.config.region_classes).scatter_(1, classes, probabilities)
    regions = Regions(
        features=grid,
        boxes=grid_boxes(round(R**0.5)).expand(B, -1, -1),
        validity=torch.ones(B, R),
        picture_probabilities=every,
    )
    K = model.config.tag_classes
    assert model.tag_table is not None
    tags = model.tag_table.of_classes(classes[:, :K], probabilities[:, :K])
    return regions, without_gaps(tags)


def without_gaps(tags: Tags) -> Tags:
    """Moves padding behind the words and cuts what is padding in the whole batch.

    Tags carry their positions, so the order of slots means nothing to the network; a class name
    rarely fills its slots, and padding costs as much as words do.
    """
    order = torch.sort((tags.weights == 0).to(torch.int8), dim=1, stable=True).indices
    longest = int((tags.weights > 0).sum(dim=1).max())
    order = order[:, :longest]
    return Tags(
        tags.input_ids.gather(1, order),
        tags.weights.gather(1, order),
        tags.positions.gather(1, order),
    )


@torch.no_grad()
def embed_pictures(model: UnimoModel, features: PictureFeatures, batch_size: int = 64) -> Tensor:
    """Vectors of every picture's unaltered view: [N, D], unit rows."""
    vectors = [torch.empty(0, model.config.projection_dim)]
    for first in range(0, len(features.ids), batch_size):
        rows = range(first, min(first + batch_size, len(features.ids)))
        regions, tags = regions_and_tags(model, features, rows, [0] * len(rows))
        vectors.append(model.embed_regions(regions, tags))
    return torch.cat(vectors)
