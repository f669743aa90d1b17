"""Areas → jobs for the files that are new or changed; runs in a thread of its own, ahead."""

# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH116, PTH118
from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from indexer.captions import MAX_CAPTION_BYTES, pair_captions, possible_captions
from indexer.jobs import Job
from indexer.kinds import CAPTION_SUFFIXES, Kind, suffix_of
from indexer.options import IndexOptions, TableColumns
from indexer.reading import catalog_kind, has_entries, known_columns
from indexer.sources import Area
from indexer.walk import Entry, Folder, Rules, Tally, walk
from unisearch.pictures import PictureLimits
from unisearch.store.catalog import Catalog
from unisearch.store.records import FileRecord, FileStatus, display_path

_EXTRAS = {"needs-heic": "pillow_heif", "needs-svg": "resvg_py", "needs-parquet": "pyarrow"}
_FEW_FILES = 50
"""Fewer than this are looked up one by one; for more all that a root holds is read at once."""


@dataclass(slots=True)
class Scanned:
    """What the scan has seen; the other threads only read it.

    Attributes:
        found: Files of a kind to be indexed.
        unchanged: Those that need nothing.
        skipped_before: Those that were skipped earlier and are not tried again.
        to_do: Those that became jobs.
        finished: Whether the scan has come to its end.
        tally: What was passed by.
        warnings: Sentences for a person.
        unseen: Files that the catalog has below scanned folders and the scan did not see.
        missing: Files that were named and are not there.
    """

    found: int = 0
    unchanged: int = 0
    skipped_before: int = 0
    to_do: int = 0
    finished: bool = False
    tally: Tally = field(default_factory=Tally)
    warnings: list[str] = field(default_factory=list)
    unseen: list[tuple[Area, FileRecord]] = field(default_factory=list)
    missing: list[bytes] = field(default_factory=list)


