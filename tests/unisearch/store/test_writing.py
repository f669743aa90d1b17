"""Batches: what they change, in which order, and that they do it whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unisearch.datatypes import Modality
from unisearch.errors import EncoderMismatch
from unisearch.store.records import FileStatus, VectorWrite, WriteBatch

from .desk import DIM, Desk, hash_of, vector_of


def state(desk: Desk) -> dict[bytes, list[tuple[int, str]]]:
    """Path → (id, content hash) of its items, in order."""
    return {
        file.path_bytes: [(item.id, item.content_hash) for item in desk.catalog.items_of([file.id])]
        for file in desk.catalog.files(desk.root.id)
    }


def test_a_file_with_everything(desk: Desk) -> None:
    write = desk.picture(
        "holidays/sea.jpg",
        size_bytes=2**40,
        mtime_ns=1_700_000_000_123_456_789,
        taken_ns=-5,
        metadata={"camera": "X100", "tags": ["sea", "sun"], "shot": "file"},
        items=[
            desk.item("sea", 0, passage="The sea", metadata={"shot": "item", "n": 1.5}),
            desk.item("a word", 1, modality=Modality.TEXT, line=7, member="row 3"),
        ],
    )
    assert desk.put(write) == 1
    (file,) = desk.catalog.files(desk.root.id)
    assert (file.path_bytes, file.path, file.kind) == (
        b"holidays/sea.jpg",
        "holidays/sea.jpg",
        "picture",
    )
    assert (file.size_bytes, file.mtime_ns) == (2**40, 1_700_000_000_123_456_789)
    assert (file.content_hash, file.status) == (hash_of("holidays/sea.jpg"), FileStatus.INDEXED)
    picture, text = desk.catalog.items_of([file.id])
    assert picture.modality is Modality.IMAGE
    assert picture.metadata == {
        "camera": "X100",
        "tags": ["sea", "sun"],
        "shot": "item",
        "n": 1.5,
    }
    assert (picture.passage, picture.line, picture.member) == ("The sea", None, None)
    assert (picture.root, picture.path_bytes) == (Path("/pictures"), b"holidays/sea.jpg")
    assert picture.location == Path("/pictures/holidays/sea.jpg")
    assert (picture.size_bytes, picture.taken_ns) == (2**40, -5)
    assert (text.modality, text.passage, text.line) == (Modality.TEXT, "a word", 7)
    assert (text.member, text.metadata["shot"]) == ("row 3", "file")
    assert desk.catalog.items([picture.id, 999]) == {picture.id: picture}
    ids, vectors = desk.catalog.vectors([text.id, picture.id, 999], desk.encoder.id)
    np.testing.assert_array_equal(ids, [picture.id, text.id])
    np.testing.assert_allclose(vectors, [desk.vector("sea"), desk.vector("a word")], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_an_empty_batch_is_no_write(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg"))
    assert desk.catalog.write(WriteBatch()) == desk.catalog.generation == 1


def test_a_skipped_file(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg"))
    desk.put(
        desk.picture(
            "a.jpg", status="skipped", reason="truncated", detail="It ends early", items=[]
        ),
        desk.picture("b.jpg", status=FileStatus.SKIPPED, reason="truncated", items=[]),
        desk.picture("c.jpg", status=FileStatus.SKIPPED, reason="empty", items=[]),
    )
    first, *_ = desk.catalog.files(desk.root.id)
    assert (first.status, first.reason, first.detail) == ("skipped", "truncated", "It ends early")
    assert desk.ids() == []
    assert desk.catalog.skip_reasons() == {"truncated": 2, "empty": 1}
    counts = desk.catalog.counts(desk.encoder.id)
    assert (counts.files, counts.files_skipped, counts.items, counts.encoded) == (0, 3, {}, {})


def test_identical_content_shares_a_vector(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg", "same"), desk.picture("b.jpg", "same"))
    desk.put(desk.picture("c.jpg", "same"))
    counts = desk.catalog.counts(desk.encoder.id)
    assert (counts.vectors, counts.items[Modality.IMAGE]) == (1, 3)
    assert counts.encoded == {Modality.IMAGE: 3}
    _, vectors = desk.catalog.vectors(desk.ids(), desk.encoder.id)
    assert (vectors == vectors[0]).all()


def test_the_first_vector_of_a_content_stays(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg", "same"))
    before = desk.catalog.vectors(desk.ids(), desk.encoder.id)[1]
    other = VectorWrite(
        content_hash=hash_of("same"),
        modality=Modality.IMAGE,
        encoder_id=desk.encoder.id,
        vector=vector_of("other"),
    )
    desk.catalog.write(WriteBatch(vectors=[other, other]))
    np.testing.assert_array_equal(desk.catalog.vectors(desk.ids(), desk.encoder.id)[1], before)


def test_known_hashes(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg", "a"), desk.text("b.txt", "b"))
    other = desk.catalog.register_encoder("other", "f2", 4)
    wanted = [hash_of(word) for word in "abc"]
    known = desk.catalog.known_hashes
    assert known(wanted, Modality.IMAGE, desk.encoder.id) == {hash_of("a")}
    assert known(wanted, Modality.TEXT, desk.encoder.id) == {hash_of("b")}
    assert known(wanted, Modality.IMAGE, other.id) == set()
    assert known([], Modality.IMAGE, desk.encoder.id) == set()
    many = (f"{i:032x}" for i in range(20_000))
    assert known([*many, hash_of("a")], Modality.IMAGE, desk.encoder.id) == {hash_of("a")}


# --- ids ---


def test_writing_the_same_again_changes_nothing(desk: Desk) -> None:
    write = desk.text("a.txt", "one", "two", "three")
    desk.put(write)
    before = state(desk)
    desk.put(write)
    assert state(desk) == before
    changes = desk.catalog.changes_since(1, Modality.TEXT, desk.encoder.id)
    assert (len(changes.removed), list(changes.blocks)) == (0, [])


def test_passages_keep_their_ids_wherever_they_go(desk: Desk) -> None:
    desk.put(desk.text("a.txt", "one", "two", "three"))
    one, two, three = desk.ids("a.txt")
    desk.put(desk.text("a.txt", "zero", "one", "three", "two"))
    zero, *others = desk.ids("a.txt")
    assert others == [one, three, two]
    assert zero > three
    lines = [item.line for item in desk.catalog.items(others).values()]
    assert lines == [2, 4, 3]


def test_an_edited_picture_keeps_its_id(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg", "before"), desk.picture("b.jpg"))
    before = desk.ids("a.jpg")
    desk.put(desk.picture("a.jpg", "after"))
    assert desk.ids("a.jpg") == before
    _, vectors = desk.catalog.vectors(before, desk.encoder.id)
    np.testing.assert_allclose(vectors[0], desk.vector("after"), atol=1e-3)


def test_equal_passages_are_told_apart(desk: Desk) -> None:
    desk.put(desk.text("a.txt", "same", "x", "same", "same"))
    a, _, b, c = desk.ids("a.txt")
    desk.put(desk.text("a.txt", "same", "same", "same"))
    assert set(desk.ids("a.txt")) == {a, b, c}
    desk.put(desk.text("a.txt", "same"))
    assert desk.ids("a.txt") == [a]


def test_another_modality_is_another_item(desk: Desk) -> None:
    desk.put(desk.picture("a.svg", "same"))
    before = desk.ids("a.svg")
    desk.put(desk.text("a.svg", "same"))
    assert desk.ids("a.svg") != before


def test_rows_keep_their_ids_when_members_are_renamed(desk: Desk) -> None:
    def table(*rows: str) -> None:
        items = [
            desk.item(row, n, modality=Modality.TEXT, member=f"row {n}")
            for n, row in enumerate(rows)
        ]
        desk.put(
            desk.text("t.csv", *rows).__class__(
                root_id=desk.root.id,
                path_bytes=b"t.csv",
                kind="table",
                size_bytes=1,
                mtime_ns=1,
                items=items,
            )
        )

    table("a", "b", "c")
    a, b, c = desk.ids("t.csv")
    table("new", "a", "b", "c")
    assert desk.ids("t.csv")[1:] == [a, b, c]


def test_ids_are_never_used_again(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg"), desk.text("b.txt", "one", "two"))
    used = set(desk.ids()) | {file.id for file in desk.catalog.files(desk.root.id)}
    desk.catalog.write(WriteBatch(deletes=[f.id for f in desk.catalog.files(desk.root.id)]))
    assert desk.ids() == []
    desk.put(desk.picture("a.jpg"), desk.text("b.txt", "one", "two"))
    now = set(desk.ids()) | {file.id for file in desk.catalog.files(desk.root.id)}
    assert not used & now


# --- moves, deletes, touches ---


def test_a_move_keeps_everything_but_the_path(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg"), desk.picture("b.jpg"))
    before = state(desk)
    other = desk.catalog.ensure_root(Path("/others"))
    desk.catalog.write(WriteBatch(moves=[(desk.file_id("a.jpg"), other.id, b"x/\xff.jpg")]))
    assert state(desk) == {b"b.jpg": before[b"b.jpg"]}
    (moved,) = desk.catalog.files(other.id)
    assert (moved.path_bytes, moved.path) == (b"x/\xff.jpg", "x/\\xff.jpg")
    (item,) = desk.catalog.items_of([moved.id])
    assert item.id == before[b"a.jpg"][0][0]
    assert bytes(item.location) == b"/others/x/\xff.jpg"


def test_files_swap_their_names(desk: Desk) -> None:
    desk.put(*(desk.picture(name) for name in ("a", "b", "c", "d")))
    before = state(desk)
    a, b, c = (desk.file_id(name) for name in "abc")
    root = desk.root.id
    desk.catalog.write(WriteBatch(moves=[(a, root, b"b"), (b, root, b"c"), (c, root, b"a")]))
    assert state(desk) == {
        b"b": before[b"a"],
        b"c": before[b"b"],
        b"a": before[b"c"],
        b"d": before[b"d"],
    }


def test_a_move_over_another_file_removes_that(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg"), desk.picture("b.jpg"))
    before = state(desk)
    generation = desk.catalog.write(
        WriteBatch(moves=[(desk.file_id("a.jpg"), desk.root.id, b"b.jpg")])
    )
    assert state(desk) == {b"b.jpg": before[b"a.jpg"]}
    changes = desk.catalog.changes_since(generation - 1, Modality.IMAGE, desk.encoder.id)
    assert changes.removed.tolist() == [before[b"b.jpg"][0][0]]


def test_a_new_file_where_another_moved_away(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg"))
    before = state(desk)
    write = desk.picture("a.jpg", "new")
    desk.catalog.write(
        WriteBatch(
            files=[write],
            vectors=desk.vectors(write),
            moves=[(desk.file_id("a.jpg"), desk.root.id, b"b.jpg")],
        )
    )
    after = state(desk)
    assert after[b"b.jpg"] == before[b"a.jpg"]
    assert after[b"a.jpg"][0][1] == hash_of("new")
    assert after[b"a.jpg"][0][0] != before[b"a.jpg"][0][0]


def test_moves_that_cannot_be(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.put(desk.picture("a.jpg"), desk.picture("b.jpg"))
    before = state(desk)
    a, b, root = desk.file_id("a.jpg"), desk.file_id("b.jpg"), desk.root.id
    with pytest.raises(ValueError, match="to one path"):
        desk.catalog.write(WriteBatch(moves=[(a, root, b"x"), (b, root, b"x")]))
    assert state(desk) == before
    desk.catalog.write(WriteBatch(moves=[(999, root, b"x"), (a, root, b"y")]))
    assert "1 files to be moved are no longer there" in caplog.text
    assert state(desk) == {b"y": before[b"a.jpg"], b"b.jpg": before[b"b.jpg"]}


def test_deletes(desk: Desk) -> None:
    desk.put(*(desk.picture(f"{n}.jpg", metadata={"n": n}) for n in range(5)))
    gone = desk.ids("1.jpg") + desk.ids("3.jpg")
    files = [desk.file_id("1.jpg"), desk.file_id("3.jpg"), 12_345]
    desk.catalog.write(WriteBatch(deletes=files))
    assert sorted(state(desk)) == [b"0.jpg", b"2.jpg", b"4.jpg"]
    changes = desk.catalog.changes_since(1, Modality.IMAGE, desk.encoder.id)
    assert changes.removed.tolist() == gone


def test_touches(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg"), desk.picture("b.jpg"))
    before = state(desk)
    desk.catalog.write(WriteBatch(touches=[(desk.file_id("a.jpg"), 5, 6), (999, 1, 1)]))
    a, b = desk.catalog.files(desk.root.id)
    assert (a.size_bytes, a.mtime_ns) == (5, 6)
    assert (b.size_bytes, b.mtime_ns) == (100, 1_000)
    assert state(desk) == before


def test_one_path_twice_in_a_batch(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg", "old"), desk.picture("a.jpg", "new"))
    assert [h for _, h in state(desk)[b"a.jpg"]] == [hash_of("new")]


# --- what must not be ---


def test_no_item_without_its_vector(desk: Desk) -> None:
    desk.put(desk.picture("a.jpg"))
    before = state(desk)
    good, bad = desk.picture("good.jpg"), desk.picture("bad.jpg")
    for batch in (
        WriteBatch(files=[good, bad], vectors=desk.vectors(good)),
        WriteBatch(files=[bad], encoder_id=desk.encoder.id),
        WriteBatch(files=[bad], deletes=[desk.file_id("a.jpg")], encoder_id=desk.encoder.id),
    ):
        with pytest.raises(ValueError, match=r"1 items \(image\) have no vector.*bad\.jpg"):
            desk.catalog.write(batch)
        assert state(desk) == before
        assert desk.catalog.generation == 1
    # One from before will do.
    desk.catalog.write(
        WriteBatch(files=[desk.picture("b.jpg", "a.jpg")], encoder_id=desk.encoder.id)
    )
    assert len(desk.ids()) == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_vectors_without_a_direction(desk: Desk, value: float) -> None:
    write = desk.picture("a.jpg")
    vector = VectorWrite(
        content_hash=hash_of("a.jpg"),
        modality=Modality.IMAGE,
        encoder_id=desk.encoder.id,
        vector=np.full(DIM, value, np.float32),
    )
    with pytest.raises(ValueError, match="no direction"):
        desk.catalog.write(WriteBatch(files=[write], vectors=[vector]))
    assert state(desk) == {}


def test_vectors_of_another_encoder(desk: Desk) -> None:
    def vector(encoder_id: int, dim: int) -> WriteBatch:
        return WriteBatch(
            vectors=[
                VectorWrite(
                    content_hash=hash_of("a"),
                    modality=Modality.IMAGE,
                    encoder_id=encoder_id,
                    vector=vector_of("a", dim),
                )
            ]
        )

    with pytest.raises(EncoderMismatch, match=r"\(5,\).*gives 8 numbers"):
        desk.catalog.write(vector(desk.encoder.id, 5))
    with pytest.raises(EncoderMismatch, match="no encoder 77"):
        desk.catalog.write(vector(77, DIM))
    with pytest.raises(EncoderMismatch, match="no encoder 77"):
        desk.catalog.vectors([1], 77)
    assert desk.catalog.generation == 0


def test_text_that_databases_cannot_hold(desk: Desk) -> None:
    text = "a\x00b \ud800 c \U0001f600"
    write = desk.picture(
        b"\xff\xfe odd\nname.jpg",
        metadata={"k\x00": ["v\x00", float("nan"), {"x": "\udfff"}], "n": 10**30},
        items=[desk.item("odd", passage=text, member=text, metadata={"m\ud800": text})],
        reason=text,
        detail=text,
    )
    desk.put(write)
    (file,) = desk.catalog.files(desk.root.id)
    clean = "a\ufffdb \ufffd c \U0001f600"
    assert file.path_bytes == b"\xff\xfe odd\nname.jpg"
    assert file.path == "\\xff\\xfe odd\nname.jpg"
    assert (file.reason, file.detail) == (clean, clean)
    (item,) = desk.catalog.items_of([file.id])
    assert (item.passage, item.member) == (clean, clean)
    assert item.metadata == {
        "k\ufffd": ["v\ufffd", None, {"x": "\ufffd"}],
        "n": 10**30,
        "m\ufffd": clean,
    }
    assert bytes(item.location) == b"/pictures/\xff\xfe odd\nname.jpg"
    # Written again it is the same, not a change for ever.
    desk.put(write)
    assert desk.catalog.items_of([file.id]) == [item]


def test_a_large_batch(desk: Desk) -> None:
    words = [f"passage {n}" for n in range(12_000)]
    desk.put(desk.text("book.txt", *words))
    ids = desk.ids("book.txt")
    assert len(ids) == 12_000
    desk.put(desk.text("book.txt", *words[6_000:]))
    assert desk.ids("book.txt") == ids[6_000:]
    changes = desk.catalog.changes_since(1, Modality.TEXT, desk.encoder.id)
    assert changes.removed.tolist() == ids[:6_000]


# --- forgetting ---


def test_prune_drops_what_no_item_uses(desk: Desk) -> None:
    desk.put(
        desk.picture("a.jpg", "shared"), desk.picture("b.jpg", "shared"), desk.picture("c.jpg")
    )
    desk.catalog.write(WriteBatch(deletes=[desk.file_id("a.jpg"), desk.file_id("c.jpg")]))
    assert desk.catalog.counts().vectors == 2
    assert desk.catalog.prune() == 1
    assert desk.catalog.counts().vectors == 1
    assert desk.catalog.prune() == 0
    assert len(desk.catalog.vectors(desk.ids(), desk.encoder.id)[0]) == 1


def test_prune_keeps_what_a_saved_index_has_not_seen(desk: Desk) -> None:
    catalog, encoder = desk.catalog, desk.encoder.id
    desk.put(*(desk.picture(f"{n}.jpg") for n in range(4)))
    first = desk.ids("0.jpg")
    catalog.write(WriteBatch(deletes=[desk.file_id("0.jpg")]))  # generation 2
    second = desk.ids("1.jpg")
    catalog.write(WriteBatch(deletes=[desk.file_id("1.jpg")]))  # generation 3
    catalog.mark_index(encoder, Modality.IMAGE, 1)
    catalog.prune()
    assert catalog.changes_since(1, Modality.IMAGE, encoder).removed.tolist() == first + second
    catalog.mark_index(encoder, Modality.IMAGE, 2)
    catalog.prune()
    assert catalog.changes_since(2, Modality.IMAGE, encoder).removed.tolist() == second
    older = catalog.changes_since(1, Modality.IMAGE, encoder)
    assert (older.full, older.removed.tolist(), older.generation) == (True, [], 3)
    assert sum(len(ids) for ids, _ in older.blocks) == 2
    assert not catalog.changes_since(2, Modality.IMAGE, encoder).full
