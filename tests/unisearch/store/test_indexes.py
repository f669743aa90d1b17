"""Saved indexes follow the catalog, whatever happened to their files."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unisearch.datatypes import Modality
from unisearch.errors import EncoderMismatch
from unisearch.store.indexes import IndexSet
from unisearch.store.layout import Layout

from .desk import Desk

IMAGE = Modality.IMAGE


@pytest.fixture
def layout(sqlite_desk: Desk) -> Layout:
    """A collection of five pictures whose index is saved."""
    path = sqlite_desk.catalog._database.path
    assert path is not None
    sqlite_desk.put(*(sqlite_desk.picture(f"{at}.jpg") for at in range(5)))
    layout = Layout(path.parent)
    indexes = IndexSet(layout, sqlite_desk.catalog)
    indexes.open(sqlite_desk.encoder, IMAGE)
    assert indexes.save() == 1
    return layout


def best(indexes: IndexSet, desk: Desk, word: str) -> tuple[int, float]:
    """The nearest item to some content and its score."""
    index = indexes.open(desk.encoder, IMAGE)
    scores, ids = index.search(desk.vector(word)[None], 1)
    return int(ids[0, 0]), float(scores[0, 0])


def payload(layout: Layout) -> Path:
    (found,) = layout.indexes.glob("*-image-*.index")
    return found


def header(layout: Layout) -> Path:
    (found,) = layout.indexes.glob("*-image.json")
    return found


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)


def newer(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))


def of_another_catalog(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "catalog": "f" * 32}))


DAMAGE: dict[str, tuple[Callable[[Layout], None], str]] = {
    "a bit": (lambda layout: flip(payload(layout)), "its checksum is"),
    "cut": (lambda layout: payload(layout).write_bytes(b"cut"), "its last bytes are missing"),
    "payload gone": (lambda layout: payload(layout).unlink(), "is gone"),
    "header": (lambda layout: header(layout).write_text("{"), "is damaged"),
    "newer": (lambda layout: newer(header(layout)), "has format 99, not 1"),
    "another catalog": (lambda layout: of_another_catalog(header(layout)), "its catalog is 'ffff"),
    "all gone": (lambda layout: shutil.rmtree(layout.indexes), ""),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_costs_no_answer_and_is_mended_by_saving(
    sqlite_desk: Desk, layout: Layout, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    catalog, wanted = sqlite_desk.catalog, sqlite_desk.ids("3.jpg")[0]
    assert IndexSet(layout, catalog).is_saved(sqlite_desk.encoder, IMAGE)
    do, said = DAMAGE[damage]
    do(layout)
    damaged = IndexSet(layout, catalog)
    assert not damaged.is_saved(sqlite_desk.encoder, IMAGE)
    with caplog.at_level(logging.WARNING, "unisearch.store"):
        assert best(damaged, sqlite_desk, "3.jpg") == (wanted, pytest.approx(1, abs=1e-3))
    assert said in caplog.text
    assert ("anew" in caplog.text) == bool(said)
    damaged.save()
    caplog.clear()
    mended = IndexSet(layout, catalog)
    assert mended.is_saved(sqlite_desk.encoder, IMAGE)
    with caplog.at_level(logging.WARNING, "unisearch.store"):
        assert best(mended, sqlite_desk, "3.jpg")[0] == wanted
    assert caplog.text == ""


def test_what_lags_is_not_saved_and_catches_up(sqlite_desk: Desk, layout: Layout) -> None:
    sqlite_desk.put(sqlite_desk.picture("new.jpg"))
    indexes = IndexSet(layout, sqlite_desk.catalog)
    assert not indexes.is_saved(sqlite_desk.encoder, IMAGE)
    assert best(indexes, sqlite_desk, "new.jpg")[0] == sqlite_desk.ids("new.jpg")[0]
    assert indexes.save() == 1
    assert indexes.is_saved(sqlite_desk.encoder, IMAGE)


def test_an_encoder_without_vectors_has_nothing_to_save(sqlite_desk: Desk, layout: Layout) -> None:
    class Unknown:
        name, fingerprint, dim = "unknown", "none", 4

    indexes = IndexSet(layout, sqlite_desk.catalog)
    assert indexes.is_saved(Unknown(), IMAGE)
    assert len(indexes.open(Unknown(), IMAGE)) == 0


def test_an_encoder_of_another_dimension(sqlite_desk: Desk, layout: Layout) -> None:
    class Wider:
        name, fingerprint, dim = "wider", sqlite_desk.encoder.fingerprint, 9

    indexes = IndexSet(layout, sqlite_desk.catalog)
    with pytest.raises(EncoderMismatch, match=r"'wider' gives vectors of 9 numbers.* of 8 under"):
        indexes.open(Wider(), IMAGE)
    # And the right one still works.
    assert best(indexes, sqlite_desk, "0.jpg")[0] == sqlite_desk.ids("0.jpg")[0]
    assert not np.isnan(best(indexes, sqlite_desk, "0.jpg")[1])


def test_saving_leaves_no_garbage(sqlite_desk: Desk, layout: Layout) -> None:
    now = payload(layout)
    stem = now.name.rsplit("-", maxsplit=1)[0]
    long_ago = time.time() - 7200
    # Of a catalog that was made anew since, of another process, of one that was killed.
    names = [
        f"{stem}-999.index",
        f"{stem}-998.index",
        f".{stem}-7.index.1-1.tmp",
        f".{stem}.json.2-1.tmp",
    ]
    for number, name in enumerate(names):
        (layout.indexes / name).write_bytes(b"x")
        if number % 2 == 0:
            os.utime(layout.indexes / name, (long_ago, long_ago))
    os.utime(now, (long_ago, long_ago))
    sqlite_desk.put(sqlite_desk.picture("new.jpg"))
    indexes = IndexSet(layout, sqlite_desk.catalog)
    indexes.open(sqlite_desk.encoder, IMAGE)
    assert indexes.save() == 1
    left = {path.name for path in layout.indexes.iterdir()}
    assert left == {f"{stem}-2.index", f"{stem}.json", names[1], names[3]}
    assert indexes.is_saved(sqlite_desk.encoder, IMAGE)
