"""``unisearch list``: what is in a collection, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli import options
from cli.failures import ExitCode, complain
from cli.filtering import NO_FILTERS, filterable
from cli.output import Form
from unisearch.errors import QueryError
from unisearch.store.filters import Filters

if TYPE_CHECKING:
    from unisearch.search.inventory import KnownFile
    from unisearch.store.records import ItemRecord

EPILOG = """\
Examples:

\b
  unisearch list --modality image --path '2021/**'
  unisearch list --where artist=Miró --json
  unisearch list --skipped
  unisearch list -0 | xargs -0 ls -l
"""

T = TypeVar("T")
_BLOCK = 1000


@filterable
def list_items(
    modality: options.ModalityOption = None,
    filters: Filters = NO_FILTERS,
    skipped: Annotated[
        bool,
        typer.Option(
            "--skipped", help="List files that were skipped, with the reason; takes --path only."
        ),
    ] = False,
    collection: options.CollectionOption = None,
    paths: options.PathsOption = False,
    nul: options.NulOption = False,
    json: options.JsonOption = False,
) -> None:
    """List what a collection holds, or what was skipped.

    One line for each picture and each passage. Exits with 1 if there is nothing to list.
    """
    form = options.chosen_form(json=json, paths=paths, nul=nul)
    with options.open_collection(collection) as opened:
        if skipped:
            if modality is not None or filters != Filters(paths=filters.paths):
                raise QueryError("--skipped goes with --path only: skipped files have no more")
            files = opened.files(*filters.paths, status="skipped")
            shown = sum(_write_skipped(block, form) for block in _blocks(files))
        else:
            items = opened.items(filters, modality=modality)
            if form in (Form.PATHS, Form.PATHS_NUL):
                items = _one_of_each_file(items)
            shown = sum(_write_items(block, form) for block in _blocks(items))
    if not shown:
        complain("nothing to list")
        raise typer.Exit(ExitCode.NOTHING)


def _blocks(things: Iterable[T]) -> Iterator[list[T]]:
    """Millions of items are written as they are read."""
    iterator = iter(things)
    while block := list(islice(iterator, _BLOCK)):
        yield block


def _one_of_each_file(items: Iterable[ItemRecord]) -> Iterator[ItemRecord]:
    """The passages of a text are many, and need not come one after the other."""
    known: set[int] = set()
    for item in items:
        if item.file_id not in known:
            known.add(item.file_id)
            yield item


def _write_items(items: list[ItemRecord], form: Form) -> int:
    from cli.output import path_json, place_text, write_json, write_lines, write_paths
    from cli.show import fit, printable, table, width_columns

    if form is Form.TABLE:
        rows = []
        for item in items:
            place = place_text(str(item.location), item.member, item.line)
            passage = printable(" ".join((item.passage or "").split()))
            rows.append((str(item.id), str(item.modality), place, fit(passage, 60)))
        write_lines(fit(line, width_columns()) for line in table(rows, right=[0]))
    elif form is Form.JSON:
        for item in items:
            write_json(
                {
                    "item_id": item.id,
                    "modality": item.modality,
                    **path_json(item.location),
                    "member": item.member,
                    "line": item.line,
                    "passage": item.passage,
                    "size_bytes": item.size_bytes,
                    "content_hash": item.content_hash,
                    "metadata": item.metadata,
                }
            )
    else:
        write_paths((str(item.location) for item in items), nul=form is Form.PATHS_NUL)
    return len(items)


def _write_skipped(files: list[KnownFile], form: Form) -> int:
    from cli.output import path_json, write_json, write_lines, write_paths
    from cli.show import near, printable, table

    if form is Form.TABLE:
        rows = [
            (file.reason or "", printable(near(str(file.path))), printable(file.detail or ""))
            for file in files
        ]
        write_lines(table(rows))
    elif form is Form.JSON:
        for file in files:
            write_json(
                {
                    **path_json(file.path),
                    "kind": file.kind,
                    "reason": file.reason,
                    "detail": file.detail,
                    "size_bytes": file.size_bytes,
                }
            )
    else:
        write_paths((str(file.path) for file in files), nul=form is Form.PATHS_NUL)
    return len(files)
