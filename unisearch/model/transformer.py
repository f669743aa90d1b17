"""The one transformer that text tokens and regions share.

Post-LN, as in the paper's code: each sublayer is dropout → add the residual → layer normalisation,
and there is none after the last layer.

Notation: B batch, L positions, d hidden size, H heads.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from unisearch.model.config import UnimoConfig


class SelfAttention(nn.Module):
    """Multi-head attention scaled by 1/√(d/H)."""

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__()
        d = config.hidden_size
        self.query = nn.Linear(d, d)
        self.key = nn.Linear(d, d)
        self.value = nn.Linear(d, d)
        self.output = nn.Linear(d, d)
        self.heads = config.num_attention_heads
        self.dropout_prob = config.attention_probs_dropout_prob

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """[B, L, d] and an additive mask that broadcasts to [B, H, L, L] → [B, L, d]."""
        B, L, d = x.shape

        def split(y: Tensor) -> Tensor:  # (B, L, d) → (B, H, L, d/H)
            return y.view(B, L, self.heads, d // self.heads).transpose(1, 2)

        y = F.scaled_dot_product_attention(
            split(self.query(x)),
            split(self.key(x)),
            split(self.value(x)),
            attn_mask=mask.to(x.dtype),
            dropout_p=self.dropout_prob if self.training else 0.0,
        )
        output: Tensor = self.output(y.transpose(1, 2).reshape(B, L, d))
        return output


class Layer(nn.Module):
    """Attention, then a feed-forward network with exact (erf) GELU."""

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__()
        d = config.hidden_size
        self.attention = SelfAttention(config)
        self.attention_norm = nn.LayerNorm(d, eps=config.layer_norm_eps)
        self.up = nn.Linear(d, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, d)
        self.ffn_norm = nn.LayerNorm(d, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.attention_norm(x + self.dropout(self.attention(x, mask)))
        y: Tensor = self.ffn_norm(x + self.dropout(self.down(F.gelu(self.up(x)))))
        return y


class Transformer(nn.Module):
    """The layers one after another."""

    def __init__(self, config: UnimoConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """[B, L, d] embeddings → [B, L, d] hidden states."""
        for layer in self.layers:
            x = layer(x, mask)
        return x
