"""What a person named → folders to scan and files to read, each within a root of the catalog."""

# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH100, PTH110, PTH116, PTH118, PTH120, PTH207
from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from unisearch.store.catalog import Catalog
from unisearch.store.layout import FOLDER_NAME
from unisearch.store.records import RootRecord

Source: TypeAlias = Path | str | bytes
"""A folder, a file or a glob."""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of a root.

    Attributes:
        root: The root.
        under: Folder to scan, relative to the root; ``b""`` is the root itself. ``None`` if only
            ``files`` are meant.
        files: Files named one by one, relative to the root.
    """

    root: RootRecord
    under: bytes | None
    files: tuple[bytes, ...] = ()

    @property
    def root_bytes(self) -> bytes:
        """The root's absolute path."""
        return os.fsencode(self.root.path)


@dataclass(slots=True)
class Plan:
    """What a run is to look at.

    Attributes:
        areas: Disjoint parts of roots.
        missing: Sources that are not there, as absolute paths.
        own: Sources within a collection's own folder, as ``find`` lists them.
    """

    areas: list[Area] = field(default_factory=list)
    missing: list[bytes] = field(default_factory=list)
    own: list[bytes] = field(default_factory=list)


def read_list(data: bytes) -> list[bytes]:
    """Paths from a list, each ended by a newline, or by NUL if there is one in it.

    ``find … -print0`` makes the latter, which is the only way to pass names with newlines.
    """
    end = b"\0" if b"\0" in data else b"\n"
    return [path for path in data.split(end) if path]


def make_plan(catalog: Catalog, sources: Iterable[Source], base: Path | None = None) -> Plan:
    """Sorts sources into areas and makes the roots that are not there yet.

    A folder belongs to the root it lies in; else to ``base`` if it lies there; else it becomes a
    root. Files are treated as their common folder would be.

    Args:
        catalog: Knows the roots, gets new ones.
        sources: Folders, files, globs.
        base: The folder beside which the collection lies.
    """
    folders: set[bytes] = set()
    files: set[bytes] = set()
    plan = Plan()
    for source in sources:
        _sort_in(os.fsencode(source), folders, files, plan.missing)
    own = {path for path in folders | files if FOLDER_NAME.encode() in path.split(b"/")}
    plan.own = sorted(own)
    folders, files = _outermost(folders - own), files - own
    roots = _resolved_roots(catalog)
    base_bytes = os.path.realpath(os.fsencode(base)) if base is not None else None

    def enclosing(path: bytes) -> bytes | None:
        return max((root for root in roots if _is_in(path, root)), key=len, default=None)

    new_roots = set()
    for folder in folders:
        if enclosing(folder) is None:
            in_base = base_bytes is not None and _is_in(folder, base_bytes)
            new_roots.add(base_bytes if in_base and base_bytes is not None else folder)
    homeless = {os.path.dirname(file) for file in files if enclosing(file) is None}
    homeless = {f for f in homeless if not any(_is_in(f, root) for root in new_roots)}
    if base_bytes is not None and any(_is_in(folder, base_bytes) for folder in homeless):
        new_roots.add(base_bytes)
        homeless = {folder for folder in homeless if not _is_in(folder, base_bytes)}
    if homeless:
        common = os.path.commonpath(list(homeless))
        # The whole disk is nobody's collection: then rather many roots.
        new_roots |= {common} if common.strip(b"/") else homeless
    if made := _outermost(new_roots):
        for path in sorted(made):
            is_base = base is not None and path == base_bytes
            # The base goes by the name that the collection was opened by, links and all.
            catalog.ensure_root(base if is_base and base else Path(os.fsdecode(path)))
        # A new root takes over the files of those inside it, which are then gone.
        roots = _resolved_roots(catalog)

    for folder in sorted(folders):
        root = enclosing(folder)
        assert root is not None
        named = tuple(sorted(_relative(f, root) for f in files if _is_in(f, folder)))
        plan.areas.append(Area(roots[root], _relative(folder, root), named))
    alone: dict[bytes, list[bytes]] = {}
    for file in sorted(files):
        if not any(_is_in(file, folder) for folder in folders):
            root = enclosing(file)
            assert root is not None
            alone.setdefault(root, []).append(_relative(file, root))
    plan.areas += [Area(roots[root], None, tuple(paths)) for root, paths in sorted(alone.items())]
    return plan


def _resolved_roots(catalog: Catalog) -> dict[bytes, RootRecord]:
    """Roots by their path without links."""
    return {os.path.realpath(os.fsencode(root.path)): root for root in catalog.roots()}


def _sort_in(source: bytes, folders: set[bytes], files: set[bytes], missing: list[bytes]) -> None:
    """Puts one source where it belongs; a glob is expanded first."""
    path = os.path.abspath(source)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        if os.path.lexists(path) or not glob.has_magic(source):
            missing.append(path)
            return
        matches = glob.glob(source, recursive=True)
        if not matches:
            missing.append(path)
        for match in matches:
            if os.path.exists(match):
                _sort_in(match, folders, files, missing)
        return
    if stat.S_ISDIR(mode):
        folders.add(os.path.realpath(path))
    else:
        # The folder's own links are resolved, the file's are not: its name is what one sees.
        parent, name = os.path.split(path)
        files.add(os.path.join(os.path.realpath(parent), name))


def _outermost(folders: set[bytes]) -> set[bytes]:
    """Without those that lie in others."""
    kept: list[bytes] = []
    for folder in sorted(folders, key=lambda f: f.rstrip(b"/") + b"/"):
        if not kept or not _is_in(folder, kept[-1]):
            kept.append(folder)
    return set(kept)


def _is_in(path: bytes, folder: bytes) -> bool:
    """Whether ``path`` is the folder or lies in it; both absolute."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def _relative(path: bytes, root: bytes) -> bytes:
    return path[len(root.rstrip(b"/")) :].lstrip(b"/")
