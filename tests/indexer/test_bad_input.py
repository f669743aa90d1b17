"""Whatever is wrong with a file, it has a reason, the rest goes on, and nothing is lost."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from indexer import reading
from indexer.options import TableColumns
from indexer.reasons import EXCLUDED, SKIPPED, reason_of
from tests.indexer.conftest import Desk, set_mtime
from tests.unisearch.test_pictures import bomb
from unisearch.errors import StorageFull
from unisearch.pictures import PictureLimits
from unisearch.store.records import WriteBatch


def test_bad_pictures_do_not_stop_the_rest(desk: Desk) -> None:
    good = desk.picture("good.png").read_bytes()
    desk.text("empty.png", "")
    desk.text("cut.png", good[:-30])  # its pixels are not all there
    desk.text("page.jpg", "<html>404</html>")
    desk.text("bomb.png", bomb(60_000, 60_000))
    (desk.folder / "folder.jpg").mkdir()
    os.mkfifo(desk.folder / "pipe.jpg")
    report = desk.run()
    assert desk.paths() == ["good.png"]
    assert desk.reasons() == {
        "bomb.png": "too-many-pixels", "empty.png": "empty", "cut.png": "truncated",
        "page.jpg": "not-a-picture",
    }  # fmt: skip
    assert report.skipped == {
        "empty": 1, "truncated": 1, "not-a-picture": 1, "too-many-pixels": 1,
    }  # fmt: skip
    assert "60000×60000 = 3,600,000,000 pixels" in (desk.files()["bomb.png"].detail or "")
    assert report.excluded == {"special": 1}
    assert "ends before the picture does" in (desk.files()["cut.png"].detail or "")
    # They are not tried again until they change, or when one asks for it.
    report = desk.run()
    assert (report.unchanged, report.skipped_before, report.skipped.total()) == (5, 4, 0)
    assert desk.run(retry_skipped=True).skipped.total() == 4
    set_mtime(desk.text("cut.png", good + b"rest"), 1)
    assert desk.run().added == 1


def test_limits_and_the_run_that_lifts_them(desk: Desk) -> None:
    desk.picture("a.png")
    desk.text("long.txt", "word " * 1000)
    tight = PictureLimits(max_pixels=63)
    report = desk.run(pictures=tight, max_text_bytes=999)
    assert report.skipped == {"too-many-pixels": 1, "too-large": 1}
    assert desk.files()["long.txt"].detail == "5,000 bytes, over the limit of 999"
    assert desk.run(pictures=tight, max_text_bytes=999).skipped_before == 2
    # Here the default is what lifts the limit on bytes; pixels need more than the default.
    report = desk.run(pictures=PictureLimits(max_pixels=10**9))
    assert report.added == 2
    desk.picture("b.png", "blue")
    assert desk.run(pictures=PictureLimits(max_bytes=10)).skipped == {"too-large": 1}
    assert desk.run(pictures=PictureLimits(min_side_px=9)).skipped == {"too-small": 1}
    assert desk.run().added == 1


def test_a_text_of_a_gigabyte_is_not_even_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with (desk.folder / "huge.txt").open("wb") as stream:
        stream.truncate(1 << 30)
    desk.text("small.txt", "words")
    hashed = reading.hash_stream
    read: list[int] = []

    def hash_and_note(stream: Any, tick: Any) -> str:
        read.append(os.fstat(stream.fileno()).st_size)
        return hashed(stream, tick)

    monkeypatch.setattr(reading, "hash_stream", hash_and_note)
    assert desk.run().skipped == {"too-large": 1}
    assert read == [5]
    assert desk.paths() == ["small.txt"]
    detail = desk.files()["huge.txt"].detail
    assert detail == "1,073,741,824 bytes, over the limit of 20,000,000"


def test_encodings_and_binaries(desk: Desk) -> None:
    desk.text("latin1.txt", "Größe".encode("latin-1"))
    desk.text("utf16.txt", "Größe zwei".encode("utf-16"))
    desk.text("binary.txt", bytes(range(256)) * 10)
    desk.text("blank.txt", " \n\t\n")
    report = desk.run()
    assert desk.shown() == [
        ("latin1.txt", "text", "Größe"), ("utf16.txt", "text", "Größe zwei"),
    ]  # fmt: skip
    assert report.skipped == {"binary": 1, "no-text": 1}


def test_names_of_any_bytes(desk: Desk) -> None:
    name = b"new\nline \xff\xfe.png"
    desk.picture("a.png").rename(desk.folder / os.fsdecode(name))
    desk.run()
    (item,) = desk.items()
    assert item.path_bytes == name
    assert item.path == "new\nline \\xff\\xfe.png"
    assert item.location.exists()
    assert desk.run().unchanged == 1
    assert desk.run(os.fsencode(desk.folder) + b"/" + name).unchanged == 1


def test_unreadable_files_keep_what_was_known(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("old.png", "new.png"):
        desk.picture(name, shade=len(name))
        if name == "old.png":
            desk.run()
    set_mtime(desk.folder / "old.png", 1)

    def refuse(path: bytes) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(reading, "open_regular", refuse)
        report = desk.run()
    assert report.skipped == {"unreadable": 2}
    assert desk.paths() == ["old.png"]
    assert desk.reasons() == {"new.png": "unreadable"}
    assert "Permission denied" in (desk.files()["new.png"].detail or "")
    # As its time does not change when it becomes readable, it is tried each time.
    report = desk.run()
    assert (report.added, report.touched) == (1, 1)


def test_a_file_that_changes_while_it_is_read_is_read_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.text("a.txt", "first words")
    hashed = reading.hash_stream
    calls = []

    def hash_and_change(stream: Any, tick: Any) -> str:
        result = hashed(stream, tick)
        calls.append(1)
        if len(calls) == 1:
            desk.text("a.txt", "second words, and longer")
        return result

    monkeypatch.setattr(reading, "hash_stream", hash_and_change)
    report = desk.run()
    assert report.added == 1
    assert desk.shown() == [("a.txt", "text", "second words, and longer")]
    assert desk.run().unchanged == 1


def test_a_file_that_always_changes_is_skipped_and_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.text("log.txt", "line\n")
    hashed = reading.hash_stream

    def hash_and_grow(stream: Any, tick: Any) -> str:
        result = hashed(stream, tick)
        with (desk.folder / "log.txt").open("a") as log:
            log.write("more\n")
        return result

    with monkeypatch.context() as patched:
        patched.setattr(reading, "hash_stream", hash_and_grow)
        report = desk.run()
    assert report.skipped == {"changed": 1}
    assert desk.items() == []
    assert desk.run().added == 1


def test_a_file_that_vanishes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.picture("a.png", shade=1)
    gone = desk.picture("b.png", shade=2)
    opened = reading.open_regular

    def vanish(path: bytes) -> Any:
        gone.unlink(missing_ok=True)
        return opened(path)

    monkeypatch.setattr(reading, "open_regular", vanish)
    report = desk.run()
    assert report.skipped == {"vanished": 1}
    assert desk.paths() == ["a.png"]
    assert "b.png" not in desk.files()


def test_a_named_file_that_is_not_there(desk: Desk) -> None:
    desk.picture("a.png")
    report = desk.run(desk.folder / "a.png", desk.folder / "none.png")
    assert report.missing == [str(desk.folder / "none.png")]
    assert desk.paths() == ["a.png"]


def test_a_file_that_takes_for_ever_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(6):
        desk.picture(f"{at}.png", shade=at + 1)
    desk.picture("stuck.png", "black")
    forever = threading.Event()
    opened = reading.open_regular

    def open_or_hang(path: bytes) -> Any:
        if path.endswith(b"stuck.png"):
            forever.wait(20)
        return opened(path)

    with monkeypatch.context() as patched:
        patched.setattr(reading, "open_regular", open_or_hang)
        report = desk.run(timeout_s=1.0)
    forever.set()
    assert report.skipped == {"timed-out": 1}
    assert len(desk.items()) == 6
    assert desk.reasons() == {"stuck.png": "timed-out"}
    assert desk.run(timeout_s=1.0).skipped_before == 1
    assert desk.run(timeout_s=120).added == 1


def test_a_reader_that_fails_is_a_reason_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.picture("a.png", shade=1)
    desk.text("b.txt", "words")
    with monkeypatch.context() as patched:
        patched.setattr("indexer.units.read_picture", lambda *a, **k: 1 / 0)
        report = desk.run()
    assert report.skipped == {"failed": 1}
    assert "ZeroDivisionError" in (desk.files()["a.png"].detail or "")
    assert desk.run().added == 1


@pytest.mark.parametrize("extra", ["heic", "svg"])
def test_extras_that_are_missing(desk: Desk, monkeypatch: pytest.MonkeyPatch, extra: str) -> None:
    if extra == "heic":
        desk.text("a.heic", b"\0\0\0\x18ftypheic" + b"\0" * 40)
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
    else:
        desk.text("a.svg", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
        monkeypatch.setattr("unisearch.svg.importlib.util.find_spec", lambda name: None)
    report = desk.run()
    assert report.skipped == {f"needs-{extra}": 1}
    assert f"unisearch[{extra}]" in (reason_of(f"needs-{extra}").way_out or "")


def test_a_full_disk_stops_with_all_batches_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(40):
        desk.picture(f"{at:02}.png", shade=at + 1)
    write = desk.catalog.write
    calls = []

    def full(batch: WriteBatch) -> int:
        calls.append(1)
        if len(calls) == 3:
            raise StorageFull("no space left on the disk of the collection")
        return write(batch)

    with monkeypatch.context() as patched:
        patched.setattr(desk.catalog, "write", full)
        with pytest.raises(StorageFull, match="no space left"):
            desk.run(batch_size=8)
    assert desk.paths() == [f"{at:02}.png" for at in range(15)]
    assert not [t for t in threading.enumerate() if t.name.startswith("unisearch")]
    assert desk.run().unchanged == 15
    assert len(desk.items()) == 40


def test_tables_and_shards_end_to_end(desk: Desk, tmp_path: Path) -> None:
    import tarfile

    desk.picture("pics/red.png")
    desk.text("rows.csv", "key,title,photo,year\nk1,a red thing,pics/red.png,1999\nk2,words,,\n")
    with tarfile.open(desk.folder / "s.tar", "w") as tar:
        tar.add(desk.folder / "pics/red.png", "0.png")
    columns = TableColumns(text=("title",), image="photo", id="key", metadata=("year",))
    report = desk.run(columns=columns)
    assert [(i.path, i.member, str(i.modality)) for i in desk.items()] == [
        ("pics/red.png", None, "image"), ("rows.csv", "k1", "text"), ("rows.csv", "k1", "image"),
        ("rows.csv", "k2", "text"), ("s.tar", "0.png", "image"),
    ]  # fmt: skip
    assert report.images_encoded == 1  # one content, one vector
    assert desk.items()[2].passage == "a red thing"
    assert desk.run(columns=columns).unchanged == 3
    # Other columns are another reading.
    assert desk.run(columns=TableColumns(text=("key",))).updated == 1
    assert [i.passage for i in desk.items() if i.path == "rows.csv"] == ["k1", "k2"]


def test_a_table_is_read_again_as_it_was_before(desk: Desk) -> None:
    desk.text("rows.csv", "key,title\nk1,a red thing\nk2,words\n")
    desk.text("plain.csv", "a,b\n1,2\n")
    desk.run(desk.folder / "rows.csv", columns=TableColumns(text=("title",), id="key"))
    expected = [("rows.csv", "k1", "a red thing"), ("rows.csv", "k2", "words")]

    def rows() -> list[tuple[str, str | None, str | None]]:
        return [(i.path, i.member, i.passage) for i in desk.items() if i.path != "plain.csv"]

    # Whoever runs it again says nothing of columns.
    assert (desk.run().unchanged, rows()) == (1, expected)
    set_mtime(desk.text("rows.csv", "key,title\nk1,a red thing\nk3,new\n"), 1)
    assert desk.run().updated == 1
    expected[1] = ("rows.csv", "k3", "new")
    assert rows() == expected
    (desk.folder / "rows.csv").rename(desk.folder / "moved.csv")
    assert desk.run().moved == 1
    expected = [("moved.csv", member, passage) for _, member, passage in expected]
    assert rows() == expected
    assert (desk.run().unchanged, rows()) == (2, expected)
    # A mistyped column takes nothing away.
    report = desk.run(columns=TableColumns(text=("titel",)))
    assert report.skipped == {"no-such-column": 2}
    assert "moved.csv is left as it was: no column 'titel' among 'key', 'title'" in report.warnings
    assert rows() == expected
    assert desk.files()["plain.csv"].kind == "text"


def test_rows_that_fail_are_counted(desk: Desk) -> None:
    desk.text("rows.jsonl", '{"t": "one", "i": "gone.png"}\n')
    report = desk.run(columns=TableColumns(text=("t",), image="i"))
    assert report.members_skipped == {"vanished": 1}
    assert desk.files()["rows.jsonl"].detail == "1 of 1 rows left out: 1 vanished"
    desk.text("none.csv", "a,b\n1,2\n")
    assert desk.run(columns=TableColumns(text=("t",), image="i")).skipped == {"no-such-column": 1}


def test_every_reason_has_words() -> None:
    for code, reason in {**SKIPPED, **EXCLUDED}.items():
        assert code == code.lower()
        assert reason.meaning
    assert reason_of("from-the-future").meaning == "from-the-future"
