"""What ``index`` is given, and which collection that means."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from unisearch.errors import NoCollection, QueryError
from unisearch.files import expand_home

if TYPE_CHECKING:
    from unisearch.collection import Collection
    from unisearch.store.layout import Layout


def read_sources(sources: list[str], *, nul: bool) -> list[bytes]:
    """What was named, with the list on stdin in place of ``-``."""
    from indexer.sources import read_list

    wanted: list[bytes] = []
    for source in sources:
        if source == "-":
            listed = sys.stdin.buffer.read()
            wanted += [one for one in listed.split(b"\0") if one] if nul else read_list(listed)
        elif source:
            wanted.append(os.fsencode(expand_home(source)))
        else:
            raise QueryError("an empty source: name a folder, a file or a glob")
    return wanted


def find_or_place(folder: Path | None, wanted: list[bytes], *, listed: bool) -> Layout:
    """Where the collection that is meant lies, or is to be made.

    Args:
        folder: What ``--collection`` says.
        wanted: What is to be indexed; nothing means what the collection was made of.
        listed: Whether it comes from a list on stdin.
    """
    from unisearch.store.layout import Layout, find_collection

    if folder is not None:
        folder = expand_home(folder)
        named = Layout.at(folder)
        return named if named.exists() else Layout.beside(folder)
    if not wanted:
        found = find_collection(Path.cwd())
        if found is None:
            raise NoCollection(
                "there is no collection here or in any folder above: name what to index, as in "
                "`unisearch index ~/Pictures`, or a collection with --collection"
            )
        return found
    start = _first_folder(wanted)
    # A list of paths says nothing of where a collection is wanted: rather here.
    here = find_collection(Path.cwd()) if listed else None
    return here or find_collection(start) or Layout.beside(start)


def open_or_make(layout: Layout, *, encoder: str) -> Collection:
    """Opens a collection, or makes it with the encoder.

    A catalog that was lost, or whose making was interrupted, is made anew.
    """
    from unisearch.collection import Collection

    return Collection.open_or_create(layout.folder, encoder=encoder)


def _first_folder(wanted: list[bytes]) -> Path:
    """The first folder named; else that of the first file, or where a glob starts."""
    places = [Path(os.fsdecode(one)).absolute() for one in wanted]
    folders = [place for place in places if place.is_dir()]
    if folders:
        return folders[0]
    first = next((place for place in places if place.exists()), places[0])
    if not first.exists() and not any(character in str(first) for character in "*?["):
        raise QueryError(f"there is no {str(first)!r}")
    return next(parent for parent in first.parents if parent.is_dir())
