"""Losses. Each is a function of plain tensors, testable against a naive loop.

The separate-encoding part of cross-modal contrastive learning in its ``split`` form: pictures and
texts are encoded apart, and every other item of the batch is a negative. As published, CMCL never
pushes a separately encoded pair down, which a search index needs most.

Notation: B pairs, D dimension of the unified space, τ temperature.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE_RANGE = (0.001, 0.5)


def in_batch_loss(
    images: Tensor, texts: Tensor, positives: Tensor, ignored: Tensor, temperature: Tensor
) -> Tensor:
    """Symmetric contrastive loss with several positives.

    For each picture i, with s = cosine / τ::

        -log( Σ_{j positive} e^{s_ij} / Σ_{j not ignored} e^{s_ij} )

    and the same for each text over pictures; the mean of both sides. The sum over positives stands
    inside the logarithm, as in the paper (eq. 1): one good positive is enough.

    Args:
        images: [B, D], unit rows.
        texts: [B, D], unit rows.
        positives: bool [B, B]; the diagonal is always true.
        ignored: bool [B, B]; pairs that are neither (likely false negatives).
        temperature: τ; clipped to ``TEMPERATURE_RANGE``.

    Returns:
        A scalar; 0 if every other item is ignored.
    """
    similarities = images @ texts.T / temperature.clamp(*TEMPERATURE_RANGE)
    hidden = torch.finfo(similarities.dtype).min
    candidates = similarities.masked_fill(ignored & ~positives, hidden)
    chosen = similarities.masked_fill(~positives, hidden)
    by_image = candidates.logsumexp(dim=1) - chosen.logsumexp(dim=1)
    by_text = candidates.logsumexp(dim=0) - chosen.logsumexp(dim=0)
    return (by_image.mean() + by_text.mean()) / 2


def relations(
    concepts: Tensor, text_vectors: Tensor, *, same: float, doubtful: float
) -> tuple[Tensor, Tensor]:
    """Which pairs of a batch are positives of each other, and which are left out.

    Args:
        concepts: int64 [B], one number per concept.
        text_vectors: [B, D], unit rows of a text encoder that is not being trained.
        same: Cosine from which two captions say the same thing.
        doubtful: Cosine from which they may, or share a concept: neither positive nor negative.

    Returns:
        positives, ignored: bool [B, B] each; the diagonal is positive.
    """
    cosine = text_vectors @ text_vectors.T
    positives = cosine >= same
    positives.fill_diagonal_(True)
    ignored = (cosine >= doubtful) | (concepts[:, None] == concepts[None, :])
    return positives, ignored & ~positives


def anchor_loss(vectors: Tensor, anchors: Tensor) -> Tensor:
    """Mean of 1 - cosine between rows: keeps a space where it was, or pulls it to a teacher's.

    Args:
        vectors: [N, D], unit rows.
        anchors: [N, D], unit rows, without gradient.

    Returns:
        A scalar in [0, 2]; 0 for no rows.
    """
    if len(vectors) == 0:
        return vectors.sum()
    return (1 - (vectors * anchors).sum(dim=-1)).mean()


def conse_vectors(probabilities: Tensor, class_vectors: Tensor) -> Tensor:
    """ConSE: the mean of the likeliest classes' word vectors, weighted by probability.

    Args:
        probabilities: [B, K] of the K classes kept.
        class_vectors: [B, K, D], unit vectors of their names.

    Returns:
        [B, D], unit rows (Norouzi et al., ICLR 2014, eq. 2 and 3).
    """
    mixed = (probabilities[:, :, None] * class_vectors).sum(dim=1)
    return F.normalize(mixed, dim=-1)
