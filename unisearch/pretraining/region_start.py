"""A start for the layer that takes regions in: regions as soft words.

The text side is pretrained and the layer before it is not, so a random one would make the first
hundreds of steps a search for what the transformer can read. Instead each region starts near the
word embedding of what the classifier sees in it: ridge regression from the region's feature to
the mean word embedding of the classes, weighted by their probability.
"""

from __future__ import annotations

import numpy as np
import torch

from unisearch.model.unimo import UnimoModel
from unisearch.pretraining.features import PictureFeatures

_RIDGE = 1e-2
_PICTURES = 4_000


@torch.no_grad()
def fit_region_embedding(model: UnimoModel, features: PictureFeatures) -> float:
    """Sets ``region_embeddings.feature`` by ridge regression; boxes start without influence.

    Args:
        model: Changed in place.
        features: Of training pictures; their unaltered views are used.

    Returns:
        Share of the target's variance that the linear map explains, at most 1.
    """
    assert model.front_end is not None
    assert model.tag_table is not None
    table, words = model.tag_table.table, model.text_embeddings.word.weight
    present = (table != model.config.pad_token_id).to(words.dtype)[:, :, None]
    class_words = (words[table] * present).sum(dim=1) / present.sum(dim=1)  # (C, d)
    step = max(1, len(features.ids) // _PICTURES)
    grid = torch.from_numpy(features.grid[::step, 0].astype(np.float32)).flatten(0, 1)
    probabilities = torch.softmax(model.front_end.trunk.classifier(grid), dim=-1)
    target = probabilities @ class_words
    mean_x, mean_y = grid.mean(dim=0), target.mean(dim=0)
    x, y = (grid - mean_x).double(), (target - mean_y).double()
    gram = x.T @ x
    ridge = _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    weight = torch.linalg.solve(gram + ridge, x.T @ y)  # (F, d)
    layer = model.region_embeddings.feature
    layer.weight.copy_(weight.T.float())
    layer.bias.copy_(mean_y - layer.weight @ mean_x)
    model.region_embeddings.box.weight.zero_()
    model.region_embeddings.norm.load_state_dict(model.text_embeddings.norm.state_dict())
    residual = y - x @ weight
    return float(1 - residual.square().sum() / y.square().sum())
