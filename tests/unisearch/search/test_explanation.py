from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import COLOURS, FakeEncoder
from tests.shelf import Shelf
from unisearch.datatypes import FloatArray, IdArray
from unisearch.search.explanation import Verdict
from unisearch.store.filters import Filters


@pytest.fixture
def shelf(tmp_path: Path, make_encoder: Callable[..., FakeEncoder]) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "things", make_encoder())
    with shelf.collection:
        for colour in COLOURS:
            shelf.picture(f"{colour}.png", colour)
        shelf.text("notes.txt", "a red bicycle", "the blue sea", "nothing else")
        shelf.text("more.txt", "dog", "cat")
        yield shelf


def test_among_the_answers(shelf: Shelf) -> None:
    why = shelf.collection.why(shelf.folder / "red.png", "red", 2, modality="image")
    assert (why.verdict, why.rank, why.candidates) == (Verdict.FOUND, 1, 6)
    assert why.score == pytest.approx(1, abs=1e-3)
    assert why.reason == "it is hit 1 of 2"


def test_its_rank_and_what_it_would_take(shelf: Shelf) -> None:
    query = "red red red blue blue green"
    why = shelf.collection.why(shelf.folder / "green.png", query, 2, modality="image")
    assert (why.verdict, why.rank, why.candidates) == (Verdict.BELOW, 3, 6)
    assert why.score == pytest.approx(1 / np.sqrt(14), abs=1e-3)
    assert why.cutoff_score == pytest.approx(2 / np.sqrt(14), abs=1e-3)
    assert why.cutoff_path == str(shelf.folder / "blue.png")
    assert why.reason == "2 others are nearer, and 2 were asked for"


def test_ranks_agree_with_searches(shelf: Shelf) -> None:
    for query in ("red bicycle", "blue dog", "sea"):
        hits = shelf.collection.search(query, 100)
        places: dict[str, int] = {}
        for place, hit in enumerate(hits, 1):
            places.setdefault(hit.path, place)
        for path, place in places.items():
            why = shelf.collection.why(path, query, 100)
            assert (why.verdict, why.rank) == (Verdict.FOUND, place)
            assert why.candidates == len(hits) == 11
            if place > 1:
                below = shelf.collection.why(path, query, place - 1)
                assert below.verdict is Verdict.BELOW
                assert below.rank is not None
                assert below.rank <= place


def test_an_equal_of_the_last_hit(shelf: Shelf) -> None:
    shelf.picture("red2.png", "red", shade=7)
    why = shelf.collection.why(shelf.folder / "red2.png", "red", 1, modality="image")
    assert (why.verdict, why.rank) == (Verdict.BELOW, 2)
    assert "as near as the last hit" in why.reason


def test_missed_by_the_index(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    from unisearch.datatypes import Modality

    red = next(item.id for item in shelf.collection.items() if item.path == "red.png")
    index = shelf.collection.indexes.open(shelf.encoder, Modality.IMAGE)
    search = type(index).search

    def forgetful(
        self: object, queries: FloatArray, k: int, **rest: IdArray | None
    ) -> tuple[FloatArray, IdArray]:
        scores, ids = search(self, queries, k, **rest)  # type: ignore[arg-type]
        return scores, np.where(ids == red, np.int64(-1), ids)

    monkeypatch.setattr(type(index), "search", forgetful)
    why = shelf.collection.why(shelf.folder / "red.png", "red", 2, modality="image")
    assert (why.verdict, why.rank) == (Verdict.MISSED, 1)
    assert why.reason == "only 0 are nearer, yet the approximate index did not find it"


def test_filters_are_named(shelf: Shelf) -> None:
    filters = Filters(
        paths=("*.jpg", "*.gif"),
        not_paths=("blue*",),
        before=datetime.now() - timedelta(days=9),
        min_bytes=1,
        max_bytes=10,
        metadata=(("artist", "=", "Miró"), ("artist", "!=", "Klee")),
    )
    why = shelf.collection.why(shelf.folder / "red.png", "red", modality="text", filters=filters)
    assert why.verdict is Verdict.FILTERED
    assert [name.split()[0] for name in why.filters] == [
        "modality",
        "paths",
        "before",
        "max_bytes",
        "metadata",
    ]
    assert "metadata artist=Miró" in why.reason
    assert "paths *.jpg *.gif" in why.reason


def test_skipped(shelf: Shelf) -> None:
    path = shelf.skipped("bad.png", "truncated", "the picture ends too early")
    why = shelf.collection.why(path, "red")
    assert why.verdict is Verdict.SKIPPED
    assert why.reason == "skipped (truncated): the picture ends too early"


def test_not_indexed(shelf: Shelf, tmp_path: Path) -> None:
    def reason(path: Path) -> str:
        why = shelf.collection.why(path, "red")
        assert why.verdict is Verdict.NOT_INDEXED
        return why.reason

    assert "no such file" in reason(shelf.folder / "gone.png")
    (tmp_path / "outside.png").write_bytes(b"x")
    assert "lies in no folder that was indexed" in reason(tmp_path / "outside.png")
    (shelf.folder / "new.png").write_bytes(b"x")
    assert "not there, or excluded" in reason(shelf.folder / "new.png")
    shelf.picture("sub/red.png", "red")
    assert "it is a folder" in reason(shelf.folder / "sub")


def test_not_encoded(shelf: Shelf, make_encoder: Callable[..., FakeEncoder]) -> None:
    first, shelf.encoder = shelf.encoder, make_encoder(dim=24, name="other")
    shelf.picture("red.png", "red")
    why = shelf.collection.why(shelf.folder / "blue.png", "red", encoder=shelf.encoder)
    assert why.verdict is Verdict.NOT_ENCODED
    assert "no vector of other" in why.reason
    assert shelf.collection.why(shelf.folder / "red.png", "red", encoder=first).score is not None


def test_copies(shelf: Shelf) -> None:
    shelf.picture("copy.png", "red")
    why = shelf.collection.why(shelf.folder / "red.png", "blue", 1, modality="image")
    assert why.copies == (str(shelf.folder / "copy.png"),)


def test_copies_whose_names_are_not_utf8(shelf: Shelf) -> None:
    name = os.fsdecode(b"c\xffpy.png")
    shelf.picture(name, "red")
    why = shelf.collection.why(shelf.folder / "red.png", "blue", 1, modality="image")
    assert why.copies == (str(shelf.folder / name),)
    assert shelf.collection.why(why.copies[0], "red").verdict is Verdict.FOUND


def test_a_filter_is_asked_once_for_a_file_of_many_items(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.text("many.txt", *(f"line {n}" for n in range(100)), metadata={"a": 1})
    catalog, asked = shelf.collection.catalog, []
    select = catalog.select_ids

    def counted(filters: Filters, *rest: Any) -> IdArray | None:
        asked.append(filters)
        return select(filters, *rest)

    monkeypatch.setattr(catalog, "select_ids", counted)
    filters = Filters(metadata=(("a", "=", 1), ("b", "=", 1)), min_bytes=1)
    why = shelf.collection.why(shelf.folder / "many.txt", "line 7", filters=filters)
    assert (why.verdict, why.filters) == (Verdict.FILTERED, ("metadata b=1",))
    assert len(asked) == 3
    why = shelf.collection.why(
        shelf.folder / "many.txt", "line 7", 3, filters=Filters(metadata=(("a", "=", 1),))
    )
    assert (why.verdict, why.rank, why.candidates) == (Verdict.FOUND, 1, 100)
