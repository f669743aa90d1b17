"""What goes into the catalog and what comes out of it.

``…Write`` classes go in with a :class:`WriteBatch`, ``…Record`` classes come out. Paths are bytes
relative to their root, as the file system gave them: a name need not be UTF-8. ``path`` beside
``path_bytes`` is for showing only; bytes that are not UTF-8 appear in it as ``\\xNN``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from unisearch.datatypes import FloatArray, Modality

Metadata = Mapping[str, Any]
"""JSON values by key. A list matches a filter if one of its elements does; a mapping inside is
reached by a dotted key (``exif.camera``)."""

NOTHING: Metadata = MappingProxyType({})


def display_path(path_bytes: bytes) -> str:
    """Bytes of a path → text for people, equal where they are UTF-8, ``\\xNN`` where not."""
    return path_bytes.decode("utf-8", errors="backslashreplace")


class FileStatus(StrEnum):
    """What became of a file."""

    INDEXED = "indexed"
    SKIPPED = "skipped"


# --- into the catalog -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemWrite:
    """One searchable thing inside a file.

    Attributes:
        ordinal: Position within the file, from 0.
        modality: Picture or text.
        content_hash: Hexadecimal blake2b-16 over what is encoded (picture bytes, passage text).
            Identical content shares one vector.
        passage: The text, for texts; a caption, for pictures.
        line: First line of the passage in its file, from 1.
        member: Name inside a container (a row of a table, a picture in a tar).
        metadata: What is known of this item alone; it goes before the file's.
    """

    ordinal: int
    modality: Modality
    content_hash: str
    passage: str | None = None
    line: int | None = None
    member: str | None = None
    metadata: Metadata = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWrite:
    """A file as it is now; it replaces what the catalog knew at the same path.

    Items keep their ids: first those with equal member, modality and content, wherever they moved
    within the file; then those left at the same ordinal and member (edited ones). The rest are
    removed.

    Attributes:
        root_id: Root that the path is relative to.
        path_bytes: Path relative to the root, as the file system has it; no leading slash.
        kind: What the indexer took it for, e.g. ``picture`` or ``text``.
        size_bytes: Size when it was read.
        mtime_ns: Modification time when it was read, nanoseconds since 1970 UTC.
        content_hash: Hash over the file's bytes; ``None`` if it was not read.
        status: Indexed or skipped.
        reason: Stable short code of why it was skipped, e.g. ``truncated``.
        detail: The same in a sentence.
        taken_ns: When a picture was taken (EXIF), nanoseconds since 1970 UTC. Date filters use it
            before ``mtime_ns``.
        metadata: What is known of the file as a whole; every item of it inherits it.
        items: What is searchable in it; empty for a skipped file.
    """

    root_id: int
    path_bytes: bytes
    kind: str
    size_bytes: int
    mtime_ns: int
    content_hash: str | None = None
    status: FileStatus | str = FileStatus.INDEXED
    reason: str | None = None
    detail: str | None = None
    taken_ns: int | None = None
    metadata: Metadata = field(default_factory=lambda: NOTHING)
    items: Sequence[ItemWrite] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VectorWrite:
    """The vector of some content under one encoder.

    Attributes:
        content_hash: As in :class:`ItemWrite`.
        modality: As in :class:`ItemWrite`.
        encoder_id: From :meth:`Catalog.register_encoder`.
        vector: float32 [D], unit length; stored as fp16. If the content already has a vector under
            this encoder, the old one stays.
    """

    content_hash: str
    modality: Modality
    encoder_id: int
    vector: FloatArray


@dataclass(slots=True, kw_only=True)
class WriteBatch:
    """Everything that is to become true together, in one transaction.

    Applied in this order: deletes, moves, touches, vectors, files. So a file may move away and
    another appear at its old path, and files may swap their names, within one batch.

    Attributes:
        files: Files new or changed.
        vectors: Vectors of the contents that had none.
        moves: ``(file_id, root_id, new_path_bytes)``; whatever else lay at the new path goes.
        deletes: Ids of files that are gone.
        touches: ``(file_id, size_bytes, mtime_ns)`` of files whose content is as it was.
        encoder_id: If given, every item of ``files`` must have a vector under this encoder, in
            this batch or from before; else nothing is written. Without it this is checked for
            the encoders that ``vectors`` names.
    """

    files: list[FileWrite] = field(default_factory=list)
    vectors: list[VectorWrite] = field(default_factory=list)
    moves: list[tuple[int, int, bytes]] = field(default_factory=list)
    deletes: list[int] = field(default_factory=list)
    touches: list[tuple[int, int, int]] = field(default_factory=list)
    encoder_id: int | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.files or self.vectors or self.moves or self.deletes or self.touches)


# --- out of the catalog -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EncoderRecord:
    """An encoder that the catalog holds vectors of."""

    id: int
    name: str
    fingerprint: str
    dim: int


@dataclass(frozen=True, slots=True)
class RootRecord:
    """A folder that files are relative to; ``path`` is absolute."""

    id: int
    path: Path


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What the catalog knows of a file; see :class:`FileWrite`."""

    id: int
    root_id: int
    path_bytes: bytes
    kind: str
    size_bytes: int
    mtime_ns: int
    content_hash: str | None
    status: str
    reason: str | None
    detail: str | None

    @property
    def path(self) -> str:
        """Path relative to the root, for showing."""
        return display_path(self.path_bytes)


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """A searchable thing and where it is.

    Attributes:
        root: Absolute folder that ``path_bytes`` is relative to.
        path: The relative path, for showing.
        metadata: The file's and, before it, the item's own.
    """

    id: int
    file_id: int
    ordinal: int
    modality: Modality
    content_hash: str
    passage: str | None
    line: int | None
    member: str | None
    metadata: Metadata
    root: Path
    path_bytes: bytes
    path: str
    kind: str
    size_bytes: int
    mtime_ns: int
    taken_ns: int | None

    @property
    def location(self) -> Path:
        """Absolute path that can be opened, whatever bytes it holds."""
        return self.root / os.fsdecode(self.path_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much there is.

    Attributes:
        files: Files indexed.
        files_skipped: Files that were skipped, with a reason each.
        items: Items by modality.
        encoded: Items by modality that have a vector under the encoder asked for; empty if none
            was.
        vectors: Distinct vectors stored, of all encoders.
        generation: Generation at which this was counted.
    """

    files: int
    files_skipped: int
    items: Mapping[Modality, int]
    encoded: Mapping[Modality, int]
    vectors: int
    generation: int
