"""What enters the transformer: word pieces with positions, regions with boxes.

Notation: B batch, L tokens, R regions, F features of a region, d hidden size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unisearch.model.config import UnimoConfig

WHOLE_PICTURE = (0.0, 0.0, 1.0, 1.0, 1.0)
"""Box of [IMG]: x1, y1, x2, y2 as shares of width and height, then the share of the area."""


class TextEmbeddings(nn.Module):
    """Word + position → layer normalisation (``pre_encoder``) → dropout; no segment embedding."""

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.position = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.position_offset = config.position_offset

    def forward(self, input_ids: Tensor, positions: Tensor | None = None) -> Tensor:
        """Embeds tokens.

        Args:
            input_ids: int64 [B, L].
            positions: int64 [B, L] from 0, for segments with gaps; otherwise 0 … L-1.

        Returns:
            [B, L, d].
        """
        if positions is None:
            positions = torch.arange(input_ids.shape[1], device=input_ids.device)[None, :]
        x = self.word(input_ids) + self.position(positions + self.position_offset)
        embedded: Tensor = self.dropout(self.norm(x))
        return embedded


class RegionEmbeddings(nn.Module):
    """FC(feature) + FC(box) → layer normalisation (``v_pre_encoder``) → dropout.

    [IMG] comes first and is not learned: it is the mean of the regions' features with the box of
    the whole picture.
    """

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__()
        self.feature = nn.Linear(config.region_feature_size, config.hidden_size)
        self.box = nn.Linear(len(WHOLE_PICTURE), config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, features: Tensor, boxes: Tensor, validity: Tensor) -> Tensor:
        """Embeds [IMG] and the regions.

        Args:
            features: [B, R, F].
            boxes: [B, R, 5] in [0, 1].
            validity: [B, R], 1 for a region and 0 for padding.

        Returns:
            [B, 1 + R, d], [IMG] first.
        """
        weights = validity.to(features.dtype)[:, :, None]
        count = weights.sum(dim=1, keepdim=True).clamp_min(1.0)
        mean = (features * weights).sum(dim=1, keepdim=True) / count
        whole = torch.tensor(WHOLE_PICTURE, dtype=boxes.dtype, device=boxes.device)
        whole = whole.expand(boxes.shape[0], 1, len(WHOLE_PICTURE))
        x = self.feature(torch.cat([mean, features], dim=1))
        x = x + self.box(torch.cat([whole, boxes], dim=1))
        embedded: Tensor = self.dropout(self.norm(x))
        return embedded
