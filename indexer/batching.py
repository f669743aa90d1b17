"""Units → vectors → the catalog, a batch at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from indexer.jobs import Job
from indexer.kinds import Kind
from indexer.reading import TRANSIENT, Outcome
from indexer.report import IndexReport
from indexer.units import Facts, Unit
from unisearch.datatypes import FloatArray, Modality
from unisearch.encoders.base import Encoder
from unisearch.errors import EncodeError
from unisearch.store.catalog import Catalog
from unisearch.store.records import FileStatus, FileWrite, ItemWrite, VectorWrite, WriteBatch

_log = logging.getLogger(__name__)

_TEXTS_PER_PICTURE = 4
_MAX_FILES = 500
_WARNINGS = 5
_FIRST_PART = 1000
"""Items after which a file that is still being read is written for the first time."""


@dataclass(slots=True)
class _Draft:
    """A file on its way into the catalog.

    Attributes:
        job: The file.
        next_part: Number of items at which it is written although it is not complete. It doubles,
            so that all these writes together cost no more than the last.
        items: What is in it so far.
        refused: Items that the encoder would not take.
        outcome: What became of it, once it is read to its end.
    """

    job: Job
    next_part: int
    items: list[ItemWrite] = field(default_factory=list)
    refused: int = 0
    outcome: Outcome | None = None


class Batcher:
    """Collects what the readers send and brings it into the catalog.

    Args:
        catalog: Where it goes.
        encoder: Makes the vectors.
        batch_size: Pictures in one batch; four texts count as one.
        report: Is told of everything.
    """

    def __init__(
        self, catalog: Catalog, encoder: Encoder, batch_size: int, report: IndexReport
    ) -> None:
        self._catalog = catalog
        self._encoder = encoder
        self._report = report
        self._capacity = batch_size * _TEXTS_PER_PICTURE
        self._space = catalog.register_encoder(encoder.name, encoder.fingerprint, encoder.dim)
        self._drafts: dict[Job, _Draft] = {}
        self._units: list[tuple[_Draft, Unit]] = []
        self._load = 0
        self._finished = 0
        self._waiting: WriteBatch | None = None
        self.items_done = 0
        self.files_done = 0
        self.last_flush = time.monotonic()

    @property
    def encoder_id(self) -> int:
        """The encoder's id in the catalog."""
        return self._space.id

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a batch."""
        return self._load >= self._capacity or self._finished >= _MAX_FILES

    @property
    def has_any(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._units) or any(d.outcome is not None for d in self._drafts.values())

    # --- what comes in ---

    def add_unit(self, job: Job, unit: Unit) -> None:
        """Takes a unit of a file; its place in the file is the order of coming."""
        self._units.append((self._draft(job), unit))
        self._load += _TEXTS_PER_PICTURE if unit.modality is Modality.IMAGE else 1

    def drop_units(self, job: Job) -> None:
        """Forgets what a file has given so far."""
        if self._drafts.pop(job, None) is not None:
            self._units = [(draft, unit) for draft, unit in self._units if draft.job is not job]

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Takes a file's outcome, after its last unit."""
        self._draft(job).outcome = outcome
        self._finished += 1

    def _draft(self, job: Job) -> _Draft:
        draft = self._drafts.get(job)
        if draft is None:
            draft = self._drafts[job] = _Draft(job, next_part=_FIRST_PART)
        return draft

    # --- what goes out ---

    def flush(self) -> None:
        """Encodes what there is and writes it in one transaction."""
        self.finish_writing()
        if self.has_any:
            batch = WriteBatch(encoder_id=self.encoder_id)
            self._encode(batch)
            self._settle(batch)
            self._finished = 0
            self._waiting = batch
            self.finish_writing()
        self.last_flush = time.monotonic()

    def finish_writing(self) -> None:
        """Writes what was encoded, if its writing was interrupted; encodes nothing."""
        if self._waiting is None:
            return
        started = time.monotonic()
        self._catalog.write(self._waiting)
        self._waiting = None
        self._report.seconds_writing += time.monotonic() - started

    def _encode(self, batch: WriteBatch) -> None:
        """Gives every unit its vector; what the encoder refuses becomes no item."""
        refused: set[tuple[Modality, str]] = set()
        for modality in Modality:
            payloads: dict[str, Any] = {
                unit.content_hash: unit.payload
                for _, unit in self._units
                if unit.modality is modality
            }
            started = time.monotonic()
            known = self._catalog.known_hashes(payloads, modality, self.encoder_id)
            self._report.seconds_writing += time.monotonic() - started
            new = [content_hash for content_hash in payloads if content_hash not in known]
            vectors = self._vectors([payloads[content_hash] for content_hash in new], modality)
            for content_hash, vector in zip(new, vectors, strict=True):
                if vector is None:
                    refused.add((modality, content_hash))
                    continue
                batch.vectors.append(
                    VectorWrite(
                        content_hash=content_hash,
                        modality=modality,
                        encoder_id=self.encoder_id,
                        vector=vector,
                    )
                )
        for draft, unit in self._units:
            if (unit.modality, unit.content_hash) in refused:
                draft.refused += 1
                continue
            draft.items.append(
                ItemWrite(
                    ordinal=len(draft.items),
                    modality=unit.modality,
                    content_hash=unit.content_hash,
                    passage=unit.passage,
                    line=unit.line,
                    member=unit.member,
                    metadata=unit.metadata,
                )
            )
        given = sum((unit.modality, unit.content_hash) not in refused for _, unit in self._units)
        self._report.vectors_shared += given - len(batch.vectors)
        self.items_done += given
        self._units = []
        self._load = 0

    def _vectors(self, payloads: Sequence[Any], modality: Modality) -> list[FloatArray | None]:
        """Vectors of what is new; ``None`` for what the encoder refuses."""
        if not payloads:
            return []
        started = time.monotonic()
        rows: list[FloatArray | None]
        try:
            rows = list(self._encode_all(payloads, modality))
        except EncodeError:
            rows = [self._encode_one(payload, modality) for payload in payloads]
        self._report.seconds_encoding += time.monotonic() - started
        rows = [row if row is not None and bool(np.isfinite(row).all()) else None for row in rows]
        encoded = sum(row is not None for row in rows)
        if modality is Modality.IMAGE:
            self._report.images_encoded += encoded
        else:
            self._report.texts_encoded += encoded
        return rows

    def _encode_all(self, payloads: Sequence[Any], modality: Modality) -> FloatArray:
        if modality is Modality.IMAGE:
            return self._encoder.encode_images(payloads)
        return self._encoder.encode_texts(payloads)

    def _encode_one(self, payload: Any, modality: Modality) -> FloatArray | None:
        try:
            row: FloatArray = self._encode_all([payload], modality)[0]
        except EncodeError as error:
            _log.info("the encoder refuses an item: %s", error)
            return None
        return row

    # --- drafts → rows ---

    def _settle(self, batch: WriteBatch) -> None:
        """Puts every file that is complete into the batch, and parts of large ones."""
        # Pictures before the captions that wait for them.
        complete = [draft for draft in self._drafts.values() if draft.outcome is not None]
        for draft in sorted(complete, key=lambda draft: bool(draft.job.pictures)):
            if all(picture.settled for picture in draft.job.pictures):
                self._settle_one(draft, batch)
                draft.job.settled = True
                self.files_done += 1
                del self._drafts[draft.job]
        for draft in self._drafts.values():
            if draft.outcome is None and len(draft.items) >= draft.next_part:
                batch.files.append(self._part(draft))
                draft.next_part = 2 * len(draft.items)

    def _settle_one(self, draft: _Draft, batch: WriteBatch) -> None:
        job, outcome, report = draft.job, draft.outcome, self._report
        assert outcome is not None
        if outcome.reason is None and draft.refused and not draft.items:
            outcome.reason = "not-encodable"
            outcome.moved_from = None
            outcome.detail = "the encoder takes nothing of it"
        if outcome.reason is not None:
            report.skipped[outcome.reason] += 1
            if outcome.reason == "vanished" or (outcome.reason in TRANSIENT and job.was_indexed):
                if outcome.reason == "no-such-column" and len(report.warnings) < _WARNINGS:
                    report.warnings.append(f"{job.shown} is left as it was: {outcome.detail}")
                return  # what is known of it stays
            batch.files.append(self._row(draft, outcome, FileStatus.SKIPPED))
            return
        report.members_skipped.update(outcome.facts.members_skipped)
        moved, known = outcome.moved_from, job.known
        if moved is not None:
            batch.moves.append((moved.id, job.root_id, job.path))
        if outcome.same:
            record = moved or known
            assert record is not None
            if (record.size_bytes, record.mtime_ns) != (outcome.size_bytes, outcome.mtime_ns):
                batch.touches.append((record.id, outcome.size_bytes, outcome.mtime_ns))
            report.moved += moved is not None
            report.touched += moved is None
            return
        batch.files.append(self._row(draft, outcome, FileStatus.INDEXED))
        if moved is not None:
            report.moved += 1
        elif job.was_indexed:
            report.updated += 1
        else:
            report.added += 1

    def _row(self, draft: _Draft, outcome: Outcome, status: FileStatus) -> FileWrite:
        facts = outcome.facts if status is FileStatus.INDEXED else Facts()
        return FileWrite(
            root_id=draft.job.root_id,
            path_bytes=draft.job.path,
            kind=outcome.kind,
            size_bytes=outcome.size_bytes,
            mtime_ns=outcome.mtime_ns,
            content_hash=outcome.content_hash,
            status=status,
            reason=outcome.reason,
            detail=outcome.detail or facts.detail,
            taken_ns=facts.taken_ns,
            metadata=facts.metadata,
            items=draft.items if status is FileStatus.INDEXED else (),
        )

    def _part(self, draft: _Draft) -> FileWrite:
        """A file that is still being read, as far as it is; a later run will read it again."""
        job = draft.job
        return FileWrite(
            root_id=job.root_id,
            path_bytes=job.path,
            kind=str(Kind.UNKNOWN),
            size_bytes=job.size_bytes,
            # One off, so that it never looks unchanged.
            mtime_ns=job.mtime_ns - 1,
            content_hash=None,
            detail="not read to its end",
            items=list(draft.items),
        )
