"""The table of runs A0–A3: what each step of training adds, on pairs none of them has seen.

::

    python benchmarks/ladder.py --corpus data/corpus [--runs runs] [--rows a0 a1 a2 unimo-mini]

A0 learns nothing (ConSE: the likeliest classes' word vectors, weighted by probability); A1 learns
projections between frozen towers; A2 the picture side against locked texts; A3 the transformer both
share. Same data, steps and seed. An interrupted row goes on; a finished one is only measured
again. About half an hour a row on two cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import torch

from unisearch.datatypes import FloatArray
from unisearch.encoders.load import load_encoder
from unisearch.evaluation.metrics import CrossModalMetrics, bootstrap
from unisearch.evaluation.retrieval import encode_pictures, measure_vectors
from unisearch.evaluation.text_pairs import question_ranks, read_questions
from unisearch.model.visual.classes import imagenet_classes
from unisearch.pretraining.captions import Texts
from unisearch.pretraining.corpora.records import Pair, read_pairs
from unisearch.pretraining.features import picture_features
from unisearch.pretraining.objectives import conse_vectors
from unisearch.pretraining.recipes.named import recipe_named
from unisearch.pretraining.run import run_recipe
from unisearch.pretraining.start import start

ROWS = {"a0": "A0", "a1": "A1", "a2": "A2", "unimo-mini": "A3"}
SUBSETS = ("unseen concepts", "photos", "cartoons", "monuments", "all stamps")
KEPT = 10

Encode = Callable[[Sequence[str]], FloatArray]


def conse(corpus: Path, pairs: Sequence[Pair], cache: Path) -> tuple[FloatArray, Encode]:
    """A0: picture vectors [N, D] and the text encoder that goes with them."""
    recipe = recipe_named("a0")
    begun = start(recipe, cache)
    pad = int(begun.model.config.pad_token_id or 0)

    def encode(strings: Sequence[str]) -> FloatArray:
        texts = Texts(strings, begun.tokenizer, max_tokens=128, pad_token_id=pad)
        vectors: FloatArray = texts.embed(begun.model).numpy()
        return vectors

    pictures = [(pair.id, corpus / pair.image) for pair in pairs]
    seen = picture_features(begun.model, pictures, cache, views=1, seed=0)
    names = torch.from_numpy(encode([c.tag for c in imagenet_classes()]))
    classes = torch.from_numpy(seen.classes[:, 0, :KEPT].astype(np.int64))
    weights = torch.from_numpy(seen.probabilities[:, 0, :KEPT].astype(np.float32))
    vectors: FloatArray = conse_vectors(weights, names[classes]).numpy()
    return vectors, encode


def row(name: str, measured: dict[str, CrossModalMetrics], text: dict[str, float]) -> str:
    """One line of the Markdown table."""
    cells = []
    for subset in SUBSETS:
        for found in (measured[subset].text_to_image, measured[subset].image_to_text):
            cells.append(" / ".join(f"{100 * found.recall[k]:.1f}" for k in (1, 5, 10)))
    return f"| {name} | " + " | ".join([*cells, f"{text['mean']:.1f}"]) + " |"


def text_score(encode: Encode, corpus: Path) -> dict[str, float]:
    """Mean over tasks of R@1 from text to text, in percent, and each task's interval."""
    ranks = question_ranks(encode, read_questions(corpus / "text_eval.jsonl"))
    scores = {task: 100 * float((places <= 1).mean()) for task, places in ranks.items()}
    for task, places in ranks.items():
        interval = bootstrap((places <= 1).astype(np.float64))
        print(
            f"  text {task}: R@1 {scores[task]:.1f} "
            f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]",
            file=sys.stderr,
        )
    return {"mean": float(np.mean(list(scores.values()))), **scores}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    arguments = parser.parse_args()
    pairs = read_pairs(arguments.corpus, splits=["test", "stamps"])
    ways = [f"{subset} {way}" for subset in SUBSETS for way in ("t→i", "i→t")]
    print(f"R@1 / R@5 / R@10 in percent, {date.today()}\n")
    print("| Run | " + " | ".join(ways) + " | text→text R@1 |")
    print("|---|" + "---|" * len(ways) + "--:|")
    for name in arguments.rows:
        if name == "a0":
            with tempfile.TemporaryDirectory() as cache:
                images, encode = conse(arguments.corpus, pairs, Path(cache))
        else:
            folder = arguments.runs / name
            if not (folder / "checkpoint").is_dir():
                run_recipe(recipe_named(name), arguments.corpus, folder)
            encoder = load_encoder(str(folder / "checkpoint"))
            images = encode_pictures(encoder, [arguments.corpus / pair.image for pair in pairs])
            encode = encoder.encode_texts
        measured = measure_vectors(pairs, images, encode)
        print(row(ROWS[name], measured, text_score(encode, arguments.corpus)), flush=True)


if __name__ == "__main__":
    main()
