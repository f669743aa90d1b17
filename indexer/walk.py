"""A folder → what lies in it and below, folder by folder, without what is excluded."""

# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH116, PTH118
from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from indexer.kinds import Kind, KindTable
from indexer.options import IndexOptions
from unisearch.store.globs import Globs
from unisearch.store.layout import FOLDER_NAME

_OWN_FOLDER = FOLDER_NAME.encode()
_OWN = "own"
"""Why a collection's own folder is passed by: in a scan nobody needs to be told."""

DEFAULT_EXCLUDED_FOLDERS = frozenset(
    {
        # version control
        b".git", b".hg", b".svn", b".bzr", b"CVS",
        # what package managers and build tools fetch or make
        b"node_modules", b"bower_components", b"__pycache__", b"site-packages", b".venv", b".tox",
        b".nox", b".eggs", b".gradle", b".cargo", b".npm",
        # caches and thumbnails
        b".cache", b".mypy_cache", b".pytest_cache", b".ruff_cache", b".ipynb_checkpoints",
        b".thumbnails", b".thumb", b"@eaDir", b".picasaoriginals", b"Thumbnails.lrdata",
        # bins and bookkeeping of operating systems
        b"$RECYCLE.BIN", b"System Volume Information", b"lost+found", b".Trash", b".Trashes",
        b".Spotlight-V100", b".fseventsd", b".DocumentRevisions-V100", b"__MACOSX",
    }
)  # fmt: skip

