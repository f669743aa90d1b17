"""Which files an encoder has not seen: those that another one indexed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from unisearch.datatypes import Modality
from unisearch.store.catalog import Catalog
from unisearch.store.records import ItemRecord

_BLOCK = 5000


def files_lacking(catalog: Catalog, encoder_id: int) -> frozenset[int]:
    """Ids of the files of which some item has no vector under an encoder.

    One query if there are none, as is usual; else all items are gone through.
    """
    counts = catalog.counts(encoder_id)
    if all(counts.encoded.get(modality, 0) >= n for modality, n in counts.items.items()):
        return frozenset()
    lacking: set[int] = set()
    for modality in Modality:
        items = catalog.iter_items(modality=modality)
        for block in _blocks(items):
            hashes = {item.content_hash for item in block}
            known = catalog.known_hashes(hashes, modality, encoder_id)
            lacking.update(item.file_id for item in block if item.content_hash not in known)
    return frozenset(lacking)


def _blocks(items: Iterator[ItemRecord]) -> Iterator[list[ItemRecord]]:
    while block := list(islice(items, _BLOCK)):
        yield block
