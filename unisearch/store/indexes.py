"""The indexes of a collection, one for each encoder and modality, in step with the catalog."""

from __future__ import annotations

from typing import Protocol

from unisearch.datatypes import Modality
from unisearch.store.catalog import Catalog
from unisearch.store.index import VectorIndex
from unisearch.store.layout import Layout


class Space(Protocol):
    """What an index must know of an encoder; an ``Encoder`` and an ``EncoderRecord`` both fit."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def dim(self) -> int: ...


class IndexSet:
    """Opens indexes, catches them up, saves them.

    Args:
        layout: Where their files lie.
        catalog: What they are derived from.
        factory: FAISS factory string; ``Flat`` is exact. Without FAISS a brute-force index in
            numpy takes its place, whatever the string.
        device: ``cpu``, ``gpu``, or ``auto``: a GPU if FAISS sees one and the factory is ``Flat``.
    """

    def __init__(
        self, layout: Layout, catalog: Catalog, *, factory: str = "Flat", device: str = "auto"
    ) -> None:
        raise NotImplementedError

    def open(self, encoder: Space, modality: Modality) -> VectorIndex:
        """The index of one encoder and modality, as new as the catalog at this moment.

        Call it for each search: if nothing changed it costs one small query. A file that lags
        catches up, one that is damaged or of another encoder is built anew with a warning in the
        log. Nothing is written; see :meth:`save`. An encoder that the catalog does not know has an
        empty index.

        Raises:
            EncoderMismatch: The catalog holds this fingerprint with another dimension.
        """
        raise NotImplementedError

    def save(self) -> int:
        """Writes every opened index that is newer than its file; returns how many were.

        With a read-only catalog this does nothing.

        Raises:
            StorageFull: No space is left; the old files are whole.
            ReadOnlyCollection: The folder cannot be written to.
        """
        raise NotImplementedError