_EXCLUDED_FOLDER_ENDINGS = (b".lrdata", b".egg-info", b".dist-info")
_EXCLUDED_FOLDER_BEGINNINGS = (b".Trash-",)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that may be indexed."""

    name: bytes
    kind: Kind
    size_bytes: int
    mtime_ns: int


@dataclass(slots=True)
class Folder:
    """What one folder holds.

    Attributes:
        path: Relative to the root; ``b""`` for the root.
        entries: Files by name.
    """

    path: bytes
    entries: list[Entry]

    def path_of(self, name: bytes) -> bytes:
        """A name in it → its path relative to the root."""
        return self.path + b"/" + name if self.path else name


@dataclass(slots=True)
class Tally:
    """What a scan passed by.

    Attributes:
        excluded: How many files and folders, by reason code.
        unreadable: Folders that could not be listed, relative to the root.
    """

    excluded: Counter[str] = field(default_factory=Counter)
    unreadable: list[bytes] = field(default_factory=list)


class Rules:
    """Decides by name what is scanned.

    Args:
        options: The person's wishes.
    """

    def __init__(self, options: IndexOptions) -> None:
        self._options = options
        self._globs = Globs([p.rstrip("/") or p for p in options.exclude])
        self._below = Globs([p for p in options.exclude if p.endswith(("/", "/**"))])
        self._kinds = KindTable(tables=options.columns is not None, unknown=options.all_files)
        self.follow_links = options.follow_links

    def against_folder(self, name: bytes, path: bytes, root: bytes) -> str | None:
        """Why a folder is not entered; ``None`` if it is.

        Args:
            name: Its name.
            path: Its path relative to the root.
            root: The root's absolute path.
        """
        if name == _OWN_FOLDER:
            return _OWN
        if self._options.default_excludes and (
            name in DEFAULT_EXCLUDED_FOLDERS
            or name.endswith(_EXCLUDED_FOLDER_ENDINGS)
            or name.startswith(_EXCLUDED_FOLDER_BEGINNINGS)
        ):
            return "excluded-folder"
        if name.startswith(b".") and not self._options.hidden:
            return "hidden"
        return "excluded" if self._globs.match(root, path) else None

    def kind_or_reason(
        self, name: bytes, path: bytes, root: bytes, *, named: bool = False
    ) -> Kind | str:
        """The kind of a file, or why it is passed by; ``named`` ones are only for their kind."""
        if not named:
            if name.startswith(b".") and not self._options.hidden:
                return "hidden"
            if self._globs.match(root, path) or self._below.match(root, path):
                return "excluded"
        kind = self._kinds.kind_of(name, named=named)
        if kind is None:
            return "unknown-kind"
        wanted = self._options.kinds
        if kind not in wanted and not (kind is Kind.TEXT and Kind.CAPTION in wanted):
            return "other-kind" if kind is not Kind.UNKNOWN else kind
        return kind


def walk(root: bytes, under: bytes, rules: Rules, tally: Tally) -> Iterator[Folder]:
    """Lists a folder and all below it.

    Order is by name, files of a folder before its sub-folders, so that a run can be repeated.
    Symbolic links to files are files, unless they lead back into what is scanned. Links to folders
    are entered, if wanted at all, after everything else and each folder once.

    Args:
        root: Absolute path.
        under: Where to begin, relative to the root.
        rules: What is scanned.
        tally: Receives what is passed by.
    """
    top = os.path.join(root, under) if under else root
    scan = _Scan(root, os.path.realpath(top), rules, tally)
    yield from scan.folders(under)


class _Scan:
    """One walk: where it began and where it has been."""

    def __init__(self, root: bytes, top: bytes, rules: Rules, tally: Tally) -> None:
        self._root = root
        self._top = top
        self._rules = rules
        self._tally = tally
        self._been: set[tuple[int, int]] = set()

    def folders(self, start: bytes) -> Iterator[Folder]:
        """Depth first, without recursion: folders may be nested deeper than Python's stack."""
        waiting, linked = [start], list[bytes]()
        while waiting or linked:
            path = waiting.pop() if waiting else linked.pop(0)
            if self._rules.follow_links and not self._first_visit(path):
                self._tally.excluded["link"] += 1
                continue
            try:
                listing = sorted(
                    os.scandir(os.path.join(self._root, path) if path else self._root),
                    key=lambda entry: entry.name,
                )
            except OSError:
                self._tally.excluded["unreadable-folder"] += 1
                self._tally.unreadable.append(path)
                continue
            folder = Folder(path, [])
            inner: list[bytes] = []
            for item in listing:
                self._sort_in(item, folder, inner, linked)
            waiting += reversed(inner)
            yield folder

    def _first_visit(self, path: bytes) -> bool:
        try:
            status = os.stat(os.path.join(self._root, path) if path else self._root)
        except OSError:
            return True  # listing it will say why
        identity = (status.st_dev, status.st_ino)
        if identity in self._been:
            return False
        self._been.add(identity)
        return True

    def _sort_in(
        self, item: os.DirEntry[bytes], folder: Folder, inner: list[bytes], linked: list[bytes]
    ) -> None:
        path = folder.path_of(item.name)
        try:
            is_folder = item.is_dir()
            is_link = item.is_symlink()
        except OSError:
            self._tally.excluded["broken-link"] += 1
            return
        if is_folder:
            reason = self._rules.against_folder(item.name, path, self._root)
            if reason is None and is_link:
                reason = self._against_linked_folder(path)
            if reason == _OWN:
                pass
            elif reason is not None:
                self._tally.excluded[reason] += 1
            elif is_link:
                linked.append(path)
            else:
                inner.append(path)
            return
        kind = self._rules.kind_or_reason(item.name, path, self._root)
        if not isinstance(kind, Kind):
            self._tally.excluded[kind] += 1
            return
        try:
            status = item.stat()
        except OSError:
            self._tally.excluded["broken-link" if is_link else "special"] += 1
            return
        if not stat.S_ISREG(status.st_mode):
            self._tally.excluded["special"] += 1
        elif is_link and self._leads_inside(path, to_file=True):
            self._tally.excluded["link"] += 1
        else:
            folder.entries.append(Entry(item.name, kind, status.st_size, status.st_mtime_ns))

    def _against_linked_folder(self, path: bytes) -> str | None:
        """A link to a folder above would scan everything again, perhaps the whole disk."""
        if not self._rules.follow_links:
            return "folder-link"
        target = os.path.realpath(os.path.join(self._root, path)).rstrip(b"/") + b"/"
        is_above = (self._top + b"/").startswith(target)
        return "link" if is_above or self._leads_inside(path) else None

    def _leads_inside(self, path: bytes, *, to_file: bool = False) -> bool:
        """Whether a link leads to something that this scan sees anyway."""
        target = os.path.realpath(os.path.join(self._root, path))
        top = self._top.rstrip(b"/") + b"/"
        if not target.startswith(top):
            return False
        # git-annex keeps the files themselves in .git, where the scan does not go; other stores
        # give them names that say nothing, which it passes by.
        inner = target[len(top) :]
        *folders, name = inner.split(b"/")
        for depth, folder in enumerate(folders, start=1):
            if self._rules.against_folder(folder, b"/".join(folders[:depth]), top) is not None:
                return False
        return not to_file or isinstance(self._rules.kind_or_reason(name, inner, top), Kind)
