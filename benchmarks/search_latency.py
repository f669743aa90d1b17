"""Search in 100,000 vectors: how long, and is it exact?

::

    python benchmarks/search_latency.py [--items 100000] [--queries 500]

Clustered unit vectors of 384 dimensions stand for a collection; half of the queries lie near items,
half come from another distribution, as words do among pictures. FAISS and a plain numpy scan answer
the same queries in turn in one run; every FAISS answer is compared with brute force over a float64
product, in ids and in scores.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np

from unisearch.store.faiss_cpu import FaissIndex
from unisearch.store.flat import NumpyIndex

DIM, K = 384, 10


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=500)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    centres = random.normal(size=(1_000, DIM))
    near = centres[random.integers(1_000, size=arguments.items)]
    items = unit(near + random.normal(size=(arguments.items, DIM)))
    half = arguments.queries // 2
    like = items[random.integers(len(items), size=half)] + 0.02 * random.normal(size=(half, DIM))
    other = random.normal(size=(arguments.queries - half, DIM)) + 0.5
    queries = unit(np.concatenate([like, other]))
    ids = random.permutation(len(items)).astype(np.int64)

    indexes = {"FAISS flat": FaissIndex(DIM), "numpy": NumpyIndex(DIM)}
    for index in indexes.values():
        index.add(ids, items)
        index.search(queries[:1], K)
    milliseconds: dict[str, list[float]] = {name: [] for name in indexes}
    answers: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in indexes}
    for query in queries:
        for name, index in indexes.items():
            started = time.perf_counter()
            scores, found = index.search(query[None], K)
            milliseconds[name].append(1000 * (time.perf_counter() - started))
            answers[name].append((scores[0], found[0]))

    print(f"{platform.machine()}, {arguments.items:,} items × {DIM}, {arguments.queries} queries")
    print(f"{'':<14}{'p50 ms':>9}{'p99 ms':>9}{'same ids':>10}{'largest score error':>22}")
    wide = items.astype(np.float64)
    exact = [wide @ query.astype(np.float64) for query in queries]
    for name in indexes:
        same, worst = 0, 0.0
        for cosines, (scores, found) in zip(exact, answers[name], strict=True):
            order = np.lexsort((ids, -cosines.astype(np.float32)))[:K]
            same += np.array_equal(ids[order], found)
            worst = max(worst, float(np.abs(cosines[order] - scores).max()))
        p50, p99 = np.percentile(milliseconds[name], [50, 99])
        share = f"{100 * same / len(queries):.1f}%"
        print(f"{name:<14}{p50:>9.1f}{p99:>9.1f}{share:>10}{worst:>22.1e}")


if __name__ == "__main__":
    main()
