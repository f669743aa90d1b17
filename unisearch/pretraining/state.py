"""A run's state on disk: safetensors and JSON, replaced as a whole."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from unisearch.errors import CheckpointError, ConfigError
from unisearch.pretraining.corpora.files import written_atomically
from unisearch.pretraining.optimizer import RunningAverage
from unisearch.pretraining.recipe import Recipe

_FILE = "state.safetensors"


def save_state(
    folder: Path,
    recipe: Recipe,
    step: int,
    parameters: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    average: RunningAverage,
) -> None:
    """Writes weights, moments, average and the number of finished steps, atomically."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        tensors[f"weight/{name}"] = parameter.detach().contiguous()
        tensors[f"average/{name}"] = average.values[name].contiguous()
        for key, value in optimizer.state[parameter].items():
            tensors[f"adam/{key}/{name}"] = value.contiguous()
    described = json.dumps(recipe.to_dict(), sort_keys=True)
    with written_atomically(folder / _FILE) as temporary:
        save_file(tensors, temporary, metadata={"step": str(step), "recipe": described})


def load_state(
    folder: Path,
    recipe: Recipe,
    parameters: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    average: RunningAverage,
) -> int:
    """Restores a state if there is one.

    Returns:
        The number of finished steps; 0 without a state.

    Raises:
        ConfigError: If the state is another recipe's.
        CheckpointError: If the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / _FILE
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            if metadata["recipe"] != json.dumps(recipe.to_dict(), sort_keys=True):
                raise ConfigError(
                    f"{path} is the state of another recipe than {recipe.name} as it is now; "
                    "give another folder, or delete this one to start afresh"
                )
            with torch.no_grad():
                for name, parameter in parameters.items():
                    parameter.copy_(file.get_tensor(f"weight/{name}"))
                    average.values[name] = file.get_tensor(f"average/{name}")
                    optimizer.state[parameter] = {
                        key: file.get_tensor(f"adam/{key}/{name}")
                        for key in ("step", "exp_avg", "exp_avg_sq")
                    }
    except (SafetensorError, OSError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; delete it to start afresh") from error
    return int(metadata["step"])
