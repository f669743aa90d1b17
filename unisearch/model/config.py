"""The configuration of UNIMO and its three sizes."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig

from unisearch.errors import ConfigError


class UnimoConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Everything that determines the network's shape and its reading of inputs.

    Args:
        vocab_size: Word pieces.
        hidden_size: d, the width of every layer.
        num_hidden_layers: Transformer layers.
        num_attention_heads: Attention heads; must divide ``hidden_size``.
        intermediate_size: Width of the feed-forward layers, 4d in the paper.
        hidden_dropout_prob: Dropout on embeddings and on each sublayer's output.
        attention_probs_dropout_prob: Dropout on attention weights.
        max_position_embeddings: Rows of the position table.
        position_offset: Row of the first token: 2 as in UNIMO and RoBERTa, 0 as in BERT.
        initializer_range: Standard deviation of initial weights.
        layer_norm_eps: ε of every layer normalisation.
        pad_token_id, cls_token_id, sep_token_id, mask_token_id: Special word pieces.
        region_feature_size: F, length of a region's feature.
        region_classes: C, classes of the regions' soft labels.
        pooling: Which hidden state stands for a segment: ``first`` ([CLS], [IMG]) as in the
            paper, or ``mean`` over its positions, as models of the MiniLM family were trained.
        projection_dim: D, dimension of the unified space.
        initial_temperature: Initial τ of the contrastive loss.
        visual_trunk: Name of the convolutional trunk that makes regions of pixels, or ``None``
            when regions come from outside (a detector).
        visual_image_size_px: Side of the trunk's square input.
        visual_grid: g; the trunk's feature map is pooled to g × g regions.
        tag_classes: How many detected classes stand as words beside the regions; 0 for none.
        tag_tokens: Word pieces kept of each class name.
        class_words_weight: How much the word vectors of a picture's classes count beside its own
            vector, of length 1; 0 for no such table.
        trained_objectives: Which heads of the checkpoint have been trained.

    Raises:
        ConfigError: For values that cannot work together.
    """

    model_type = "unimo"

    def __init__(
        self,
        *,
        vocab_size: int = 30_522,
        hidden_size: int = 384,
        num_hidden_layers: int = 6,
        num_attention_heads: int = 12,
        intermediate_size: int = 1_536,
        hidden_dropout_prob: float = 0.1,
        attention_probs_dropout_prob: float = 0.1,
        max_position_embeddings: int = 512,
        position_offset: int = 0,
        initializer_range: float = 0.02,
        layer_norm_eps: float = 1e-12,
        pad_token_id: int = 0,
        cls_token_id: int = 101,
        sep_token_id: int = 102,
        mask_token_id: int = 103,
        region_feature_size: int = 1_280,
        region_classes: int = 1_000,
        pooling: str = "mean",
        projection_dim: int = 384,
        initial_temperature: float = 0.07,
        visual_trunk: str | None = "efficientnet-lite2",
        visual_image_size_px: int = 260,
        visual_grid: int = 3,
        tag_classes: int = 8,
        tag_tokens: int = 4,
        class_words_weight: float = 0.0,
        trained_objectives: tuple[str, ...] | list[str] = (),
        **kwargs: Any,
    ) -> None:
        if hidden_size % num_attention_heads:
            raise ConfigError(
                f"hidden_size {hidden_size} is not a multiple of "
                f"num_attention_heads {num_attention_heads}"
            )
        if pooling not in ("first", "mean"):
            raise ConfigError(f"pooling is 'first' or 'mean', not {pooling!r}")
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.hidden_dropout_prob = hidden_dropout_prob
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.max_position_embeddings = max_position_embeddings
        self.position_offset = position_offset
        self.initializer_range = initializer_range
        self.layer_norm_eps = layer_norm_eps
        self.cls_token_id = cls_token_id
        self.sep_token_id = sep_token_id
        self.mask_token_id = mask_token_id
        self.region_feature_size = region_feature_size
        self.region_classes = region_classes
        self.pooling = pooling
        self.projection_dim = projection_dim
        self.initial_temperature = initial_temperature
        self.visual_trunk = visual_trunk
        self.visual_image_size_px = visual_image_size_px
        self.visual_grid = visual_grid
        self.tag_classes = tag_classes
        self.tag_tokens = tag_tokens
        self.class_words_weight = class_words_weight
        self.trained_objectives = list(trained_objectives)
        super().__init__(pad_token_id=pad_token_id, **kwargs)  # type: ignore[call-arg]

    @property
    def max_text_tokens(self) -> int:
        """Longest text, [CLS] and [SEP] included."""
        return int(self.max_position_embeddings - self.position_offset)


_ROBERTA = {
    "vocab_size": 50_265,
    "max_position_embeddings": 514,
    "position_offset": 2,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "cls_token_id": 0,
    "sep_token_id": 2,
    "mask_token_id": 50_264,
    "pooling": "first",
}

PRESETS: dict[str, dict[str, Any]] = {
    "mini": {},
    "base": {
        **_ROBERTA,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3_072,
        "projection_dim": 512,
        "visual_grid": 6,
    },
    "large": {
        **_ROBERTA,
        "hidden_size": 1_024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4_096,
        "projection_dim": 512,
        "visual_grid": 9,
    },
}
"""``mini`` starts from all-MiniLM-L6-v2; ``base`` and ``large`` are the paper's sizes and start
from RoBERTa (paper, §3.1; the official configuration files)."""


def preset(name: str, **changes: Any) -> UnimoConfig:
    """A size by name, with changes.

    Raises:
        ConfigError: For an unknown name.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; there are {', '.join(PRESETS)}")
    return UnimoConfig(**{**PRESETS[name], **changes})