class Scanner:
    """Finds out what there is to do.

    Args:
        catalog: Knows what was done before.
        options: The person's wishes.
        lacking: Ids of files of which some item has no vector under the encoder in use.
    """

    def __init__(
        self, catalog: Catalog, options: IndexOptions, lacking: frozenset[int] = frozenset()
    ) -> None:
        self._catalog = catalog
        self._options = options
        self._rules = Rules(options)
        self._lacking = lacking
        self._done: set[tuple[int, bytes]] = set()
        self._stopping = False
        self.seen = Scanned()

    def scan(self, areas: list[Area], put: Callable[[Job], None]) -> None:
        """Looks through areas and hands over one job for each file that must be read."""
        for area in areas:
            for job in self._area_jobs(area):
                if self._stopping:
                    return
                self.seen.to_do += 1
                put(job)
        self.seen.finished = True

    def stop(self) -> None:
        """Ends a scan that goes on in another thread, at its next file."""
        self._stopping = True

    def _area_jobs(self, area: Area) -> Iterator[Job]:
        known = self._known(area)
        if area.files:
            yield from self._named_jobs(area, known)
        if area.under is None:
            return
        tally = Tally()
        captions_known = any(record.kind == Kind.CAPTION for record in known.values())
        found = self.seen.found
        for folder in walk(area.root_bytes, area.under, self._rules, tally):
            if self._stopping:
                return
            yield from self._folder_jobs(
                area, folder, known, captions_known, whole=Kind.TEXT in self._options.kinds
            )
        self.seen.tally.excluded.update(tally.excluded)
        self._note_unseen(area, known, tally, empty=self.seen.found == found)

    def _known(self, area: Area) -> dict[bytes, FileRecord]:
        """What the catalog has in an area: one query, however many files there are."""
        if area.under is not None:
            records = self._catalog.files(area.root.id, area.under)
        elif len(area.files) > _FEW_FILES:
            records = self._catalog.files(area.root.id)
        else:
            records = (r for path in area.files for r in self._catalog.files(area.root.id, path))
        return {record.path_bytes: record for record in records}

    # --- files that were named ---

    def _named_jobs(self, area: Area, known: dict[bytes, FileRecord]) -> Iterator[Job]:
        """Jobs for files that a person named: these are taken whatever their names are."""
        by_folder: dict[bytes, list[bytes]] = {}
        for path in area.files:
            folder, _, name = path.rpartition(b"/")
            by_folder.setdefault(folder, []).append(name)
        for path, names in by_folder.items():
            entries = [
                e for name in names if (e := self._named_entry(area, path, name)) is not None
            ]
            yield from self._folder_jobs(area, Folder(path, entries), known, True, whole=False)
            self._done |= {
                (area.root.id, Folder(path, []).path_of(entry.name)) for entry in entries
            }

    def _named_entry(self, area: Area, folder: bytes, name: bytes) -> Entry | None:
        path = Folder(folder, []).path_of(name)
        kind = self._rules.kind_or_reason(name, path, area.root_bytes, named=True)
        if not isinstance(kind, Kind):
            self.seen.tally.excluded[kind] += 1
            return None
        try:
            status = os.stat(os.path.join(area.root_bytes, path))
        except OSError:
            self.seen.missing.append(os.path.join(area.root_bytes, path))
            return None
        if not stat.S_ISREG(status.st_mode):
            self.seen.tally.excluded["special"] += 1
            return None
        return Entry(name, kind, status.st_size, status.st_mtime_ns)

    # --- folders ---

    def _folder_jobs(
        self,
        area: Area,
        folder: Folder,
        known: dict[bytes, FileRecord],
        captions_known: bool,
        *,
        whole: bool,
    ) -> Iterator[Job]:
        """Jobs of one folder: pictures before the captions that wait for them.

        Without ``whole`` a picture's captions may lie beside it and not be among the entries.
        """
        kinds = {entry.name: entry.kind for entry in folder.entries}
        sizes = {entry.name: entry.size_bytes for entry in folder.entries}
        pairs: dict[bytes, list[bytes]] = {}
        if len(kinds) > 1 and any(suffix_of(name) in CAPTION_SUFFIXES for name in kinds):
            pairs = {
                picture: small
                for picture, names in pair_captions(kinds).items()
                if (small := [name for name in names if sizes[name] <= MAX_CAPTION_BYTES])
            }
        described: dict[bytes, list[bytes]] = {}
        for picture, names in pairs.items():
            for name in names:
                described.setdefault(name, []).append(picture)
        changed = {
            entry.name
            for entry in folder.entries
            if entry.name in described
            and self._is_changed(known.get(folder.path_of(entry.name)), entry, Kind.CAPTION)
        }
        jobs: dict[bytes, Job] = {}
        for entry in sorted(folder.entries, key=lambda entry: entry.name in described):
            path = folder.path_of(entry.name)
            if (area.root.id, path) in self._done:
                known.pop(path, None)
                continue
            self.seen.found += 1
            record = known.pop(path, None)
            kind = Kind.CAPTION if entry.name in described else entry.kind
            columns = self._options.columns
            if columns is None and kind is not Kind.CAPTION:
                columns = known_columns(record)
                kind = kind if columns is None else Kind.TABLE
            captions = pairs.get(entry.name, [])
            again = any(name in changed for name in captions) or (
                captions_known and self._lost_caption(area, entry, folder, known)
            )
            if (
                record is not None
                and not again
                and not self._is_changed(record, entry, kind, columns)
            ):
                self.seen.unchanged += 1
                self.seen.skipped_before += record.status == FileStatus.SKIPPED
                continue
            if kind is Kind.PICTURE and not whole:
                captions = self._captions_beside(area, folder, entry.name, kinds, captions)
            jobs[entry.name] = job = Job(
                root=area.root_bytes,
                root_id=area.root.id,
                path=path,
                kind=kind,
                size_bytes=entry.size_bytes,
                mtime_ns=entry.mtime_ns,
                known=record,
                again=again or self._must_be_read(record),
                columns=columns,
                captions=captions,
                pictures=[jobs[name] for name in described.get(entry.name, []) if name in jobs],
                picture_names=described.get(entry.name, ()),
            )
            yield job

    def _is_changed(
        self,
        record: FileRecord | None,
        entry: Entry,
        kind: Kind,
        columns: TableColumns | None = None,
    ) -> bool:
        """Whether a file must be opened."""
        if record is None:
            return True
        if record.size_bytes != entry.size_bytes or record.mtime_ns != entry.mtime_ns:
            return True
        if kind is not Kind.UNKNOWN and record.kind != catalog_kind(kind, columns):
            return True
        return self._must_be_read(record)

    def _must_be_read(self, record: FileRecord | None) -> bool:
        """Whether a file must be read even if it is as it was."""
        if record is None:
            return False
        if record.status == FileStatus.SKIPPED:
            return self._options.retry_skipped or may_succeed(record, self._options)
        return record.id in self._lacking

    @staticmethod
    def _lost_caption(
        area: Area, entry: Entry, folder: Folder, known: dict[bytes, FileRecord]
    ) -> bool:
        """Whether the catalog has a caption of this picture that is no longer there.

        One that is merely left out of this run still describes it.
        """
        return entry.kind is Kind.PICTURE and any(
            (record := known.get(path := folder.path_of(name))) is not None
            and record.kind == Kind.CAPTION
            and not os.path.lexists(os.path.join(area.root_bytes, path))
            for name in possible_captions(entry.name)
        )

    def _captions_beside(
        self,
        area: Area,
        folder: Folder,
        picture: bytes,
        kinds: dict[bytes, Kind],
        listed: list[bytes],
    ) -> list[bytes]:
        """A picture's captions, with those that are not looked at themselves in this run."""
        return [
            name
            for name in possible_captions(picture)
            if name in listed
            or (name not in kinds and self._may_be_caption(area, folder.path_of(name), name))
        ]

    def _may_be_caption(self, area: Area, path: bytes, name: bytes) -> bool:
        if self._rules.kind_or_reason(name, path, area.root_bytes) == "excluded":
            return False
        try:
            status = os.stat(os.path.join(area.root_bytes, path))
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size <= MAX_CAPTION_BYTES

    # --- what is gone ---

    def _note_unseen(
        self, area: Area, unseen: dict[bytes, FileRecord], tally: Tally, *, empty: bool
    ) -> None:
        """Keeps what the catalog has and the scan did not see, for pruning."""
        if not unseen:
            return
        assert area.under is not None
        folder = os.path.join(area.root_bytes, area.under) if area.under else area.root_bytes
        if empty and not has_entries(folder):
            self.seen.warnings.append(
                f"{display_path(folder)} is empty or not there, but {len(unseen):,} files of it "
                "are in the collection; they are kept, in case a disk is not mounted "
                f"(drop them with: unisearch remove {display_path(folder)})"
            )
            return
        hidden = tuple(path + b"/" for path in tally.unreadable if path)
        if b"" in tally.unreadable:
            return
        self.seen.unseen += [
            (area, record) for path, record in unseen.items() if not path.startswith(hidden)
        ]


def may_succeed(record: FileRecord, options: IndexOptions) -> bool:
    """Whether a file that was skipped could be indexed now, although it is as it was."""
    default = PictureLimits()
    match record.reason:
        case "unreadable" | "changed" | "vanished" | "failed" | "not-a-file" | "too-small":
            return True
        case "other-kind":  # of a file whose name says nothing; looking costs little
            return True
        case "too-large" if record.kind == Kind.PICTURE:
            return record.size_bytes <= options.pictures.max_bytes
        case "too-large":
            return record.size_bytes <= options.max_text_bytes
        case "too-many-pixels":
            return options.pictures.max_pixels > default.max_pixels
        case "timed-out":
            return options.timeout_s > IndexOptions().timeout_s
        case "needs-heic" | "needs-svg" | "needs-parquet":
            return importlib.util.find_spec(_EXTRAS[record.reason]) is not None
        case "needs-columns":
            return options.columns is not None
        case _:
            return False
