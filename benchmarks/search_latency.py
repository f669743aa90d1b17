"""Search in 100,000 vectors: how long, and is it exact?

::

    python benchmarks/search_latency.py [--items 100000] [--texts 10000] [--queries 300]

A real catalog is filled with clustered unit vectors of 384 dimensions as pictures, and a tenth as
many as texts. Half of the queries lie near items, half come from another distribution, as words do
among pictures. The same queries are answered in turn, one at a time, by the bare indexes and by the
collection as a program uses it, which also asks the catalog for news and for what it knows of the
hits. Every answer is compared with brute force over a float64 product, ids and scores; where
pictures and texts are in one list, the order within each is.

Exits with 1 if an answer is not exact.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from common import Meter, machine, print_table, workplace

from unisearch import Collection, Encoder, Hit, Modality, load_encoder
from unisearch.datatypes import FloatArray, IdArray
from unisearch.store.catalog import Catalog
from unisearch.store.faiss_cpu import FaissIndex
from unisearch.store.flat import NumpyIndex
from unisearch.store.index import VectorIndex
from unisearch.store.records import FileWrite, ItemWrite, VectorWrite, WriteBatch

K = 10
_BATCH = 2_000
_CLUSTERS = 1_000
_ORDER = (Modality.IMAGE, Modality.TEXT)

Answer = tuple[IdArray, FloatArray]
"""Ids and scores of one query's hits."""

WORDS = ("a red bicycle", "two dogs playing in the snow", "how to repair a dripping tap")


def unit(rows: np.ndarray) -> FloatArray:
    """Rows of length 1, float32."""
    vectors: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return vectors


def clustered(count: int, dim: int, random: np.random.Generator) -> FloatArray:
    """Unit vectors [N, D] around some centres."""
    centres = random.normal(size=(_CLUSTERS, dim)).astype(np.float32)
    rows = centres[random.integers(_CLUSTERS, size=count)]
    rows += random.standard_normal((count, dim), dtype=np.float32)
    return unit(rows)


def fill(
    catalog: Catalog, encoder: Encoder, root: Path, vectors: dict[Modality, FloatArray]
) -> None:
    """Writes an item with its file for every vector."""
    space = catalog.register_encoder(encoder.name, encoder.fingerprint, encoder.dim)
    root_id = catalog.ensure_root(root).id
    meter = Meter("filling the catalog", sum(map(len, vectors.values())))
    done = 0
    for modality, rows in vectors.items():
        for start in range(0, len(rows), _BATCH):
            batch = WriteBatch(encoder_id=space.id)
            for number, vector in enumerate(rows[start : start + _BATCH], start=start):
                name = f"{modality}-{number}"
                passage = f"passage {number}" if modality is Modality.TEXT else None
                item = ItemWrite(ordinal=0, modality=modality, content_hash=name, passage=passage)
                batch.vectors.append(
                    VectorWrite(
                        content_hash=name, modality=modality, encoder_id=space.id, vector=vector
                    )
                )
                batch.files.append(
                    FileWrite(
                        root_id=root_id,
                        path_bytes=f"{number // 1000}/{name}".encode(),
                        kind="picture" if modality is Modality.IMAGE else "text",
                        size_bytes=1,
                        mtime_ns=1,
                        metadata={"width": 1600, "height": 1200},
                        items=[item],
                    )
                )
            catalog.write(batch)
            done += len(batch.files)
            meter.show(done)


def brute_force(
    ids: IdArray, matrix: FloatArray, queries: FloatArray
) -> tuple[IdArray, FloatArray]:
    """The exact answers to Q queries: ids [Q, K], and scores [Q, K] rounded to float32."""
    wide = matrix.astype(np.float64)
    found = []
    for query in queries.astype(np.float64):
        scores = (wide @ query).astype(np.float32)
        best = np.lexsort((ids, -scores))[:K]
        found.append((ids[best], scores[best]))
    return np.stack([f[0] for f in found]), np.stack([f[1] for f in found])


def of_hits(hits: Sequence[Hit]) -> Answer:
    """The same as arrays."""
    ids = np.array([hit.item_id for hit in hits], dtype=np.int64)
    return ids, np.array([hit.score for hit in hits], dtype=np.float32)


