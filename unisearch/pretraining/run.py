"""A recipe and a corpus → a checkpoint folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

from unisearch.model.checkpoint import save_checkpoint
from unisearch.pretraining.card import model_card
from unisearch.pretraining.data import load_training_data
from unisearch.pretraining.loop import Run, train
from unisearch.pretraining.measuring import Measuring
from unisearch.pretraining.recipe import Recipe, Trainable
from unisearch.pretraining.region_start import fit_region_embedding
from unisearch.pretraining.start import start

_log = logging.getLogger(__name__)

USED_TOKENS_FACTOR = 4
"""Texts in use may be this many times as long as captions in training: word order within a caption
is what training changes, and the starting text encoder read longer texts than captions."""


def run_recipe(
    recipe: Recipe,
    corpus: Path,
    folder: Path,
    *,
    on_step: Callable[[int, int, float], None] = lambda *_: None,
) -> Path | None:
    """Trains by a recipe, or goes on with a run that was interrupted.

    Args:
        recipe: How.
        corpus: Folder that ``gather`` made; features of its pictures are cached there.
        folder: Of the run: state, metrics, and in the end ``measured.json`` and ``checkpoint/``.
        on_step: Called after each step with step, steps and seconds left.

    Returns:
        The checkpoint folder; ``None`` for a run against locked texts, made for comparison only.

    Raises:
        ConfigError: If the corpus is not one, or the folder holds another recipe's state.
        CheckpointError: If published weights to start from are not installed.
        Diverged: If the loss is no longer finite.
    """
    cache = corpus / "cache"  # of what all runs on this corpus share
    cache.mkdir(parents=True, exist_ok=True)
    begun = start(recipe, cache)
    data = load_training_data(corpus, begun, recipe, cache)
    explained = fit_region_embedding(begun.model, data.train.features)
    _log.info("regions start as soft words: %.0f%% of the variance explained", 100 * explained)
    measuring = Measuring(begun, recipe, corpus, cache)
    language_before = measuring.language(begun.model)
    metrics = train(begun.model, data, recipe, Run(folder, on_step), measuring.development)
    held_out = measuring.retrieval(begun.model, ["test", "stamps"])
    language = measuring.language(begun.model)
    begun.model.config.trained_objectives = ["in-batch contrast, separate encodings"]
    measured = {"held out": held_out, "language": language, "development": metrics}
    (folder / "measured.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
    if recipe.trainable == Trainable.IMAGE:
        return None  # two transformers, where a checkpoint has one
    target = folder / "checkpoint"
    save_checkpoint(
        begun.model,
        begun.tokenizer_json,
        target,
        name=recipe.name,
        max_text_tokens=USED_TOKENS_FACTOR * recipe.max_text_tokens,
        card=model_card(recipe, corpus, held_out, language_before, language),
        recipe=recipe.to_dict(),
        metrics=measured,
    )
    return target
