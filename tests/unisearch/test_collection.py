from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import COLOURS, FakeEncoder
from tests.shelf import Shelf
from unisearch.collection import Collection
from unisearch.datatypes import Modality
from unisearch.errors import (
    CheckpointError,
    ConfigError,
    EncoderMismatch,
    NoCollection,
    QueryError,
)
from unisearch.search.query import Query, Term
from unisearch.store.filters import Filters


@pytest.fixture
def shelf(tmp_path: Path, make_encoder: Callable[..., FakeEncoder]) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path / "things", make_encoder())
    with shelf.collection:
        for colour in COLOURS:
            shelf.picture(f"{colour}.png", colour)
        shelf.text("notes.txt", "a red bicycle", "the blue sea", "nothing else")
        yield shelf


def stems(hits: list) -> list[str]:  # type: ignore[type-arg]
    return [Path(hit.path).stem for hit in hits]


# --- opening ---


def test_create_beside_the_pictures(tmp_path: Path) -> None:
    with Collection.create(tmp_path / "p", encoder="fake") as collection:
        assert collection.layout.folder == tmp_path / "p" / ".unisearch"
        assert collection.encoder_name == "fake"
    with Collection.create(tmp_path / "q" / ".unisearch", encoder="fake") as collection:
        assert collection.layout.folder == tmp_path / "q" / ".unisearch"


def test_create_twice(tmp_path: Path) -> None:
    Collection.create(tmp_path, encoder="fake").close()
    with pytest.raises(ConfigError, match="already is a collection in"):
        Collection.create(tmp_path, encoder="fake")


def test_an_address_that_cannot_be_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot lie in 'mysql'"):
        Collection.create(tmp_path, encoder="fake", catalog_url="mysql://there/is")
    with pytest.raises(NoCollection):
        Collection.open(tmp_path)
    Collection.create(tmp_path, encoder="fake").close()


@pytest.mark.parametrize("name", [".", ".unisearch"])
def test_open_by_either_folder(tmp_path: Path, name: str) -> None:
    Collection.create(tmp_path, encoder="fake").close()
    with Collection.open(tmp_path / name) as collection:
        assert collection.encoder_name == "fake"


def test_open_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Collection.create(tmp_path, encoder="fake").close()
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    with Collection.open() as collection:
        assert collection.layout.folder.resolve() == (tmp_path / ".unisearch").resolve()


def test_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoCollection, match=r"no collection in .*: make one with `unisearch index"):
        Collection.open(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoCollection, match="no collection here or in any folder above"):
        Collection.open()


def test_open_or_create(tmp_path: Path, fake_encoder: FakeEncoder) -> None:
    with Collection.open_or_create(tmp_path, encoder="first") as collection:
        assert collection.encoder_name == "first"
    with Collection.open_or_create(tmp_path, encoder="second") as collection:
        assert collection.encoder_name == "first"
    with Collection.open_or_create(tmp_path, encoder=fake_encoder) as collection:
        assert collection.encoder() is fake_encoder
    for path in (tmp_path / ".unisearch").glob("catalog.sqlite*"):
        path.unlink()
    with Collection.open_or_create(tmp_path / ".unisearch", encoder="second") as collection:
        assert (collection.encoder_name, list(collection.items())) == ("first", [])


def test_a_checkpoints_folder_is_kept_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkpoint").mkdir()
    monkeypatch.chdir(tmp_path)
    Collection.create("p", encoder="./checkpoint").close()
    with Collection.open("p") as collection:
        assert collection.encoder_name == str((tmp_path / "checkpoint").resolve())


# --- encoders ---


def test_an_encoder_that_is_not_there(tmp_path: Path) -> None:
    with (
        Collection.create(tmp_path, encoder="gone") as collection,
        pytest.raises(CheckpointError, match="the collection's encoder 'gone' cannot be loaded: "),
    ):
        collection.search("red")


def test_encoders_are_loaded_once_and_by_name(
    tmp_path: Path, known_encoders: dict[str, FakeEncoder]
) -> None:
    with Collection.create(tmp_path) as collection:
        assert collection.encoder() is known_encoders["unimo-mini"]
        assert collection.encoder("other") is known_encoders["other"]


