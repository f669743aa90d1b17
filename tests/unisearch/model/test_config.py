"""The three sizes, without allocating them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra 'train'")
pytest.importorskip("transformers", reason="the network needs the extra 'train'")

from unisearch.errors import ConfigError  # noqa: E402
from unisearch.model.config import preset  # noqa: E402
from unisearch.model.unimo import UnimoModel  # noqa: E402

DETECTOR = {
    "visual_trunk": None,
    "region_feature_size": 2_048,
    "region_classes": 1_601,
    "tag_classes": 0,
}
"""As in the paper."""


def published(layers: int, d: int) -> int:
    """Numbers in the official checkpoint of a size, variable by variable, less the head that
    predicts words: it is not part of this network."""
    linear = d * d + d
    norm = 2 * d
    embeddings = 50_265 * d + 514 * d + norm
    image = (2_048 * d + d) + (5 * d + d) + norm
    layer = 4 * linear + norm + (d * 4 * d + 4 * d) + (4 * d * d + d) + norm
    pooled = 2 * linear
    return embeddings + image + layers * layer + pooled


def word_head(d: int) -> int:
    return (d * d + d) + 2 * d + 50_265


@pytest.mark.parametrize(("name", "layers", "d"), [("base", 12, 768), ("large", 24, 1_024)])
def test_the_papers_sizes(name: str, layers: int, d: int) -> None:
    config = preset(name, **DETECTOR)
    with torch.device("meta"):
        model = UnimoModel(config)
    found = sum(parameter.numel() for parameter in model.parameters())
    ours = 2 * d * 512 + (d + 1) + 1  # projections, the score of the matching head, τ
    assert found == published(layers, d) + ours
    if name == "base":
        assert published(layers, d) + word_head(d) == 127_457_625  # "≈127.5M"
    assert (config.num_attention_heads, config.max_text_tokens) == (d // 64, 512)


def test_mini_is_the_size_of_minilm() -> None:
    with torch.device("meta"):
        model = UnimoModel(preset("mini", **DETECTOR))
    found = sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if name.startswith(("text_embeddings.", "transformer."))
    )
    # all-MiniLM-L6-v2 has 22,713,216 with its pooler (147,840) and two segment vectors.
    assert found == 22_713_216 - 147_840 - 2 * 384


def test_an_unknown_size_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'huge'; there are mini, base, large"):
        preset("huge")
