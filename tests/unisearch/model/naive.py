"""UNIMO in plain numpy: one sequence at a time, one head at a time, double precision.

Nothing is padded and nothing is masked: what a position cannot see is not there. A position of
weight w takes w times the attention that it would take otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from unisearch.model.unimo import UnimoModel

Array = npt.NDArray[np.float64]


def unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


class Naive:
    """Reads the weights of a network."""

    def __init__(self, model: UnimoModel) -> None:
        self.weights = {
            name: parameter.detach().double().numpy()
            for name, parameter in model.named_parameters()
        }
        self.config = model.config

    def linear(self, name: str, x: Array) -> Array:
        bias = self.weights.get(f"{name}.bias", 0.0)
        return x @ self.weights[f"{name}.weight"].T + bias

    def norm(self, name: str, x: Array) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(variance + self.config.layer_norm_eps)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def words(self, ids: Sequence[int], positions: Sequence[int] | None = None) -> Array:
        """[L, d] of a text's embeddings."""
        rows = range(len(ids)) if positions is None else positions
        table = self.weights["text_embeddings.word.weight"]
        places = self.weights["text_embeddings.position.weight"]
        x = [
            table[i] + places[p + self.config.position_offset]
            for i, p in zip(ids, rows, strict=True)
        ]
        return self.norm("text_embeddings.norm", np.stack(x))

    def regions(self, features: Array, boxes: Array) -> Array:
        """[1 + R, d] of a picture's embeddings, [IMG] first."""
        features = np.vstack([features.mean(axis=0), features])
        boxes = np.vstack([[0, 0, 1, 1, 1], boxes])
        x = self.linear("region_embeddings.feature", features)
        return self.norm("region_embeddings.norm", x + self.linear("region_embeddings.box", boxes))

    def transform(self, x: Array, weights: Sequence[float] | None = None) -> Array:
        """[L, d] embeddings → [L, d] hidden states."""
        w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
        for i in range(self.config.num_hidden_layers):
            layer = f"transformer.layers.{i}"
            x = self.norm(
                f"{layer}.attention_norm", x + self._attention(f"{layer}.attention", x, w)
            )
            inner = self.linear(f"{layer}.up", x)
            gelu = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
            x = self.norm(f"{layer}.ffn_norm", x + self.linear(f"{layer}.down", gelu))
        return x

    def _attention(self, name: str, x: Array, w: Array) -> Array:
        q, k, v = (self.linear(f"{name}.{part}", x) for part in ("query", "key", "value"))
        heads = self.config.num_attention_heads
        size = x.shape[1] // heads
        mixed = np.zeros_like(x)
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            for query in range(len(x)):
                e = np.exp(k[:, part] @ q[query, part] / math.sqrt(size))
                share = w * e / (w * e).sum()
                mixed[query, part] = share @ v[:, part]
        return self.linear(f"{name}.output", mixed)

    def pool(self, hidden: Array, weights: Sequence[float] | None = None) -> Array:
        if self.config.pooling == "first":
            return hidden[0]
        pooled: Array = np.average(hidden, axis=0, weights=weights)
        return pooled

    def match(self, text: Array, image: Array) -> float:
        p_t = np.maximum(self.linear("matching.text", text), 0)
        p_v = np.maximum(self.linear("matching.image", image), 0)
        return float(self.linear("matching.score", p_t * p_v)[0])
