"""The indexes of a collection, one for each encoder and modality, in step with the catalog."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from typing import Protocol

from unisearch.datatypes import Modality
from unisearch.errors import ConfigError, DamagedStore, EncoderMismatch, MissingExtra, SchemaTooNew
from unisearch.store.atomic import translated
from unisearch.store.catalog import Catalog
from unisearch.store.flat import NumpyIndex
from unisearch.store.index import VectorIndex
from unisearch.store.index_files import Header, IndexFile
from unisearch.store.layout import Layout
from unisearch.store.records import EncoderRecord

_log = logging.getLogger(__name__)

FLAT = "Flat"
"""The factory string of exact search."""


class Space(Protocol):
    """What an index must know of an encoder; an ``Encoder`` and an ``EncoderRecord`` both fit."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def dim(self) -> int: ...


@dataclass
class _Opened:
    """An index in memory and how it stands to its file."""

    index: VectorIndex
    encoder: EncoderRecord
    modality: Modality
    file: IndexFile
    generation: int
    saved: Header | None
    changed: bool
    """Whether it holds anything else than the file."""


class IndexSet:
    """Opens indexes, catches them up, saves them. Threads may share one.

    Args:
        layout: Where their files lie.
        catalog: What they are derived from.
        factory: FAISS factory string; ``Flat`` is exact. Without FAISS a brute-force index in
            numpy takes its place, whatever the string.
        device: ``cpu``, ``gpu``, or ``auto``: a GPU if FAISS sees one and the factory is ``Flat``.

    Raises:
        ConfigError: The device is none of these, or ``gpu`` with another factory than ``Flat``.
    """

    def __init__(
        self, layout: Layout, catalog: Catalog, *, factory: str = FLAT, device: str = "auto"
    ) -> None:
        if device not in ("auto", "cpu", "gpu"):
            raise ConfigError(f"a device is 'auto', 'cpu' or 'gpu', not {device!r}")
        if device == "gpu" and factory != FLAT:
            raise ConfigError(f"on a GPU the factory is {FLAT!r}, not {factory!r}")
        self._layout = layout
        self._catalog = catalog
        self._factory = factory
        self._device = device
        self._opened: dict[tuple[str, Modality], _Opened] = {}
        self._lock = threading.RLock()

    def open(self, encoder: Space, modality: Modality) -> VectorIndex:
        """The index of one encoder and modality, as new as the catalog at this moment.

        Call it for each search: if nothing changed it costs one small query. A file that lags
        catches up, one that is damaged or of another encoder is built anew with a warning in the
        log. Nothing is written; see :meth:`save`. An encoder that the catalog does not know has an
        empty index.

        Raises:
            EncoderMismatch: The catalog holds this fingerprint with another dimension.
        """
        with self._lock:
            opened = self._opened.get((encoder.fingerprint, modality))
            if opened is None:
                known = {record.fingerprint: record for record in self._catalog.encoders()}
                record = known.get(encoder.fingerprint)
                if record is None:
                    return NumpyIndex(encoder.dim)
                opened = self._load(record, modality)
                self._opened[encoder.fingerprint, modality] = opened
            if opened.encoder.dim != encoder.dim:
                raise EncoderMismatch(
                    f"the encoder {encoder.name!r} gives vectors of {encoder.dim} numbers, the "
                    f"catalog holds vectors of {opened.encoder.dim} under its fingerprint "
                    f"{encoder.fingerprint}"
                )
            self._catch_up(opened)
            return opened.index

    def is_saved(self, encoder: Space, modality: Modality) -> bool:
        """Whether the file is whole and as new as the catalog; reads it, but into no memory."""
        record = next(
            (one for one in self._catalog.encoders() if one.fingerprint == encoder.fingerprint),
            None,
        )
        if record is None:
            return True
        file = IndexFile(self._layout.indexes, record.fingerprint, modality)
        empty = _Opened(self._empty(record.dim), record, modality, file, 0, None, changed=True)
        try:
            header = file.read_header()
            if header is None or header.generation != self._catalog.generation:
                return False
            file.check_payload(header)
        except (DamagedStore, SchemaTooNew, OSError):
            return False
        return self._unusable(header, empty) is None

    def save(self) -> int:
        """Writes every opened index that is newer than its file; returns how many were.

        With a read-only catalog this does nothing.

        Raises:
            StorageFull: No space is left; the old files are whole.
            ReadOnlyCollection: The folder cannot be written to.
        """
        if self._catalog.read_only:
            return 0
        written = 0
        with self._lock:
            for opened in self._opened.values():
                if opened.saved is not None and opened.saved.generation >= opened.generation:
                    continue
                if opened.saved is None and not len(opened.index):
                    continue
                written += opened.changed
                self._save(opened)
                self._catalog.mark_index(opened.encoder.id, opened.modality, opened.generation)
        return written

    def _save(self, opened: _Opened) -> None:
        """Writes one index, or only what generation it reflects."""
        if opened.saved is not None and not opened.changed:
            opened.saved = replace(opened.saved, generation=opened.generation)
            opened.file.write_header(opened.saved)
            return
        header = Header(
            kind=opened.index.kind,
            factory=self._factory,
            catalog=self._catalog.uid,
            fingerprint=opened.encoder.fingerprint,
            modality=str(opened.modality),
            dim=opened.index.dim,
            count=len(opened.index),
            generation=opened.generation,
            payload="",
            checksum="",
        )
        with translated(self._layout.indexes):
            self._layout.indexes.mkdir(parents=True, exist_ok=True)
        opened.saved = opened.file.write(opened.index, header)
        opened.changed = False

    def _load(self, encoder: EncoderRecord, modality: Modality) -> _Opened:
        """The index from its file if that can be used, else an empty one."""
        file = IndexFile(self._layout.indexes, encoder.fingerprint, modality)
        empty = self._empty(encoder.dim)
        opened = _Opened(empty, encoder, modality, file, generation=0, saved=None, changed=True)
        for attempt in (1, 2):
            try:
                header = file.read_header()
                if header is None:
                    return opened
                stale = self._unusable(header, opened)
                if stale:
                    _log.warning("%s: %s; building the index anew", file.path, stale)
                    return opened
                opened.index = file.read_payload(header, type(empty))
            except FileNotFoundError as error:
                # Another process may just have replaced it; then there is a new header.
                if attempt == 2:
                    _log.warning("%s: %s is gone; building it anew", file.path, error.filename)
            except (DamagedStore, SchemaTooNew, OSError) as error:
                _log.warning("%s; building the index anew", error)
                return opened
            else:
                opened.generation, opened.saved, opened.changed = header.generation, header, False
                return opened
        return opened

    def _unusable(self, header: Header, opened: _Opened) -> str | None:
        """Why a saved index cannot be used, if so."""
        wanted = {
            "catalog": self._catalog.uid,
            "fingerprint": opened.encoder.fingerprint,
            "modality": str(opened.modality),
            "dim": opened.encoder.dim,
            "kind": opened.index.kind,
            "factory": self._factory,
        }
        for name, value in wanted.items():
            if getattr(header, name) != value:
                return f"its {name} is {getattr(header, name)!r} instead of {value!r}"
        return None

    def _empty(self, dim: int) -> VectorIndex:
        """An empty index of the kind that was asked for, as far as it is installed."""
        try:
            from unisearch.store.faiss_cpu import FaissIndex
            from unisearch.store.faiss_gpu import GpuIndex, gpus

            if self._factory == FLAT and (
                self._device == "gpu" or (self._device == "auto" and gpus())
            ):
                return GpuIndex(dim)
            if self._factory == FLAT:
                return FaissIndex(dim)
            from unisearch.store.faiss_factory import FactoryIndex

            return FactoryIndex(dim, self._factory)
        except MissingExtra as error:
            if self._device == "gpu":
                raise
            _log.info("%s; searching with numpy meanwhile", error)
            return NumpyIndex(dim)

    def _catch_up(self, opened: _Opened) -> None:
        """Applies what happened in the catalog since the index's generation."""
        now = self._catalog.generation
        if now == opened.generation:
            return
        changes = self._catalog.changes_since(opened.generation, opened.modality, opened.encoder.id)
        index = opened.index
        if changes.full:
            _log.info("%s: too old to be caught up; building it anew", opened.file.path)
            # A new one, because others may be searching the old one.
            index, opened.changed = self._empty(opened.encoder.dim), True
            opened.saved = None  # whatever its generation, it is to be replaced
        # An index that fails halfway keeps its generation: the same is then applied again.
        if index.remove(changes.removed):
            opened.changed = True
        for ids, vectors in changes.blocks:
            index.add(ids, vectors)
            opened.changed = True
        opened.index, opened.generation = index, changes.generation
