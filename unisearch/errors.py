"""Every error that unisearch raises on purpose.

::

    UnisearchError
    ├── ConfigError            a setting or recipe that cannot work
    ├── MissingExtra           a feature whose optional packages are not installed
    ├── CheckpointError        weights that are absent, damaged or of another kind
    ├── EncodeError            an input that no encoder can take
    │   └── PictureError       … a picture that cannot be read, with a reason code
    ├── QueryError             a query that does not parse or names something unreadable
    └── StoreError             catalog, vectors or indexes
        ├── NoCollection       there is no collection where one was looked for
        ├── CollectionBusy     another process is indexing into it
        ├── ReadOnlyCollection it cannot be written to
        ├── DamagedStore       a file of it is corrupt
        ├── SchemaTooNew       a newer unisearch made it
        ├── StorageFull        no space left
        └── EncoderMismatch    vectors of another encoder or dimension

A caller's mistake in Python (a negative ``k``) is a ``ValueError`` with the value in it. Messages
say what was found and the way out; only the command line turns them into exit codes.
"""

from __future__ import annotations


class UnisearchError(Exception):
    """Base of all errors that unisearch raises on purpose."""


class ConfigError(UnisearchError):
    """A setting or recipe that cannot work."""


class MissingExtra(UnisearchError):
    """A feature whose optional packages are not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{feature} needs the extra {extra!r}: pip install 'unisearch[{extra}]'")


class CheckpointError(UnisearchError):
    """Weights that are absent, damaged or of another kind."""


class EncodeError(UnisearchError):
    """An input that no encoder can take."""


class PictureError(EncodeError):
    """A picture that cannot be read.

    Args:
        reason: A short stable code such as ``truncated`` or ``too-many-pixels``; the catalog
            stores it and ``status`` counts by it.
        message: One sentence for a person.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class QueryError(UnisearchError):
    """A query that does not parse or names something unreadable."""


class StoreError(UnisearchError):
    """Catalog, vectors or indexes."""


class NoCollection(StoreError):
    """There is no collection where one was looked for."""


class CollectionBusy(StoreError):
    """Another process is indexing into the collection."""


class ReadOnlyCollection(StoreError):
    """The collection cannot be written to."""


class DamagedStore(StoreError):
    """A file of the collection is corrupt."""


class SchemaTooNew(StoreError):
    """A newer unisearch made the catalog."""


class StorageFull(StoreError):
    """No space is left on the device."""


class EncoderMismatch(StoreError):
    """Vectors of another encoder or dimension than asked for."""
