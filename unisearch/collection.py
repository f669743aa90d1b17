"""A collection: a folder that knows the pictures and texts in it, and finds them by meaning."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, overload

from unisearch.datatypes import FloatArray, Hit, Modality
from unisearch.encoders.base import Encoder
from unisearch.encoders.load import DEFAULT_ENCODER, load_encoder
from unisearch.errors import CheckpointError, ConfigError, EncoderMismatch, NoCollection
from unisearch.search.encoding import encode_queries
from unisearch.search.engine import Engine
from unisearch.search.query import Query, QueryLike
from unisearch.store.catalog import Catalog
from unisearch.store.filters import Filters
from unisearch.store.indexes import IndexSet
from unisearch.store.layout import FOLDER_NAME, CollectionSettings, Layout, find_collection
from unisearch.store.records import EncoderRecord, ItemRecord

if TYPE_CHECKING:
    from unisearch.search.inventory import CollectionStatus, KnownFile
    from unisearch.search.explanation import Explanation

VECTOR_BLOCK = 1024
"""Items in one block of :meth:`Collection.vectors`."""


class Collection:
    """Pictures and texts that can be searched by meaning.

    Open one with :meth:`open`, :meth:`create` or :meth:`open_or_create`; the constructor takes
    ready parts. It is a context manager, and threads may share it.

    Args:
        layout: Where it lies.
        catalog: What it holds.
        indexes: What finds it.
        encoder: Name of the encoder used by default.
    """

    def __init__(
        self, layout: Layout, catalog: Catalog, indexes: IndexSet, *, encoder: str
    ) -> None:
        self.layout = layout
        self.catalog = catalog
        self.indexes = indexes
        self.encoder_name = encoder
        self._encoders: dict[str, Encoder] = {}
        self._engine = Engine(catalog, indexes)

    # --- opening and closing ---

    @classmethod
    def create(
        cls,
        folder: Path | str,
        *,
        encoder: str | Encoder = DEFAULT_ENCODER,
        catalog_url: str | None = None,
    ) -> Self:
        """Makes an empty collection.

        Args:
            folder: It is made in ``folder/.unisearch``, or in ``folder`` if that is its name.
            encoder: What it uses by default: a name, or an encoder.
            catalog_url: Address of an external catalog; by default an SQLite file in the folder.

        Raises:
            ConfigError: There already is a collection.
            ReadOnlyCollection: The folder cannot be written to.
        """
        layout = _layout_to_create(Path(folder))
        if layout.exists():
            raise ConfigError(f"there already is a collection in {layout.folder}")
        name = encoder if isinstance(encoder, str) else encoder.name
        layout.create(CollectionSettings(encoder=_lasting_name(name), catalog_url=catalog_url))
        return cls._opened(layout, create=True, encoder=encoder)

    @classmethod
    def open(
        cls,
        folder: Path | str | None = None,
        *,
        read_only: bool = False,
        encoder: str | Encoder | None = None,
    ) -> Self:
        """Opens a collection that exists.

        Args:
            folder: The collection, or the folder that holds it. Without one it is looked for from
                the working directory upwards, as git does.
            read_only: Write nothing, for media that cannot be written to.
            encoder: Used by default instead of the one that the collection names.

        Raises:
            NoCollection: There is none.
        """
        layout = find_collection(Path.cwd()) if folder is None else Layout.at(Path(folder))
        if layout is None or not layout.exists():
            where = f"in {folder}" if folder is not None else "here or in any folder above"
            raise NoCollection(
                f"there is no collection {where}: make one with `unisearch index FOLDER`, "
                "or name it with --collection"
            )
        return cls._opened(layout, read_only=read_only, encoder=encoder)

    @classmethod
    def open_or_create(
        cls, folder: Path | str, *, encoder: str | Encoder = DEFAULT_ENCODER
    ) -> Self:
        """Opens the collection of a folder, or makes it.

        Args:
            folder: As in :meth:`create`.
            encoder: For a new collection; an encoder that is given as an object, not by name, is
                used for an old one too.
        """
        layout = _layout_to_create(Path(folder))
        if not layout.exists():
            return cls.create(folder, encoder=encoder)
        return cls._opened(layout, encoder=None if isinstance(encoder, str) else encoder)

    @classmethod
    def _opened(
        cls,
        layout: Layout,
        *,
        create: bool = False,
        read_only: bool = False,
        encoder: str | Encoder | None = None,
    ) -> Self:
        settings = layout.read_settings()
        catalog = Catalog.open(
            settings.catalog_url or layout.catalog,
            create=create,
            read_only=read_only,
            base=layout.base,
        )
        name = encoder if isinstance(encoder, str) else settings.encoder
        collection = cls(layout, catalog, IndexSet(layout, catalog), encoder=name)
        if encoder is not None and not isinstance(encoder, str):
            collection.encoder_name = encoder.name
            collection._encoders[encoder.name] = encoder
        return collection

    def close(self) -> None:
        """Closes the catalog."""
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- encoders ---

    def encoder(self, name: str | None = None) -> Encoder:
        """An encoder by name, loaded when first asked for; by default the collection's own.

        Raises:
            CheckpointError: There is none of this name, or it is damaged.
            MissingExtra: It needs an optional package.
        """
        name = name or self.encoder_name
        if name not in self._encoders:
            try:
                self._encoders[name] = load_encoder(name)
            except CheckpointError as error:
                if name != self.encoder_name:
                    raise
                raise CheckpointError(
                    f"the encoder of the collection in {self.layout.folder} cannot be loaded: "
                    f"{error}"
                ) from error
        return self._encoders[name]

    def _given(self, encoder: str | Encoder | None) -> Encoder:
        return self.encoder(encoder) if encoder is None or isinstance(encoder, str) else encoder

    def _space(self, encoder: Encoder) -> EncoderRecord | None:
        """What the catalog knows of the encoder; ``None`` if it has no vectors at all.

        Raises:
            EncoderMismatch: It has vectors, of others only.
        """
        records = self.catalog.encoders()
        for record in records:
            if record.fingerprint == encoder.fingerprint:
                return record
        if not records:
            return None
        for record in records:
            if record.name == encoder.name:
                raise EncoderMismatch(
                    f"the collection was indexed with another version of {encoder.name!r} "
                    f"(fingerprint {record.fingerprint}, now {encoder.fingerprint}): "
                    "run `unisearch index` again on its folders, or use the version it was made with"
                )
        names = ", ".join(repr(record.name) for record in records)
        raise EncoderMismatch(
            f"the collection has no vectors of {encoder.name!r}, only of {names}: search with one "
            f"of these, or run `unisearch index --encoder {encoder.name} FOLDER`"
        )

    # --- searching ---

    @overload
    def search(
        self,
        query: QueryLike,
        k: int = ...,
        *,
        modality: Modality | str | None = ...,
        filters: Filters | None = ...,
        encoder: str | Encoder | None = ...,
    ) -> list[Hit]: ...
    @overload
    def search(
        self,
        query: list[QueryLike] | list[str] | list[Path] | list[Query] | tuple[QueryLike, ...],
        k: int = ...,
        *,
        modality: Modality | str | None = ...,
        filters: Filters | None = ...,
        encoder: str | Encoder | None = ...,
    ) -> list[list[Hit]]: ...
    def search(
        self,
        query: QueryLike
        | list[QueryLike]
        | list[str]
        | list[Path]
        | list[Query]
        | tuple[QueryLike, ...],
        k: int = 10,
        *,
        modality: Modality | str | None = None,
        filters: Filters | None = None,
        encoder: str | Encoder | None = None,
    ) -> list[Hit] | list[list[Hit]]:
        """Finds what is nearest to a query, or to each of many.

        Args:
            query: A text, a picture's path, a picture, or a ``Query`` of several; or a list or
                tuple of these, which are encoded and searched together.
            k: How many hits for each query, at most.
            modality: Only texts or only images; both by default, in one list.
            filters: What may be found.
            encoder: In which of the collection's spaces, if not that of its default encoder.

        Returns:
            Hits, best first; for a list of queries a list of such lists, in their order.

        Raises:
            QueryError: A query is empty, cancels out, or is a picture that cannot be read.
            EncoderMismatch: The collection has no vectors of this encoder.
            ValueError: ``k`` is less than 1.
        """
        many = isinstance(query, (list, tuple))
        queries = [Query.of(one) for one in (query if isinstance(query, (list, tuple)) else [query])]
        using = self._given(encoder)
        vectors = encode_queries(queries, using)
        hits = self.search_vectors(
            vectors, k, modality=modality, filters=filters, encoder=using
        )
        return hits if many else hits[0]

    def search_vectors(
        self,
        vectors: FloatArray,
        k: int = 10,
        *,
        modality: Modality | str | None = None,
        filters: Filters | None = None,
        encoder: str | Encoder | None = None,
    ) -> list[list[Hit]]:
        """Finds what is nearest to each of some vectors, float32 [Q, D], unit rows.

        Arguments, result and errors are those of :meth:`search`.
        """
        return self._search_vectors(vectors, k, modality, filters, self._given(encoder))

    def _search_vectors(
        self,
        vectors: FloatArray,
        k: int,
        modality: Modality | str | None,
        filters: Filters | None,
        encoder: Encoder,
        exclude: Sequence[int] = (),
    ) -> list[list[Hit]]:
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        space = self._space(encoder)
        if space is None:
            return [[] for _ in range(len(vectors))]
        return self._engine.search(
            vectors,
            space,
            k=k,
            modalities=wanted_modalities(modality),
            filters=filters or Filters(),
            exclude=exclude,
        )

    def similar(
        self,
        target: int | str | Path,
        k: int = 10,
        *,
        modality: Modality | str | None = None,
        filters: Filters | None = None,
        encoder: str | Encoder | None = None,
    ) -> list[Hit]:
        """Finds what is like an item, like a file of the collection, or like a file outside it.

        Args:
            target: An item's id, or a file's path. A file's passages count together, and neither
                they nor the item itself are among the hits; copies in other files are.
            k: How many hits, at most.
            modality: Only texts or only images.
            filters: What may be found.
            encoder: In which space.

        Raises:
            QueryError: There is no such item, or the file is neither in the collection nor
                readable as a picture or a text.
        """
        from unisearch.search.likeness import likeness

        using = self._given(encoder)
        space = self._space(using)
        vector, own = likeness(self.catalog, target, using, space)
        return self._search_vectors(vector, k, modality, filters, using, own)[0]

    def why(
        self,
        path: Path | str,
        query: QueryLike,
        k: int = 10,
        *,
        modality: Modality | str | None = None,
        filters: Filters | None = None,
        encoder: str | Encoder | None = None,
    ) -> Explanation:
        """Explains why a file is, or is not, among the first k hits; arguments as in ``search``."""
        from unisearch.search.explanation import Question, explain

        using = self._given(encoder)
        space = self._space(using) or EncoderRecord(-1, using.name, using.fingerprint, using.dim)
        question = Question(
            vector=encode_queries([Query.of(query)], using)[0],
            space=space,
            k=k,
            modalities=wanted_modalities(modality),
            filters=filters or Filters(),
        )
        return explain(self.catalog, self._engine, Path(path), question)

    # --- what is in it ---

    def items(
        self, filters: Filters | None = None, *, modality: Modality | str | None = None
    ) -> Iterator[ItemRecord]:
        """Everything that can be found, in order of ids, read as it is asked for."""
        wanted = None if modality is None else Modality(modality)
        return self.catalog.iter_items(filters, modality=wanted)

    def vectors(
        self,
        filters: Filters | None = None,
        *,
        modality: Modality | str | None = None,
        encoder: str | Encoder | None = None,
        block: int = VECTOR_BLOCK,
    ) -> Iterator[tuple[list[ItemRecord], FloatArray]]:
        """Items and their vectors, for a pipeline: memory holds one block at a time.

        Yields:
            N items, in order of ids, and float32 [N, D], unit rows, one for each; N ≤ ``block``.
            Items without a vector under the encoder are left out.
        """
        space = self._space(self._given(encoder))
        if space is None:
            return
        waiting: list[ItemRecord] = []
        for item in self.items(filters, modality=modality):
            waiting.append(item)
            if len(waiting) == block:
                yield from self._with_vectors(waiting, space)
                waiting = []
        yield from self._with_vectors(waiting, space)

    def _with_vectors(
        self, items: list[ItemRecord], space: EncoderRecord
    ) -> Iterator[tuple[list[ItemRecord], FloatArray]]:
        ids, vectors = self.catalog.vectors([item.id for item in items], space.id)
        with_one = set(ids.tolist())
        kept = [item for item in items if item.id in with_one]
        if kept:
            yield kept, vectors

    def files(
        self, *patterns: str | Path, status: str | None = None
    ) -> Iterator[KnownFile]:
        """Files that the collection knows, indexed or skipped.

        Args:
            patterns: Paths of files or folders, or globs; all files without any.
            status: Only ``indexed`` or only ``skipped`` ones.
        """
        from unisearch.search.inventory import known_files

        return known_files(self.catalog, patterns, status=status)

    def status(self) -> CollectionStatus:
        """Counts, encoders, sizes."""
        from unisearch.search.inventory import collection_status

        return collection_status(self.layout, self.catalog, default_encoder=self.encoder_name)

    # --- changing it ---

    def remove(self, *patterns: str | Path) -> int:
        """Takes files out of the collection; the files themselves stay where they are.

        Args:
            patterns: As in :meth:`files`; at least one.

        Returns:
            How many files were taken out.

        Raises:
            ValueError: There is no pattern.
            CollectionBusy: Another process is indexing.
        """
        if not patterns:
            raise ValueError("name what is to be removed")
        from unisearch.search.inventory import forget

        return forget(self.layout, self.catalog, patterns)


def wanted_modalities(modality: Modality | str | None) -> tuple[Modality, ...]:
    """``None`` means all."""
    return tuple(Modality) if modality is None else (Modality(modality),)


def _layout_to_create(folder: Path) -> Layout:
    folder = folder.expanduser()
    return Layout(folder) if folder.name == FOLDER_NAME else Layout.beside(folder)


def _lasting_name(encoder: str) -> str:
    """The name of a checkpoint's folder, absolute: it must hold from any working directory."""
    path = Path(encoder).expanduser()
    is_folder = os.sep in encoder and path.is_dir()
    return str(path.resolve()) if is_folder else encoder
