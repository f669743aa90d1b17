"""Indexing a folder, and indexing it again."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.kinds import Kind
from indexer.progress import Snapshot
from tests.conftest import FakeEncoder
from tests.indexer.conftest import Desk, set_mtime
from unisearch.datatypes import Modality
from unisearch.errors import EncodeError
from unisearch.pictures import read_picture
from unisearch.store.catalog import Catalog


def test_the_first_run(desk: Desk) -> None:
    desk.picture("a/red.png", "red")
    desk.picture("blue.png", "blue")
    desk.text("note.md", "# Bikes\nA red bicycle.\n")
    report = desk.run()
    assert report.added == 3
    assert desk.shown() == [
        ("a/red.png", "image", None), ("blue.png", "image", None),
        ("note.md", "text", "Bikes\nA red bicycle."),
    ]  # fmt: skip
    assert report.images_encoded == 2
    assert report.texts_encoded == 1
    assert not report.interrupted
    assert report.changed
    assert desk.items()[2].line == 2
    assert desk.items()[0].metadata == {"width": 8, "height": 8}


def test_vectors_are_those_of_the_encoder(desk: Desk) -> None:
    for at, colour in enumerate(("red", "green", "blue") * 30):
        desk.picture(f"{at}.png", colour, shade=at + 1)
        desk.text(f"{at}.txt", f"{colour} thing number {at}")
    desk.run(batch_size=7)
    (encoder,) = desk.catalog.encoders()
    items = {item.id: item for item in desk.items()}
    ids, vectors = desk.catalog.vectors(list(items), encoder.id)
    assert len(ids) == 180
    for item_id, vector in zip(ids.tolist(), vectors, strict=True):
        item = items[item_id]
        colour = ("red", "green", "blue")[int(Path(item.path).stem) % 3]
        said = colour if item.modality is Modality.IMAGE else item.passage
        expected = FakeEncoder().encode_texts([said or ""])[0]
        np.testing.assert_allclose(vector, expected, atol=1e-3)


def test_nothing_is_opened_when_nothing_changed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(20):
        desk.picture(f"d{at % 3}/{at}.png", shade=at)
    desk.text("bad.png", "no picture")
    desk.run()
    before = desk.catalog.generation
    monkeypatch.setattr("indexer.reading.open_regular", None)
    report = desk.run()
    assert (report.unchanged, report.skipped_before, report.added) == (21, 1, 0)
    assert not report.changed
    assert desk.catalog.generation == before


def test_edited_touched_copied_and_new(desk: Desk) -> None:
    for at, name in enumerate(("edited", "touched", "copied", "same")):
        desk.picture(f"{name}.png", shade=at + 1)
    desk.run()
    ids = {item.path: item.id for item in desk.items()}
    assert desk.encoded == 4
    set_mtime(desk.picture("edited.png", "blue"), 1)
    set_mtime(desk.folder / "touched.png", 2)
    shutil.copy(desk.folder / "copied.png", desk.folder / "copy.png")
    desk.picture("new.png", "green")
    report = desk.run()
    assert (report.added, report.updated, report.touched, report.unchanged) == (2, 1, 1, 2)
    assert report.vectors_shared == 1
    assert desk.encoded == 2
    assert desk.files()["touched.png"].mtime_ns == 2 * 10**9
    after = {item.path: item.id for item in desk.items()}
    assert {name: after[name] for name in ids if name != "edited.png"} == {
        name: item_id for name, item_id in ids.items() if name != "edited.png"
    }
    assert desk.run().unchanged == 6


def test_moved_files_keep_their_ids_and_are_not_encoded(desk: Desk) -> None:
    for at in range(30):
        desk.picture(f"{at}.png", shade=at + 1)
    desk.text("long.txt", "\n\n".join(f"{i} " * 90 for i in range(5)))
    desk.run()
    ids = {item.path: item.id for item in desk.items()}
    desk.encoded  # noqa: B018 (it forgets)
    (desk.folder / "sub").mkdir()
    for at in range(3):
        (desk.folder / f"{at}.png").rename(desk.folder / f"sub/m{at}.png")
    (desk.folder / "long.txt").rename(desk.folder / "sub/long.txt")
    report = desk.run()
    assert (report.moved, report.added, report.removed, report.unchanged) == (4, 0, 0, 27)
    assert desk.encoded == 0
    after = {item.path: item.id for item in desk.items()}
    assert [after[f"sub/m{at}.png"] for at in range(3)] == [ids[f"{at}.png"] for at in range(3)]
    assert len(after) == len(ids)


def test_moved_and_touched_between_roots(desk: Desk, tmp_path: Path) -> None:
    desk.picture("a.png")
    desk.run()
    (item,) = desk.items()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    desk.text("stays.txt", "words")
    shutil.move(desk.folder / "a.png", elsewhere / "b.png")
    set_mtime(elsewhere / "b.png", 5)
    report = desk.run(elsewhere)
    assert report.moved == 1
    moved = next(i for i in desk.items() if i.id == item.id)
    assert moved.location == elsewhere / "b.png"
    assert moved.mtime_ns == 5 * 10**9
    assert desk.run(elsewhere).unchanged == 1


def test_two_copies_of_one_that_is_gone(desk: Desk) -> None:
    path = desk.picture("a.png")
    desk.run()
    (item,) = desk.items()
    shutil.copy(path, desk.folder / "b.png")
    path.rename(desk.folder / "c.png")
    report = desk.run()
    assert (report.moved, report.added, report.removed) == (1, 1, 0)
    assert desk.paths() == ["b.png", "c.png"]
    assert item.id in {i.id for i in desk.items()}


def test_swapped_names(desk: Desk) -> None:
    red, blue = desk.picture("a.png", "red"), desk.picture("b.png", "blue", shade=300)
    desk.run()
    desk.encoded  # noqa: B018
    contents = {item.path: item.content_hash for item in desk.items()}
    red.rename(desk.folder / "tmp")
    blue.rename(red)
    (desk.folder / "tmp").rename(blue)
    set_mtime(red, 7)
    set_mtime(blue, 8)
    desk.run()
    after = {item.path: item.content_hash for item in desk.items()}
    assert after == {"a.png": contents["b.png"], "b.png": contents["a.png"]}
    assert desk.encoded == 0


def test_overwritten_by_a_move(desk: Desk) -> None:
    a, b = desk.picture("a.png", "red"), desk.picture("b.png", "blue")
    desk.run()
    ids = {item.path: item.id for item in desk.items()}
    b.rename(a)
    set_mtime(a, 9)
    report = desk.run()
    assert report.moved == 1
    assert {item.path: item.id for item in desk.items()} == {"a.png": ids["b.png"]}


def test_deleted_files_go_only_from_what_was_scanned(desk: Desk) -> None:
    for name in ("a/1.png", "a/2.png", "b/3.png"):
        desk.picture(name, shade=len(name) + int(name[2]))
    desk.run()
    (desk.folder / "a/1.png").unlink()
    (desk.folder / "b/3.png").unlink()
    assert desk.run(desk.folder / "a", prune=False).removed == 0
    assert desk.run(desk.folder / "a").removed == 1
    assert desk.paths() == ["a/2.png", "b/3.png"]
    assert desk.run().removed == 1
    assert desk.paths() == ["a/2.png"]


def test_what_is_excluded_now_is_still_there_and_stays(desk: Desk) -> None:
    desk.picture("a.png", shade=1)
    desk.picture("b/.c.png", shade=2)
    desk.run(hidden=True)
    assert desk.run(exclude=("a.*",)).removed == 0
    assert desk.paths() == ["a.png", "b/.c.png"]


def test_a_root_that_is_empty_or_gone_loses_nothing(desk: Desk, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    shutil.copy(desk.picture("a.png"), disk / "a.png")
    desk.run(disk)
    (disk / "a.png").unlink()
    report = desk.run(disk)
    assert report.removed == 0
    assert "is empty or not there, but 1 files" in report.warnings[0]
    assert f"unisearch remove {disk}" in report.warnings[0]
    disk.rmdir()
    report = desk.run(disk)
    assert report.missing == [str(disk)]
    assert len(desk.items()) == 1
    # A file that appears elsewhere now is a copy, not a move: the disk may come back.
    report = desk.run()
    assert (report.added, report.moved) == (1, 0)
    assert len(desk.items()) == 2


def test_a_folder_that_cannot_be_listed_loses_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.picture("a/1.png", shade=1)
    desk.picture("b/2.png", shade=2)
    desk.run()
    really = os.scandir

    def refuse(path: bytes) -> object:
        if path.endswith(b"/a"):
            raise PermissionError(13, "Permission denied")
        return really(path)

    shutil.rmtree(desk.folder / "a")
    (desk.folder / "a").mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    report = desk.run()
    assert report.removed == 0
    assert report.excluded["unreadable-folder"] == 1
    assert desk.paths() == ["a/1.png", "b/2.png"]


def test_an_edited_text_encodes_only_its_new_passages(desk: Desk) -> None:
    paragraphs = [f"{i} " * 90 for i in range(6)]
    path = desk.text("a.txt", "\n\n".join(paragraphs))
    desk.run()
    assert desk.encoded == 6
    ids = {item.passage: item.id for item in desk.items()}
    paragraphs[2] = "new " * 90
    path.write_text("\n\n".join(paragraphs))
    set_mtime(path, 3)
    desk.run()
    assert desk.encoded == 1
    after = {item.passage: item.id for item in desk.items()}
    kept = ids.keys() & after.keys()
    assert len(kept) == 5
    assert all(ids[passage] == after[passage] for passage in kept)
    assert [item.ordinal for item in desk.items()] == list(range(6))


def test_several_encoders_share_a_collection(desk: Desk) -> None:
    desk.picture("a.png")
    desk.text("b.txt", "words")
    desk.text("bad.png", "not a picture")
    desk.run()
    ids = [item.id for item in desk.items()]
    other = FakeEncoder(dim=24, name="other")
    report = desk.run(encoder=other)
    assert (report.updated, report.unchanged) == (2, 1)
    assert (other.images_encoded, other.texts_encoded) == (1, 1)
    assert [item.id for item in desk.items()] == ids
    first, second = desk.catalog.encoders()
    for encoder in (first, second):
        found, vectors = desk.catalog.vectors(ids, encoder.id)
        assert found.tolist() == sorted(ids)
        assert vectors.shape == (2, encoder.dim)
    assert desk.run(encoder=other).unchanged == 3
    assert desk.run().unchanged == 3


def test_captions_beside_pictures(desk: Desk) -> None:
    desk.picture("a.png")
    caption = desk.text("a.txt", "a red square")
    desk.text("a.json", '{"caption": "told", "year": 2020, "title": "a.png"}')
    report = desk.run()
    assert desk.shown() == [
        ("a.json", "text", "told"), ("a.png", "image", "a red square\ntold"),
        ("a.txt", "text", "a red square"),
    ]  # fmt: skip
    assert desk.items()[1].metadata["year"] == 2020
    assert desk.items()[2].metadata == {"picture": ["a.png"]}
    assert {name: record.kind for name, record in desk.files().items()} == {
        "a.png": "picture", "a.txt": "caption", "a.json": "caption",
    }  # fmt: skip
    assert report.added == 3
    assert desk.run().unchanged == 3
    # A new caption reaches the picture, and costs no encoding of it.
    desk.encoder.images_encoded = 0
    ids = {item.path: item.id for item in desk.items()}
    caption.write_text("a crimson square")
    set_mtime(caption, 4)
    assert desk.run().updated == 2
    assert desk.items()[1].passage == "a crimson square\ntold"
    caption.unlink()
    assert desk.run().updated == 1
    assert desk.items()[1].passage == "told"
    assert desk.encoder.images_encoded == 0
    assert desk.items()[1].id == ids["a.png"]
    # A picture that moves without its caption loses it, and the other way round.
    (desk.folder / "a.png").rename(desk.folder / "b.png")
    desk.run()
    assert desk.shown()[-1] == ("b.png", "image", None)
    assert desk.files()["a.json"].kind == "text"


def test_a_run_that_does_not_see_the_caption_leaves_it_to_its_picture(desk: Desk) -> None:
    """Nothing would bring it back: to the next run neither of the two looks changed."""
    picture = desk.picture("a.png")
    caption = desk.text("a.txt", "a red square")
    desk.text("a.json", '{"caption": "told"}')
    desk.run()
    before = desk.shown()
    kinds = frozenset({Kind.PICTURE, Kind.UNKNOWN})
    assert desk.run(exclude=("*.txt",)).updated == 0
    assert desk.run(kinds=kinds).updated == 0
    assert desk.run(picture).updated == 0
    assert desk.shown() == before
    for at, (sources, options) in enumerate(
        (([picture], {}), ([], {"kinds": kinds}), ([picture, caption], {}))
    ):
        set_mtime(desk.picture("a.png", shade=at + 1), at + 10)
        assert desk.run(*sources, **options).updated == 1
        assert desk.shown() == before


def test_a_picture_named_alone_has_its_caption(desk: Desk) -> None:
    picture = desk.picture("a.png")
    desk.text("a.txt", "a red square")
    assert desk.run(picture).added == 1
    assert desk.shown() == [("a.png", "image", "a red square")]
    other = desk.picture("b.png", "blue")
    desk.text("b.txt", "not this")
    assert desk.run(other, exclude=("b.txt",)).added == 1
    assert desk.shown()[1] == ("b.png", "image", None)


def test_a_caption_and_its_picture_are_written_together(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(6):
        desk.picture(f"{at}.png", shade=at + 1)
        desk.text(f"{at}.txt", f"old {at}")
    desk.run()
    for at in range(6):
        set_mtime(desk.text(f"{at}.txt", f"new {at}"), 100)
    batches = []
    write = desk.catalog.write
    monkeypatch.setattr(desk.catalog, "write", lambda batch: batches.append(batch) or write(batch))
    desk.run(batch_size=1, threads=3)
    assert len(batches) > 2
    pictures: set[bytes] = set()
    for batch in batches:
        names = {file.path_bytes for file in batch.files}
        pictures |= {name for name in names if name.endswith(b".png")}
        captions = {name for name in names if name.endswith(b".txt")}
        assert {name.replace(b".txt", b".png") for name in captions} <= pictures


def test_named_files_are_taken_whatever_they_are_called(desk: Desk) -> None:
    code = desk.text("program.py", "print('a red bicycle')")
    desk.picture("pic.png").rename(desk.folder / "pic.xyz")
    desk.text(".hidden.txt", "a secret")
    assert desk.run().added == 0
    report = desk.run(code, desk.folder / "pic.xyz", desk.folder / ".hidden.txt")
    assert report.added == 3
    kinds = {path: record.kind for path, record in desk.files().items()}
    assert kinds == {".hidden.txt": "text", "pic.xyz": "picture", "program.py": "text"}
    assert desk.run(code).unchanged == 1
    assert desk.run().removed == 0


def test_all_files_looks_inside(desk: Desk) -> None:
    desk.text("program.py", "print('a red bicycle')")
    desk.text("data.bin", bytes(range(256)) * 40)
    desk.picture("pic.png").rename(desk.folder / "pic")
    report = desk.run(all_files=True)
    assert report.added == 2
    assert desk.reasons() == {"data.bin": "binary"}
    assert desk.run(all_files=True).unchanged == 3


def test_a_list_of_many_files_is_looked_up_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [desk.picture(f"{at}.png", shade=at + 1) for at in range(60)]
    desk.run()
    calls = []
    files = desk.catalog.files
    monkeypatch.setattr(
        desk.catalog, "files", lambda root, under=b"": calls.append(under) or files(root, under)
    )
    assert desk.run(*paths).unchanged == 60
    assert calls == [b""]


def test_progress_tells_where_it_is(desk: Desk) -> None:
    class Notes:
        def __init__(self) -> None:
            self.all: list[Snapshot] = []

        def update(self, snapshot: Snapshot) -> None:
            self.all.append(snapshot)

    for at in range(5):
        desk.picture(f"{at}.png", shade=at + 1)
    desk.text("bad.png", "x")
    notes = Notes()
    desk.run(progress=notes)
    assert [str(s.phase) for s in notes.all[-2:]] == ["pruning", "saving"]
    last = notes.all[-1]
    assert (last.files_found, last.files_to_do, last.files_done, last.files_skipped) == (6, 6, 6, 1)
    assert last.items_done == 5
    assert last.scan_finished


def test_a_file_is_done_when_it_has_its_vector(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading is far ahead of encoding: the time left would be that of reading."""
    monkeypatch.setattr("indexer.pipeline._PROGRESS_S", 0.0)
    for at in range(12):
        desk.picture(f"{at:02}.png", shade=at + 1)
    shown: list[tuple[int, int]] = []

    class Notes:
        def update(self, snapshot: Snapshot) -> None:
            shown.append((snapshot.files_done, snapshot.items_done))

    desk.run(progress=Notes(), batch_size=4)
    assert shown[-1] == (12, 12)
    # The last picture of a batch may wait for its file's end.
    assert all(items - 1 <= files <= items for files, items in shown)


