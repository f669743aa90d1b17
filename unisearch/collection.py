"""A collection: a folder that knows the pictures and texts in it, and finds them by meaning."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias, overload

from unisearch.datatypes import FloatArray, Hit, Modality
from unisearch.encoders.base import Encoder
from unisearch.encoders.load import DEFAULT_ENCODER, lasting_name
from unisearch.errors import ConfigError, NoCollection
from unisearch.files import expand_home
from unisearch.search.encoding import encode_queries, unit_rows
from unisearch.search.engine import Engine
from unisearch.search.query import Query, QueryLike
from unisearch.search.spaces import Spaces
from unisearch.store.catalog import Catalog
from unisearch.store.filters import Filters
from unisearch.store.indexes import IndexSet
from unisearch.store.layout import FOLDER_NAME, CollectionSettings, Layout, find_collection
from unisearch.store.records import EncoderRecord, ItemRecord

if TYPE_CHECKING:
    from unisearch.search.explanation import Explanation
    from unisearch.search.inventory import CollectionStatus, KnownFile

Queries: TypeAlias = (
    "list[QueryLike] | list[str] | list[Path] | list[Query] | tuple[QueryLike, ...]"
)
"""Several queries; a list or tuple, so that they are told from one."""


class Collection:
    """Pictures and texts that can be searched by meaning.

    Open one with :meth:`open`, :meth:`create` or :meth:`open_or_create`; the constructor takes
    ready parts. It is a context manager, and threads may share it.

    Several arguments mean the same everywhere: ``k`` is how many hits are wanted at most;
    ``modality`` is ``"image"``, ``"text"`` or, by default, both in one list; ``filters`` say what
    may be found; ``encoder``, a name or an encoder, says in which of the collection's spaces, if
    not in that of its own.

    Args:
        layout: Where it lies.
        catalog: What it holds.
        indexes: What finds it.
        encoder: Name of the encoder used by default.
    """

    def __init__(self, layout: Layout, catalog: Catalog, indexes: IndexSet, encoder: str) -> None:
        self.layout = layout
        self.catalog = catalog
        self.indexes = indexes
        self._spaces = Spaces(catalog, default=encoder)
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
        name = lasting_name(encoder) if isinstance(encoder, str) else encoder.name
        layout.create(CollectionSettings(encoder=name, catalog_url=catalog_url))
        try:
            return cls._opened(layout, create=True, encoder=encoder)
        except BaseException:
            # An address that cannot be reached must not leave what can be neither opened nor made.
            with contextlib.suppress(OSError):
                layout.settings.unlink()
            raise

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

        A catalog that was lost, or whose making was interrupted, is made anew.

        Args:
            folder: As in :meth:`create`.
            encoder: For a new collection; an encoder that is given as an object, not by name, is
                used for an old one too.
        """
        layout = Layout.at(expand_home(folder))
        if not layout.exists():
            return cls.create(folder, encoder=encoder)
        given = None if isinstance(encoder, str) else encoder
        return cls._opened(layout, create=True, encoder=given)

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
        collection = cls(layout, catalog, IndexSet(layout, catalog), name)
        if encoder is not None and not isinstance(encoder, str):
            collection._spaces.adopt(encoder)
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

    @property
    def encoder_name(self) -> str:
        """Name of the encoder used by default."""
        return self._spaces.default

    def encoder(self, name: str | None = None) -> Encoder:
        """An encoder by name, loaded when first asked for; by default the collection's own.

        Raises:
            CheckpointError: There is none of this name, or it is damaged.
            MissingExtra: It needs an optional package.
        """
        return self._spaces.encoder(name)

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
        query: Queries,
        k: int = ...,
        *,
        modality: Modality | str | None = ...,
        filters: Filters | None = ...,
        encoder: str | Encoder | None = ...,
    ) -> list[list[Hit]]: ...
    def search(
        self,
        query: QueryLike | Queries,
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
            k, modality, filters, encoder: See the class.

        Returns:
            Hits, best first; for a list of queries a list of such lists, in their order.

        Raises:
            QueryError: A query is empty, cancels out, or is a picture that cannot be read.
            EncoderMismatch: The collection has no vectors of this encoder.
            ValueError: ``k`` is less than 1.
        """
        wanted = list(query) if isinstance(query, (list, tuple)) else [query]
        using = self._spaces.encoder(encoder)
        vectors = encode_queries([Query.of(one) for one in wanted], using)
        hits = self.search_vectors(vectors, k, modality=modality, filters=filters, encoder=using)
        return hits if isinstance(query, (list, tuple)) else hits[0]

    def search_vectors(
        self,
        vectors: FloatArray,
        k: int = 10,
        *,
        modality: Modality | str | None = None,
        filters: Filters | None = None,
        encoder: str | Encoder | None = None,
    ) -> list[list[Hit]]:
        """Finds what is nearest to each of some vectors, float32 [Q, D], of any length above 0.

        Arguments, result and errors are otherwise those of :meth:`search`.

        Raises:
            ValueError: They are not [Q, D] of the encoder, or one is zero or not finite.
        """
        using = self._spaces.encoder(encoder)
        return self._search(unit_rows(vectors, using.dim), using, k, modality, filters)

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
            k, modality, filters, encoder: See the class.

        Raises:
            QueryError: There is no such item, or the file is neither in the collection nor
                readable as a picture or a text.
        """
        from unisearch.search.likeness import likeness

        using = self._spaces.encoder(encoder)
        vector, own = likeness(self.catalog, target, using, self._spaces.record(using))
        return self._search(vector, using, k, modality, filters, exclude=own)[0]

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

        using = self._spaces.encoder(encoder)
        # An encoder without vectors has an id that no record has: nothing is found under it.
        unknown = EncoderRecord(-1, using.name, using.fingerprint, using.dim)
        question = Question(
            vector=encode_queries([Query.of(query)], using)[0],
            space=self._spaces.record(using) or unknown,
            k=k,
            modalities=_modalities(modality),
            filters=filters or Filters(),
        )
        return explain(self.catalog, self._engine, Path(path), question)

    def _search(
        self,
        vectors: FloatArray,
        encoder: Encoder,
        k: int,
        modality: Modality | str | None,
        filters: Filters | None,
        exclude: Sequence[int] = (),
    ) -> list[list[Hit]]:
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        modalities = _modalities(modality)
        space = self._spaces.record(encoder)
        if space is None:
            return [[] for _ in range(len(vectors))]
        return self._engine.search(
            vectors,
            space,
            k=k,
            modalities=modalities,
            filters=filters or Filters(),
            exclude=exclude,
        )

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
        block: int = 1024,
    ) -> Iterator[tuple[list[ItemRecord], FloatArray]]:
        """Items and their vectors, for a pipeline: memory holds one block at a time.

        Yields:
            N items, in order of ids, and float32 [N, D], unit rows, one for each; N ≤ ``block``.
            Items without a vector under the encoder are left out.
        """
        from unisearch.search.inventory import vector_blocks

        space = self._spaces.record(self._spaces.encoder(encoder))
        if space is None:
            return iter(())
        return vector_blocks(self.catalog, self.items(filters, modality=modality), space, block)

    def files(self, *patterns: str | Path, status: str | None = None) -> Iterator[KnownFile]:
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

    def remove(self, *patterns: str | Path) -> int:
        """Takes files out of the collection; the files themselves stay where they are.

        Args:
            patterns: As in :meth:`files`; at least one.

        Returns:
            How many files were taken out.

        Raises:
            ValueError: There is no pattern, or an empty one.
            CollectionBusy: Another process is indexing.
        """
        from unisearch.search.inventory import forget

        if not patterns:
            raise ValueError("name what is to be removed")
        return forget(self.layout, self.catalog, patterns)


def _modalities(modality: Modality | str | None) -> tuple[Modality, ...]:
    return tuple(Modality) if modality is None else (Modality(modality),)


def _layout_to_create(folder: Path) -> Layout:
    folder = expand_home(folder)
    return Layout(folder) if folder.name == FOLDER_NAME else Layout.beside(folder)
