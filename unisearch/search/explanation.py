"""Why a file is, or is not, among the answers to a query."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from unisearch.datatypes import FloatArray, Modality
from unisearch.search.engine import Engine
from unisearch.search.fusion import Background
from unisearch.store.catalog import Catalog
from unisearch.store.filters import Filters
from unisearch.store.records import EncoderRecord, FileRecord, ItemRecord

_ROUNDING = 1e-5
"""Two products of the same rows may differ by this."""


class Verdict(StrEnum):
    """What became of the file."""

    FOUND = "found"
    """Among the first k."""
    BELOW = "below"
    """It takes part, and k others are nearer to the query."""
    MISSED = "missed"
    """It belongs among the first k, but the approximate index did not find it."""
    FILTERED = "filtered"
    """A filter or the modality leaves it out."""
    NOT_ENCODED = "not-encoded"
    """It has no vector under this encoder."""
    SKIPPED = "skipped"
    """The indexer could not or would not read it."""
    NOT_INDEXED = "not-indexed"
    """The collection does not know it."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The answer to "why".

    Attributes:
        path: The file asked about.
        verdict: What became of it.
        reason: One sentence.
        item_id: The best of its items, if any takes part.
        modality: Of that item.
        score: Its cosine to the query.
        rank: Its place among all that pass the filters, from 1.
        candidates: How many pass.
        cutoff_score: Cosine of the k-th hit.
        cutoff_path: File of the k-th hit.
        filters: Names of the filters that leave it out.
        copies: Other files of the same content.
    """

    path: str
    verdict: Verdict
    reason: str
    item_id: int | None = None
    modality: Modality | None = None
    score: float | None = None
    rank: int | None = None
    candidates: int | None = None
    cutoff_score: float | None = None
    cutoff_path: str | None = None
    filters: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question:
    """A query to be explained.

    Attributes:
        vector: float32 [D], a unit vector.
        space: Encoder it is of.
        k: How many hits were wanted.
        modalities: Which were wanted.
        filters: Which were set.
    """

    vector: FloatArray
    space: EncoderRecord
    k: int
    modalities: Sequence[Modality]
    filters: Filters


def explain(catalog: Catalog, engine: Engine, path: Path, question: Question) -> Explanation:
    """Finds out why a file is or is not among the first k.

    Ranks are counted over the catalog's vectors, not asked of an index, so that what an
    approximate index misses shows.
    """
    files = catalog.find_files(path)
    if not files:
        return Explanation(
            path=str(path), verdict=Verdict.NOT_INDEXED, reason=_why_unknown(catalog, path)
        )
    file = files[0]
    copies = _copies(catalog, file)
    items = catalog.items_of([file.id])
    if not items:
        detail = file.detail or file.reason or "nothing in it can be searched"
        reason = f"skipped ({file.reason}): {detail}" if file.reason else detail
        return Explanation(path=str(path), verdict=Verdict.SKIPPED, reason=reason, copies=copies)
    encoded = set(catalog.vectors([item.id for item in items], question.space.id)[0].tolist())
    items = [item for item in items if item.id in encoded]
    if not items:
        reason = f"it has no vector of {question.space.name}: index it with that encoder"
        return Explanation(
            path=str(path), verdict=Verdict.NOT_ENCODED, reason=reason, copies=copies
        )
    named, passing = _sieved(catalog, items, question)
    if not passing:
        return Explanation(
            path=str(path),
            verdict=Verdict.FILTERED,
            reason=f"left out by {', '.join(named)}",
            filters=named,
            copies=copies,
        )
    explanation = _ranked(catalog, engine, path, passing, question)
    return dataclasses.replace(explanation, copies=copies)


def _why_unknown(catalog: Catalog, path: Path) -> str:
    if catalog.find_files(path, below=True):
        return "it is a folder of the collection: ask about one of its files"
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return "there is no such file, and none was indexed from there"
    except OSError as error:
        return f"it cannot be reached ({error.strerror}), and none was indexed from there"
    if catalog.root_for(path.absolute()) is None:
        return "it lies in no folder that was indexed: run `unisearch index` on it"
    return "it was not there, or excluded, when its folder was last indexed"


def _copies(catalog: Catalog, file: FileRecord) -> tuple[str, ...]:
    if file.content_hash is None:
        return ()
    others = [other for other in catalog.files_by_hash(file.content_hash) if other.id != file.id]
    roots = {root.id: root.path for root in catalog.roots()}
    return tuple(str(roots[other.root_id] / os.fsdecode(other.path_bytes)) for other in others)


def _sieved(
    catalog: Catalog, items: Sequence[ItemRecord], question: Question
) -> tuple[tuple[str, ...], list[ItemRecord]]:
    """Names of the conditions that the first item does not meet, and the items that meet all."""
    named = []
    first, passing = items[0], [item for item in items if item.modality in question.modalities]
    if first.modality not in question.modalities:
        kind = "a text" if first.modality is Modality.TEXT else "an image"
        named.append(f"modality (it is {kind})")
    for name, single in _single_conditions(question.filters):
        # Once for all items: a table may have a million.
        allowed = {
            modality: catalog.select_ids(single, modality)
            for modality in {item.modality for item in items}
        }
        met = {item_id for ids in allowed.values() if ids is not None for item_id in ids.tolist()}
        passing = [item for item in passing if item.id in met]
        if first.id not in met:
            named.append(name)
    return tuple(named), passing


def _single_conditions(filters: Filters) -> Iterator[tuple[str, Filters]]:
    """Filters → each of its conditions alone, with a name for people."""
    for field in dataclasses.fields(filters):
        value: Any = getattr(filters, field.name)
        if field.name == "metadata":
            for key, operator, wanted in filters.metadata:
                alone: dict[str, Any] = {"metadata": ((key, operator, wanted),)}
                yield f"metadata {key}{operator}{wanted}", Filters(**alone)
        elif value not in (None, ()):
            alone = {field.name: value}
            shown = " ".join(map(str, value)) if isinstance(value, tuple) else value
            yield f"{field.name} {shown}", Filters(**alone)


def _ranked(
    catalog: Catalog, engine: Engine, path: Path, items: Sequence[ItemRecord], question: Question
) -> Explanation:
    """Scores the file's best item and counts what stands before it."""
    heights = _heights(engine, question)
    ids, vectors = catalog.vectors([item.id for item in items], question.space.id)
    scores = dict(zip(ids.tolist(), (vectors @ question.vector).tolist(), strict=True))

    def height(modality: Modality, score: float) -> float:
        return float(heights[modality].z(np.array([score]))[0])

    best = max(items, key=lambda item: (height(item.modality, scores[item.id]), -item.id))
    own = height(best.modality, scores[best.id])
    before, candidates = _count_before(catalog, question, heights, own + _ROUNDING)
    hits = engine.search(
        question.vector[None],
        question.space,
        k=question.k,
        modalities=question.modalities,
        filters=question.filters,
    )[0]
    places = [place for place, hit in enumerate(hits, 1) if hit.item_id == best.id]
    last = hits[-1] if len(hits) >= question.k else None
    if places:
        rank, verdict, reason = places[0], Verdict.FOUND, f"it is hit {places[0]} of {len(hits)}"
    elif before >= question.k:
        rank, verdict = before + 1, Verdict.BELOW
        reason = f"{before:,} others are nearer, and {question.k:,} were asked for"
    elif last is not None and height(last.modality, last.score) >= own - _ROUNDING:
        rank, verdict = question.k + 1, Verdict.BELOW
        reason = "it is as near as the last hit; of equals the longer known go first"
    else:
        rank, verdict = before + 1, Verdict.MISSED
        reason = f"only {before:,} are nearer, yet the approximate index did not find it"
    return Explanation(
        path=str(path),
        verdict=verdict,
        reason=reason,
        item_id=best.id,
        modality=best.modality,
        score=scores[best.id],
        rank=rank,
        candidates=candidates,
        cutoff_score=last.score if last else None,
        cutoff_path=last.path if last else None,
    )


def _heights(engine: Engine, question: Question) -> dict[Modality, Background]:
    """What hits are ordered by in each modality: fused when several have items, else cosines."""
    backgrounds = engine.background(question.vector, question.space, question.modalities)
    if len(backgrounds) > 1:
        return backgrounds
    return {modality: Background(mean=0.0, spread=1.0) for modality in backgrounds}


def _count_before(
    catalog: Catalog, question: Question, heights: dict[Modality, Background], limit: float
) -> tuple[int, int]:
    """How many items that pass the filters stand above ``limit``, and how many pass."""
    before, candidates = 0, 0
    for modality, background in heights.items():
        allowed = catalog.select_ids(question.filters, modality)
        for ids, vectors in catalog.changes_since(0, modality, question.space.id).blocks:
            passing = slice(None) if allowed is None else np.isin(ids, allowed)
            scores = vectors[passing] @ question.vector
            before += int(np.count_nonzero(background.z(scores) > limit))
            candidates += len(scores)
    return before, candidates