def test_two_spaces_in_one_collection(
    shelf: Shelf, make_encoder: Callable[..., FakeEncoder]
) -> None:
    other = make_encoder(dim=24, name="other")
    first, shelf.encoder = shelf.encoder, other
    shelf.picture("red.png", "red")
    shelf.picture("blue.png", "blue")

    collection = shelf.collection
    assert stems(collection.search("red", 2, encoder=other, modality="image")) == ["red", "blue"]
    assert len(collection.search("red", 100, encoder=other)) == 2
    assert len(collection.search("red", 100, encoder=first)) == 9
    assert other.texts_encoded == 2


def test_an_encoder_without_vectors(shelf: Shelf, make_encoder: Callable[..., FakeEncoder]) -> None:
    message = "no vectors of 'other', only of 'fake': .*unisearch index --encoder other"
    with pytest.raises(EncoderMismatch, match=message):
        shelf.collection.search("red", encoder=make_encoder(name="other"))


def test_another_version_of_the_encoder(
    shelf: Shelf, make_encoder: Callable[..., FakeEncoder]
) -> None:
    changed = make_encoder()
    changed.fingerprint = "0123456789abcdef"
    with pytest.raises(EncoderMismatch, match=r"another version of 'fake' .*now 0123456789"):
        shelf.collection.search("red", encoder=changed)


def test_an_empty_collection_has_no_hits(tmp_path: Path, fake_encoder: FakeEncoder) -> None:
    with Collection.create(tmp_path, encoder=fake_encoder) as collection:
        assert collection.search("red") == []
        assert collection.search(["red", "blue"]) == [[], []]
        assert list(collection.items()) == []
        assert list(collection.vectors()) == []


# --- searching ---


def test_all_four_directions(shelf: Shelf) -> None:
    search = shelf.collection.search
    red = shelf.folder / "red.png"
    assert stems(search("red", 1, modality="image")) == ["red"]
    assert search(red, 1, modality=Modality.TEXT)[0].passage == "a red bicycle"
    assert search("blue sea", 1, modality="text")[0].passage == "the blue sea"
    assert stems(search(red, 1, modality="image")) == ["red"]
    assert stems(search(Image.new("RGB", (3, 3), "blue"), 1, modality="image")) == ["blue"]


def test_one_query_or_many(shelf: Shelf) -> None:
    search, encoder = shelf.collection.search, shelf.encoder
    before = encoder.text_calls
    many = search(list(COLOURS), 3)
    assert encoder.text_calls == before + 1
    assert many == [search(colour, 3) for colour in COLOURS]
    assert search(["red"], 3) == [search("red", 3)]
    assert search([]) == []


def test_weights_and_minus(shelf: Shelf) -> None:
    query = Query(
        (
            Term(text="red"),
            Term(image=shelf.folder / "blue.png", weight=2),
            Term(text="green", weight=-1),
        )
    )
    hits = shelf.collection.search(query, 6, modality="image")
    assert stems(hits)[:2] == ["blue", "red"]
    assert stems(hits)[-1] == "green"
    expected = {"blue": 2, "red": 1, "green": -1}
    for hit in hits:
        cosine = expected.get(Path(hit.path).stem, 0) / np.sqrt(6)
        assert hit.score == pytest.approx(cosine, abs=1e-3)


def test_a_string_is_never_a_path(shelf: Shelf) -> None:
    hit = shelf.collection.search(str(shelf.folder / "red.png"), 1, modality="image")[0]
    assert hit.score < 0.9


@pytest.mark.parametrize("query", ["", " ", Query((Term(text="a"), Term(text="a", weight=-1)))])
def test_queries_without_a_direction(shelf: Shelf, query: str | Query) -> None:
    with pytest.raises(QueryError):
        shelf.collection.search(query)


def test_bad_arguments(shelf: Shelf) -> None:
    with pytest.raises(ValueError, match="k must be at least 1, not 0"):
        shelf.collection.search("red", 0)
    with pytest.raises(ValueError, match="'video' is not a valid Modality"):
        shelf.collection.search("red", modality="video")
    with pytest.raises(TypeError, match="not int"):
        shelf.collection.search(3)  # type: ignore[call-overload]


