"""A run: scan → read and decode in threads → encode → write, all at the same time.

One thread scans ahead, several read and decode, and the thread that called encodes and writes. The
encoder gives up the interpreter while it computes, so the next batch is decoded meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.batching import Batcher
from indexer.interruption import stop_on_interrupt
from indexer.jobs import Job
from indexer.lacking import files_lacking
from indexer.options import IndexOptions
from indexer.progress import NoProgress, Phase, Progress, Rate, Snapshot
from indexer.pruning import prune
from indexer.reading import Message, Moves, Outcome, Reader, Restart, catalog_kind
from indexer.report import IndexReport
from indexer.scan import Scanned, Scanner
from indexer.sources import Area, Source, make_plan
from indexer.units import Tools, Unit
from indexer.workers import Gate, Worker, Workers
from unisearch.datatypes import Modality
from unisearch.encoders.base import Encoder
from unisearch.store.catalog import Catalog
from unisearch.store.lock import WriterLock
from unisearch.store.records import display_path

if TYPE_CHECKING:
    from unisearch.collection import Collection

_log = logging.getLogger(__name__)

_JOBS_AHEAD = 20_000
_PROGRESS_S = 0.2
_WAIT_S = 0.1


def index(
    collection: Collection,
    sources: Iterable[Source],
    *,
    options: IndexOptions | None = None,
    progress: Progress | None = None,
    encoder: str | Encoder | None = None,
    stop: threading.Event | None = None,
) -> IndexReport:
    """Brings a collection up to date with folders and files.

    Files that are as they were are not opened. What is written is found at once, by this process
    and others.

    Args:
        collection: Is written to.
        sources: Folders, files, globs.
        options: What to take and how far to go.
        progress: Is told how far the run is.
        encoder: Which encoder, if not the collection's own; several can share a collection.
        stop: Set from another thread, it ends the run after the batch in hand.

    Returns:
        What was done. An interrupted run returns too, with ``interrupted`` set.

    Raises:
        CollectionBusy: Another process is indexing into the collection.
        ReadOnlyCollection: It cannot be written to.
        StorageFull: No space is left; all batches before are kept.
    """
    options = options or IndexOptions()
    progress = progress or NoProgress()
    with WriterLock(collection.layout.lock):
        using = (
            collection.encoder(encoder) if encoder is None or isinstance(encoder, str) else encoder
        )
        report = index_into(
            collection.catalog,
            using,
            sources,
            options=options,
            progress=progress,
            base=collection.layout.base,
            stop=stop,
        )
        # Not only after a change: an index may have been damaged, deleted or left behind by a kill.
        stale = [one for one in Modality if not collection.indexes.is_saved(using, one)]
        for modality in stale:
            collection.indexes.open(using, modality)
        if stale:
            collection.indexes.save()
    return report


def index_into(
    catalog: Catalog,
    encoder: Encoder,
    sources: Iterable[Source],
    *,
    options: IndexOptions | None = None,
    progress: Progress | None = None,
    base: Path | None = None,
    stop: threading.Event | None = None,
) -> IndexReport:
    """What ``index`` does, for a catalog alone; the caller sees to it that it is the only writer.

    Args:
        catalog: Is written to.
        encoder: Makes the vectors.
        sources: Folders, files, globs.
        options: What to take and how far to go.
        progress: Is told how far the run is.
        base: Sources in this folder get it as their root.
        stop: Set from another thread, it ends the run after the batch in hand.
    """
    run = _Run(catalog, encoder, options or IndexOptions(), progress or NoProgress(), stop)
    return run.go(sources, base)


class _Run:
    """The state of one run."""

    def __init__(
        self,
        catalog: Catalog,
        encoder: Encoder,
        options: IndexOptions,
        progress: Progress,
        stop: threading.Event | None,
    ) -> None:
        self._started = time.monotonic()
        self._catalog = catalog
        self._options = options
        self._progress = progress
        self._stop = stop or threading.Event()
        self._report = IndexReport()
        self._batcher = Batcher(catalog, encoder, options.batch_size, self._report)
        lacking = files_lacking(catalog, self._batcher.encoder_id)
        counts = catalog.counts()
        was_empty = counts.files + counts.files_skipped == 0
        self._moves = Moves(None if was_empty else catalog, lacking)
        self._scanner = Scanner(catalog, options, lacking)
        self._gate = Gate(options.max_pixels_in_memory)
        self._at_work = threading.local()
        tools = Tools(encoder, options, admission=self._admit, tick=self._tick)
        self._reader = Reader(tools, self._moves)
        self._scan_error: BaseException | None = None
        self._done = 0
        self._current = ""
        self._item_rate, self._file_rate = Rate(), Rate()
        self._shown_at = 0.0

    def go(self, sources: Iterable[Source], base: Path | None) -> IndexReport:
        report = self._report
        plan = make_plan(self._catalog, sources, base)
        report.missing += [display_path(path) for path in plan.missing]
        if plan.own:
            self._scanner.seen.tally.excluded["own"] = len(plan.own)
        with stop_on_interrupt(self._stop):
            workers: Workers[Job, Message] = Workers(
                self._work,
                count=self._options.threads,
                max_waiting=2 * self._options.batch_size,
                max_jobs=_JOBS_AHEAD,
                timeout_s=self._options.timeout_s,
            )
            workers.on_given_up = self._free  # type: ignore[method-assign]
            scanning = threading.Thread(
                target=self._scan, args=(plan.areas, workers), name="unisearch-scan", daemon=True
            )
            scanning.start()
            try:
                self._consume(workers)
                self._batcher.flush()
            except KeyboardInterrupt:
                self._stop.set()
                # Whoever interrupts a second time does not want to wait for another batch.
                self._batcher.finish_writing()
            finally:
                self._scanner.stop()
                workers.stop()
                scanning.join()
                report.seconds_reading = workers.busy_s
            if self._scan_error is not None:
                raise self._scan_error
            report.interrupted = self._stop.is_set()
            if not report.interrupted and self._options.prune:
                self._show(Phase.PRUNING, force=True)
                report.removed = prune(self._catalog, self._scanner.seen.unseen, self._moves)
        self._sum_up(self._scanner.seen)
        return report

    # --- threads ---

    def _scan(self, areas: list[Area], workers: Workers[Job, Message]) -> None:
        try:
            self._scanner.scan(areas, workers.put)
        except BaseException as error:
            self._scan_error = error
        finally:
            workers.wake()

    def _work(self, job: Job, worker: Worker[Job]) -> Iterator[Message]:
        self._at_work.worker = worker
        return self._reader.read(job)

    def _tick(self) -> None:
        self._at_work.worker.tick()

    @contextlib.contextmanager
    def _admit(self, pixels: int) -> Iterator[None]:
        with self._at_work.worker.waiting():
            self._gate.acquire(pixels)
        try:
            yield
        finally:
            self._gate.release(threading.get_ident())

    def _free(self, worker: Worker[Job]) -> None:
        if worker.thread is not None and worker.thread.ident is not None:
            self._gate.release(worker.thread.ident)

    # --- the calling thread ---

    def _consume(self, workers: Workers[Job, Message]) -> None:
        """Takes what the readers say until all is done or the run is stopped."""
        seen, batcher, options = self._scanner.seen, self._batcher, self._options
        while not self._stop.is_set() and self._scan_error is None:
            if seen.finished and self._done == seen.to_do:
                return
            waiting_since = time.monotonic()
            heard = workers.get(_WAIT_S)
            self._report.seconds_waiting += time.monotonic() - waiting_since
            if heard is not None:
                self._take(*heard)
            else:
                for job in workers.overdue():
                    self._give_up(job)
            is_late = time.monotonic() - batcher.last_flush >= options.commit_interval_s
            if batcher.is_full or (is_late and batcher.has_any):
                batcher.flush()
                for job in workers.overdue():
                    self._give_up(job)
            self._show(Phase.INDEXING)

    def _take(self, job: Job, message: Message | Exception) -> None:
        if job.given_up:
            return
        match message:
            case Unit():
                self._batcher.add_unit(job, message)
            case Restart():
                self._batcher.drop_units(job)
            case Outcome():
                self._finish(job, message)
            case Exception():
                _log.warning("reading %s failed", job.shown, exc_info=message)
                self._fail(job, "failed", f"{type(message).__name__}: {message}")

    def _give_up(self, job: Job) -> None:
        job.given_up = True
        limit = self._options.timeout_s
        self._fail(job, "timed-out", f"reading took longer than {limit:g} seconds")

    def _fail(self, job: Job, reason: str, detail: str) -> None:
        self._batcher.drop_units(job)
        outcome = Outcome(
            reason=reason,
            detail=detail,
            kind=catalog_kind(job.kind, job.columns),
            size_bytes=job.size_bytes,
            mtime_ns=job.mtime_ns,
        )
        self._finish(job, outcome)

    def _finish(self, job: Job, outcome: Outcome) -> None:
        self._batcher.finish(job, outcome)
        self._done += 1
        self._current = job.shown

    def _show(self, phase: Phase, *, force: bool = False) -> None:
        now = time.monotonic()
        if now - self._shown_at < _PROGRESS_S and not force:
            return
        self._shown_at = now
        self._item_rate.add(self._batcher.items_done, now)
        self._file_rate.add(self._batcher.files_done, now)
        seen, files_per_s = self._scanner.seen, self._file_rate.per_second
        is_known = seen.finished and files_per_s > 0
        left = (seen.to_do - self._batcher.files_done) / files_per_s if is_known else None
        self._progress.update(
            Snapshot(
                phase=phase,
                files_found=seen.found,
                files_unchanged=seen.unchanged,
                files_to_do=seen.to_do,
                files_done=self._batcher.files_done,
                files_skipped=self._report.skipped.total(),
                items_done=self._batcher.items_done,
                scan_finished=seen.finished,
                rate=self._item_rate.per_second,
                seconds_left=left,
                current=self._current,
            )
        )

    def _sum_up(self, seen: Scanned) -> None:
        report = self._report
        report.files_found = seen.found
        report.unchanged = seen.unchanged
        report.skipped_before = seen.skipped_before
        report.excluded = seen.tally.excluded
        report.missing += [display_path(path) for path in seen.missing]
        report.warnings += seen.warnings
        report.seconds = time.monotonic() - self._started
        self._show(Phase.SAVING, force=True)
