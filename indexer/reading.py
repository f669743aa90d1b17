"""One file → its units and what became of it; runs in the reading threads."""

# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH118, PTH120
from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, TypeAlias

from indexer.captions import parse_caption, read_captions
from indexer.html_text import read_html
from indexer.jobs import Job
from indexer.kinds import HTML_SUFFIXES, TABLE_PREFIX, Kind, suffix_of
from indexer.markup import blocks_of
from indexer.options import TableColumns
from indexer.passages import Block, split_passages
from indexer.shards import read_shard
from indexer.tables import read_table
from indexer.texts import lines_of, open_text
from indexer.units import Facts, SkipFile, Tools, Unit, hash_of, hash_stream, text_unit
from unisearch.files import open_regular, reading_error
from unisearch.picture_formats import has_signature
from unisearch.store.records import (
    FileRecord,
    FileStatus,
    ItemRecord,
    RootRecord,
    display_path,
)

TRANSIENT = frozenset({"unreadable", "changed", "timed-out", "failed", "no-such-column"})
"""Reasons that say nothing about the content: what was indexed before stays."""

_SNIFF_BYTES = 4096


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of a file.

    Attributes:
        reason: Why it is skipped; ``None`` if it is not.
        detail: The same in a sentence.
        kind: What it turned out to be, in the catalog's words.
        size_bytes: When it was read.
        mtime_ns: When it was read.
        content_hash: Over its bytes, if they were read.
        same: Its content is what the catalog has: there are no units.
        moved_from: The catalog's record of the same content at a path that is gone.
        facts: What else is known.
    """

    reason: str | None = None
    detail: str | None = None
    kind: str = ""
    size_bytes: int = 0
    mtime_ns: int = 0
    content_hash: str | None = None
    same: bool = False
    moved_from: FileRecord | None = None
    facts: Facts = field(default_factory=Facts)


class Restart:
    """All units of the file so far are void: it changed while it was read."""


Message: TypeAlias = Unit | Restart | Outcome
"""What a reader says, in this order: units, perhaps a restart and units again, one outcome."""


class Contents(Protocol):
    """What the store knows of contents."""

    def files_by_hash(self, content_hash: str) -> list[FileRecord]: ...
    def items_of(self, file_ids: Iterable[int]) -> list[ItemRecord]: ...
    def roots(self) -> list[RootRecord]: ...


class Moves:
    """Recognises files that lie elsewhere than they did.

    Args:
        contents: The catalog; ``None`` if it holds no files yet.
        lacking: Ids of files of which some item has no vector under the encoder in use.
    """

    def __init__(self, contents: Contents | None, lacking: frozenset[int] = frozenset()) -> None:
        self._contents = contents
        self._lacking = lacking
        self._roots = (
            {root.id: os.fsencode(root.path) for root in contents.roots()} if contents else {}
        )
        self._claimed: set[int] = set()
        self._lock = threading.Lock()

    def claim(self, content_hash: str) -> FileRecord | None:
        """A record of this content whose file is gone; each is given to one asker only."""
        if self._contents is None:
            return None
        for record in self._contents.files_by_hash(content_hash):
            root = self._roots.get(record.root_id)
            if root is None or not _is_gone(root, record.path_bytes):
                continue
            with self._lock:
                if record.id not in self._claimed:
                    self._claimed.add(record.id)
                    return record
        return None

    def is_whole(self, record: FileRecord) -> bool:
        """Whether a moved file needs nothing but its new path.

        A picture that had a caption beside it may have left that behind.
        """
        if record.status != FileStatus.INDEXED or record.id in self._lacking:
            return False
        if record.kind != Kind.PICTURE or self._contents is None:
            return True
        return all(item.passage is None for item in self._contents.items_of([record.id]))

    def is_claimed(self, file_id: int) -> bool:
        """Whether this file was found elsewhere."""
        return file_id in self._claimed


class Reader:
    """Reads files.

    Args:
        tools: For all kinds.
        moves: Recognises moved files.
    """

    def __init__(self, tools: Tools, moves: Moves) -> None:
        self._tools = tools
        self._options = tools.options
        self._moves = moves

    def read(self, job: Job) -> Iterator[Message]:
        """Reads a file; whatever is wrong with it, the last message is its outcome."""
        outcome = Outcome(size_bytes=job.size_bytes, mtime_ns=job.mtime_ns)
        for attempt in (1, 2):
            if attempt == 2:
                yield Restart()
            outcome = Outcome(size_bytes=job.size_bytes, mtime_ns=job.mtime_ns)
            outcome.kind = catalog_kind(job.kind, job.columns)
            try:
                unchanged = yield from self._attempt(job, outcome)
            except SkipFile as skip:
                outcome.reason, outcome.detail = skip.reason, str(skip)
                unchanged = True
            except OSError as error:
                problem = reading_error(job.location, error)
                outcome.reason, outcome.detail = problem.reason, str(problem)
                unchanged = True
            if unchanged:
                break
            outcome.reason = "changed"
            outcome.detail = "the file changed while it was read, twice"
        if outcome.reason is not None:
            yield Restart()
            outcome.moved_from = None
        yield outcome

    def _attempt(self, job: Job, outcome: Outcome) -> Generator[Message, None, bool]:
        """Reads once; returns whether the file stayed as it was meanwhile."""
        with open_regular(job.location) as stream:
            # The readers close the stream; this handle still knows the file.
            handle = os.dup(stream.fileno())
            try:
                before = os.fstat(handle)
                outcome.size_bytes, outcome.mtime_ns = before.st_size, before.st_mtime_ns
                try:
                    yield from self._contents(job, stream, outcome)
                except SkipFile:
                    if _same(before, os.fstat(handle)):
                        raise
                    return False
                return _same(before, os.fstat(handle))
            finally:
                os.close(handle)

    def _contents(self, job: Job, stream: BinaryIO, outcome: Outcome) -> Iterator[Unit]:
        kind = self._settle_kind(job, stream)
        outcome.kind = catalog_kind(kind, job.columns)
        size = outcome.size_bytes
        if size == 0:
            raise SkipFile("empty", "the file has no bytes")
        self._check_size(kind, size)
        data = b""
        if kind is Kind.PICTURE:
            data = stream.read(self._tools.limits.max_bytes + 1)
            outcome.content_hash = hash_of(data)
        else:
            outcome.content_hash = hash_stream(stream, self._tools.tick)
        known = job.known
        if known is not None and known.content_hash == outcome.content_hash:
            if known.kind == outcome.kind and not job.again:
                outcome.same = True
                return
        else:
            outcome.moved_from = self._moves.claim(outcome.content_hash)
            moved = outcome.moved_from
            if self._options.columns is None and (columns := known_columns(moved)) is not None:
                kind, job.columns = Kind.TABLE, columns
                outcome.kind = catalog_kind(kind, columns)
            if (
                moved is not None
                and moved.kind == outcome.kind
                and self._moves.is_whole(moved)
                and not job.captions
                and kind is not Kind.CAPTION
            ):
                outcome.same = True
                return
        if kind is Kind.PICTURE:
            yield self._picture(job, data, outcome.facts)
            return
        count = 0
        for unit in self._units(job, kind, stream, outcome.facts):
            count += 1
            yield unit
        if not count:
            reason = next(iter(outcome.facts.members_skipped), "no-text")
            raise SkipFile(reason, outcome.facts.detail or "there is nothing in it to be found")

    def _settle_kind(self, job: Job, stream: BinaryIO) -> Kind:
        if job.kind is not Kind.UNKNOWN:
            return job.kind
        head = stream.read(_SNIFF_BYTES)
        stream.seek(0)
        kind = Kind.PICTURE if has_signature(head) else Kind.TEXT
        if kind not in self._options.kinds:
            raise SkipFile("other-kind", f"the content is a {kind}, which was not asked for")
        return kind

    def _check_size(self, kind: Kind, size: int) -> None:
        limits = {
            Kind.PICTURE: self._tools.limits.max_bytes,
            Kind.TEXT: self._options.max_text_bytes,
            Kind.CAPTION: self._options.max_text_bytes,
        }
        if (limit := limits.get(kind)) is not None and size > limit:
            raise SkipFile("too-large", f"{size:,} bytes, over the limit of {limit:,}")

    def _picture(self, job: Job, data: bytes, facts: Facts) -> Unit:
        unit, picture = self._tools.picture_unit(data)
        folder = os.path.dirname(job.location)
        paths = [os.path.join(folder, name) for name in job.captions]
        caption = read_captions(paths, display_path(job.name)) if paths else None
        facts.taken_ns = picture.taken_ns
        facts.metadata = picture.metadata()
        if caption is not None:
            unit.passage = caption.text or None
            facts.metadata = {**caption.metadata, **facts.metadata}
        return unit

    def _units(self, job: Job, kind: Kind, stream: BinaryIO, facts: Facts) -> Iterator[Unit]:
        suffix = suffix_of(job.name)
        if kind is Kind.TABLE:
            if job.columns is None:
                raise SkipFile("needs-columns", "a table: say which of its columns are texts")
            folder = os.path.dirname(job.location)
            yield from read_table(stream, suffix, folder, job.columns, self._tools, facts)
        elif kind is Kind.SHARD:
            yield from read_shard(stream, self._tools, facts)
        else:
            if kind is Kind.CAPTION:
                facts.metadata["picture"] = [display_path(name) for name in job.picture_names]
                if suffix == ".json" and (blocks := self._json_caption(job, stream)) is not None:
                    yield from self._passages(iter(blocks))
                    return
                stream.seek(0)
            text = open_text(stream)
            if text is None:
                raise SkipFile("binary", "the content is no text in any known encoding")
            with text:
                html = suffix in HTML_SUFFIXES
                blocks_read = read_html(text) if html else blocks_of(lines_of(text), suffix)
                yield from self._passages(blocks_read)

    def _json_caption(self, job: Job, stream: BinaryIO) -> list[Block] | None:
        caption = parse_caption(stream.read(), ".json", display_path(job.picture_names[0]))
        return None if caption is None else [Block(line, 1) for line in caption.text.split("\n")]

    def _passages(self, blocks: Iterator[Block]) -> Iterator[Unit]:
        for passage in split_passages(blocks):
            yield text_unit(passage.text, line=passage.line)
            self._tools.tick()


def catalog_kind(kind: Kind, columns: TableColumns | None) -> str:
    """The kind as the catalog has it; a table is another one when read with other columns."""
    if kind is Kind.TABLE and columns is not None:
        return TABLE_PREFIX + columns.describe()
    return str(kind)


def known_columns(record: FileRecord | None) -> TableColumns | None:
    """The columns with which a table was read before; ``None`` if it was read as something else."""
    if record is None or not record.kind.startswith(TABLE_PREFIX):
        return None
    try:
        return TableColumns.parse(record.kind.removeprefix(TABLE_PREFIX))
    except (ValueError, TypeError):
        return None


def _same(before: os.stat_result, after: os.stat_result) -> bool:
    return before.st_size == after.st_size and before.st_mtime_ns == after.st_mtime_ns


def _is_gone(root: bytes, path: bytes) -> bool:
    """Whether a file is no longer there, while its root is: a disk taken out has lost nothing."""
    try:
        os.lstat(os.path.join(root, path))
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR) and has_entries(root)
    return False


def has_entries(folder: bytes) -> bool:
    """Whether a folder is there and not empty, as the mount point of a disk taken out is."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return next(entries, None) is not None
    return False
