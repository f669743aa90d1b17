"""The training loop: step, log, evaluate, save; resumes bit for bit on the same machine.

Batches, views and dropout depend on seed and step only, so weights, moments, average and the
step's number are the whole state.
"""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unisearch.errors import UnisearchError
from unisearch.model.unimo import UnimoModel
from unisearch.pretraining.corpora.files import written_atomically
from unisearch.pretraining.data import TrainingData
from unisearch.pretraining.optimizer import (
    RunningAverage,
    build_optimizer,
    learning_rate,
    trainable_parameters,
)
from unisearch.pretraining.recipe import Recipe, Trainable
from unisearch.pretraining.state import load_state, save_state
from unisearch.pretraining.step import StepLosses

_log = logging.getLogger(__name__)

Evaluate = Callable[[UnimoModel], dict[str, float]]
"""A model in evaluation mode → its metrics."""


class Diverged(UnisearchError):
    """A loss or its gradient is no longer a number."""


@dataclass(slots=True)
class Run:
    """Where a run writes.

    Attributes:
        folder: Its folder: ``state/`` to resume from, ``metrics.jsonl``.
        on_step: Called after each step with step, steps and seconds left.
    """

    folder: Path
    on_step: Callable[[int, int, float], None] = field(default=lambda *_: None)

    def log(self, row: dict[str, Any]) -> None:
        """Appends a line of metrics."""
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def rewind(self, step: int) -> None:
        """Drops the metrics of later steps, which a run that goes on from ``step`` writes again.

        A line that a killed run could not finish goes too.
        """
        path = self.folder / "metrics.jsonl"
        if not path.exists():
            return
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        with written_atomically(path) as temporary:
            kept = "".join(line for line in lines if _step_of(line) <= step)
            temporary.write_text(kept, encoding="utf-8")


def _step_of(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except ValueError:
        return math.inf


def train(
    model: UnimoModel, data: TrainingData, recipe: Recipe, run: Run, evaluate: Evaluate
) -> dict[str, float]:
    """Trains a network in place and leaves the averaged weights in it.

    Args:
        model: The starting point; changed.
        data: What is learned from.
        recipe: How.
        run: Where state and metrics go; continued if it holds a state of the same recipe.
        evaluate: Measures the averaged weights from time to time and at the end.

    Returns:
        The last metrics.

    Raises:
        Diverged: If a loss or its gradient is not finite; the last saved state stays.
        ConfigError: If the folder holds the state of another recipe.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    parameters = trainable_parameters(model, recipe.trainable)
    if recipe.trainable == Trainable.NOTHING:
        return evaluate(model.eval())
    anchor = copy.deepcopy(model).eval().requires_grad_(False)
    optimizer = build_optimizer(parameters, recipe)
    average = RunningAverage(parameters, recipe.average_decay, recipe.start_share)
    state_folder = run.folder / "state"
    first = load_state(state_folder, recipe, parameters, optimizer, average)
    run.rewind(first)
    losses_of = StepLosses(model, anchor, data, recipe)
    started = time.monotonic()
    metrics: dict[str, float] = {}

    def measured() -> dict[str, float]:
        with average.applied(parameters):
            return evaluate(model.eval())

    def check(value: Tensor, what: str, losses: dict[str, Tensor]) -> None:
        if math.isfinite(value.item()):
            return
        parts = {name: loss.item() for name, loss in losses.items()}
        raise Diverged(
            f"step {step + 1}: the {what} is {value.item()}, the losses are {parts}; what was "
            f"saved stays in {state_folder}, but the same recipe would come to the same place: "
            f"lower its learning_rate ({recipe.learning_rate}) and train into another folder"
        )

    for step in range(first, recipe.steps):
        model.train()
        torch.manual_seed(recipe.seed * 1_000_003 + step)  # dropout
        rate = learning_rate(recipe, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses = losses_of(step)
        total = torch.stack(list(losses.values())).sum()
        check(total, "loss", losses)
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), recipe.clip_norm)
        check(norm, "gradient's norm", losses)  # a step along it would spoil every weight
        optimizer.step()
        average.update(parameters, step)

        done = step + 1
        seconds_left = (time.monotonic() - started) / (done - first) * (recipe.steps - done)
        run.log(
            {
                "step": done,
                "loss": total.item(),
                **{f"loss_{name}": loss.item() for name, loss in losses.items()},
                "gradient_norm": norm.item(),
                "learning_rate": rate,
                "temperature": model.temperature.item(),
            }
        )
        run.on_step(done, recipe.steps, seconds_left)
        if done % recipe.evaluate_every == 0 or done == recipe.steps:
            metrics = measured()
            run.log({"step": done, **metrics})
            _log.info("step %d: %s", done, metrics)
        if done % recipe.save_every == 0 or done == recipe.steps:
            save_state(state_folder, recipe, done, parameters, optimizer, average)
    average.write(parameters)
    model.eval()
    return metrics or evaluate(model)
