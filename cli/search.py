"""``unisearch search``: words, pictures or both in, ranked answers out."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import options
from cli.failures import ExitCode, complain
from cli.filtering import NO_FILTERS, filterable
from unisearch.store.filters import Filters

EPILOG = """\
Examples:

\b
  unisearch search a red bicycle
  unisearch search "2:golden retriever" + ./pool.jpg - fruit
  unisearch search sunset --modality image --after 2023 --path '*.jpg' -k 20
  unisearch search invoice -0 | xargs -0 ls -l

A query is words, a picture's path, or several of these with + and - between them. A term may start
with a weight (2:dog) and with text: or image:, which decide what it is.

Scores compare within a kind only. In a list of both, a hit stands the higher the more it stands out
among its kind; --modality image or text gives one kind, by score.
"""


@filterable
def search(
    query: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY", help="Words, pictures, + and -, weights.", show_default=False
        ),
    ],
    count: options.CountOption = 10,
    modality: options.ModalityOption = None,
    filters: Filters = NO_FILTERS,
    min_score: Annotated[
        float | None,
        typer.Option("--min-score", metavar="X", help="Only answers of at least this cosine."),
    ] = None,
    encoder: options.EncoderOption = None,
    collection: options.CollectionOption = None,
    paths: options.PathsOption = False,
    nul: options.NulOption = False,
    json: options.JsonOption = False,
) -> None:
    """Find pictures and texts by words, pictures or both.

    Answers go to stdout, best first, everything else to stderr. Exits with 1 if there are none.
    """
    from cli.output import write_hits
    from unisearch.search.parsing import parse_query

    form = options.chosen_form(json=json, paths=paths, nul=nul)
    parsed = parse_query(query)
    with options.open_collection(collection) as opened:
        hits = opened.search(parsed, count, modality=modality, filters=filters, encoder=encoder)
        is_empty = not hits and not any(opened.catalog.counts().items.values())
    if min_score is not None:
        hits = [hit for hit in hits if hit.score >= min_score]
    write_hits(hits, form)
    if not hits:
        fill = ": the collection is empty; `unisearch index FOLDER` fills it"
        complain("nothing found" + (fill if is_empty else ""))
        raise typer.Exit(ExitCode.NOTHING)
