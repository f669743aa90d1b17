"""Which weights learn, how fast, and their running average."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from unisearch.model.unimo import UnimoModel
from unisearch.pretraining.recipe import Recipe, Trainable

_FROZEN = ("front_end.", "text_embeddings.word.", "class_words.", "matching.")
"""The trunk; the word table, most of whose rows no caption touches; the words of classes, most of
which no pair shows; the head of another objective."""


def trainable_parameters(model: UnimoModel, trainable: Trainable) -> dict[str, nn.Parameter]:
    """The parameters that learn, by name; the others are frozen."""
    chosen = {}
    for name, parameter in model.named_parameters():
        learns = trainable != Trainable.NOTHING and not name.startswith(_FROZEN)
        if trainable == Trainable.PROJECTIONS:
            learns = name.startswith(("projections.", "region_embeddings.", "temperature"))
        if trainable == Trainable.IMAGE and name.startswith("projections.text"):
            learns = False
        parameter.requires_grad_(learns)
        if learns:
            chosen[name] = parameter
    return chosen


def build_optimizer(parameters: dict[str, nn.Parameter], recipe: Recipe) -> torch.optim.Adam:
    """Adam with decoupled weight decay, not on biases, layer norms, projections and τ.

    Projections start as the identity, from which decay would pull them away.
    """
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in parameters.items():
        exempt = parameter.ndim < 2 or name.startswith("projections.")
        (plain if exempt else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=recipe.learning_rate,
        betas=recipe.betas,
        eps=recipe.adam_eps,
    )


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then half a cosine to 0 at the last step.

    Args:
        recipe: The run.
        step: From 0.
    """
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    rest = max(1, recipe.steps - recipe.warmup_steps)
    return (
        recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - recipe.warmup_steps) / rest))
    )


class RunningAverage:
    """Exponential moving average of the weights that learn.

    Its decay grows with the number of steps up to the recipe's, so that early averages forget the
    starting point.
    """

    def __init__(self, parameters: dict[str, nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, parameters: dict[str, nn.Parameter], step: int) -> None:
        """Takes in the weights after a step."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in parameters.items():
            self.values[name].lerp_(parameter, 1 - decay)

    @torch.no_grad()
    def swap(self, parameters: dict[str, nn.Parameter]) -> None:
        """Exchanges the average and the current weights."""
        for name, parameter in parameters.items():
            current: Tensor = parameter.clone()
            parameter.copy_(self.values[name])
            self.values[name] = current
