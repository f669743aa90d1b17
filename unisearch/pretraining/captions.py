"""Texts as the training loop wants them: cut into word pieces once, padded batch by batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor

from unisearch.model.unimo import UnimoModel


class Texts:
    """N tokenised texts.

    Args:
        texts: The strings.
        tokenizer: Without padding and truncation.
        max_tokens: Longest, special tokens included.
        pad_token_id: Fills batches.
    """

    def __init__(
        self, texts: Sequence[str], tokenizer: Tokenizer, *, max_tokens: int, pad_token_id: int
    ) -> None:
        self.strings = tuple(texts)
        self._pad = pad_token_id
        ids = (encoding.ids for encoding in tokenizer.encode_batch(list(texts)))
        # An over-long text loses its last words, not its closing [SEP].
        self._ids = [i if len(i) <= max_tokens else [*i[: max_tokens - 1], i[-1]] for i in ids]

    def __len__(self) -> int:
        return len(self._ids)

    def batch(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Word pieces and validity of some texts: int64 [B, L] each, L the longest of them."""
        chosen = [self._ids[row] for row in rows]
        longest = max(map(len, chosen))
        ids = torch.full((len(chosen), longest), self._pad)
        mask = torch.zeros(len(chosen), longest, dtype=torch.int64)
        for i, pieces in enumerate(chosen):
            ids[i, : len(pieces)] = torch.tensor(pieces)
            mask[i, : len(pieces)] = 1
        return ids, mask

    @torch.no_grad()
    def embed(self, model: UnimoModel, batch_size: int = 64) -> Tensor:
        """Vectors of all texts by a model as it is now: [N, D], unit rows.

        Texts that occur several times are computed once.
        """
        first_row: dict[str, int] = {}
        for row, string in enumerate(self.strings):
            first_row.setdefault(string, row)
        order = sorted(first_row.values(), key=lambda row: len(self._ids[row]))
        vectors = torch.empty(len(self), model.config.projection_dim)
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            vectors[rows] = model.embed_texts(*self.batch(rows))
        return vectors[[first_row[string] for string in self.strings]]
