"""``unisearch train``: a recipe and a corpus → a checkpoint."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cli.failures import complain

EPILOG = """\
Examples:

\b
  unisearch gather data/corpus
  unisearch train unimo-mini --corpus data/corpus --out runs/mine
  unisearch index ~/Pictures --encoder runs/mine/checkpoint
"""


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="unimo-mini, a0, a1, a2, a3 or smoke.")
    ],
    corpus: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A corpus that `unisearch gather` made.")
    ] = Path("data/corpus"),
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the run; runs/RECIPE by default. A run that was interrupted goes on.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Instead of the recipe's.", show_default=False)
    ] = None,
) -> None:
    """Train a checkpoint by a recipe.

    Interrupt it whenever you like: the same command goes on from the last saved step. Metrics go
    to metrics.jsonl in the folder of the run, the result to its checkpoint folder.
    """
    import logging

    from unisearch.errors import MissingExtra
    from unisearch.pretraining.recipes.named import recipe_named

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("unisearch").setLevel(logging.INFO)
    chosen = recipe_named(recipe)
    if seed is not None:
        chosen = replace(chosen, seed=seed)
    try:
        from unisearch.pretraining.run import run_recipe
    except ImportError as error:
        raise MissingExtra("training", "train") from error
    checkpoint = run_recipe(chosen, corpus, out or Path("runs") / recipe, on_step=_Progress())
    if checkpoint is None:
        complain(f"{chosen.name} is for comparison and leaves no checkpoint; see measured.json")
    else:
        complain(f"the checkpoint is in {checkpoint}")


class _Progress:
    """A line on stderr every ten seconds."""

    def __init__(self) -> None:
        self._shown = 0.0

    def __call__(self, step: int, steps: int, seconds_left: float) -> None:
        if step == steps or time.monotonic() - self._shown > 10:
            self._shown = time.monotonic()
            minutes, seconds = divmod(round(seconds_left), 60)
            complain(f"step {step} of {steps}, {minutes}:{seconds:02} left")
