"""The table of runs A0–A3: what each step of training adds, on pairs none of them has seen.

::

    python benchmarks/ladder.py [--corpus data/corpus] [--runs runs] [--rows a0 a1 …]

A0 learns nothing (ConSE: the likeliest classes' word vectors, weighted by probability); A1 learns
projections between frozen towers; A2 the picture side against locked texts; A3 the transformer both
share. Same data, steps and seed; unimo-mini is A3 at twice the steps, without anchored captions. An
interrupted row goes on; a finished one is only read. About a quarter of an hour a row on two cores,
twice that for unimo-mini.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unisearch.datatypes import FloatArray
from unisearch.evaluation.retrieval import as_table, measure_vectors
from unisearch.pretraining.captions import Texts
from unisearch.pretraining.corpora.records import read_pairs
from unisearch.pretraining.features import picture_features
from unisearch.pretraining.measuring import Measuring
from unisearch.pretraining.objectives import conse_vectors
from unisearch.pretraining.recipes.named import recipe_named
from unisearch.pretraining.run import run_recipe
from unisearch.pretraining.start import class_vectors, start

ROWS = {"a0": "A0", "a1": "A1", "a2": "A2", "a3": "A3", "unimo-mini": "unimo-mini"}
SUBSETS = ("unseen concepts", "photos", "cartoons", "monuments", "all stamps")
WAYS = {"t2i": "words → pictures", "i2t": "pictures → words"}
CONSE_CLASSES = 10

Rows = Sequence[Mapping[str, Any]]


def conse(corpus: Path) -> tuple[Rows, Rows]:
    """A0: rows of retrieval and of language."""
    recipe, cache = recipe_named("a0"), corpus / "cache"
    begun = start(recipe, cache)
    pairs = read_pairs(corpus, splits=["test", "stamps"])
    pictures = [(pair.id, corpus / pair.image) for pair in pairs]
    seen = picture_features(begun.model, pictures, cache, views=1, seed=recipe.seed)
    classes = torch.from_numpy(seen.classes[:, 0, :CONSE_CLASSES].astype(np.int64))
    weights = torch.from_numpy(seen.probabilities[:, 0, :CONSE_CLASSES].astype(np.float32))
    images: FloatArray = conse_vectors(weights, class_vectors(begun)[classes]).numpy()

    def encode(strings: Sequence[str]) -> FloatArray:
        limit, pad = begun.model.config.max_text_tokens, int(begun.model.config.pad_token_id or 0)
        texts = Texts(strings, begun.tokenizer, max_tokens=limit, pad_token_id=pad)
        vectors: FloatArray = texts.embed(begun.model).numpy()
        return vectors

    language = Measuring(begun, recipe, corpus, cache).language(begun.model)
    return list(as_table(measure_vectors(pairs, images, encode))), language


def trained(name: str, corpus: Path, runs: Path) -> tuple[Rows, Rows]:
    """A row that is trained, or was."""
    measured = runs / name / "measured.json"
    if not measured.is_file():
        run_recipe(recipe_named(name), corpus, runs / name)
    found = json.loads(measured.read_text(encoding="utf-8"))
    return found["held out"], found["language"]


def recalls(row: Mapping[str, Any], way: str) -> str:
    """R@1 / R@5 / R@10."""
    return " / ".join(f"{value:.1f}" for key, value in row.items() if key.startswith(f"{way}_r"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=Path("data/corpus"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    arguments = parser.parse_args()
    table = {}
    for name in arguments.rows:
        if name == "a0":
            table[ROWS[name]] = conse(arguments.corpus)
        else:
            table[ROWS[name]] = trained(name, arguments.corpus, arguments.runs)
    print(f"R@1 / R@5 / R@10 in percent, {date.today()}")
    for way, title in WAYS.items():
        print(f"\n| {title} | {' | '.join(SUBSETS)} |\n|---|{'---|' * len(SUBSETS)}")
        for label, (retrieval, _) in table.items():
            by_subset = {row["subset"]: row for row in retrieval}
            cells = [recalls(by_subset[subset], way) for subset in SUBSETS]
            print(f"| {label} | {' | '.join(cells)} |")
    tasks = [row["subset"].removeprefix("text: ") for row in next(iter(table.values()))[1]]
    print(f"\n| text → text | {' | '.join(tasks)} | mean R@1 |\n|---|{'---|' * len(tasks)}--:|")
    for label, (_, language) in table.items():
        mean = sum(row["t2t_r1"] for row in language) / len(language)
        print(f"| {label} | {' | '.join(recalls(row, 't2t') for row in language)} | {mean:.1f} |")


if __name__ == "__main__":
    main()
