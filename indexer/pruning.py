"""Files that are gone leave the collection."""

# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH118
from __future__ import annotations

import errno
import os
from collections.abc import Iterable

from indexer.reading import Moves
from indexer.sources import Area
from unisearch.store.catalog import Catalog
from unisearch.store.records import FileRecord, WriteBatch

_DELETES_PER_WRITE = 1000


def prune(catalog: Catalog, unseen: Iterable[tuple[Area, FileRecord]], moves: Moves) -> int:
    """Removes what a complete scan did not see, if it is indeed gone.

    What is merely excluded now is still there and stays.

    Args:
        catalog: Is written to.
        unseen: What the scan did not see.
        moves: Knows what was found elsewhere.

    Returns:
        How many files were removed.
    """
    gone = [
        record.id
        for area, record in unseen
        if not moves.is_claimed(record.id) and _is_gone(area.root_bytes, record.path_bytes)
    ]
    for start in range(0, len(gone), _DELETES_PER_WRITE):
        catalog.write(WriteBatch(deletes=gone[start : start + _DELETES_PER_WRITE]))
    return len(gone)


def _is_gone(root: bytes, path: bytes) -> bool:
    try:
        os.lstat(os.path.join(root, path))
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR)
    return False
