"""Options that several commands share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import Form
from unisearch.datatypes import Modality
from unisearch.errors import QueryError, ReadOnlyCollection, StorageFull
from unisearch.files import expand_home

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


def open_collection(folder: Path | None, *, read_only: bool | None = None) -> Collection:
    """Opens the collection that the options mean.

    Args:
        folder: What ``--collection`` says.
        read_only: Whether nothing may be written; ``None`` if nothing needs to be: what cannot be
            written to, as on read-only media or a full disk, is then opened for reading.

    Raises:
        NoCollection: There is none.
    """
    from unisearch.collection import Collection

    folder = expand_home(folder) if folder is not None else None
    if read_only is not None:
        return Collection.open(folder, read_only=read_only)
    try:
        return Collection.open(folder)
    except (ReadOnlyCollection, StorageFull):
        return Collection.open(folder, read_only=True)


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
