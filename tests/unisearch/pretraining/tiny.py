"""A network, a tokenizer, a recipe and training data of a few numbers each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import BertProcessing
from torch.nn import functional as F

from unisearch.model.config import UnimoConfig
from unisearch.model.unimo import UnimoModel
from unisearch.pretraining.captions import Texts
from unisearch.pretraining.corpora.records import Pair
from unisearch.pretraining.data import Pairs, TrainingData
from unisearch.pretraining.features import KEPT_CLASSES, PictureFeatures
from unisearch.pretraining.recipe import Recipe

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WORDS = """
a the red green blue round small big old dog cat fox boat car house tree ball sea sun moon star
apple lemon bird fish by on of with in two
"""
WORDS = (*SPECIAL, *_WORDS.split())
CLASSES = 20
CAPTIONS = (
    ("a red ball", "the round ball"),
    ("a small dog",),
    ("an old house by the sea", "a house", "the old house"),
    ("a boat on the sea",),
    ("a green tree", "a big tree in the sun"),
    ("two fish", "a fish in the blue sea"),
    ("a small bird",),
    ("the moon with a star", "a moon"),
    ("a red apple",),
    ("a fox by a tree", "a fox"),
)
RECIPE = Recipe(
    name="tiny",
    steps=8,
    batch_size=4,
    views=2,
    learning_rate=1e-2,
    warmup_steps=2,
    max_text_tokens=8,
    anchor_texts=3,
    conse_pictures=3,
    class_batch=4,
    evaluate_every=4,
    save_every=3,
)


def tokenizer() -> Tokenizer:
    """Splits at spaces; words that it does not know are [UNK]."""
    made = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return made


def tiny_config(**changes: Any) -> UnimoConfig:
    settings: dict[str, Any] = {
        "vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 24,
        "cls_token_id": 2, "sep_token_id": 3, "mask_token_id": 4, "region_feature_size": 8,
        "region_classes": CLASSES, "projection_dim": 16, "visual_trunk": None, "visual_grid": 2,
        "tag_classes": 3, "tag_tokens": 2, "class_words_weight": 1.0,
        "attention_probs_dropout_prob": 0.0,
    }  # fmt: skip
    return UnimoConfig(**(settings | changes))


def tiny_model(seed: int = 0, **changes: Any) -> UnimoModel:
    """In evaluation mode, with one or two words for every class.

    Weights are larger than at a usual start, those of words above all, so that what differs in the
    input differs in the output; biases and norms are random, so that leaving one out shows.
    """
    torch.manual_seed(seed)
    model = UnimoModel(tiny_config(**changes)).eval()
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.startswith(("projections.", "temperature", "front_end.")):
                deviation = 1.0 if name == "text_embeddings.word.weight" else 0.1
                noise = torch.as_tensor(random.normal(0, deviation, parameter.shape))
                parameter.add_(noise.to(parameter.dtype))
    if model.tag_table is not None:
        model.tag_table.fill(
            [
                random.integers(len(SPECIAL), len(WORDS), 1 + i % 2).tolist()
                for i in range(model.config.region_classes)
            ]
        )
    if model.class_words is not None:
        model.class_words.fill(unit_rows(model.class_words.table.shape, seed))
    return model


def unit_rows(shape: Sequence[int], seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    return F.normalize(torch.as_tensor(random.normal(size=tuple(shape))).float(), dim=-1)


def tiny_features(count: int, views: int, *, seed: int = 0, size: int = 8) -> PictureFeatures:
    """Of pictures that never were."""
    random = np.random.default_rng(seed)
    seen = np.exp(random.normal(0, 2, (count, views, CLASSES)))
    seen /= seen.sum(axis=2, keepdims=True)
    classes = np.argsort(-seen, axis=2)[:, :, :KEPT_CLASSES]
    return PictureFeatures(
        ids=tuple(f"tiny/{i}" for i in range(count)),
        grid=random.random((count, views, 4, size)).astype(np.float16),
        classes=classes.astype(np.int16),
        probabilities=np.take_along_axis(seen, classes, axis=2).astype(np.float16),
    )


def tiny_texts(strings: Sequence[str], max_tokens: int = 8) -> Texts:
    return Texts(list(strings), tokenizer(), max_tokens=max_tokens, pad_token_id=0)


def pair(number: int, **changes: Any) -> Pair:
    record = Pair(
        id=f"tiny/{number}",
        image=f"images/{number}.png",
        captions=CAPTIONS[number],
        keywords=(),
        concept=CAPTIONS[number][0].split()[-1],
        concepts=(),
        source="tiny",
        licence="CC0-1.0",
        split="train",
        kind="drawing",
        concept_seen_in_training=True,
    )
    return replace(record, **changes)


def tiny_data(model: UnimoModel, recipe: Recipe = RECIPE) -> TrainingData:
    """Ten pairs, five pictures without words, some texts and twenty classes."""
    records = tuple(pair(i) for i in range(len(CAPTIONS)))
    captions = tiny_texts([caption for record in records for caption in record.captions])
    words = [[WORDS[5 + i], f"a {WORDS[6 + i]}", "a big one"][: 1 + i % 3] for i in range(CLASSES)]
    class_words = tiny_texts([word for row in words for word in row])
    number = {concept: i for i, concept in enumerate(sorted({r.concept for r in records}))}
    classifier = unit_rows((CLASSES, 6), 3)
    return TrainingData(
        train=Pairs(
            records=records,
            features=tiny_features(len(records), recipe.views),
            captions=captions,
            first_caption=np.cumsum([0, *(len(record.captions) for record in records)]),
            caption_vectors=captions.embed(model),
            concepts=torch.tensor([number[record.concept] for record in records]),
        ),
        bare=tiny_features(5, 1, seed=9),
        texts=tiny_texts(["the sun", "a car by the sea", "two old cats", "a lemon of the tree"]),
        class_words=class_words,
        first_class_word=np.cumsum([0, *(len(row) for row in words)]),
        class_word_vectors=class_words.embed(model),
        tag_vectors=unit_rows((CLASSES, model.config.projection_dim), 4),
        class_likeness=classifier @ classifier.T,
    )
