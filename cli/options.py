"""Options that several commands share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Form
from unisearch.datatypes import Modality
from unisearch.errors import QueryError

if TYPE_CHECKING:
    from unisearch.collection import Collection

CollectionOption = Annotated[
    Path | None,
    typer.Option(
        "--collection",
        "-c",
        envvar="UNISEARCH_COLLECTION",
        metavar="FOLDER",
        help="The collection, or the folder that holds it; found from here upwards by default.",
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        "-e",
        metavar="NAME",
        help="Encoder whose vectors to use, if several.",
    ),
]
CountOption = Annotated[
    int, typer.Option("-k", "--count", min=1, metavar="N", help="How many answers at most.")
]
ModalityOption = Annotated[
    Modality | None, typer.Option("--modality", "-m", help="Only images, or only texts.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]
PathsOption = Annotated[bool, typer.Option("--paths", help="Print bare paths, one a line.")]
NulOption = Annotated[
    bool, typer.Option("-0", "--null", help="Print bare paths, each ended by a NUL, for xargs -0.")
]


def open_collection(folder: Path | None, *, read_only: bool = False) -> Collection:
    """Opens the collection that the options mean.

    Raises:
        NoCollection: There is none.
    """
    from unisearch.collection import Collection

    return Collection.open(folder, read_only=read_only)


def chosen_form(*, json: bool, paths: bool = False, nul: bool = False) -> Form:
    """Which of the output options holds.

    Raises:
        QueryError: Two that exclude each other.
    """
    if json and (paths or nul):
        raise QueryError("--json excludes --paths and -0")
    if json:
        return Form.JSON
    if nul:
        return Form.PATHS_NUL
    return Form.PATHS if paths else Form.TABLE
