"""The catalog: the one place where files, items, metadata and vectors are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from unisearch.datatypes import FloatArray, IdArray, Modality
from unisearch.store.filters import Filters
from unisearch.store.records import (
    Counts,
    EncoderRecord,
    FileRecord,
    ItemRecord,
    RootRecord,
    WriteBatch,
)


@dataclass(frozen=True, slots=True)
class Changes:
    """What an index must do to get from one generation to another; in this order.

    Attributes:
        full: The index must be emptied first: the catalog no longer knows what was removed since.
        removed: int64 [N]: ids that are to go, if they are there.
        blocks: ``(ids int64 [B], vectors float32 [B, D])``: to be added or replaced.
        generation: What the index reflects afterwards.
    """

    full: bool
    removed: IdArray
    blocks: Iterator[tuple[IdArray, FloatArray]]
    generation: int


class Catalog:
    """Files, items and vectors in SQLite or PostgreSQL.

    Threads may share one. Database errors come out as ``StoreError``s.
    """

    @classmethod
    def open(
        cls,
        url_or_path: str | Path,
        *,
        create: bool = False,
        read_only: bool = False,
        base: Path | None = None,
    ) -> Catalog:
        """Opens a catalog, bringing an older schema up to date.

        Args:
            url_or_path: A path to an SQLite file, ``sqlite:///…`` or ``postgresql+psycopg://…``.
            create: Make it if there is none.
            read_only: Write nothing, not even beside it: for read-only media.
            base: Roots below this folder are stored relative to it, so that both can be moved
                together. By default, for SQLite, the folder that holds ``.unisearch`` (or else
                the file); for PostgreSQL none: all roots are stored as absolute paths.

        Raises:
            NoCollection: There is none and ``create`` is false.
            DamagedStore: It is no catalog, or corrupt.
            SchemaTooNew: A newer unisearch made it.
            ReadOnlyCollection: It must be written to but cannot be.
            MissingExtra: PostgreSQL without its driver.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Closes all connections."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- about itself ---

    @property
    def generation(self) -> int:
        """Number of the last write; 0 for a new catalog."""
        raise NotImplementedError

    @property
    def uid(self) -> str:
        """Random name of this catalog, so that an index of another one is recognised."""
        raise NotImplementedError

    @property
    def read_only(self) -> bool:
        """Whether it was opened so."""
        raise NotImplementedError

    def check(self) -> list[str]:
        """Looks for damage; returns what was found, one sentence each (reads all of it)."""
        raise NotImplementedError

    # --- encoders and roots ---

    def register_encoder(self, name: str, fingerprint: str, dim: int) -> EncoderRecord:
        """Makes an encoder known; the same fingerprint gives the same record, with its old name.

        Raises:
            EncoderMismatch: The fingerprint is known with another dimension.
        """
        raise NotImplementedError

    def encoders(self) -> list[EncoderRecord]:
        """All encoders, oldest first."""
        raise NotImplementedError

    def ensure_root(self, path: Path) -> RootRecord:
        """The root at exactly this folder, made if there is none.

        A new root that encloses older ones takes over their files; all keep their ids. A folder
        *inside* a root should not become one (its files would be there twice): ask
        :meth:`root_for` first.
        """
        raise NotImplementedError

    def root_for(self, path: Path) -> tuple[RootRecord, bytes] | None:
        """The deepest root that ``path`` is or lies in, and the path's bytes relative to it
        (``b""`` for the root itself); ``None`` if there is none."""
        raise NotImplementedError

    def roots(self) -> list[RootRecord]:
        """All roots, oldest first."""
        raise NotImplementedError

    def move_root(self, old: Path, new: Path) -> RootRecord:
        """Says that a root now lies elsewhere; nothing else changes.

        Raises:
            ValueError: There is no root at ``old``, or already one at ``new``.
        """
        raise NotImplementedError

    # --- files ---

    def files(self, root_id: int, under: bytes = b"") -> Iterator[FileRecord]:
        """The files of a root, in order of their path's bytes.

        Args:
            root_id: Which root.
            under: Only this file, or the files below this folder, relative to the root.
        """
        raise NotImplementedError

    def files_by_hash(self, content_hash: str) -> list[FileRecord]:
        """Files with this content, oldest first."""
        raise NotImplementedError

    def find_files(self, path: Path, *, below: bool = False) -> list[FileRecord]:
        """What is known at a path, relative ones being relative to the working directory.

        Args:
            path: A file, of any root.
            below: Also the files below it, if it is a folder.
        """
        raise NotImplementedError

    def skip_reasons(self) -> dict[str, int]:
        """Number of skipped files by reason, most first."""
        raise NotImplementedError

    def counts(self, encoder_id: int | None = None) -> Counts:
        """How much there is."""
        raise NotImplementedError

    # --- items and vectors ---

    def items(self, ids: Iterable[int]) -> dict[int, ItemRecord]:
        """Items by id; ids that are not there are left out."""
        raise NotImplementedError

    def items_of(self, file_ids: Iterable[int]) -> list[ItemRecord]:
        """All items of some files, by file and ordinal."""
        raise NotImplementedError

    def iter_items(
        self, filters: Filters | None = None, *, modality: Modality | None = None
    ) -> Iterator[ItemRecord]:
        """Items that pass, in ascending order of ids, read a block at a time."""
        raise NotImplementedError

    def known_hashes(self, hashes: Iterable[str], modality: Modality, encoder_id: int) -> set[str]:
        """Which of these contents already have a vector."""
        raise NotImplementedError

    def vectors(self, ids: IdArray | Iterable[int], encoder_id: int) -> tuple[IdArray, FloatArray]:
        """Vectors of items.

        Returns:
            ids int64 [N], ascending, those that have one, and float32 [N, D], unit rows::

                vectors([30, 10, 99], encoder_id=1)   # there is no item 99
                ids [10, 30]   vectors [[row of 10], [row of 30]]
        """
        raise NotImplementedError

    def select_ids(
        self, filters: Filters, modality: Modality, encoder_id: int | None = None
    ) -> IdArray | None:
        """Ids of the items of a modality that pass.

        Returns:
            int64 [N], ascending; ``None`` if there is no condition at all. With ``encoder_id``
            only items that have a vector under it.
        """
        raise NotImplementedError

    def changes_since(
        self, generation: int, modality: Modality, encoder_id: int, *, block: int = 8192
    ) -> Changes:
        """What changed for an index of this modality and encoder; all of it from generation 0.

        Blocks are read when they are asked for, each in a transaction of its own: while others
        write, one may already hold something newer than ``generation``. The next call then
        reports it again, so an index that follows is never left with something old.
        """
        raise NotImplementedError

    # --- writing ---

    def write(self, batch: WriteBatch) -> int:
        """Applies a batch in one transaction: all of it or, at an error or a kill, nothing.

        Returns:
            The new generation; the old one if the batch is empty.

        Raises:
            ValueError: An item would have no vector; a vector is not finite or has no length.
            EncoderMismatch: A vector is not of its encoder's dimension.
            ReadOnlyCollection: It was opened for reading only.
            StorageFull: No space is left.
            CollectionBusy: Another process holds the database for too long.
        """
        raise NotImplementedError

    def mark_index(self, encoder_id: int, modality: Modality, generation: int) -> None:
        """Notes that a saved index reflects this generation, for :meth:`prune`."""
        raise NotImplementedError

    def prune(self) -> int:
        """Drops vectors that no item uses and notes of removals that every saved index has seen.

        Returns:
            How many vectors were dropped.
        """
        raise NotImplementedError
