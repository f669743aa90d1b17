"""The shipped checkpoint, and the runs that show what each part of it adds.

``a0`` learns nothing; ``a1`` learns projections between frozen towers; ``a2`` trains the picture
side against locked texts; ``a3`` trains the transformer that both share: half as long as
``unimo-mini``, the checkpoint that unisearch ships, and with captions anchored too. About two and
a half seconds a step on two cores.
"""

from __future__ import annotations

from dataclasses import replace

from unisearch.pretraining.recipe import Recipe, Trainable

_COMMON = Recipe(
    name="unimo-mini",
    config={
        "tag_classes": 6,
        "tag_tokens": 5,
        "class_words_weight": 1.0,
        # Longest text in use; the rest of the start's position table is left behind.
        "max_position_embeddings": 128,
        # Attention with dropout takes a path on CPUs that is several times slower.
        "attention_probs_dropout_prob": 0.0,
    },
    steps=800,
    text_anchor=3.0,
    start_share=0.45,
    evaluate_every=100,
    save_every=50,
)


_LADDER = replace(_COMMON, steps=400, caption_anchor=1.0, start_share=0.4)


def unimo_mini() -> Recipe:
    """The checkpoint that unisearch ships."""
    return _COMMON


def a0() -> Recipe:
    """The starting point, untrained."""
    return replace(_LADDER, name="a0", trainable=Trainable.NOTHING)


def a1() -> Recipe:
    """Frozen towers; projections and the layer that takes regions in learn."""
    return replace(_LADDER, name="a1", trainable=Trainable.PROJECTIONS)


def a2() -> Recipe:
    """The picture side against locked texts."""
    return replace(_LADDER, name="a2", trainable=Trainable.IMAGE)


def a3() -> Recipe:
    """The shared transformer."""
    return replace(_LADDER, name="a3", trainable=Trainable.SHARED)


def smoke() -> Recipe:
    """A few steps on little, to see that a machine can train at all."""
    return replace(
        _COMMON, name="smoke", steps=6, batch_size=8, views=1, evaluate_every=3, save_every=2
    )