def test_vectors_of_ones_own(shelf: Shelf) -> None:
    vectors = shelf.encoder.encode_texts(["red", "blue"])
    hits = shelf.collection.search_vectors(vectors, 3)
    assert hits == shelf.collection.search(["red", "blue"], 3)
    longer = shelf.collection.search_vectors(vectors * 4, 3)
    assert [[hit.item_id for hit in row] for row in longer] == [
        [hit.item_id for hit in row] for row in hits
    ]
    assert longer[0][0].score == pytest.approx(hits[0][0].score, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v[0], r"shape \(16,\)"),
        (lambda v: v[:, :-1], r"shape \(2, 15\).*\[Q, 16\]"),
        (lambda v: v * 0, "vector 0 has length 0.0"),
        (lambda v: v * [[1.0], [float("nan")]], "vector 1 has length nan"),
    ],
)
def test_vectors_without_a_direction(
    shelf: Shelf, change: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    vectors = change(shelf.encoder.encode_texts(["red", "blue"]))
    with pytest.raises(ValueError, match=said):
        shelf.collection.search_vectors(vectors, 3)


# --- more like this ---


def test_similar_to_an_item_leaves_it_out(shelf: Shelf) -> None:
    shelf.picture("again.png", "red", shade=3)
    red = next(item.id for item in shelf.collection.items() if item.path == "red.png")
    hits = shelf.collection.similar(red, 3, modality="image")
    assert stems(hits)[0] == "again"
    assert "red" not in stems(hits)


def test_similar_to_a_file_by_its_path(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.picture("again.png", "red", shade=3)
    encoded = shelf.encoder.images_encoded
    monkeypatch.chdir(shelf.folder)
    hits = shelf.collection.similar("red.png", 3, modality="image")
    assert stems(hits)[0] == "again"
    assert "red" not in stems(hits)
    assert shelf.encoder.images_encoded == encoded


def test_similar_to_a_text_takes_its_passages_together(shelf: Shelf) -> None:
    shelf.text("two.txt", "red", "blue")
    hits = shelf.collection.similar(shelf.folder / "two.txt", 2, modality="image")
    assert sorted(stems(hits)) == ["blue", "red"]
    assert [hit.score for hit in hits] == pytest.approx([np.sqrt(0.5)] * 2, abs=1e-3)


def test_similar_to_a_file_from_outside(shelf: Shelf, tmp_path: Path) -> None:
    Image.new("RGB", (5, 5), "yellow").save(tmp_path / "y.png")
    (tmp_path / "t.txt").write_text("blue")
    similar = shelf.collection.similar
    assert stems(similar(tmp_path / "y.png", 1, modality="image")) == ["yellow"]
    assert stems(similar(tmp_path / "t.txt", 1, modality="image")) == ["blue"]


def test_similar_to_nothing(shelf: Shelf, tmp_path: Path) -> None:
    similar = shelf.collection.similar
    with pytest.raises(QueryError, match="has no item 999999"):
        similar(999999)
    with pytest.raises(QueryError, match=r"cannot read '.*gone\.png': No such file"):
        similar(tmp_path / "gone.png")
    (tmp_path / "zeros").write_bytes(b"\0" * 100)
    with pytest.raises(QueryError, match="cannot search with"):
        similar(tmp_path / "zeros")


def test_similar_to_what_never_ends(shelf: Shelf, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(QueryError, match=r"cannot read '.*pipe': not a regular file"):
        shelf.collection.similar(tmp_path / "pipe")


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("letter", ["e", "é", "€", "𝄞"])
@pytest.mark.parametrize("shift", range(4))
def test_similar_to_the_beginning_of_a_long_text(
    shelf: Shelf, tmp_path: Path, start: str, letter: str, shift: int
) -> None:
    path = tmp_path / "long.txt"
    path.write_text(start + "red " + "x" * shift + letter * 30_000, encoding="utf-8")
    [hit] = shelf.collection.similar(path, 1, modality="image")
    assert Path(hit.path).stem == "red"
    # Cut elsewhere, or not at all, it is no text.
    path.write_bytes(path.read_bytes()[:1000] + "é".encode()[:1] + b"x")
    with pytest.raises(QueryError, match="cannot search with"):
        shelf.collection.similar(path)


def test_similar_to_a_container_of_many(shelf: Shelf) -> None:
    shelf.text("many.txt", *(f"line {n}" for n in range(300)))
    with pytest.raises(QueryError, match="holds 300 items: give the id of one"):
        shelf.collection.similar(shelf.folder / "many.txt")


# --- what is in it ---


def test_vectors_come_in_blocks_beside_their_items(shelf: Shelf) -> None:
    blocks = list(shelf.collection.vectors(block=4))
    assert [len(items) for items, _ in blocks] == [4, 4, 1]
    for items, vectors in blocks:
        assert vectors.dtype == np.float32
        for item, vector in zip(items, vectors, strict=True):
            np.testing.assert_allclose(vector, shelf.vectors[item.id], atol=1e-3)
    images = [item for items, _ in shelf.collection.vectors(modality="image") for item in items]
    assert [item.path for item in images] == [f"{colour}.png" for colour in COLOURS]


def test_items_and_filters(shelf: Shelf) -> None:
    passages = [item.passage for item in shelf.collection.items(Filters(paths=("*.txt",)))]
    assert passages == ["a red bicycle", "the blue sea", "nothing else"]


def test_files(shelf: Shelf) -> None:
    bad = shelf.skipped("sub/bad.png", "empty", "the picture has no bytes")
    collection = shelf.collection

    def names(*patterns: str | Path, status: str | None = None) -> list[str]:
        files = collection.files(*patterns, status=status)
        return [str(file.path.relative_to(shelf.folder)) for file in files]

    assert len(names()) == 8
    assert names(status="skipped") == ["sub/bad.png"]
    assert names(bad) == ["sub/bad.png"]
    assert names(shelf.folder / "sub") == ["sub/bad.png"]
    assert names("b*.png") == ["black.png", "blue.png", "sub/bad.png"]
    assert names("*.txt", shelf.folder / "notes.txt") == ["notes.txt"]
    assert names("none") == []
    [file] = collection.files(status="skipped")
    assert (file.reason, file.detail) == ("empty", "the picture has no bytes")


def test_status(shelf: Shelf) -> None:
    shelf.skipped("bad.png", "empty", "no bytes")
    status = shelf.collection.status()
    assert (status.files, status.files_skipped) == (7, 1)
    assert dict(status.items) == {Modality.TEXT: 3, Modality.IMAGE: 6}
    assert dict(status.skip_reasons) == {"empty": 1}
    assert status.vectors == 9
    assert status.generation == shelf.collection.catalog.generation
    assert status.roots == (shelf.folder,)
    [encoder] = status.encoders
    assert (encoder.name, encoder.dim, encoder.default) == ("fake", 16, True)
    assert sum(encoder.encoded.values()) == 9
    assert status.size_bytes > 0


def test_remove_takes_out_and_deletes_nothing(shelf: Shelf) -> None:
    collection = shelf.collection
    assert collection.remove(shelf.folder / "red.png", "*.txt", "none") == 2
    assert (shelf.folder / "red.png").exists()
    assert (shelf.folder / "notes.txt").exists()
    assert len(collection.search("red", 100)) == 5
    assert collection.status().vectors == 5
    assert collection.remove("none") == 0
    with pytest.raises(ValueError, match="name what is to be removed"):
        collection.remove()


def test_an_empty_pattern_is_not_everything(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shelf.folder)
    with pytest.raises(ValueError, match="a pattern is empty"):
        shelf.collection.remove("red.png", "")
    with pytest.raises(ValueError, match="a pattern is empty"):
        list(shelf.collection.files(""))
    with pytest.raises(ValueError, match="'found' is not a valid FileStatus"):
        list(shelf.collection.files(status="found"))
    assert len(list(shelf.collection.files())) == 7


def test_read_only(shelf: Shelf) -> None:
    with Collection.open(shelf.folder, read_only=True, encoder=shelf.encoder) as collection:
        assert stems(collection.search("red", 1, modality="image")) == ["red"]