def timed(
    ways: dict[str, Callable[[FloatArray], list[Answer]]], queries: FloatArray
) -> tuple[dict[str, list[float]], dict[str, list[list[Answer]]]]:
    """Milliseconds and answers of each way to answer, for each query."""
    milliseconds: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, list[list[Answer]]] = {name: [] for name in ways}
    meter = Meter("searching", len(queries))
    for number, query in enumerate(queries, start=1):
        for name, ask in ways.items():
            started = time.perf_counter()
            answer = ask(query[None])
            milliseconds[name].append(1000 * (time.perf_counter() - started))
            answers[name].append(answer)
        meter.show(number)
    return milliseconds, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000, help="pictures")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--work", type=Path, help="keep the collection here")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    encoder = load_encoder()
    made = {
        Modality.IMAGE: clustered(arguments.items, encoder.dim, random),
        Modality.TEXT: clustered(arguments.texts, encoder.dim, random),
    }
    half = arguments.queries // 2
    like = made[Modality.IMAGE][random.integers(arguments.items, size=half)]
    like = like + 0.02 * random.normal(size=like.shape)
    other = random.normal(size=(arguments.queries - half, encoder.dim)) + 0.5
    queries = unit(np.concatenate([like, other]))
    with workplace(arguments.work) as work, Collection.create(work, encoder=encoder) as collection:
        fill(collection.catalog, encoder, work, made)
        collection.indexes.open(encoder, Modality.IMAGE)
        collection.indexes.open(encoder, Modality.TEXT)
        collection.indexes.save()
        stored = {modality: read_all(collection, modality) for modality in Modality}
        rows, is_exact = measure(work, encoder, stored, queries)
    print(
        f"{machine()}, {arguments.items:,} pictures and {arguments.texts:,} texts × {encoder.dim}, "
        f"{len(queries)} queries, k = {K}\n"
    )
    print_table(["one query at a time", "p50 ms", "p99 ms", "same ids", "same scores"], rows)
    sys.exit(not is_exact)


def read_all(collection: Collection, modality: Modality) -> tuple[IdArray, FloatArray]:
    """What the catalog holds of a modality."""
    blocks = [
        ([item.id for item in items], vectors)
        for items, vectors in collection.vectors(modality=modality)
    ]
    ids = np.array([item_id for block, _ in blocks for item_id in block], dtype=np.int64)
    return ids, np.concatenate([vectors for _, vectors in blocks])


def measure(
    work: Path,
    encoder: Encoder,
    stored: dict[Modality, tuple[IdArray, FloatArray]],
    queries: FloatArray,
) -> tuple[list[list[str]], bool]:
    """The rows of the table, and whether all was exact."""
    indexes: dict[str, VectorIndex] = {
        "FAISS, flat": FaissIndex(encoder.dim),
        "numpy": NumpyIndex(encoder.dim),
    }
    for index in indexes.values():
        index.add(*stored[Modality.IMAGE])

    def bare(index: VectorIndex) -> Callable[[FloatArray], list[Answer]]:
        def ask(query: FloatArray) -> list[Answer]:
            scores, ids = index.search(query, K)
            return [(ids[0], scores[0])]

        return ask

    with Collection.open(work, encoder=encoder) as collection:
        ways = {f"the bare index, {name}": bare(index) for name, index in indexes.items()}
        ways["a collection, pictures"] = lambda query: [
            of_hits(collection.search_vectors(query, K, modality="image")[0])
        ]

        def both(query: FloatArray) -> list[Answer]:
            hits = collection.search_vectors(query, K)[0]
            return [of_hits([hit for hit in hits if hit.modality is one]) for one in _ORDER]

        ways["a collection, pictures and texts"] = both
        for ask in ways.values():
            for _ in range(3):  # the first loads, the second reads the sample
                ask(queries[:1])
        milliseconds, answers = timed(ways, queries)
        words = []
        for number in range(len(queries)):
            text = f"{WORDS[number % len(WORDS)]} {number}"
            started = time.perf_counter()
            collection.search(text, K)
            words.append(1000 * (time.perf_counter() - started))

    exact = {modality: brute_force(*stored[modality], queries) for modality in _ORDER}
    rows = []
    is_exact = True
    for name, times in milliseconds.items():
        same = np.array([agreement(exact, at, got) for at, got in enumerate(answers[name])])
        is_exact = is_exact and bool(same.all())
        rows.append([name, *percentiles(times), *(f"{100 * x:.1f} %" for x in same.mean(axis=0))])
    rows.append(["a collection, words (encoded too)", *percentiles(words), "", ""])
    return rows, is_exact


def agreement(
    exact: dict[Modality, tuple[IdArray, FloatArray]], at: int, answer: Sequence[Answer]
) -> tuple[bool, bool]:
    """Whether the ids, and the scores, of an answer to query number ``at`` are the exact ones."""
    is_full = sum(len(ids) for ids, _ in answer) == K
    same_ids = same_scores = is_full
    for (ids, scores), modality in zip(answer, _ORDER, strict=False):
        best_ids, best_scores = exact[modality]
        same_ids = same_ids and np.array_equal(ids, best_ids[at, : len(ids)])
        same_scores = same_scores and np.array_equal(scores, best_scores[at, : len(ids)])
    return same_ids, same_scores


def percentiles(milliseconds: Sequence[float]) -> list[str]:
    """p50 and p99."""
    return [f"{value:.1f}" for value in np.percentile(milliseconds, [50, 99])]


if __name__ == "__main__":
    main()
