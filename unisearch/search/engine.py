"""Query vectors in, ranked answers out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from unisearch.datatypes import FloatArray, Hit, IdArray, Modality
from unisearch.search.fusion import Background, Ranked, backgrounds, fuse
from unisearch.search.sampling import sample_ids
from unisearch.store.catalog import Catalog
from unisearch.store.filters import Filters
from unisearch.store.index import VectorIndex
from unisearch.store.indexes import IndexSet
from unisearch.store.records import EncoderRecord, ItemRecord


@dataclass(slots=True)
class _Sample:
    """A sample of a modality; its vectors are read when it is used a second time."""

    generation: int
    ids: IdArray
    vectors: FloatArray | None = None


class Engine:
    """Searches the indexes of a catalog.

    Args:
        catalog: Knows what the ids mean and which of them pass a filter.
        indexes: One for each encoder and modality.
    """

    def __init__(self, catalog: Catalog, indexes: IndexSet) -> None:
        self._catalog = catalog
        self._indexes = indexes
        self._samples: dict[tuple[int, Modality], _Sample] = {}

    def search(
        self,
        vectors: FloatArray,
        space: EncoderRecord,
        *,
        k: int,
        modalities: Sequence[Modality],
        filters: Filters,
        exclude: Collection[int] = (),
    ) -> list[list[Hit]]:
        """Answers Q queries.

        Args:
            vectors: float32 [Q, D], unit rows.
            space: The encoder that the vectors are of.
            k: How many hits for each query, at most.
            modalities: What may be found; of several the hits are fused.
            filters: What may be found.
            exclude: Ids that are not answers, a few.

        Returns:
            Q lists of at most k hits, best first.

        Raises:
            ValueError: ``k`` is less than 1.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        opened = {modality: self._indexes.open(space, modality) for modality in modalities}
        found = {
            modality: self._nearest(index, modality, vectors, k, filters, exclude)
            for modality, index in opened.items()
            if len(index)
        }
        # Where only one modality has answers there is nothing to fuse, and no sample is scored.
        found = {modality: rows for modality, rows in found.items() if (rows[1] >= 0).any()}
        samples = {}
        if len(found) > 1:
            samples = {
                modality: self._sample_scores(opened[modality], space, modality, vectors)
                for modality in found
            }
        ranked = []
        for row in range(len(vectors)):
            background = backgrounds({modality: rows[row] for modality, rows in samples.items()})
            of_row = {modality: (rows[0][row], rows[1][row]) for modality, rows in found.items()}
            ranked.append(fuse(of_row, background, k))
        return self._hits(ranked)

    def background(
        self, vector: FloatArray, space: EncoderRecord, modalities: Sequence[Modality]
    ) -> dict[Modality, Background]:
        """What one query, float32 [D], scores on any item of each modality that has items."""
        opened = {modality: self._indexes.open(space, modality) for modality in modalities}
        return backgrounds(
            {
                modality: self._sample_scores(index, space, modality, vector[None])[0]
                for modality, index in opened.items()
                if len(index)
            }
        )

    def _nearest(
        self,
        index: VectorIndex,
        modality: Modality,
        vectors: FloatArray,
        k: int,
        filters: Filters,
        exclude: Collection[int],
    ) -> tuple[FloatArray, IdArray]:
        allowed = self._catalog.select_ids(filters, modality)
        reach = min(k + len(exclude), len(index) if allowed is None else max(len(allowed), 1))
        scores, ids = index.search(vectors, reach, allowed=allowed)
        if exclude:
            ids = np.where(np.isin(ids, list(exclude)), np.int64(-1), ids)
        return scores, ids

    def _sample_scores(
        self, index: VectorIndex, space: EncoderRecord, modality: Modality, vectors: FloatArray
    ) -> FloatArray:
        """Cosines float32 [Q, S] of queries to a random sample of a modality."""
        key, generation = (space.id, modality), self._catalog.generation
        sample = self._samples.get(key)
        if sample is None or sample.generation != generation:
            # The index has them in memory. The catalog would have to read them here and there,
            # which pays only for a program that goes on to ask more.
            ids = sample_ids(index.ids)
            self._samples[key] = _Sample(generation, ids)
            scores, found = index.search(vectors, len(ids), allowed=ids)
            # Another process may have removed some just now: padding, in every row.
            return scores[:, found[0] >= 0] if len(found) else scores
        if sample.vectors is None:
            _, sample.vectors = self._catalog.vectors(sample.ids, space.id)
        scores = vectors @ sample.vectors.T
        return scores

    def _hits(self, ranked: Sequence[Sequence[Ranked]]) -> list[list[Hit]]:
        """Adds what the catalog knows; items removed meanwhile are left out."""
        items = self._catalog.items({hit.item_id for row in ranked for hit in row})
        return [
            [make_hit(items[hit.item_id], hit.score) for hit in row if hit.item_id in items]
            for row in ranked
        ]


def make_hit(item: ItemRecord, score: float) -> Hit:
    """A catalog's item as an answer."""
    return Hit(
        item_id=item.id,
        score=score,
        modality=item.modality,
        path=str(item.location),
        member=item.member,
        passage=item.passage,
        line=item.line,
        metadata=item.metadata,
    )
