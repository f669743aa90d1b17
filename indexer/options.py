"""What to index and how far to go."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

from indexer.kinds import Kind
from unisearch.pictures import PictureLimits


@dataclass(frozen=True, kw_only=True)
class TableColumns:
    """Which columns of CSV, TSV, JSON, JSON lines and Parquet files hold what.

    In JSON a column within an object is named with dots: ``meta.title``.
    """

    text: tuple[str, ...] = ()
    """Columns that together are the text of a row."""
    image: str | None = None
    """Column with a picture: a path relative to the table, or in Parquet the picture itself."""
    id: str | None = None
    """Column that names the row; by default its number, from 1."""
    metadata: tuple[str, ...] = ()
    """Columns kept for filters; ``("*",)`` means all others."""

    def __post_init__(self) -> None:
        for name in ("text", "metadata"):
            if not isinstance(getattr(self, name), tuple):
                raise ValueError(f"{name} must be a tuple, not {getattr(self, name)!r}")
        if not self.text and self.image is None:
            raise ValueError("name at least one column of texts or one of pictures")

    def describe(self) -> str:
        """One line of JSON, kept with the table: a later run reads it with the same columns."""
        given = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(given, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def parse(cls, described: str) -> TableColumns:
        """What ``describe`` made."""
        given: dict[str, Any] = json.loads(described)
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in given.items()
        }
        return cls(**values)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class IndexOptions:
    """What to index and how far to go."""

    kinds: frozenset[Kind] = frozenset(Kind)
    """Only these; captions follow their pictures."""
    exclude: tuple[str, ...] = ()
    """Globs of files and folders to leave out: ``*.png`` anywhere, ``drafts/**`` by path."""
    default_excludes: bool = True
    """Whether folders that programs keep for themselves are left out."""
    hidden: bool = False
    """Whether to take files and folders whose name begins with a dot."""
    all_files: bool = False
    """Whether to look into files whose name does not say what they are."""
    follow_links: bool = False
    """Whether to enter folders through symbolic links; loops are harmless."""

    pictures: PictureLimits = field(default_factory=PictureLimits)
    """Limits on pictures."""
    max_text_bytes: int = 20_000_000
    """Largest text file; tables with named columns and shards have no limit."""
    timeout_s: float = 60.0
    """Time after which a file (of a table or shard: one of its items) is given up."""
    columns: TableColumns | None = None
    """Columns of tables. Without them a table is read with those of the time before; a new one is
    plain text if it can be read as such."""

    prune: bool = True
    """Whether files that are gone from a scanned folder leave the collection."""
    retry_skipped: bool = False
    """Whether files that were skipped before are tried again even though nothing changed."""

    batch_size: int = 32
    """Pictures in one batch; texts count a quarter. A kill costs at most one batch."""
    commit_interval_s: float = 2.0
    """After this long what there is makes a batch."""
    threads: int = field(default_factory=_processors)
    """Threads that read and decode."""
    max_pixels_in_memory: int = 64_000_000
    """Pixels that all threads together decode at one time; a larger picture goes alone."""

    def __post_init__(self) -> None:
        positive: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                "max_text_bytes", "timeout_s", "batch_size", "threads", "max_pixels_in_memory",
            )
        }  # fmt: skip
        for name, value in positive.items():
            if value <= 0:
                raise ValueError(f"{name} must be positive, not {value}")
        if not isinstance(self.exclude, tuple):
            raise ValueError(f"exclude must be a tuple, not {self.exclude!r}")
        if not all(self.exclude):
            raise ValueError("exclude holds an empty glob")
        if unknown := set(self.kinds) - set(Kind):
            raise ValueError(f"no such kind: {', '.join(sorted(map(str, unknown)))}")
