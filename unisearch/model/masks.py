"""Attention masks: who sees whom.

A mask is additive: 0 where a query position sees a key position, -10,000 where it does not (the
official code's ``(M - 1) · 1e4``). Validity may be soft: a key of weight w in (0, 1) gets ln w, so
that it takes w times the attention it would take otherwise. Weight 1 is an ordinary token and
weight 0 padding.

Notation: B batch, L positions, S source positions, T target positions.
"""

from __future__ import annotations

import torch
from torch import Tensor

HIDDEN = -10_000.0


def bidirectional_mask(validity: Tensor) -> Tensor:
    """Every position sees every valid one.

    Args:
        validity: [B, L] in [0, 1].

    Returns:
        Additive mask [B, 1, 1, L], the same for every head and query. Rows of padding queries are
        not hidden: nothing reads them.
    """
    weights = validity.to(torch.float32)
    additive = torch.where(weights > 0, torch.log(weights.clamp_min(1e-9)), HIDDEN)
    return additive[:, None, None, :]


def seq2seq_mask(source_validity: Tensor, target_validity: Tensor) -> Tensor:
    """Source sees all of the source; target sees the source and itself up to its own position.

    Args:
        source_validity: [B, S] in [0, 1]: regions, tags and source text.
        target_validity: [B, T] in [0, 1].

    Returns:
        Additive mask [B, 1, S + T, S + T] (paper, §2.3).
    """
    source, target = source_validity.shape[1], target_validity.shape[1]
    length = source + target
    keys = bidirectional_mask(torch.cat([source_validity, target_validity], dim=1))
    position = torch.arange(length, device=source_validity.device)
    # A key in the source is visible to all; a key in the target only from itself onwards.
    visible = (position[None, :] < source) | (position[None, :] <= position[:, None])
    return torch.where(visible[None, None], keys, HIDDEN)
