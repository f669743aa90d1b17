"""The start of the region layer against least squares."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("transformers", reason="training needs the extra 'train'")

from tests.unisearch.pretraining.tiny import tiny_features, tiny_model  # noqa: E402
from unisearch.pretraining.region_start import fit_region_embedding  # noqa: E402

F = 6


def test_regions_start_as_soft_words() -> None:
    model = tiny_model(region_feature_size=F)
    classifier = torch.nn.Linear(F, 20)
    with torch.no_grad():
        classifier.weight.mul_(8)
    # All that is asked of the trunk is its classifier.
    model.front_end = torch.nn.Module()
    model.front_end.trunk = torch.nn.Module()
    model.front_end.trunk.classifier = classifier
    features = tiny_features(30, 2, size=F)
    explained = fit_region_embedding(model, features)

    assert model.tag_table is not None
    words = model.text_embeddings.word.weight.detach().double().numpy()
    names = np.stack([words[row[row != 0]].mean(axis=0) for row in model.tag_table.table.numpy()])
    x = features.grid[:, 0].astype(np.float64).reshape(-1, F)  # unaltered views only
    weight, bias = (p.detach().double().numpy() for p in classifier.parameters())
    logits = x @ weight.T + bias
    seen = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = seen @ names
    # Ridge regression is least squares with rows of √λ added; the bias is not shrunk.
    x0, y0 = x - x.mean(axis=0), y - y.mean(axis=0)
    ridge = 1e-2 * np.mean(np.sum(x0**2, axis=0))
    solution, *_ = np.linalg.lstsq(
        np.vstack([x0, np.sqrt(ridge) * np.eye(F)]), np.vstack([y0, np.zeros((F, 16))]), rcond=None
    )
    layer = model.region_embeddings.feature
    np.testing.assert_allclose(layer.weight.detach().T, solution, atol=1e-4)
    predicted = layer(torch.from_numpy(x).float()).detach().numpy()
    np.testing.assert_allclose(predicted, x0 @ solution + y.mean(axis=0), atol=1e-4)
    share = 1 - ((predicted - y) ** 2).sum() / (y0**2).sum()
    assert explained == pytest.approx(share, abs=1e-4)
    assert 0.3 < explained < 1

    assert not model.region_embeddings.box.weight.any()
    for kind in ("weight", "bias"):
        ours = getattr(model.region_embeddings.norm, kind)
        assert torch.equal(ours, getattr(model.text_embeddings.norm, kind))
