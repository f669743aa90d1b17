"""What a collection was made of, for ``unisearch index`` without sources.

The roots of the catalog would not do: a single file, or a folder below the collection's own, has a
larger folder as its root, and nobody asked for all of that.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from unisearch.store.layout import FOLDER_NAME, Layout
from unisearch.store.lock import WriterLock


def remembered_sources(layout: Layout) -> list[bytes]:
    """Absolute paths of what was named before, still there or not."""
    return [os.fsencode(layout.base / source) for source in layout.read_settings().sources]


def remember_sources(layout: Layout, wanted: Iterable[bytes]) -> None:
    """Adds what is indexed now, unless it lies in something remembered.

    Raises:
        CollectionBusy: Another process is indexing.
    """
    before = [Path(os.fsdecode(source)) for source in remembered_sources(layout)]
    named = [Path(os.path.abspath(os.fsdecode(source))) for source in wanted]  # noqa: PTH100
    _store(layout, before, [*before, *filter(_may_be_found, named)])


def forget_sources(layout: Layout, patterns: Iterable[str]) -> None:
    """Drops what lies in folders and files that were taken out of the collection."""
    before = [Path(os.fsdecode(source)) for source in remembered_sources(layout)]
    gone = [Path(os.path.abspath(pattern)) for pattern in patterns]  # noqa: PTH100
    kept = [one for one in before if not any(one.is_relative_to(path) for path in gone)]
    _store(layout, before, kept)


def _may_be_found(path: Path) -> bool:
    if FOLDER_NAME in path.parts:
        return False
    return os.path.lexists(path) or glob.has_magic(str(path))


def _store(layout: Layout, before: list[Path], after: list[Path]) -> None:
    folders = {path for path in after if path.is_dir()}
    kept = [path for path in dict.fromkeys(after) if folders.isdisjoint(path.parents)]
    if kept == before:
        return
    base = layout.base
    sources = tuple(
        str(path.relative_to(base)) if path.is_relative_to(base) else str(path) for path in kept
    )
    with WriterLock(layout.lock):
        layout.write_settings(replace(layout.read_settings(), sources=sources))
