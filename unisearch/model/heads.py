"""From hidden states to what the objectives and the search engine need.

Notation: B batch, L positions, d hidden size, D dimension of the unified space.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from unisearch.model.config import UnimoConfig


def pool(hidden: Tensor, weights: Tensor, pooling: str) -> Tensor:
    """One vector for a segment.

    Args:
        hidden: [B, L, d] of the segment.
        weights: [B, L] in [0, 1], the validity of its positions.
        pooling: ``first``: the first position ([CLS], [IMG]). ``mean``: the weighted mean.

    Returns:
        [B, d].
    """
    if pooling == "first":
        return hidden[:, 0]
    w = weights.to(hidden.dtype)[:, :, None]
    mean: Tensor = (hidden * w).sum(dim=1) / w.sum(dim=1).clamp_min(1e-9)
    return mean


class Projection(nn.Linear):
    """A linear map without bias that starts as the (rectangular) identity.

    So a text encoder that was trained for cosine keeps its space at the beginning of training, and
    pictures enter the same space through the words of their classes.
    """

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__(config.hidden_size, config.projection_dim, bias=False)


class Projections(nn.Module):
    """Pooled text and pooled picture → the unified space, where their cosine is d_S(V, W)."""

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__()
        self.text = Projection(config)
        self.image = Projection(config)

    def embed_text(self, pooled: Tensor) -> Tensor:
        """[B, d] → [B, D], unit rows."""
        return F.normalize(self.text(pooled), dim=-1)

    def embed_image(self, pooled: Tensor) -> Tensor:
        """[B, d] → [B, D], unit rows."""
        return F.normalize(self.image(pooled), dim=-1)


class MatchingHead(nn.Module):
    """d_J(V, W) = w·dropout(p_t ⊙ p_v) + b with p = ReLU(W h + b), as in the official code."""

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__()
        d = config.hidden_size
        self.text = nn.Linear(d, d)
        self.image = nn.Linear(d, d)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.score = nn.Linear(d, 1)

    def forward(self, text: Tensor, image: Tensor) -> Tensor:
        """Jointly encoded pooled text [B, d] and picture [B, d] → logits [B]."""
        fused = F.relu(self.text(text)) * F.relu(self.image(image))
        logits: Tensor = self.score(self.dropout(fused)).squeeze(-1)
        return logits
