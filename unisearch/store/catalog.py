"""The catalog: the one place where files, items, metadata and vectors are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from sqlalchemy import select

from unisearch.datatypes import FloatArray, IdArray, Modality
from unisearch.errors import DamagedStore
from unisearch.store import changes, keeping, reading, roots, schema, selecting, vectors, writing
from unisearch.store.atomic import absolute
from unisearch.store.changes import Changes
from unisearch.store.chunks import chunks
from unisearch.store.database import Database
from unisearch.store.filters import Filters
from unisearch.store.layout import Layout
from unisearch.store.records import (
    Counts,
    EncoderRecord,
    FileRecord,
    ItemRecord,
    RootRecord,
    WriteBatch,
)
from unisearch.store.tables import state

__all__ = ["Catalog", "Changes"]

_BLOCK = 2_000
"""Rows read at a time by what goes through everything."""


class Catalog:
    """Files, items and vectors in SQLite or PostgreSQL.

    Threads may share one; processes open their own (do not fork with one open). Database errors
    come out as ``StoreError``.
    """

    def __init__(self, database: Database, base: Path | None) -> None:
        """Takes over an open database whose tables are there; use :meth:`open`."""
        self._database = database
        self._base = base
        with database.reading() as connection:
            uid = connection.execute(select(state.c.uid)).scalar()
        if uid is None:
            raise DamagedStore(
                f"{database.name} has lost its state: restore it from a backup, or delete it and "
                "index again"
            )
        self._uid = str(uid)

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
                together. By default the folder that holds ``.unisearch`` (or else the file). Not
                used for PostgreSQL, where all roots are stored as absolute paths: a server moves
                with no folder, and from a second one its files would seem gone.

        Raises:
            NoCollection: There is none and ``create`` is false.
            DamagedStore: It is no catalog, or corrupt.
            SchemaTooNew: A newer unisearch made it.
            ReadOnlyCollection: It must be written to but cannot be.
            MissingExtra: PostgreSQL without its driver.
        """
        database = Database(url_or_path, create=create, read_only=read_only)
        try:
            schema.prepare(database, create=create)
            if database.path is None:
                base = None
            elif base is None:
                base = Layout(database.path.parent).base
            return cls(database, base)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Closes all connections."""
        self._database.close()

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
        with self._database.reading() as connection:
            return int(connection.execute(select(state.c.generation)).scalar_one())

    @property
    def uid(self) -> str:
        """Random name of this catalog, so that an index of another one is recognised."""
        return self._uid

    @property
    def read_only(self) -> bool:
        """Whether it was opened so."""
        return self._database.read_only

    def check(self) -> list[str]:
        """Looks for damage; returns what was found, one sentence each (reads all of it)."""
        return keeping.check(self._database)

    # --- encoders and roots ---

    def register_encoder(self, name: str, fingerprint: str, dim: int) -> EncoderRecord:
        """Makes an encoder known; the same fingerprint gives the same record, with its old name.

        Raises:
            EncoderMismatch: The fingerprint is known with another dimension.
        """
        with self._database.reading() as connection:
            record = keeping.known_encoder(connection, fingerprint, dim)
        if record is None:
            with self._database.writing() as connection:
                record = keeping.register_encoder(connection, name, fingerprint, dim)
        return record

    def encoders(self) -> list[EncoderRecord]:
        """All encoders, oldest first."""
        with self._database.reading() as connection:
            return keeping.encoders(connection)

    def ensure_root(self, path: Path) -> RootRecord:
        """The root at exactly this folder, made if there is none.

        A new root that encloses older ones takes over their files; all keep their ids. A folder
        *inside* a root should not become one (its files would be there twice): ask
        :meth:`root_for` first.
        """
        for root in self.roots():
            if root.path == absolute(path):
                return root
        with self._database.writing() as connection:
            return roots.ensure(connection, path, self._base)

    def root_for(self, path: Path) -> tuple[RootRecord, bytes] | None:
        """The deepest root that ``path`` is or lies in, and the path's bytes relative to it
        (``b""`` for the root itself); ``None`` if there is none."""
        return roots.deepest(self.roots(), path)

    def roots(self) -> list[RootRecord]:
        """All roots, oldest first."""
        with self._database.reading() as connection:
            return roots.all_roots(connection, self._base)

    def move_root(self, old: Path, new: Path) -> RootRecord:
        """Says that a root now lies elsewhere; nothing else changes.

        Raises:
            ValueError: There is no root at ``old``, or already one at ``new``.
        """
        with self._database.writing() as connection:
            return roots.move(connection, old, new, self._base)

    # --- files ---

    def files(self, root_id: int, under: bytes = b"") -> Iterator[FileRecord]:
        """The files of a root, in order of their path's bytes.

        Args:
            root_id: Which root.
            under: Only this file, or the files below this folder, relative to the root.
        """
        last: bytes | None = None
        while True:
            with self._database.reading() as connection:
                block = reading.file_block(connection, root_id, under, last, _BLOCK)
            yield from block
            if len(block) < _BLOCK:
                return
            last = block[-1].path_bytes

    def files_by_hash(self, content_hash: str) -> list[FileRecord]:
        """Files with this content, oldest first."""
        with self._database.reading() as connection:
            return reading.files_by_hash(connection, content_hash)

    def find_files(self, path: Path, *, below: bool = False) -> list[FileRecord]:
        """What is known at a path, relative ones being relative to the working directory.

        Args:
            path: A file, of any root.
            below: Also the files below it, if it is a folder.
        """
        with self._database.reading() as connection:
            known = roots.all_roots(connection, self._base)
            return reading.files_at(connection, path, known, and_below=below)

    def skip_reasons(self) -> dict[str, int]:
        """Number of skipped files by reason, most first."""
        with self._database.reading() as connection:
            return reading.skip_reasons(connection)

    def counts(self, encoder_id: int | None = None) -> Counts:
        """How much there is."""
        with self._database.reading() as connection:
            return reading.counts(connection, encoder_id)

    # --- items and vectors ---

    def items(self, ids: Iterable[int]) -> dict[int, ItemRecord]:
        """Items by id; ids that are not there are left out."""
        with self._database.reading() as connection:
            known = roots.all_roots(connection, self._base)
            return {item.id: item for item in reading.items_by_id(connection, ids, known)}

    def items_of(self, file_ids: Iterable[int]) -> list[ItemRecord]:
        """All items of some files, by file and ordinal."""
        with self._database.reading() as connection:
            known = roots.all_roots(connection, self._base)
            return reading.items_of(connection, file_ids, known)

    def iter_items(
        self, filters: Filters | None = None, *, modality: Modality | None = None
    ) -> Iterator[ItemRecord]:
        """Items that pass, in ascending order of ids, read a block at a time."""
        if filters:
            with self._database.reading() as connection:
                known = roots.all_roots(connection, self._base)
                passing = selecting.select_ids(connection, filters, modality, None, known)
            for piece in chunks(passing.tolist(), _BLOCK):
                yield from self.items(piece).values()
            return
        last = -1
        while True:
            with self._database.reading() as connection:
                known = roots.all_roots(connection, self._base)
                block = reading.item_block(connection, last, modality, known, _BLOCK)
            yield from block
            if len(block) < _BLOCK:
                return
            last = block[-1].id

    def known_hashes(self, hashes: Iterable[str], modality: Modality, encoder_id: int) -> set[str]:
        """Which of these contents already have a vector."""
        with self._database.reading() as connection:
            return set(vectors.known(connection, hashes, modality, encoder_id))

    def vectors(self, ids: IdArray | Iterable[int], encoder_id: int) -> tuple[IdArray, FloatArray]:
        """Vectors of items.

        Returns:
            ids int64 [N], ascending, those that have one, and float32 [N, D], unit rows::

                vectors([30, 10, 99], encoder_id=1)   # there is no item 99
                ids [10, 30]   vectors [[row of 10], [row of 30]]
        """
        wanted = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), dtype=np.int64)
        with self._database.reading() as connection:
            return vectors.read(connection, wanted.tolist(), encoder_id)

    def select_ids(
        self, filters: Filters, modality: Modality, encoder_id: int | None = None
    ) -> IdArray | None:
        """Ids of the items of a modality that pass.

        Returns:
            int64 [N], ascending; ``None`` if there is no condition at all. With ``encoder_id``
            only items that have a vector under it.
        """
        if not filters:
            return None
        with self._database.reading() as connection:
            known = roots.all_roots(connection, self._base)
            return selecting.select_ids(connection, filters, modality, encoder_id, known)

    def changes_since(
        self, generation: int, modality: Modality, encoder_id: int, *, block: int = 8192
    ) -> Changes:
        """What changed for an index of this modality and encoder; all of it from generation 0.

        Blocks are read when they are asked for, each in a transaction of its own: while others
        write, one may already hold something newer than ``generation``. The next call then
        reports it again, so an index that follows is never left with something old.
        """
        return changes.changes_since(self._database, generation, modality, encoder_id, block)

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
        if not batch:
            return self.generation
        with self._database.writing() as connection:
            return writing.apply(connection, batch)

    def mark_index(self, encoder_id: int, modality: Modality, generation: int) -> None:
        """Notes that a saved index reflects this generation, for :meth:`prune`."""
        with self._database.writing() as connection:
            keeping.mark_index(connection, encoder_id, modality, generation)

    def prune(self) -> int:
        """Drops vectors that no item uses and notes of removals that every saved index has seen.

        Returns:
            How many vectors were dropped.
        """
        with self._database.writing() as connection:
            return keeping.prune(connection)
