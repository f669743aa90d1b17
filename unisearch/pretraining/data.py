"""Everything a run learns from, loaded once; batches that depend on seed and step only.

A batch is a pure function of the seed and the step's number, so a resumed run sees exactly what
an uninterrupted one would have seen.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unisearch.errors import ConfigError
from unisearch.model.visual.classes import imagenet_classes
from unisearch.pretraining.captions import Texts
from unisearch.pretraining.corpora.records import Pair, read_bare_pictures, read_pairs
from unisearch.pretraining.features import PictureFeatures, picture_features
from unisearch.pretraining.recipe import Recipe
from unisearch.pretraining.start import Start
from unisearch.pretraining.views import random_for

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pictures with captions.

    Attributes:
        records: N records, in the order of the features.
        features: Of their pictures.
        captions: All captions of all pictures, one after another.
        first_caption: int64 [N + 1]; picture i has captions first[i] … first[i + 1] - 1.
        caption_vectors: [captions, D], by the starting text encoder.
        concepts: int64 [N], one number per concept.
    """

    records: tuple[Pair, ...]
    features: PictureFeatures
    captions: Texts
    first_caption: npt.NDArray[np.int64]
    caption_vectors: Tensor
    concepts: Tensor


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a run learns from.

    Attributes:
        train: The training pairs.
        bare: Features of pictures without words.
        texts: Unpaired texts.
        class_words: What classes are called, all classes one after another.
        first_class_word: int64 [C + 1], as ``first_caption``.
        class_word_vectors: Of class words, by the starting text encoder.
        tag_vectors: [C, D] of the classes' tags, by the starting text encoder.
        class_likeness: [C, C], cosine between the classifier's weights.
    """

    train: Pairs
    bare: PictureFeatures
    texts: Texts
    class_words: Texts
    first_class_word: npt.NDArray[np.int64]
    class_word_vectors: Tensor
    tag_vectors: Tensor
    class_likeness: Tensor


def load_pairs(
    corpus: Path, split: str, start: Start, recipe: Recipe, cache: Path, *, views: int
) -> Pairs:
    """Pairs of one split with their features.

    Raises:
        ConfigError: If the split is empty.
    """
    records = tuple(read_pairs(corpus, splits=[split]))
    if not records:
        raise ConfigError(f"the corpus in {corpus} has no pairs in its split {split!r}")
    pictures = [(record.id, corpus / record.image) for record in records]
    features = picture_features(start.model, pictures, cache, views=views, seed=recipe.seed)
    captions = Texts(
        [caption for record in records for caption in record.captions],
        start.tokenizer,
        max_tokens=recipe.max_text_tokens,
        pad_token_id=int(start.model.config.pad_token_id or 0),
    )
    number = {concept: i for i, concept in enumerate(sorted({r.concept for r in records}))}
    return Pairs(
        records=records,
        features=features,
        captions=captions,
        first_caption=np.cumsum([0, *(len(record.captions) for record in records)]),
        caption_vectors=captions.embed(start.model),
        concepts=torch.tensor([number[record.concept] for record in records]),
    )


def load_training_data(corpus: Path, start: Start, recipe: Recipe, cache: Path) -> TrainingData:
    """Reads a corpus and computes, or finds computed, what does not change in training.

    Pictures without words and unpaired texts may be none: their losses are then left out.

    Raises:
        ConfigError: If the folder holds no corpus, or one without training pairs.
    """
    train = load_pairs(corpus, "train", start, recipe, cache, views=recipe.views)
    bare = [(picture.id, corpus / picture.image) for picture in read_bare_pictures(corpus)]
    features = picture_features(start.model, bare, cache, views=1, seed=recipe.seed)

    def tokenised(strings: list[str]) -> Texts:
        return Texts(
            strings,
            start.tokenizer,
            max_tokens=recipe.max_text_tokens,
            pad_token_id=int(start.model.config.pad_token_id or 0),
        )

    classes = imagenet_classes()
    words = [
        [*c.lemmas[:3], f"a photo of a {c.lemmas[0]}", c.hypernyms[0], f"a {c.tag}"]
        for c in classes
    ]
    class_words = tokenised([word for row in words for word in row])
    tags = tokenised([visual_class.tag for visual_class in classes])
    assert start.model.front_end is not None
    weights = torch.nn.functional.normalize(start.model.front_end.trunk.classifier.weight, dim=1)
    try:
        lines = (corpus / "texts.txt").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise ConfigError(
            f"{corpus / 'texts.txt'} does not exist; make a corpus with `unisearch gather FOLDER`"
        ) from error
    return TrainingData(
        train=train,
        bare=features,
        texts=tokenised(lines),
        class_words=class_words,
        first_class_word=np.cumsum([0, *(len(row) for row in words)]),
        class_word_vectors=class_words.embed(start.model),
        tag_vectors=tags.embed(start.model),
        class_likeness=(weights @ weights.T).detach(),
    )


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Row numbers of one step's pairs: pictures, their views, the caption of each."""

    pictures: npt.NDArray[np.int64]
    views: npt.NDArray[np.int64]
    captions: npt.NDArray[np.int64]


def pair_batch(pairs: Pairs, recipe: Recipe, step: int) -> PairBatch:
    """The pairs of a step: epochs are permutations, views and captions are drawn."""
    count = len(pairs.records)
    size = min(recipe.batch_size, count)
    epoch, place = divmod(step, count // size)
    order = random_for(recipe.seed, "epoch", epoch).permutation(count)
    pictures = order[place * size : (place + 1) * size]
    random = random_for(recipe.seed, "pairs", step)
    views = random.integers(0, pairs.features.views, size)
    first, last = pairs.first_caption[pictures], pairs.first_caption[pictures + 1]
    return PairBatch(pictures, views, random.integers(first, last))