class SlowEncoder(FakeEncoder):
    """Takes its time; may be told to call something first."""

    def __init__(self, pause_s: float = 0.0) -> None:
        super().__init__()
        self.pause_s = pause_s
        self.calls = 0
        self.before = lambda call: None

    def encode_images(self, images):  # type: ignore[no-untyped-def]
        self.calls += 1
        self.before(self.calls)
        time.sleep(self.pause_s)
        return super().encode_images(images)


def test_what_is_written_is_found_while_it_goes_on(desk: Desk) -> None:
    for at in range(40):
        desk.picture(f"{at:02}.png", shade=at + 1)
    seen: list[int] = []
    encoder = SlowEncoder()

    def look(call: int) -> None:
        with Catalog.open(desk.folder / ".unisearch/catalog.sqlite", read_only=True) as reader:
            seen.append(sum(1 for _ in reader.iter_items()))

    encoder.before = look
    desk.run(encoder=encoder, batch_size=8)
    # The eighth picture makes a batch full before its reader says that its file ended there.
    assert seen == [0, 7, 15, 23, 31]


def test_slow_readers_commit_in_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in range(6):
        desk.picture(f"{at}.png", shade=at + 1)

    def slowly(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.1)
        return read_picture(*arguments, **options)

    monkeypatch.setattr("indexer.units.read_picture", slowly)
    encoder = SlowEncoder()
    desk.run(encoder=encoder, threads=1, batch_size=100, commit_interval_s=0.15)
    assert encoder.calls >= 2


