"""The engine against a search written with loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import COLOURS, FakeEncoder
from tests.shelf import Shelf
from unisearch.datatypes import Hit, Modality
from unisearch.search.engine import Engine
from unisearch.store.filters import Filters

TEXT, IMAGE = Modality.TEXT, Modality.IMAGE


@pytest.fixture
def shelf(tmp_path: Path, make_encoder: Callable[..., FakeEncoder]) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "things", make_encoder())
    with shelf.collection:
        yield shelf


def filled(shelf: Shelf) -> dict[Modality, list[int]]:
    """Twelve pictures, two of each colour, and forty texts."""
    rng = np.random.default_rng(0)
    words = [*COLOURS, "dog", "cat", "bicycle", "wall", "tree"]
    pictures = [
        shelf.picture(f"{colour}{n}.png", colour, shade=n) for colour in COLOURS for n in (1, 2)
    ]
    texts = []
    for n in range(40):
        texts += shelf.text(f"notes/{n}.txt", " ".join(rng.choice(words, size=3)))
    return {IMAGE: pictures, TEXT: texts}


def engine_of(shelf: Shelf) -> Engine:
    return Engine(shelf.collection.catalog, shelf.collection.indexes)


def assert_best(hits: list[Hit], expected: list[tuple[int, float]]) -> None:
    """Hits are the expected ones in order; those within rounding of each other may swap."""
    scores = [score for _, score in expected]
    np.testing.assert_allclose([hit.score for hit in hits], scores, atol=2e-3)
    for place, hit in enumerate(hits):
        near = {one for one, score in expected if abs(score - scores[place]) < 4e-3}
        assert hit.item_id in near or abs(scores[place] - scores[-1]) < 4e-3
    assert len({hit.item_id for hit in hits}) == len(hits)


def brute_force(shelf: Shelf, query: str, ids: list[int], k: int) -> list[tuple[int, float]]:
    vector = shelf.encoder.encode_texts([query])[0]
    scored = [(one, float(np.dot(shelf.vectors[one], vector))) for one in ids]
    return sorted(scored, key=lambda pair: (-round(pair[1], 5), pair[0]))[:k]


@pytest.mark.parametrize("modality", list(Modality))
@pytest.mark.parametrize("k", [1, 5, 100])
def test_one_modality_is_ordered_by_cosine(shelf: Shelf, modality: Modality, k: int) -> None:
    ids = filled(shelf)
    queries = ["red dog", "blue", "a tree by the wall"]
    vectors = shelf.encoder.encode_texts(queries)
    answers = engine_of(shelf).search(
        vectors, shelf.record, k=k, modalities=[modality], filters=Filters()
    )
    for query, hits in zip(queries, answers, strict=True):
        expected = brute_force(shelf, query, ids[modality], k)
        assert_best(hits, expected)
        assert {hit.modality for hit in hits} == {modality}


def test_both_modalities_keep_their_orders_and_mix(shelf: Shelf) -> None:
    ids = filled(shelf)
    vectors = shelf.encoder.encode_texts(["red dog"])
    hits = engine_of(shelf).search(
        vectors, shelf.record, k=100, modalities=list(Modality), filters=Filters()
    )[0]
    assert len(hits) == 52
    for modality in Modality:
        of_it = [hit for hit in hits if hit.modality is modality]
        assert_best(of_it, brute_force(shelf, "red dog", ids[modality], 100))
    # The red pictures stand out among pictures, so they are not behind all texts.
    first = [hit.modality for hit in hits[:6]]
    assert IMAGE in first
    assert TEXT in first


def test_a_thousand_queries_are_a_thousand_single_ones(shelf: Shelf) -> None:
    filled(shelf)
    engine = engine_of(shelf)
    vectors = shelf.encoder.encode_texts([f"{c} dog{n}" for c in COLOURS for n in range(20)])
    together = engine.search(
        vectors, shelf.record, k=7, modalities=list(Modality), filters=Filters()
    )
    for vector, hits in zip(vectors, together, strict=True):
        alone = engine.search(
            vector[None], shelf.record, k=7, modalities=list(Modality), filters=Filters()
        )[0]
        assert [hit.item_id for hit in hits] == [hit.item_id for hit in alone]


def test_filters_are_exact(shelf: Shelf) -> None:
    ids = filled(shelf)
    vectors = shelf.encoder.encode_texts(["red dog"])
    filters = Filters(paths=("notes/3*.txt",))
    hits = engine_of(shelf).search(vectors, shelf.record, k=11, modalities=[TEXT], filters=filters)[
        0
    ]
    items = shelf.collection.catalog.items(ids[TEXT])
    passing = [one for one in ids[TEXT] if items[one].path.startswith("notes/3")]
    assert len(passing) == 11
    assert_best(hits, brute_force(shelf, "red dog", passing, 11))
    assert {hit.item_id for hit in hits} == set(passing)


def test_a_filter_that_leaves_one_modality(shelf: Shelf) -> None:
    filled(shelf)
    vectors = shelf.encoder.encode_texts(["red dog"])
    hits = engine_of(shelf).search(
        vectors, shelf.record, k=5, modalities=list(Modality), filters=Filters(paths=("*.png",))
    )[0]
    assert {hit.modality for hit in hits} == {IMAGE}
    assert len(hits) == 5


def test_a_filter_that_leaves_nothing(shelf: Shelf) -> None:
    filled(shelf)
    vectors = shelf.encoder.encode_texts(["red", "blue"])
    filters = Filters(paths=("*.none",))
    assert engine_of(shelf).search(
        vectors, shelf.record, k=5, modalities=list(Modality), filters=filters
    ) == [[], []]


def test_excluded_items_make_room(shelf: Shelf) -> None:
    ids = filled(shelf)
    vectors = shelf.encoder.encode_texts(["red"])
    engine = engine_of(shelf)
    every = brute_force(shelf, "red", ids[IMAGE], 12)
    hits = engine.search(
        vectors,
        shelf.record,
        k=3,
        modalities=[IMAGE],
        filters=Filters(),
        exclude=[every[0][0], every[2][0]],
    )[0]
    assert [hit.item_id for hit in hits] == [every[n][0] for n in (1, 3, 4)]


def test_an_empty_catalog(shelf: Shelf) -> None:
    vectors = shelf.encoder.encode_texts(["red"])
    assert engine_of(shelf).search(
        vectors, shelf.record, k=5, modalities=list(Modality), filters=Filters()
    ) == [[]]


def test_what_is_written_meanwhile_is_found(shelf: Shelf) -> None:
    filled(shelf)
    engine = engine_of(shelf)
    vectors = shelf.encoder.encode_texts(["zebra"])

    def best() -> str:
        hits = engine.search(
            vectors, shelf.record, k=1, modalities=list(Modality), filters=Filters()
        )[0]
        return hits[0].passage or ""

    assert best() != "zebra"
    shelf.text("new.txt", "zebra")
    assert best() == "zebra"
    shelf.collection.remove(shelf.folder / "new.txt")
    assert best() != "zebra"


def test_a_hit_says_where_and_what(shelf: Shelf) -> None:
    shelf.text("a/b.txt", "first", "red dog", metadata={"artist": "Miró"})
    hit = engine_of(shelf).search(
        shelf.encoder.encode_texts(["red dog"]),
        shelf.record,
        k=1,
        modalities=list(Modality),
        filters=Filters(),
    )[0][0]
    assert hit.path == str(shelf.folder / "a/b.txt")
    assert (hit.passage, hit.line, hit.member) == ("red dog", 2, None)
    assert dict(hit.metadata) == {"artist": "Miró"}
    assert hit.score == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("k", [0, -1])
def test_k_is_at_least_one(shelf: Shelf, k: int) -> None:
    with pytest.raises(ValueError, match=f"k must be at least 1, not {k}"):
        engine_of(shelf).search(
            shelf.encoder.encode_texts(["a"]),
            shelf.record,
            k=k,
            modalities=list(Modality),
            filters=Filters(),
        )
