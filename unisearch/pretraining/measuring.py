"""What a run measures of its network: development pairs as it goes, held-out ones at its end."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from unisearch.datatypes import FloatArray
from unisearch.errors import ConfigError
from unisearch.evaluation.retrieval import as_table, measure_vectors
from unisearch.evaluation.text_pairs import as_rows, read_questions, text_quality
from unisearch.model.unimo import UnimoModel
from unisearch.pretraining.captions import Texts
from unisearch.pretraining.corpora.records import read_pairs
from unisearch.pretraining.features import picture_features
from unisearch.pretraining.pictures import embed_pictures
from unisearch.pretraining.recipe import Recipe, Trainable
from unisearch.pretraining.start import Start

Row = dict[str, Any]
"""A line of a table: subset, queries, recalls in percent."""


class Measuring:
    """Measures a network on a corpus.

    Texts are read by the network that is measured; against locked texts (``Trainable.IMAGE``) by
    the one the run started from, for the transformer has then become the pictures' own.

    Args:
        begun: The start, before training: its tokenizer, trunk and text side are used.
        recipe: The run.
        corpus: Folder that ``gather`` made.
        cache: Folder of cached features.

    Raises:
        ConfigError: If there are no development pairs.
    """

    def __init__(self, begun: Start, recipe: Recipe, corpus: Path, cache: Path) -> None:
        self._begun = begun
        locked = recipe.trainable == Trainable.IMAGE
        self._text_model = copy.deepcopy(begun.model).eval() if locked else None
        self._recipe = recipe
        self._corpus = corpus
        self._cache = cache
        if not read_pairs(corpus, splits=["dev"]):
            raise ConfigError(f"the corpus in {corpus} has no pairs in its split 'dev'")

    def development(self, model: UnimoModel) -> dict[str, float]:
        """Recalls on the development pairs, whose concepts are in neither training nor test."""
        (row,) = (row for row in self.retrieval(model, ["dev"]) if row["subset"] == "dev")
        return {key: float(value) for key, value in row.items() if key != "subset"}

    def retrieval(self, model: UnimoModel, splits: Sequence[str]) -> list[Row]:
        """Pictures and words, both ways, a row for each subset of some splits."""
        pairs = read_pairs(self._corpus, splits=splits)
        pictures = [(pair.id, self._corpus / pair.image) for pair in pairs]
        seed = self._recipe.seed
        features = picture_features(self._begun.model, pictures, self._cache, views=1, seed=seed)
        with torch.no_grad():
            images: FloatArray = embed_pictures(model, features).numpy()

        def encode(strings: Sequence[str]) -> FloatArray:
            return self._encode(model, strings)

        return list(as_table(measure_vectors(pairs, images, encode)))

    def language(self, model: UnimoModel) -> list[Row]:
        """From text to text, a row for each task."""
        questions = read_questions(self._corpus / "text_eval.jsonl")
        return list(as_rows(text_quality(lambda strings: self._encode(model, strings), questions)))

    def _encode(self, model: UnimoModel, strings: Sequence[str]) -> FloatArray:
        model = self._text_model or model
        texts = Texts(
            strings,
            self._begun.tokenizer,
            max_tokens=model.config.max_text_tokens,
            pad_token_id=int(model.config.pad_token_id or 0),
        )
        vectors: FloatArray = texts.embed(model).numpy()
        return vectors
