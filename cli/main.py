"""The command ``unisearch``."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.group import LazyGroup
from unisearch.version import __version__

HELP = """\
Search your own pictures and texts by meaning, offline.

Start with `unisearch index ~/Pictures`, then `unisearch search a red bicycle` from there.
"""
EPILOG = """\
Exit codes: 0 found or done; 1 nothing found or declined; 2 a usage or query error; 3 trouble with
the collection; 4 trouble with the encoder or its checkpoint; 70 a bug; 130 interrupted.
"""

app = typer.Typer(
    cls=LazyGroup,
    name="unisearch",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    # Help is plain text: rich takes as long to import as everything else that --help does.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"unisearch {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Takes the options that come before a command."""


def main() -> None:
    """Runs the command line; the entry point of the installed script."""
    app(prog_name="unisearch")
