"""What a collection knows of files, how big it is, and how files are taken out of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from unisearch.datatypes import FloatArray, Modality
from unisearch.store.catalog import Catalog
from unisearch.store.globs import Globs
from unisearch.store.layout import Layout
from unisearch.store.lock import WriterLock
from unisearch.store.records import EncoderRecord, FileRecord, FileStatus, ItemRecord, WriteBatch

_DELETES_PER_WRITE = 1000
_GLOB_CHARACTERS = frozenset("*?[")


@dataclass(frozen=True, kw_only=True)
class KnownFile:
    """A file that the collection knows.

    Attributes:
        file_id: Its id within the catalog.
        path: Absolute path.
        kind: What the indexer took it for.
        status: ``indexed`` or ``skipped``.
        reason: Why it was skipped, a short code.
        detail: The same in a sentence.
        size_bytes: Its size when it was read.
    """

    file_id: int
    path: Path
    kind: str
    status: str
    reason: str | None
    detail: str | None
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class EncoderStatus:
    """How far a collection is encoded by one encoder.

    Attributes:
        name: Its name.
        fingerprint: What its vectors depend on.
        dim: Length of its vectors.
        encoded: Items that have a vector, by modality.
        default: Whether searches use it by default.
    """

    name: str
    fingerprint: str
    dim: int
    encoded: Mapping[Modality, int]
    default: bool


@dataclass(frozen=True, kw_only=True)
class CollectionStatus:
    """A collection in numbers.

    Attributes:
        folder: Where it lies.
        catalog: Address of the catalog, if it is not in the folder.
        roots: Folders that were indexed.
        default_encoder: Name of the encoder used by default.
        encoders: All that it has vectors of.
        files: Files indexed.
        files_skipped: Files skipped.
        skip_reasons: How many files were skipped for which reason, most first.
        items: Items by modality.
        vectors: Distinct vectors, of all encoders.
        generation: Number of the last write.
        size_bytes: Size of the collection's folder on disk.
    """

    folder: Path
    catalog: str | None
    roots: tuple[Path, ...]
    default_encoder: str
    encoders: tuple[EncoderStatus, ...]
    files: int
    files_skipped: int
    skip_reasons: Mapping[str, int]
    items: Mapping[Modality, int]
    vectors: int
    generation: int
    size_bytes: int


def collection_status(
    layout: Layout, catalog: Catalog, *, default_encoder: str
) -> CollectionStatus:
    """Counts what is there."""
    counts = catalog.counts()
    records = catalog.encoders()
    return CollectionStatus(
        folder=layout.folder,
        catalog=layout.read_settings().catalog_url,
        roots=tuple(root.path for root in catalog.roots()),
        default_encoder=default_encoder,
        encoders=tuple(
            EncoderStatus(
                name=record.name,
                fingerprint=record.fingerprint,
                dim=record.dim,
                encoded=catalog.counts(record.id).encoded,
                default=record.name == default_encoder,
            )
            for record in records
        ),
        files=counts.files,
        files_skipped=counts.files_skipped,
        skip_reasons=catalog.skip_reasons(),
        items=counts.items,
        vectors=counts.vectors,
        generation=counts.generation,
        size_bytes=_size_on_disk(layout.folder),
    )


def _size_on_disk(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # temporary files come and go
                total += (Path(place) / name).stat().st_size
    return total


def known_files(
    catalog: Catalog, patterns: Sequence[str | Path], *, status: str | None = None
) -> Iterator[KnownFile]:
    """Files of the catalog, by root and path.

    Args:
        catalog: Where to look.
        patterns: A path names a file or all below a folder, relative ones being relative to the
            working directory; a ``str`` with ``*``, ``?`` or ``[`` that names no such path is a
            glob as in ``Filters``. Without any: all files.
        status: Only ``indexed`` or ``skipped`` ones.

    Raises:
        ValueError: A pattern is empty, or there is no such status.
    """
    if "" in patterns:  # as a path it would mean all below the working directory
        raise ValueError("a pattern is empty: leave it out, or use '*' for all files")
    if status is not None:
        status = FileStatus(status)
    roots = {root.id: root.path for root in catalog.roots()}
    seen: set[int] = set()
    for record in _matching(catalog, patterns, roots):
        if record.id in seen or (status is not None and record.status != status):
            continue
        seen.add(record.id)
        yield KnownFile(
            file_id=record.id,
            path=roots[record.root_id] / os.fsdecode(record.path_bytes),
            kind=record.kind,
            status=record.status,
            reason=record.reason,
            detail=record.detail,
            size_bytes=record.size_bytes,
        )


def _matching(
    catalog: Catalog, patterns: Sequence[str | Path], roots: Mapping[int, Path]
) -> Iterator[FileRecord]:
    globs = []
    for pattern in patterns:
        named = catalog.find_files(Path(pattern), below=True)
        yield from named
        if not named and isinstance(pattern, str) and _GLOB_CHARACTERS & set(pattern):
            globs.append(pattern)
    if globs or not patterns:
        matching = Globs(globs)
        for root_id, root in roots.items():
            for record in catalog.files(root_id):
                if not patterns or matching.match(os.fsencode(root), record.path_bytes):
                    yield record


def vector_blocks(
    catalog: Catalog, items: Iterable[ItemRecord], space: EncoderRecord, block: int
) -> Iterator[tuple[list[ItemRecord], FloatArray]]:
    """Adds vectors to items, a block at a time; items without one are left out.

    Yields:
        N items, in ascending order of ids as they came, and float32 [N, D]; 1 ≤ N ≤ ``block``.
    """
    iterator = iter(items)
    while waiting := list(islice(iterator, block)):
        ids, vectors = catalog.vectors([item.id for item in waiting], space.id)
        with_one = set(ids.tolist())
        if kept := [item for item in waiting if item.id in with_one]:
            yield kept, vectors


def forget(layout: Layout, catalog: Catalog, patterns: Sequence[str | Path]) -> int:
    """Takes files out of the catalog, and vectors that nothing uses any more.

    Returns:
        How many files.
    """
    with WriterLock(layout.lock):
        ids = [file.file_id for file in known_files(catalog, patterns)]
        for start in range(0, len(ids), _DELETES_PER_WRITE):
            catalog.write(WriteBatch(deletes=ids[start : start + _DELETES_PER_WRITE]))
        if ids:
            catalog.prune()
    return len(ids)
