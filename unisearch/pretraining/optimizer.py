"""Which weights learn, how fast, and their running average."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

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
    """Exponential moving average of the weights that learn, mixed with those they started from.

    Its decay grows with the number of steps up to the recipe's, so that early averages forget the
    starting point. The starting point comes in when the average is used: between the weights of a
    pretrained network and the same ones fine-tuned, what one of them knows is kept to a larger
    part than what the other loses (WiSE-FT: Wortsman et al., CVPR 2022).

    Args:
        parameters: What learns, as it is before the first step.
        decay: Of the average.
        start_share: Share of the starting weights in what is evaluated and kept.
    """

    def __init__(
        self, parameters: dict[str, nn.Parameter], decay: float, start_share: float = 0.0
    ) -> None:
        self.decay = decay
        self.start_share = start_share
        self.values = {name: p.detach().clone() for name, p in parameters.items()}
        self._start = {name: p.detach().clone() for name, p in parameters.items()}

    @torch.no_grad()
    def update(self, parameters: dict[str, nn.Parameter], step: int) -> None:
        """Takes in the weights after a step."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in parameters.items():
            self.values[name].lerp_(parameter, 1 - decay)

    @torch.no_grad()
    def write(self, parameters: dict[str, nn.Parameter]) -> None:
        """Puts the average, mixed with the start, in the place of the weights."""
        for name, parameter in parameters.items():
            parameter.copy_(torch.lerp(self.values[name], self._start[name], self.start_share))

    @contextmanager
    def applied(self, parameters: dict[str, nn.Parameter]) -> Iterator[None]:
        """``write`` for the length of a block; the current weights are back after it."""
        current = {name: p.detach().clone() for name, p in parameters.items()}
        self.write(parameters)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in parameters.items():
                    parameter.copy_(current[name])