def test_stopping_keeps_what_was_encoded_and_prunes_nothing(desk: Desk) -> None:
    for at in range(40):
        desk.picture(f"{at:02}.png", shade=at + 1)
    desk.run(desk.folder / "00.png")
    (desk.folder / "00.png").unlink()
    stop = threading.Event()
    encoder = SlowEncoder()
    encoder.before = lambda call: stop.set() if call == 2 else None
    report = desk.run(encoder=encoder, batch_size=8, stop=stop)
    assert report.interrupted
    assert report.removed == 0
    assert desk.paths() == [f"{at:02}.png" for at in range(16)]
    report = desk.run()
    assert (report.unchanged, report.added, report.removed) == (15, 24, 1)


def test_a_second_interrupt_keeps_the_batches_before_and_encodes_no_more(desk: Desk) -> None:
    for at in range(40):
        desk.picture(f"{at:02}.png", shade=at + 1)
    encoder = SlowEncoder()

    def interrupt(call: int) -> None:
        if call == 3:
            raise KeyboardInterrupt

    encoder.before = interrupt
    report = desk.run(encoder=encoder, batch_size=8)
    assert report.interrupted
    assert encoder.calls == 3
    assert desk.paths() == [f"{at:02}.png" for at in range(15)]


def test_an_interrupt_while_writing_writes_once_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(20):
        desk.picture(f"{at:02}.png", shade=at + 1)
    write = desk.catalog.write
    calls = []

    def interrupted(batch):  # type: ignore[no-untyped-def]
        calls.append(batch)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return write(batch)

    monkeypatch.setattr(desk.catalog, "write", interrupted)
    report = desk.run(batch_size=8)
    assert report.interrupted
    assert len(calls) == 3
    assert desk.paths() == [f"{at:02}.png" for at in range(15)]


