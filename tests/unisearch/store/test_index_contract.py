"""Every index keeps the same contract: ids and scores equal those of a naive computation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unisearch.datatypes import FloatArray, IdArray
from unisearch.errors import DamagedStore, EncoderMismatch, StorageFull, StoreError
from unisearch.store.flat import NumpyIndex
from unisearch.store.index import VectorIndex

DIM = 16
Make = Callable[[int], VectorIndex]


def _faiss(dim: int) -> VectorIndex:
    from unisearch.store.faiss_cpu import FaissIndex

    return FaissIndex(dim)


def _gpu(dim: int) -> VectorIndex:
    from unisearch.store.faiss_gpu import GpuIndex, gpus

    if not gpus():
        pytest.skip("FAISS sees no GPU")
    return GpuIndex(dim)


def _factory(factory: str, parameters: str = "", candidates: int | None = None) -> Make:
    def make(dim: int) -> VectorIndex:
        from unisearch.store.faiss_factory import FactoryIndex

        return FactoryIndex(dim, factory, parameters=parameters, smallest=64, candidates=candidates)

    return make


MAKERS = {
    "numpy": NumpyIndex,
    "faiss": _faiss,
    "gpu": _gpu,
    # Told to look so widely that at this size they miss nothing.
    "hnsw": _factory("HNSW32", "efSearch=512", candidates=100),
    "ivf": _factory("IVF4,Flat", "nprobe=4"),
    "fast-scan": _factory("PQ8x4fs", candidates=1000),
    "refined": _factory("PQ8x4fs,RFlat", candidates=1000),
    "sq": _factory("SQ8", candidates=100),
}


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.gpu] if name == "gpu" else []) for name in MAKERS]
)
def make(request: pytest.FixtureRequest) -> Make:
    maker: Make = MAKERS[request.param]
    return maker


def unit(rows: FloatArray) -> FloatArray:
    result: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return result


def vectors(n: int, seed: int = 0, dim: int = DIM) -> FloatArray:
    return unit(np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32))


def naive(
    held: dict[int, FloatArray], queries: FloatArray, k: int, allowed: set[int] | None = None
) -> tuple[FloatArray, IdArray]:
    """The contract, in plain Python and float64."""
    scores = np.full((len(queries), k), -np.inf, np.float32)
    ids = np.full((len(queries), k), -1, np.int64)
    for row, query in enumerate(queries):
        found = [
            (-np.float32(sum(float(a) * float(b) for a, b in zip(vector, query, strict=True))), i)
            for i, vector in held.items()
            if allowed is None or i in allowed
        ]
        for column, (score, i) in enumerate(sorted(found)[:k]):
            scores[row, column], ids[row, column] = -score, i
    return scores, ids


def same(
    index: VectorIndex,
    held: dict[int, FloatArray],
    queries: FloatArray,
    k: int,
    allowed: IdArray | None = None,
) -> None:
    """Asserts that the index answers as the contract does."""
    scores, ids = index.search(queries, k, allowed=allowed)
    wanted_scores, wanted_ids = naive(
        held, queries, k, None if allowed is None else set(allowed.tolist())
    )
    assert scores.dtype == np.float32
    assert ids.dtype == np.int64
    np.testing.assert_allclose(scores, wanted_scores, atol=1e-6)
    np.testing.assert_array_equal(ids, wanted_ids)


def filled(make: Make, n: int = 200) -> tuple[VectorIndex, dict[int, FloatArray]]:
    """An index with ids 1000, 997, 994 … (descending), and what it should hold."""
    rows = vectors(n)
    ids = 1000 - 3 * np.arange(n)
    ids = np.where(ids < 0, 5000 - ids, ids)
    index = make(DIM)
    index.add(ids, rows)
    return index, dict(zip(ids.tolist(), rows, strict=True))


@pytest.mark.parametrize("n", [1, 5, 63, 64, 200])
@pytest.mark.parametrize("k", [1, 10, 300])
def test_finds_the_nearest(make: Make, n: int, k: int) -> None:
    index, held = filled(make, n)
    assert len(index) == n
    np.testing.assert_array_equal(index.ids, sorted(held))
    same(index, held, vectors(7, seed=1), k)


def test_the_worked_example(make: Make) -> None:
    index = make(2) if make in (NumpyIndex, _faiss) else None
    if index is None:
        pytest.skip("two dimensions are too few for this structure")
    index.add([10, 20], np.eye(2, dtype=np.float32))
    scores, ids = index.search(np.array([[0.6, 0.8]], np.float32), 3)
    np.testing.assert_allclose(scores, [[0.8, 0.6, -np.inf]], rtol=1e-6)
    np.testing.assert_array_equal(ids, [[20, 10, -1]])


@pytest.mark.parametrize("size", [1, 2, 4, 5, 40])
def test_one_batch_equals_smaller_ones(make: Make, size: int) -> None:
    index, _ = filled(make)
    queries = vectors(300, seed=2)
    scores, ids = index.search(queries, 5)
    for row in range(0, 300 - size, 53):
        few_scores, few_ids = index.search(queries[row : row + size], 5)
        np.testing.assert_array_equal(few_ids, ids[row : row + size])
        np.testing.assert_array_equal(few_scores, scores[row : row + size])


def test_empty(make: Make) -> None:
    index = make(DIM)
    assert len(index) == 0
    assert index.ids.shape == (0,)
    same(index, {}, vectors(2), 3)
    same(index, {}, vectors(2), 3, allowed=np.array([1, 2]))
    assert index.remove([1, 2]) == 0
    index.add(np.empty(0, np.int64), np.empty((0, DIM), np.float32))
    scores, ids = filled(make)[0].search(np.empty((0, DIM), np.float32), 4)
    assert scores.shape == ids.shape == (0, 4)


@pytest.mark.parametrize("copies", [2, 30, 150])
def test_ties_are_in_order_of_ids(make: Make, copies: int) -> None:
    if make is MAKERS["hnsw"] and copies > 100:
        pytest.skip("a graph whose nodes have 64 neighbours cannot reach so many equal ones")
    index, held = filled(make)
    twin = vectors(1, seed=9)[0]
    ids = np.random.default_rng(3).permutation(np.arange(20_000, 20_000 + copies))
    index.add(ids, np.tile(twin, (copies, 1)))
    held |= dict.fromkeys(ids.tolist(), twin)
    for k in (1, 5, copies, copies + 5):
        same(index, held, twin[np.newaxis], k)
        same(index, held, vectors(2, seed=4), k)


def test_equal_ids_of_one_call_the_last_wins(make: Make) -> None:
    index = make(DIM)
    rows = vectors(3)
    index.add([7, 8, 7], rows)
    assert len(index) == 2
    same(index, {7: rows[2], 8: rows[1]}, vectors(2, seed=1), 3)


def test_replaces(make: Make) -> None:
    index, held = filled(make)
    changed = np.array([*sorted(held)[::3], 77_777])
    rows = vectors(len(changed), seed=5)
    index.add(changed, rows)
    held |= dict(zip(changed.tolist(), rows, strict=True))
    assert len(index) == 201
    same(index, held, vectors(5, seed=6), 10)
    same(index, held, rows[:5], 3)


@pytest.mark.parametrize("share", [2, 5, 100])
def test_removes(make: Make, share: int) -> None:
    index, held = filled(make)
    gone = sorted(held)[::share]
    assert index.remove([*gone, 123_456, 123_456]) == len(gone)
    assert index.remove(gone) == 0
    for i in gone:
        del held[i]
    np.testing.assert_array_equal(index.ids, sorted(held))
    same(index, held, vectors(5, seed=6), 10)
    same(index, held, vectors(5, seed=6), 250)


def test_removed_and_added_again(make: Make) -> None:
    index, held = filled(make)
    some = sorted(held)[10:120]
    index.remove(some)
    rows = vectors(len(some), seed=8)
    index.add(some, rows)
    held |= dict(zip(some, rows, strict=True))
    same(index, held, vectors(5, seed=6), 10)
    assert index.remove(sorted(held)) == 200
    same(index, {}, vectors(1), 1)


@pytest.mark.parametrize("share", [1, 2, 5, 8, 9, 50])
def test_answers_only_with_what_is_allowed(make: Make, share: int) -> None:
    index, held = filled(make)
    allowed = np.array([*sorted(held)[::share], 999_999])
    for k in (1, 10, 100, 300):
        same(index, held, vectors(5, seed=7), k, allowed=allowed)


def test_allowed_far_from_the_query(make: Make) -> None:
    index, held = filled(make)
    query = vectors(1, seed=7)
    ranked = sorted(held, key=lambda i: float(held[i] @ query[0]))
    same(index, held, query, 10, allowed=np.array(ranked[:60]))
    same(index, held, query, 10, allowed=np.array(ranked[:5]))
    same(index, held, query, 3, allowed=np.array([], dtype=np.int64))
    same(index, held, query, 3, allowed=np.array([424_242]))


def test_allowed_after_changes(make: Make) -> None:
    index, held = filled(make)
    for i in sorted(held)[::4]:
        index.remove([i])
        del held[i]
    rows = vectors(20, seed=11)
    index.add(np.arange(20), rows)
    held |= dict(enumerate(rows))
    same(index, held, vectors(5, seed=7), 10, allowed=np.array(sorted(held)[::2]))


def test_saves_and_loads(make: Make, tmp_path: Path) -> None:
    index, held = filled(make)
    path = tmp_path / "an.index"
    index.save(path)
    index.save(path)  # over the old one
    assert [p.name for p in tmp_path.iterdir()] == ["an.index"]
    loaded = type(index).load(path)
    assert (loaded.dim, len(loaded)) == (DIM, 200)
    queries = vectors(5, seed=6)
    same(loaded, held, queries, 10)
    same(loaded, held, queries, 10, allowed=np.array(sorted(held)[::2]))
    # What was loaded can be changed and saved again, over the file it came from.
    gone = sorted(held)[:50]
    loaded.remove(gone)
    rows = vectors(30, seed=12)
    loaded.add(np.arange(900, 930), rows)
    held = {i: v for i, v in held.items() if i not in gone}
    held |= dict(zip(range(900, 930), rows, strict=True))
    same(loaded, held, queries, 10)
    loaded.save(path)
    same(type(index).load(path), held, queries, 10)


def test_saves_and_loads_nothing(make: Make, tmp_path: Path) -> None:
    index = make(DIM)
    index.save(tmp_path / "an.index")
    loaded = type(index).load(tmp_path / "an.index")
    assert (loaded.dim, len(loaded)) == (DIM, 0)
    same(loaded, {}, vectors(1), 2)
    loaded.add([5], vectors(1))
    same(loaded, {5: vectors(1)[0]}, vectors(1, seed=1), 2)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "cut at the end": lambda whole: whole[:-1],
    "empty": lambda whole: b"",
    "text": lambda whole: b"This is no index, but it is long enough to hold one. " * 3,
    "a bit": lambda whole: whole[:3000] + bytes([whole[3000] ^ 4]) + whole[3001:],
    "the first bit": lambda whole: bytes([whole[0] ^ 1]) + whole[1:],
    "zeros": lambda whole: whole[:2000] + bytes(1000) + whole[3000:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files(make: Make, tmp_path: Path, damage: str) -> None:
    index, _ = filled(make)
    path = tmp_path / "an.index"
    index.save(path)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(DamagedStore, match=r"an\.index"):
        type(index).load(path)


def test_no_file(make: Make, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        type(make(DIM)).load(tmp_path / "none")


def test_whole_file_of_another_kind(make: Make, tmp_path: Path) -> None:
    other = _faiss(DIM) if make is NumpyIndex else NumpyIndex(DIM)
    other.add([1], vectors(1))
    path = tmp_path / "an.index"
    other.save(path)
    kind = type(make(DIM))
    with pytest.raises(DamagedStore, match=r"an\.index"):
        kind.load(path)


def test_wrong_dimension(make: Make) -> None:
    index, held = filled(make)
    with pytest.raises(EncoderMismatch, match=r"\b5 numbers.*\b16\b"):
        index.add([1], vectors(1, dim=5))
    with pytest.raises(EncoderMismatch, match=r"\b32 numbers.*\b16\b"):
        index.search(vectors(1, dim=32), 3)
    same(index, held, vectors(1), 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 0.5])
def test_vectors_that_are_no_unit_vectors(make: Make, bad: float) -> None:
    index, held = filled(make)
    rows = vectors(3, seed=1)
    rows[1] = bad
    with pytest.raises(ValueError, match="vector 1 has length"):
        index.add([1, 2, 3], rows)
    same(index, held, vectors(1), 3)


def test_callers_mistakes(make: Make) -> None:
    index, _ = filled(make)
    with pytest.raises(ValueError, match="2 ids do not fit 3 vectors"):
        index.add([1, 2], vectors(3))
    with pytest.raises(ValueError, match="at least 0, not -4"):
        index.add([1, -4], vectors(2))
    with pytest.raises(ValueError, match="k must be at least 1, not 0"):
        index.search(vectors(1), 0)
    with pytest.raises(ValueError, match="two dimensions"):
        index.search(vectors(1)[0], 3)
    with pytest.raises(ValueError, match="not finite"):
        index.search(np.full((1, DIM), np.nan, np.float32), 3)
    with pytest.raises(ValueError, match="dim must be at least 1, not 0"):
        make(0)


def test_long_queries_scale_the_scores(make: Make) -> None:
    index, held = filled(make)
    scores, ids = index.search(vectors(1, seed=3) * 1000, 10)
    wanted_scores, wanted_ids = naive(held, vectors(1, seed=3), 10)
    np.testing.assert_array_equal(ids, wanted_ids)
    np.testing.assert_allclose(scores, wanted_scores * 1000, rtol=1e-5)


def test_threads_search_while_one_changes(make: Make) -> None:
    index, held = filled(make)
    stable = np.array(sorted(held))
    queries = vectors(3, seed=20)
    wanted = naive(held, queries, 10)
    failures: list[str] = []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            scores, ids = index.search(queries, 10, allowed=stable)
            if not (np.array_equal(ids, wanted[1]) and np.allclose(scores, wanted[0], atol=1e-6)):
                failures.append(f"{ids} instead of {wanted[1]}")

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for step in range(30):
        ids = np.arange(100_000 + step, 100_040 + step)
        index.add(ids, vectors(40, seed=step))
        index.remove(ids[::2])
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_full_disk_keeps_the_old_file(make: Make, tmp_path: Path) -> None:
    import resource

    index, held = filled(make, 100)
    path = tmp_path / "an.index"
    index.save(path)
    index.add(np.arange(50_000, 50_400), vectors(400, seed=1))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, limits[1]))
    try:
        with pytest.raises(StorageFull, match=r"an\.index"):
            index.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [p.name for p in tmp_path.iterdir()] == ["an.index"]
    same(type(index).load(path), held, vectors(2, seed=1), 5)


def test_a_folder_that_is_not_there(make: Make, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        make(DIM).save(tmp_path / "none" / "an.index")
