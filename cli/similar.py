"""``unisearch similar``: more like this."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.failures import ExitCode, complain
from cli.filtering import NO_FILTERS, filterable
from unisearch.files import expand_home
from unisearch.store.filters import Filters

EPILOG = """\
Examples:

\b
  unisearch similar ~/Pictures/pool.jpg
  unisearch similar notes.md --modality image
  unisearch similar 4711 --json
"""


@filterable
def similar(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE_OR_ID",
            help="A file, of the collection or not, or an item's id (a file named so goes first).",
            show_default=False,
        ),
    ],
    count: options.CountOption = 10,
    modality: options.ModalityOption = None,
    filters: Filters = NO_FILTERS,
    encoder: options.EncoderOption = None,
    collection: options.CollectionOption = None,
    paths: options.PathsOption = False,
    nul: options.NulOption = False,
    json: options.JsonOption = False,
) -> None:
    """Find what is like a file or an item.

    The passages of a text file count together. The file itself is not among the answers; copies of
    it elsewhere are. Exits with 1 if there are none.
    """
    from cli.output import write_hits

    form = options.chosen_form(json=json, paths=paths, nul=nul)
    with options.open_collection(collection) as opened:
        hits = opened.similar(
            _meant(target), count, modality=modality, filters=filters, encoder=encoder
        )
    write_hits(hits, form)
    if not hits:
        complain("nothing found")
        raise typer.Exit(ExitCode.NOTHING)


def _meant(target: str) -> int | Path:
    is_id = target.isascii() and target.isdigit() and not Path(target).exists()
    return int(target) if is_id else expand_home(target)