def test_what_the_encoder_refuses_is_skipped_alone(desk: Desk) -> None:
    class Picky(FakeEncoder):
        def encode_texts(self, texts):  # type: ignore[no-untyped-def]
            if any("bad" in text for text in texts):
                raise EncodeError("I do not take this")
            vectors = super().encode_texts(texts)
            vectors[["nan" in text for text in texts]] = np.nan
            return vectors

    for name in ("good", "bad", "nan"):
        desk.text(f"{name}.txt", f"{name} words")
    report = desk.run(encoder=Picky())
    assert desk.paths() == ["good.txt"]
    assert report.skipped == {"not-encodable": 2}


def test_a_large_file_is_found_in_parts_while_it_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.batching._FIRST_PART", 8)
    desk.text("long.txt", "\n\n".join(f"{i} " * 90 for i in range(60)))
    states = []
    write = desk.catalog.write

    def noting(batch):  # type: ignore[no-untyped-def]
        generation = write(batch)
        record = desk.files().get("long.txt")
        whole = record is not None and record.content_hash is not None
        states.append((len(desk.items()), whole))
        return generation

    monkeypatch.setattr(desk.catalog, "write", noting)
    desk.run(batch_size=1)
    assert states[-1] == (60, True)
    # Four passages a batch; a part is written at eight, sixteen, thirty-two.
    assert sorted({count for count, whole in states if not whole}) == [0, 8, 16, 32]
    assert [item.ordinal for item in desk.items()] == list(range(60))


def test_options_are_checked(desk: Desk) -> None:
    with pytest.raises(ValueError, match="batch_size must be positive, not 0"):
        desk.run(batch_size=0)
    with pytest.raises(ValueError, match="exclude must be a tuple, not 'x'"):
        desk.run(exclude="x")
    with pytest.raises(ValueError, match="no such kind: movie"):
        desk.run(kinds=frozenset({"movie"}))
