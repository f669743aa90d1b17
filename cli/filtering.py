"""The options that say what may be found, for every command that finds something."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.values import parse_condition, parse_date, parse_size
from unisearch.errors import QueryError
from unisearch.files import expand_home
from unisearch.store.filters import Filters

NO_FILTERS = Filters()


def filter_options(
    path: Annotated[
        list[str] | None,
        typer.Option(
            "--path",
            "-p",
            metavar="GLOB",
            help="Only files that match: '*.jpg' (name), '2021/**' (path), ./x (here). Repeatable.",
        ),
    ] = None,
    not_path: Annotated[
        list[str] | None,
        typer.Option("--not-path", metavar="GLOB", help="Only files that do not. Repeatable."),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="DATE", help="Taken or changed since: 2024, 2024-05-17."),
    ] = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="DATE", help="Taken or changed before.")
    ] = None,
    min_size: Annotated[
        str | None,
        typer.Option("--min-size", metavar="SIZE", help="At least so large: 10kB, 1.5MB."),
    ] = None,
    max_size: Annotated[
        str | None, typer.Option("--max-size", metavar="SIZE", help="At most so large.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            "-w",
            metavar="COND",
            help="Condition on metadata: 'artist=Miró', 'width>=4000', 'tags~cat'. Repeatable.",
        ),
    ] = None,
) -> Filters:
    """The filters that these options mean.

    Raises:
        QueryError: One of them cannot be read.
    """
    return Filters(
        paths=tuple(_from_here(glob) for glob in path or ()),
        not_paths=tuple(_from_here(glob) for glob in not_path or ()),
        after=parse_date(after) if after is not None else None,
        before=parse_date(before) if before is not None else None,
        min_bytes=parse_size(min_size) if min_size is not None else None,
        max_bytes=parse_size(max_size) if max_size is not None else None,
        metadata=tuple(parse_condition(condition) for condition in where or ()),
    )


_OPTIONS = inspect.signature(filter_options, eval_str=True).parameters


def filterable(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the filter options in place of its parameter ``filters``."""
    signature = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += _OPTIONS.values() if parameter.name == "filters" else [parameter]

    @functools.wraps(command)
    def with_filters(**values: Any) -> None:
        given = {name: values.pop(name) for name in _OPTIONS}
        command(**values, filters=filter_options(**given))

    # Typer reads both.
    with_filters.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_filters.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_filters


def _from_here(glob: str) -> str:
    """A glob that starts at the working folder, or an existing folder → an absolute one."""
    if not glob:
        raise QueryError("a path's glob is empty")
    is_folder = expand_home(glob).is_dir()
    if glob == "~" or glob.startswith("~/"):
        glob = _escaped(str(Path.home())) + glob[1:]
    elif glob in (".", "..") or glob.startswith(("./", "../")):
        # normpath takes '..' away and follows no links; an escaped name stays one name.
        glob = os.path.normpath(f"{_escaped(str(Path.cwd()))}/{glob}")
    return glob.rstrip("/") + "/" if is_folder and glob.startswith("/") else glob


def _escaped(path: str) -> str:
    """A path as a glob that matches nothing else."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", path)
