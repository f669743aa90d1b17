"""A recipe and a corpus → a checkpoint folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from unisearch.datatypes import FloatArray
from unisearch.evaluation.retrieval import as_table, measure_vectors
from unisearch.model.checkpoint import save_checkpoint
from unisearch.model.unimo import UnimoModel
from unisearch.pretraining.captions import Texts
from unisearch.pretraining.card import model_card
from unisearch.pretraining.corpora.records import read_pairs
from unisearch.pretraining.data import load_training_data
from unisearch.pretraining.features import picture_features
from unisearch.pretraining.loop import Run, train
from unisearch.pretraining.pictures import embed_pictures
from unisearch.pretraining.recipe import Recipe
from unisearch.pretraining.region_start import fit_region_embedding
from unisearch.pretraining.start import Start, start

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
) -> Path:
    """Trains by a recipe, or goes on with a run that was interrupted.

    Args:
        recipe: How.
        corpus: Folder that ``gather`` made.
        folder: Of the run: features, state, metrics, and in the end ``checkpoint/``.
        on_step: Called after each step with step, steps and seconds left.

    Returns:
        The checkpoint folder.

    Raises:
        ConfigError: If the corpus is not one, or the folder holds another recipe's state.
        CheckpointError: If published weights to start from are not installed.
        Diverged: If the loss is no longer finite.
    """
    cache = folder / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    begun = start(recipe, cache)
    data = load_training_data(corpus, begun, recipe, cache)
    explained = fit_region_embedding(begun.model, data.train.features)
    _log.info("regions start as soft words: %.0f%% of the variance explained", 100 * explained)
    evaluate = _evaluation(begun, recipe, corpus, cache)
    run = Run(folder, on_step)
    metrics = train(begun.model, data, recipe, run, evaluate)
    begun.model.config.trained_objectives = ["in-batch contrast, separate encodings"]
    target = folder / "checkpoint"
    save_checkpoint(
        begun.model,
        begun.tokenizer_json,
        target,
        name=recipe.name,
        max_text_tokens=USED_TOKENS_FACTOR * recipe.max_text_tokens,
        card=model_card(recipe, corpus, metrics),
        recipe=recipe.to_dict(),
        metrics=dict(metrics),
    )
    return target


def _evaluation(
    begun: Start, recipe: Recipe, corpus: Path, cache: Path
) -> Callable[[UnimoModel], dict[str, float]]:
    """Measures on the development pairs, whose concepts are in neither training nor test."""
    pairs = read_pairs(corpus, splits=["dev"])
    pictures = [(pair.id, corpus / pair.image) for pair in pairs]
    features = picture_features(begun.model, pictures, cache, views=1, seed=recipe.seed)

    def evaluate(model: UnimoModel) -> dict[str, float]:
        def encode_texts(strings: Sequence[str]) -> FloatArray:
            texts = Texts(
                strings,
                begun.tokenizer,
                max_tokens=recipe.max_text_tokens,
                pad_token_id=int(model.config.pad_token_id or 0),
            )
            vectors: FloatArray = texts.embed(model).numpy()
            return vectors

        with torch.no_grad():
            images: FloatArray = embed_pictures(model, features).numpy()
        rows: list[dict[str, Any]] = list(as_table(measure_vectors(pairs, images, encode_texts)))
        return {key: float(value) for key, value in rows[0].items() if key != "subset"}

    return evaluate
