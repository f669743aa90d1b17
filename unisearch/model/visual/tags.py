"""Detected classes as words beside the regions.

UNIMO's captioning input puts the names of detected objects, embedded as text, between the regions
and the text. Here they stand in every picture's sequence: the text side knows what a "tabby"
is long before the first pair has been seen, so the picture starts from what the classifier says
(as ConSE does: Norouzi et al., ICLR 2014) and training adds what the regions say.

A tag counts by its probability: a class half as likely as the likeliest gets half the attention
and half the weight in the mean. Sequence: [CLS], the words of tag 1, of tag 2, …, [SEP].

Notation: B pictures, C classes, K tags kept, T word pieces a tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unisearch.model.config import UnimoConfig


@dataclass(frozen=True, slots=True)
class Tags:
    """Words of detected classes.

    Attributes:
        input_ids: int64 [B, 2 + K·T].
        weights: float [B, 2 + K·T]: 0 for padding, 1 for [CLS], [SEP] and the likeliest class,
            p_k / p_1 for the others.
        positions: int64 [B, 2 + K·T], from 0 and without gaps over what is not padding.
    """

    input_ids: Tensor
    weights: Tensor
    positions: Tensor


class TagTable(nn.Module):
    """Word pieces of every class name, int64 [C, T], padded."""

    table: Tensor

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__()
        shape = (config.region_classes, config.tag_tokens)
        self.register_buffer("table", torch.full(shape, config.pad_token_id, dtype=torch.int64))
        self.tag_classes = config.tag_classes
        self.pad_token_id = config.pad_token_id
        self.cls_token_id = config.cls_token_id
        self.sep_token_id = config.sep_token_id

    def fill(self, word_pieces: Sequence[Sequence[int]]) -> None:
        """Writes the table.

        Args:
            word_pieces: For each of the C classes its pieces without special tokens; more than T
                are cut.

        Raises:
            ValueError: If there are not C rows.
        """
        if len(word_pieces) != self.table.shape[0]:
            raise ValueError(f"{len(word_pieces)} class names for {self.table.shape[0]} classes")
        self.table.fill_(self.pad_token_id)
        for row, pieces in zip(self.table, word_pieces, strict=True):
            kept = torch.tensor(list(pieces)[: row.shape[0]], dtype=row.dtype)
            row[: len(kept)] = kept

    def forward(self, probabilities: Tensor) -> Tags:
        """Takes the K likeliest classes.

        Args:
            probabilities: [B, C].
        """
        top, classes = probabilities.topk(self.tag_classes, dim=-1)
        return self.of_classes(classes, top)

    def of_classes(self, classes: Tensor, probabilities: Tensor) -> Tags:
        """Words of given classes.

        Args:
            classes: int64 [B, K], the likeliest first.
            probabilities: [B, K], falling.
        """
        B, K = classes.shape
        pieces = self.table[classes].reshape(B, -1)  # (B, K·T)
        tokens = self.table.shape[1]
        relative = probabilities / probabilities[:, :1].clamp_min(1e-9)
        # Below 1e-4 a tag weighs nothing; the floor keeps its logarithm finite.
        weights = relative.clamp_min(1e-4)[:, :, None].expand(B, K, tokens).reshape(B, -1)
        weights = torch.where(pieces != self.pad_token_id, weights, 0.0)
        first = pieces.new_full((B, 1), self.cls_token_id)
        last = pieces.new_full((B, 1), self.sep_token_id)
        one = weights.new_ones(B, 1)
        input_ids = torch.cat([first, pieces, last], dim=1)
        weights = torch.cat([one, weights, one], dim=1)
        positions = (weights > 0).long().cumsum(dim=1) - 1
        return Tags(input_ids, weights, positions.clamp_min(0))
