"""A group that imports a command's module only when that command runs.

``unisearch --help`` would otherwise import the whole engine to print ten lines. The table below
has what the help shows; a test compares it with the commands themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import typer
import typer.core
import typer.main

from cli.failures import complain, reported
from unisearch.errors import NoCollection

_TYPED = "unisearch.typed"
_GLUED = re.compile(r"-[^\W\d_]{3,}")


class Entry(NamedTuple):
    """Where a command is and what the help of the group says of it."""

    module: str
    function: str
    help: str


COMMANDS: dict[str, Entry] = {
    "index": Entry("cli.index", "index", "Put pictures and texts into a collection."),
    "search": Entry("cli.search", "search", "Find pictures and texts by words, pictures or both."),
    "similar": Entry("cli.similar", "similar", "Find what is like a file or an item."),
    "list": Entry("cli.list", "list_items", "List what a collection holds, or what was skipped."),
    "status": Entry("cli.status", "status", "Show what a collection holds and how big it is."),
    "remove": Entry("cli.remove", "remove", "Take files out of a collection, never off the disk."),
    "why": Entry("cli.why", "why", "Explain why a file is or is not among the answers."),
    "doctor": Entry("cli.doctor", "doctor", "Check the installation and a collection."),
    "train": Entry("cli.train", "train", "Train a checkpoint by a recipe."),
    "eval": Entry(
        "cli.evaluate", "evaluate", "Measure retrieval both ways, and language from text to text."
    ),
    "gather": Entry(
        "cli.gather",
        "gather",
        "Gather pictures with words from public packages, clean them and split them by concept.",
    ),
}


class LazyCommands(MutableMapping[str, Any]):
    """Command names → commands, each built when it is first asked for.

    A command whose module is not there (a part left out of an installation) is not listed.
    """

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            entry = COMMANDS[name]
            if find_spec(entry.module) is None:
                raise KeyError(name)
            module = import_module(entry.module)
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(
                name=name,
                epilog=getattr(module, "EPILOG", None),
                short_help=entry.help,
                context_settings={"help_option_names": ["-h", "--help"]},
            )(getattr(module, entry.function))
            self._built[name] = typer.main.get_command(single)
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self._built[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, entry in COMMANDS.items() if find_spec(entry.module) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class LazyGroup(typer.core.TyperGroup):
    """Lists commands without importing them, and turns errors into messages and exit codes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = LazyCommands()

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in self.commands])

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = list(args)
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def invoke(self, ctx: Any) -> Any:
        with reported():
            try:
                return super().invoke(ctx)
            except Exception as error:
                is_of_use = isinstance(error, NoCollection) or hasattr(error, "exit_code")
                if is_of_use and has_glued_minus(ctx.meta.get(_TYPED, ())):
                    complain("hint: to take something away, put spaces around the minus: dog - cat")
                raise


def has_glued_minus(typed: Sequence[str]) -> bool:
    """Whether a query has ``-fruit``, which people know from the web, where an option stands."""
    before = typed[: typed.index("--")] if "--" in typed else typed
    return before[:1] in (["search"], ["why"]) and any(map(_GLUED.fullmatch, before))
