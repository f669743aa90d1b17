"""``unisearch remove``: forget files, never delete them."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import options
from cli.failures import ExitCode, complain
from unisearch.errors import QueryError

EPILOG = """\
Examples:

\b
  unisearch remove ~/Pictures/private
  unisearch remove '*.gif' --yes
  unisearch index ~/Pictures --exclude private    (or the next run puts it back)
"""

_EXAMPLES_SHOWN = 5


def remove(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH", help="Files, folders with all below them, or globs.", show_default=False
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    collection: options.CollectionOption = None,
    json: options.JsonOption = False,
) -> None:
    """Take files out of a collection, never off the disk.

    What is still there, and not excluded, comes back when its folder is indexed again. Exits with
    1 if nothing matches or the question is answered with no.
    """
    from cli.output import write_json, write_lines
    from cli.remembered import forget_sources
    from cli.show import near, printable

    if any(not path for path in paths):
        raise QueryError("an empty path would mean everything: name what is to be removed")
    with options.open_collection(collection, read_only=False) as opened:
        files = list(opened.files(*paths))
        if not files:
            named = ", ".join(repr(path) for path in paths)
            complain(f"the collection knows no file {named}")
            raise typer.Exit(ExitCode.NOTHING)
        if not yes:
            _ask([printable(near(str(file.path))) for file in files])
        removed = opened.remove(*paths)
        forget_sources(opened.layout, paths)
    if json:
        write_json({"removed": removed})
    else:
        write_lines([f"removed {removed:,} from the collection; no file was deleted"])


def _ask(names: list[str]) -> None:
    """Asks on stderr; at the end of stdin, as without a terminal, nothing is removed."""
    for name in names[:_EXAMPLES_SHOWN]:
        complain(f"  {name}")
    if len(names) > _EXAMPLES_SHOWN:
        complain(f"  … and {len(names) - _EXAMPLES_SHOWN:,} more")
    question = f"Remove {len(names):,} from the collection (no file is deleted)?"
    if not typer.confirm(question, err=True):
        complain("nothing was removed")
        raise typer.Exit(ExitCode.NOTHING)
