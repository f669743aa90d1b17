"""What the classifier sees, said in the unified space: ConSE inside the model.

ConSE places a picture at the mean of its likeliest classes' word vectors, weighted by their
probability (Norouzi et al., ICLR 2014, eq. 2 and 3). On everyday photographs that is hard to beat
with a few thousand training pairs, which hardly contain any; on drawings it says little. So the
picture's own vector is added to it: where the classifier is sure, the words lead, and what the
network learns is what they leave out.

Notation: B pictures, C classes, D dimension of the unified space.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unisearch.model.config import UnimoConfig

CONSE_CLASSES = 10
"""As many of the likeliest classes count, as in the published ConSE(10)."""


class ClassWords(nn.Module):
    """Word vectors of every class, [C, D], and the weight with which they count."""

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(config.region_classes, config.projection_dim))
        self.weight = config.class_words_weight

    @torch.no_grad()
    def fill(self, vectors: Tensor) -> None:
        """Writes the table.

        Args:
            vectors: [C, D], unit rows.

        Raises:
            ValueError: If there are not C rows of D numbers.
        """
        if vectors.shape != self.table.shape:
            raise ValueError(
                f"class vectors are {tuple(vectors.shape)}, the model takes "
                f"{tuple(self.table.shape)}"
            )
        self.table.copy_(vectors)

    def forward(self, embedded: Tensor, probabilities: Tensor) -> Tensor:
        """Adds the words of the likeliest classes to pictures' vectors.

        The sum is not normalised before it is added: where the classes disagree it is short and
        counts less.

        Args:
            embedded: [B, D], unit rows.
            probabilities: [B, C]; a row of zeros leaves its picture as it is.

        Returns:
            [B, D], unit rows.
        """
        top, classes = probabilities.topk(min(CONSE_CLASSES, len(self.table)), dim=-1)
        words = (top[:, :, None] * self.table[classes]).sum(dim=1)
        return F.normalize(embedded + self.weight * words, dim=-1)
