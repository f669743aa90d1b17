"""The model card of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unisearch.pretraining.recipe import Recipe

_CARD = """\
---
license: apache-2.0
pipeline_tag: sentence-similarity
tags: [unimo, cross-modal retrieval, image search]
---

# {name}

One transformer that puts short texts and pictures into one space of 384 dimensions, for searching
by meaning on a CPU. An implementation of UNIMO (Li et al., ACL 2021, arXiv 2012.15409) at a small
scale, trained with the separately encoded part of its cross-modal contrastive learning.

## Parts

| Part | From | Licence |
|---|---|---|
| Transformer and word table, 6 × 384 | all-MiniLM-L6-v2 | Apache-2.0 |
| Visual trunk, frozen | {trunk} with its ImageNet head | Apache-2.0 |
| Class names beside the regions | WordNet 3.0 | WordNet licence |
| Region layer, projections | trained here | as this checkpoint |

The joint matching head is in the file but untrained: use the separate encodings.

## Data

{data}

The pictures themselves are not part of this checkpoint. Tux Paint stamps are measured on only.

## Recipe

`unisearch train {name}`: {steps} steps of {batch} pairs, Adam at {rate:g}, seed {seed}. The losses:
in-batch contrast of pictures and captions; texts anchored where the starting encoder puts them
(weight {text_anchor:g}); pictures without words pulled to the mean of their likeliest classes' word
vectors ({conse:g}); class names as tags against what the classes are called ({classes:g}). Weights
are an exponential moving average. `checkpoint.json` holds every setting.

## Development pairs, after training

{metrics}

## Limits

English only. Short texts: words beyond 128 pieces are cut. It knows what the ImageNet classifier
knows (1,000 kinds of animals and things) and what some thousands of drawings show; it does not
read writing in pictures, count, recognise persons, or tell who does what to whom. Its training
pictures are mostly emoji and clip art, with their makers' view of the world. Scores are cosines
and no probabilities. Not for decisions about people.
"""


def model_card(recipe: Recipe, corpus: Path, metrics: Mapping[str, Any]) -> str:
    """Markdown: parts and licences, data, recipe, metrics, limits.

    Args:
        recipe: The run.
        corpus: Folder of the corpus; its ``card.json`` gives counts and licences.
        metrics: Of the last evaluation.
    """
    rows = "\n".join(f"- {name}: {value:g}" for name, value in metrics.items())
    return _CARD.format(
        name=recipe.name,
        trunk=recipe.trunk_start,
        data=_data(corpus),
        steps=recipe.steps,
        batch=recipe.batch_size,
        rate=recipe.learning_rate,
        seed=recipe.seed,
        text_anchor=recipe.text_anchor,
        conse=recipe.conse,
        classes=recipe.classes,
        metrics=rows or "none",
    )


def _data(corpus: Path) -> str:
    """The table of sources from the corpus's own card, if it has one."""
    path = corpus / "card.md"
    if not path.is_file():
        return "A corpus without a card."
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next((i for i, line in enumerate(lines) if line.startswith("## ")), len(lines))
    return "\n".join(line for line in lines[:end] if not line.startswith("# ")).strip()
