"""Where things lie inside a collection's folder.

::

    .unisearch/
      collection.json    format, encoder by default, address of an external catalog
      catalog.sqlite     the catalog, unless it is external (beside it -wal and -shm while in use)
      index.lock         held by the one process that writes (index.owner.json says which)
      indexes/           derived; may be deleted at any time
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER_NAME = ".unisearch"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class CollectionSettings:
    """What ``collection.json`` holds.

    Attributes:
        encoder: Name of the encoder used by default.
        catalog_url: Address of an external catalog; ``None`` for ``catalog.sqlite``. A password
            does not belong in it: PostgreSQL reads ``PGPASSWORD`` and ``~/.pgpass``.
        format: Version of the folder's format.
    """

    encoder: str
    catalog_url: str | None = None
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
        raise NotImplementedError

    @property
    def base(self) -> Path:
        """Absolute folder that relative roots are relative to: the one that holds ``.unisearch``,
        or the collection's folder itself if it has another name."""
        raise NotImplementedError

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
        """Whether there is a collection: it has its ``collection.json``."""
        return self.settings.is_file()

    def create(self, settings: CollectionSettings) -> None:
        """Makes the folders and, last, ``collection.json``.

        Raises:
            ReadOnlyCollection: The folder cannot be written to.
            StorageFull: No space is left.
        """
        raise NotImplementedError

    def read_settings(self) -> CollectionSettings:
        """Reads ``collection.json``.

        Raises:
            NoCollection: There is none.
            DamagedStore: It does not parse.
            SchemaTooNew: Its format is newer than this program's.
        """
        raise NotImplementedError


def find_collection(start: Path) -> Layout | None:
    """The collection that ``start`` lies in: the nearest ``.unisearch`` upwards, as git does."""
    raise NotImplementedError
