"""A file that is to be read, and what the catalog knew of it."""

# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH118
from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from indexer.kinds import Kind
from indexer.options import TableColumns
from unisearch.store.records import FileRecord, FileStatus, display_path


@dataclass(slots=True, eq=False)
class Job:
    """A file that is to be read.

    Attributes:
        root: The root's absolute path.
        root_id: The root's id.
        path: Relative to the root.
        kind: How to read it.
        size_bytes: When it was scanned.
        mtime_ns: When it was scanned.
        known: What the catalog has at this path.
        again: Whether it is read even if its content is as before.
        columns: How a table is read.
        captions: Paths, relative to the root, of files that describe this picture.
        pictures: Jobs of the pictures that this caption describes. The caption is not written
            before they are: else a kill in between would leave them with their old caption.
        picture_names: Names of these pictures, whether or not they are read in this run.
        settled: It has been written, or will be with the next batch.
        given_up: It took too long; what still comes of it is ignored.
    """

    root: bytes
    root_id: int
    path: bytes
    kind: Kind
    size_bytes: int
    mtime_ns: int
    known: FileRecord | None = None
    again: bool = False
    columns: TableColumns | None = None
    captions: Sequence[bytes] = ()
    pictures: list[Job] = field(default_factory=list)
    picture_names: Sequence[bytes] = ()
    settled: bool = False
    given_up: bool = False

    @property
    def location(self) -> bytes:
        """Absolute path."""
        return os.path.join(self.root, self.path)

    @property
    def name(self) -> bytes:
        """The file's name without folders."""
        return self.path.rpartition(b"/")[2]

    @property
    def shown(self) -> str:
        """The path for people."""
        return display_path(self.path)

    @property
    def was_indexed(self) -> bool:
        """Whether the catalog has items of it, perhaps of older content."""
        return self.known is not None and self.known.status == FileStatus.INDEXED
