"""One step's losses: what goes in, which weights it reaches.

Notation: B pairs, K tags, D dimension of the unified space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from unisearch.model.unimo import UnimoModel
from unisearch.model.visual.frontend import Regions
from unisearch.model.visual.tags import Tags
from unisearch.pretraining.captions import Texts
from unisearch.pretraining.data import TrainingData, pair_batch
from unisearch.pretraining.features import KEPT_CLASSES
from unisearch.pretraining.objectives import (
    anchor_loss,
    conse_vectors,
    in_batch_loss,
    relations,
)
from unisearch.pretraining.pictures import regions_and_tags, without_gaps
from unisearch.pretraining.recipe import Recipe, Trainable
from unisearch.pretraining.views import random_for


class StepLosses:
    """Computes the losses of any step.

    Args:
        model: The network that learns.
        anchor: The starting point, frozen: where texts should stay.
        data: What is learned from.
        recipe: The run.
    """

    def __init__(
        self, model: UnimoModel, anchor: UnimoModel, data: TrainingData, recipe: Recipe
    ) -> None:
        self.model = model
        self.anchor = anchor
        self.data = data
        self.recipe = recipe
        self.learns_text = recipe.trainable == Trainable.SHARED

    def __call__(self, step: int) -> dict[str, Tensor]:
        """The losses of a step by name, weighted; their sum is what is minimised."""
        losses = self._pairs(step)
        recipe = self.recipe
        if recipe.conse > 0 and self.data.bare.ids:
            losses["conse"] = recipe.conse * self._conse(step)
        if recipe.classes > 0:
            losses["classes"] = recipe.classes * self._classes(step)
        if self.learns_text and recipe.text_anchor > 0 and len(self.data.texts):
            losses["text_anchor"] = recipe.text_anchor * self._text_anchor(step)
        return losses

    def _text_vectors(self, texts: Texts, rows: Sequence[int], start_vectors: Tensor) -> Tensor:
        """By the network if its text side learns, otherwise projected from the start's vectors."""
        if self.learns_text:
            return self.model.embed_texts(*texts.batch(rows))
        projection = self.model.projections.text
        return F.normalize(projection(start_vectors[torch.as_tensor(rows)]), dim=-1)

    def _pairs(self, step: int) -> dict[str, Tensor]:
        """In-batch contrast of pictures and captions; captions kept where they were."""
        pairs, recipe = self.data.train, self.recipe
        batch = pair_batch(pairs, recipe, step)
        regions, tags = regions_and_tags(
            self.model, pairs.features, batch.pictures.tolist(), batch.views.tolist()
        )
        draw = random_for(recipe.seed, "dropout", step).random(len(batch.pictures))
        regions, tags = hide_segments(
            regions, tags, draw, region_share=recipe.region_dropout, tag_share=recipe.tag_dropout
        )
        rows = batch.captions.tolist()
        positives, ignored = relations(
            pairs.concepts[torch.as_tensor(batch.pictures)],
            pairs.caption_vectors[torch.as_tensor(rows)],
            same=recipe.same_caption,
            doubtful=recipe.doubtful_caption,
        )
        texts = self._text_vectors(pairs.captions, rows, pairs.caption_vectors)
        images = self.model.embed_regions(regions, tags)
        losses = {"pairs": in_batch_loss(images, texts, positives, ignored, self.model.temperature)}
        if self.learns_text and recipe.caption_anchor > 0:
            start_vectors = pairs.caption_vectors[torch.as_tensor(rows)]
            losses["caption_anchor"] = recipe.caption_anchor * anchor_loss(texts, start_vectors)
        return losses

    def _conse(self, step: int) -> Tensor:
        """Pictures without words go where ConSE puts them."""
        bare = self.data.bare
        random = random_for(self.recipe.seed, "bare", step)
        rows = random.choice(len(bare.ids), min(self.recipe.conse_pictures, len(bare.ids)), False)
        regions, tags = regions_and_tags(self.model, bare, rows.tolist(), [0] * len(rows))
        probabilities = torch.from_numpy(bare.probabilities[rows, 0].astype(np.float32))
        classes = torch.from_numpy(bare.classes[rows, 0].astype(np.int64))
        with torch.no_grad():
            target = conse_vectors(probabilities, self.data.tag_vectors[classes])
        return anchor_loss(self.model.embed_regions(regions, tags), target)

    def _classes(self, step: int) -> Tensor:
        """Tags alone, as a picture of a class would give them, against what the class is called.

        The class knowledge of the classifier thereby reaches the unified space for all its
        classes, whether or not a pair shows them.
        """
        data, recipe = self.data, self.recipe
        random = random_for(recipe.seed, "classes", step)
        C = len(data.class_likeness)
        chosen = random.choice(C, min(recipe.class_batch, C), replace=False)
        likeness = data.class_likeness[torch.as_tensor(chosen)]
        sharpness = torch.as_tensor(random.uniform(8, 30, (len(chosen), 1)), dtype=torch.float32)
        noise = torch.as_tensor(random.normal(0, 1, likeness.shape), dtype=torch.float32)
        seen = F.softmax(sharpness * likeness + noise, dim=1)
        top, classes = seen.topk(KEPT_CLASSES, dim=1)
        assert self.model.tag_table is not None
        K = self.model.config.tag_classes
        tags = without_gaps(self.model.tag_table.of_classes(classes[:, :K], top[:, :K]))
        pooled = self.model.encode(tags=tags).pooled_image
        assert pooled is not None
        first, last = data.first_class_word[chosen], data.first_class_word[chosen + 1]
        rows = random.integers(first, last).tolist()
        positives, ignored = relations(
            torch.as_tensor(chosen),
            data.class_word_vectors[torch.as_tensor(rows)],
            same=recipe.same_caption,
            doubtful=recipe.doubtful_caption,
        )
        return in_batch_loss(
            self.model.embed_pooled_image(pooled, seen),
            self._text_vectors(data.class_words, rows, data.class_word_vectors),
            positives,
            ignored,
            self.model.temperature,
        )

    def _text_anchor(self, step: int) -> Tensor:
        """Unpaired texts stay where the starting text encoder puts them."""
        texts = self.data.texts
        random = random_for(self.recipe.seed, "texts", step)
        rows = random.choice(len(texts), min(self.recipe.anchor_texts, len(texts)), replace=False)
        batch = texts.batch(rows.tolist())
        with torch.no_grad():
            anchors = self.anchor.embed_texts(*batch)
        return anchor_loss(self.model.embed_texts(*batch), anchors)


def hide_segments(
    regions: Regions,
    tags: Tags,
    draw: np.ndarray[tuple[int], np.dtype[np.float64]],
    *,
    region_share: float,
    tag_share: float,
) -> tuple[Regions, Tags]:
    """Hides the regions of some pictures and the classes of others, never both.

    Args:
        regions: Of B pictures.
        tags: Of B pictures.
        draw: B numbers in [0, 1): below ``region_share`` the regions go, within the next
            ``tag_share`` the tags.
        region_share: Share of pictures.
        tag_share: Share of pictures.
    """
    no_regions = torch.as_tensor(draw < region_share)[:, None]
    no_tags = torch.as_tensor((draw >= region_share) & (draw < region_share + tag_share))[:, None]
    weights = torch.where(no_tags, torch.zeros_like(tags.weights), tags.weights)
    weights[:, 0] = 1.0  # [CLS] stays, as in a text without words
    probabilities = regions.picture_probabilities
    if probabilities is not None:
        probabilities = torch.where(no_tags, 0.0, probabilities)
    return (
        replace(
            regions,
            validity=torch.where(no_regions, 0.0, regions.validity),
            picture_probabilities=probabilities,
        ),
        replace(tags, weights=weights),
    )
