"""``unisearch eval``: how well an encoder finds, on pairs it has not seen."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import options
from cli.failures import complain

EPILOG = """\
Examples:

\b
  unisearch eval --corpus data/corpus
  unisearch eval runs/mine/checkpoint --corpus data/corpus --json
"""


def evaluate(
    encoder: Annotated[
        str, typer.Argument(metavar="ENCODER", help="unimo-mini, a checkpoint folder, open_clip:…")
    ] = "unimo-mini",
    corpus: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A corpus that `unisearch gather` made.")
    ] = Path("data/corpus"),
    json: options.JsonOption = False,
) -> None:
    """Measure retrieval both ways, and language from text to text.

    Pictures are those of concepts that training never shows (unseen concepts) and of a source that
    is never trained on (photos, cartoons, monuments). A caption that several pictures share has
    all of them as right answers. R@k is the share of queries with a right answer among the first
    k, in percent.
    """
    from unisearch.encoders.load import load_encoder
    from unisearch.evaluation.retrieval import as_table, encode_pictures, measure_vectors
    from unisearch.evaluation.text_pairs import as_rows, read_questions, text_quality
    from unisearch.pretraining.corpora.records import read_pairs

    pairs = read_pairs(corpus, splits=["test", "stamps"])
    questions = read_questions(corpus / "text_eval.jsonl")
    loaded = load_encoder(encoder)
    complain(f"encoding {len(pairs)} pictures with {loaded.name}")
    images = encode_pictures(loaded, [corpus / pair.image for pair in pairs])
    rows = list(as_table(measure_vectors(pairs, images, loaded.encode_texts)))
    complain(f"asking {len(questions)} questions from text to text")
    rows += as_rows(text_quality(loaded.encode_texts, questions))
    if json:
        for row in rows:
            typer.echo(jsonlib.dumps({"encoder": loaded.name, **row}))
    else:
        typer.echo(_table(rows))


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """Aligned columns; text tasks have one direction, in the first three."""
    header = ("", "queries", "R@1", "R@5", "R@10", "R@1", "R@5", "R@10")
    lines = [f"{'':<24}{'':>8}{'words → pictures':>24}{'pictures → words':>24}"]
    lines.append(f"{header[0]:<24}{header[1]:>8}" + "".join(f"{cell:>8}" for cell in header[2:]))
    for row in rows:
        values = [value for key, value in row.items() if key not in ("subset", "queries")]
        cells = "".join(f"{value:>8.1f}" for value in values)
        lines.append(f"{row['subset']:<24}{row['queries']:>8}{cells}")
    return "\n".join(lines)
