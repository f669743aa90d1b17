"""Where things lie inside a collection's folder.

::

    .unisearch/
      collection.json    format, encoder by default, address of an external catalog, sources
      catalog.sqlite     the catalog, unless it is external (beside it -wal and -shm while in use)
      index.lock         held by the one process that writes (index.owner.json says which)
      indexes/           derived; may be deleted at any time
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from unisearch.errors import DamagedStore, NoCollection, SchemaTooNew, StoreError
from unisearch.store.atomic import absolute, replace_file, translated

FOLDER_NAME = ".unisearch"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class CollectionSettings:
    """What ``collection.json`` holds.

    Attributes:
        encoder: Name of the encoder used by default.
        catalog_url: Address of an external catalog; ``None`` for ``catalog.sqlite``. A password
            does not belong in it: PostgreSQL reads ``PGPASSWORD`` and ``~/.pgpass``.
        sources: Folders, files and globs that a run without any indexes again; relative ones lie
            below :attr:`Layout.base`.
        format: Version of the folder's format.
    """

    encoder: str
    catalog_url: str | None = None
    sources: tuple[str, ...] = ()
    format: int = FORMAT


@dataclass(frozen=True)
class Layout:
    """A collection's folder, usually ``…/.unisearch``; it need not exist yet."""

    folder: Path

    @classmethod
    def beside(cls, pictures: Path) -> Layout:
        """The layout of the collection of a folder of pictures: ``pictures/.unisearch``."""
        return cls(pictures / FOLDER_NAME)

    @classmethod
    def at(cls, path: Path) -> Layout:
        """The layout that a person means by ``path``: itself if it is (named like) a collection's
        folder, else ``path/.unisearch`` if that is one, else ``path`` itself."""
        own, beside = cls(path), cls.beside(path)
        if own.exists() or path.name == FOLDER_NAME or not beside.exists():
            return own
        return beside

    @property
    def base(self) -> Path:
        """Absolute folder that relative roots are relative to: the one that holds ``.unisearch``,
        or the collection's folder itself if it has another name."""
        folder = absolute(self.folder)
        return folder.parent if folder.name == FOLDER_NAME else folder

    @property
    def catalog(self) -> Path:
        """The SQLite catalog."""
        return self.folder / "catalog.sqlite"

    @property
    def settings(self) -> Path:
        """``collection.json``."""
        return self.folder / "collection.json"

    @property
    def indexes(self) -> Path:
        """Folder of derived indexes."""
        return self.folder / "indexes"

    @property
    def lock(self) -> Path:
        """The writer's lock."""
        return self.folder / "index.lock"

    def exists(self) -> bool:
        """Whether there is a collection: it has its ``collection.json``.

        A folder that is closed to us counts as one; :meth:`read_settings` then says why not.
        """
        try:
            return self.settings.is_file()
        except OSError:
            return _is_folder(self.folder)

    def create(self, settings: CollectionSettings) -> None:
        """Makes the folders and, last, ``collection.json``.

        Raises:
            ReadOnlyCollection: The folder cannot be written to.
            StorageFull: No space is left.
        """
        with translated(self.folder):
            self.indexes.mkdir(parents=True, exist_ok=True)
        self.write_settings(settings)

    def write_settings(self, settings: CollectionSettings) -> None:
        """Replaces ``collection.json``; errors are those of :meth:`create`."""
        # In ASCII, for a path need not be UTF-8.
        text = json.dumps(asdict(settings), indent=2) + "\n"
        replace_file(self.settings, lambda temporary: _write_text(temporary, text))

    def read_settings(self) -> CollectionSettings:
        """Reads ``collection.json``.

        Raises:
            NoCollection: There is none.
            DamagedStore: It does not parse.
            SchemaTooNew: Its format is newer than this program's.
            StoreError: It may not be read.
        """
        try:
            found = json.loads(self.settings.read_bytes())
            version = found["format"]
            if not isinstance(version, int):
                raise TypeError(f"its format is {version!r}")
            if version > FORMAT:
                raise SchemaTooNew(
                    f"{self.folder} has format {version}; this version of unisearch reads up to "
                    f"{FORMAT}: install a newer one"
                )
            settings = CollectionSettings(
                encoder=found["encoder"],
                catalog_url=found.get("catalog_url"),
                sources=tuple(map(str, found.get("sources", ()))),
                format=version,
            )
            if not isinstance(settings.encoder, str):
                raise TypeError(f"its encoder is {settings.encoder!r}")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NoCollection(f"{self.folder} holds no collection") from error
        except OSError as error:
            raise StoreError(
                f"{self.settings} cannot be read: {error.strerror}; check its permissions"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedStore(
                f"{self.settings} is damaged ({error}): restore it, or delete it and index again; "
                "what is in the catalog stays"
            ) from error
        return settings


def find_collection(start: Path) -> Layout | None:
    """The collection that ``start`` lies in: the nearest ``.unisearch`` upwards, as git does."""
    start = absolute(start)
    for folder in (start, *start.parents):
        layout = Layout(folder) if folder.name == FOLDER_NAME else Layout.beside(folder)
        if layout.exists():
            return layout
    return None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # an over-long name, or a folder above it is closed as well
        return False


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
