"""The model card of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unisearch.pretraining.recipe import Recipe

Rows = Sequence[Mapping[str, Any]]

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
| Names of classes, as words and as vectors | WordNet 3.0 | WordNet licence |
| Region layer, projections | trained here | as this checkpoint |

The joint matching head is in the file but untrained: use the separate encodings.

## Data

{data}

The pictures themselves are not part of this checkpoint. Tux Paint stamps are measured on only.

## Recipe

`unisearch train {name}`: {steps} steps of {batch} pairs, Adam at {rate:g}, seed {seed}. The losses:
in-batch contrast of pictures and captions; texts anchored where the starting encoder puts them
(glosses: weight {text_anchor:g}, captions: {caption_anchor:g}); pictures without words pulled to
the mean of their likeliest classes' word vectors ({conse:g}); class names as tags against what the
classes are called ({classes:g}). To a picture's own vector the word vectors of its classes are
added, times their probability and {class_words:g}. The weights that are kept are an exponential
moving average, mixed with {start_share:.0%} of those training started from. `checkpoint.json`
holds every setting.

## Held-out pairs

Recall in percent: R@1 / R@5 / R@10. Unseen concepts are drawings whose concepts are in no training
pair; photos, cartoons and monuments are the stamps, a source that is not trained on. From text to
text, before is the starting text encoder.

{metrics}

## Limits

English only. Short texts: words beyond 128 pieces are cut. It knows what the ImageNet classifier
knows (1,000 kinds of animals and things) and what some thousands of drawings show; it does not
read writing in pictures, count, recognise persons, or tell who does what to whom. Its training
pictures are mostly emoji and clip art, with their makers' view of the world. Scores are cosines
and no probabilities. Not for decisions about people.
"""


def model_card(
    recipe: Recipe, corpus: Path, held_out: Rows, language_before: Rows, language: Rows
) -> str:
    """Markdown: parts and licences, data, recipe, metrics, limits.

    Args:
        recipe: The run.
        corpus: Folder of the corpus; its ``card.md`` gives counts and licences.
        held_out: Retrieval both ways, a row for each subset.
        language_before: From text to text before training, a row for each task.
        language: The same after training.
    """
    return _CARD.format(
        name=recipe.name,
        trunk=recipe.trunk_start,
        data=_data(corpus),
        steps=recipe.steps,
        batch=recipe.batch_size,
        rate=recipe.learning_rate,
        seed=recipe.seed,
        text_anchor=recipe.text_anchor,
        caption_anchor=recipe.caption_anchor,
        class_words=recipe.config.get("class_words_weight", 0),
        start_share=recipe.start_share,
        conse=recipe.conse,
        classes=recipe.classes,
        metrics=_metrics(held_out, language_before, language),
    )


def _metrics(held_out: Rows, language_before: Rows, language: Rows) -> str:
    lines = ["| Pictures | queries | words → pictures | pictures → words |", "|---|--:|---|---|"]
    for row in held_out:
        recalls = f"{_recalls(row, 't2i')} | {_recalls(row, 'i2t')}"
        lines.append(f"| {row['subset']} | {row['queries']} | {recalls} |")
    lines += ["", "| Text → text | queries | before | after |", "|---|--:|---|---|"]
    for before, after in zip(language_before, language, strict=True):
        name = str(after["subset"]).removeprefix("text: ")
        recalls = f"{_recalls(before, 't2t')} | {_recalls(after, 't2t')}"
        lines.append(f"| {name} | {after['queries']} | {recalls} |")
    return "\n".join(lines)


def _recalls(row: Mapping[str, Any], way: str) -> str:
    return " / ".join(f"{value:.1f}" for key, value in row.items() if key.startswith(f"{way}_r"))


def _data(corpus: Path) -> str:
    """The table of sources from the corpus's own card, if it has one."""
    path = corpus / "card.md"
    if not path.is_file():
        return "A corpus without a card."
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next((i for i, line in enumerate(lines) if line.startswith("## ")), len(lines))
    return "\n".join(line for line in lines[:end] if not line.startswith("# ")).strip()
