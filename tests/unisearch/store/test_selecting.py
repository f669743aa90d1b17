"""Filters against the same conditions in plain Python, in both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from unisearch.datatypes import Modality
from unisearch.store.filters import Condition, Filters
from unisearch.store.records import FileWrite, ItemRecord, WriteBatch

from .desk import Desk

IMAGE = Modality.IMAGE
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def paths(desk: Desk, filters: Filters) -> list[str]:
    """Paths of the pictures that pass, in order of their making."""
    passing = desk.catalog.select_ids(filters, IMAGE, desk.encoder.id)
    assert passing is not None
    assert passing.tolist() == sorted(passing.tolist())
    assert [item.id for item in desk.catalog.iter_items(filters, modality=IMAGE)] == list(passing)
    return [item.path for item in desk.catalog.items(passing).values()]


def told(desk: Desk, *metadata: dict[str, Any]) -> None:
    """Pictures 0, 1, 2 … with some metadata each."""
    desk.put(*(desk.picture(str(n), metadata=of) for n, of in enumerate(metadata)))


# --- metadata ---


@pytest.mark.parametrize(
    ("condition", "passing"),
    [
        (("year", "=", 2010), "02"),
        (("year", "=", "2010"), "02"),
        (("year", "=", 2010.0), "02"),
        (("year", "!=", 2010), "1345"),
        (("year", "<", 2010), "13"),  # one of the list's elements is less
        (("year", "<=", 2010), "0123"),
        (("year", ">", 2000), "023"),
        (("year", ">=", 2010), "023"),
        (("year", "~", 20), "0123"),
        (("year", "=", "unknown"), "4"),
        (("year", "=", "UnKnown"), "4"),
        (("year", "<", "v"), "01234"),  # as texts, for this is no number
        (("Year", "=", 2010), ""),
        (("none", "=", 1), ""),
        (("none", "!=", 1), "012345"),
    ],
)
def test_operators(desk: Desk, condition: Condition, passing: str) -> None:
    years: list[dict[str, Any]] = [
        {"year": 2010}, {"year": "2000"}, {"year": " 2010 "}, {"year": [1, 2020.5]},
        {"year": "unknown"}, {},
    ]  # fmt: skip
    told(desk, *years)
    assert paths(desk, Filters(metadata=(condition,))) == list(passing)


def test_texts_are_compared_without_regard_to_case_and_literally(desk: Desk) -> None:
    told(desk, {"a": "STRASSE 100%_x\\y"}, {"a": "strasse 1000 xy"}, {"a": True}, {"a": "Ärger"})
    for text, passing in {
        "straße": ["0", "1"],
        "100%_X": ["0"],
        "%": ["0"],
        "_": ["0"],
        "\\": ["0"],
        "'; DROP TABLE items; --": [],
        "ÄRG": ["3"],
        "": ["0", "1", "2", "3"],
    }.items():
        assert paths(desk, Filters(metadata=(("a", "~", text),))) == passing, text
    assert paths(desk, Filters(metadata=(("a", "=", True),))) == ["2"]
    assert paths(desk, Filters(metadata=(("a", "=", "TRUE"),))) == ["2"]
    assert paths(desk, Filters(metadata=(("a", "=", "' OR 1=1 --"),))) == []


def test_mappings_and_lists(desk: Desk) -> None:
    told(desk, {"exif": {"camera": "X100", "lens": {"mm": 23}}}, {"exif": [{"camera": "D70"}, 5]})
    assert paths(desk, Filters(metadata=(("exif.camera", "=", "x100"),))) == ["0"]
    assert paths(desk, Filters(metadata=(("exif.lens.mm", "<", 30),))) == ["0"]
    assert paths(desk, Filters(metadata=(("exif.camera", "~", "0"),))) == ["0", "1"]
    assert paths(desk, Filters(metadata=(("exif", "=", 5),))) == ["1"]


def test_long_integers_are_told_apart(desk: Desk) -> None:
    number = 1234567890123456789
    assert float(number) == float(number + 1)
    told(
        desk, {"id": number}, {"id": number + 1}, {"id": str(number)}, {"id": 1e18}, {"id": -number}
    )
    for asked, passing in {
        number: ["0", "2"],
        str(number): ["0", "2"],
        number + 1: ["1"],
        number + 2: [],
        -number: ["4"],
        10**18: ["3"],
        1e18: ["3"],
    }.items():
        assert paths(desk, Filters(metadata=(("id", "=", asked),))) == passing, asked
    assert paths(desk, Filters(metadata=(("id", ">", 10**18),))) == ["0", "1", "2"]


def test_of_the_item_or_its_file(desk: Desk) -> None:
    items = [desk.item("x", 0, metadata={"n": 1}), desk.item("y", 1, metadata={"n": 2})]
    desk.put(desk.picture("a", metadata={"of": "file"}, items=items), desk.picture("b"))

    def members(*conditions: Condition) -> list[int]:
        found = desk.catalog.iter_items(Filters(metadata=conditions))
        return [item.ordinal for item in found]

    assert members(("n", "=", 2)) == [1]
    assert members(("of", "=", "file")) == [0, 1]
    assert members(("of", "=", "file"), ("n", "<", 2)) == [0]
    # Metadata that change, change what passes.
    desk.put(desk.picture("a", metadata={"of": "other"}, items=[items[1], items[0]]))
    assert members(("of", "=", "file")) == []
    assert members(("n", "=", 2)) == [1]


# --- dates and sizes ---


def dated(desk: Desk, **taken: int | None) -> None:
    files = [desk.picture(name, taken_ns=ns, mtime_ns=10**18) for name, ns in taken.items()]
    desk.put(*files)


def test_dates(desk: Desk) -> None:
    day = 86_400 * 10**9
    dated(desk, a=-day, b=0, c=day, d=None)  # d: by its mtime, 2001-09-09T01:46:40Z

    def days(after: float | None = None, before: float | None = None) -> str:
        bounds = [None if d is None else EPOCH + timedelta(days=d) for d in (after, before)]
        return "".join(paths(desk, Filters(after=bounds[0], before=bounds[1])))

    assert days(after=0) == "bcd"
    assert days(before=0) == "a"
    assert days(after=0, before=1) == "b"
    assert days(after=1 / 86_400_000, before=1.5) == "c"
    assert days(after=2, before=1) == ""
    noon = datetime(1970, 1, 1, 12, tzinfo=timezone(timedelta(hours=12)))
    assert paths(desk, Filters(after=noon, before=noon + timedelta(seconds=1))) == ["b"]
    local = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC).astimezone().replace(tzinfo=None)
    assert paths(desk, Filters(after=local)) == ["d"]
    assert paths(desk, Filters(after=local + timedelta(microseconds=1))) == []


@pytest.mark.parametrize("zone", [None, UTC, timezone(timedelta(hours=14))])
def test_dates_and_sizes_that_no_column_holds(desk: Desk, zone: timezone | None) -> None:
    year_9999 = 253_402_300_799 * 10**9
    dated(desk, camera=year_9999, before_1677=-year_9999, plain=None)
    write = desk.picture("file system", mtime_ns=15 * 10**18, size_bytes=2**70)
    desk.put(write)
    desk.catalog.write(
        WriteBatch(
            touches=[(desk.file_id("plain"), 2**64, 10**18), (desk.file_id("camera"), 1, -(10**20))]
        )
    )
    everything = ["camera", "before_1677", "plain", "file system"]
    first, last = datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)
    assert paths(desk, Filters(before=last)) == everything
    assert paths(desk, Filters(after=first)) == everything
    assert paths(desk, Filters(before=first)) == []
    assert paths(desk, Filters(after=datetime(2200, 1, 1, tzinfo=zone))) == [
        "camera",
        "file system",
    ]
    assert paths(desk, Filters(before=datetime(1800, 1, 1, tzinfo=zone))) == ["before_1677"]
    assert paths(desk, Filters(min_bytes=-(2**70), max_bytes=2**70)) == everything
    assert paths(desk, Filters(min_bytes=2**63 - 1)) == ["plain", "file system"]


def test_sizes_are_inclusive(desk: Desk) -> None:
    desk.put(*(desk.picture(str(size), size_bytes=size) for size in (0, 1, 2, 2**40)))
    assert paths(desk, Filters(min_bytes=1)) == ["1", "2", str(2**40)]
    assert paths(desk, Filters(max_bytes=1)) == ["0", "1"]
    assert paths(desk, Filters(min_bytes=2, max_bytes=2)) == ["2"]


# --- paths ---


NAMES: tuple[bytes, ...] = (
    b"a.jpg", b"A.JPG", b"sub/a.jpg", b"sub/deep/a.jpg", b"sub2/a.jpg", b"sub/x", b"subx",
    b"with space.jpg", b"100%.jpg", b"100_.jpg", b"1000.jpg", b"[x].jpg", b"b\\c.jpg",
    "ä.jpg".encode(), b"\xff.jpg", b"new\nline.jpg", b".hidden/a.jpg", b"sub/0",
)  # fmt: skip


@pytest.mark.parametrize(
    ("globs", "passing"),
    [
        (["a.jpg"], lambda p: p.split(b"/")[-1] == b"a.jpg"),
        (["*.jpg"], lambda p: p.endswith(b".jpg")),
        (["*/a.jpg"], lambda p: p.endswith(b"/a.jpg") and p.count(b"/") == 1),
        (["**/a.jpg"], lambda p: p.split(b"/")[-1] == b"a.jpg"),
        (["sub/"], lambda p: p.startswith(b"sub/")),
        (["sub/**"], lambda p: p.startswith(b"sub/")),
        (["./sub/*"], lambda p: p.startswith(b"sub/") and p.count(b"/") == 1),
        (["?.jpg"], lambda p: p.split(b"/")[-1] in (b"a.jpg", "ä.jpg".encode(), b"\xff.jpg")),
        (["100%.jpg"], lambda p: p == b"100%.jpg"),
        (["100_.jpg"], lambda p: p == b"100_.jpg"),
        (["[[]x].jpg"], lambda p: p == b"[x].jpg"),
        (["b\\\\c.jpg"], lambda p: p == b"b\\c.jpg"),
        (["ä.jpg"], lambda p: p == "ä.jpg".encode()),
        (["[!a-zä]*"], lambda p: p.split(b"/")[-1][:1] not in b"abcdefghijklmnopqrstuvwxyz\xc3"),
        (["new*line.jpg"], lambda p: p == b"new\nline.jpg"),
        (["/pictures/sub/*"], lambda p: p.startswith(b"sub/") and p.count(b"/") == 1),
        (["/pictures/**/a.jpg"], lambda p: p.split(b"/")[-1] == b"a.jpg"),
        (["/elsewhere/**"], lambda p: False),
        (["sub/x", "*.JPG"], lambda p: p in (b"sub/x", b"A.JPG")),
    ],
)
@pytest.mark.parametrize("chunk", [5_000, 3])
def test_globs(
    desk: Desk,
    globs: list[str],
    passing: Callable[[bytes], bool],
    chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # With few names to a statement the files are compared here instead.
    monkeypatch.setattr("unisearch.store.selecting.CHUNK", chunk)
    desk.put(*(desk.picture(name) for name in NAMES), desk.text("sub/a.txt", "text"))

    def found(filters: Filters) -> list[bytes]:
        ids = desk.catalog.select_ids(filters, IMAGE)
        assert ids is not None
        return [item.path_bytes for item in desk.catalog.items(ids).values()]

    assert found(Filters(paths=tuple(globs))) == [name for name in NAMES if passing(name)]
    assert found(Filters(not_paths=tuple(globs))) == [n for n in NAMES if not passing(n)]
    small = Filters(paths=tuple(globs), max_bytes=5)
    assert found(small) == []


def test_folders(desk: Desk) -> None:
    other = desk.catalog.ensure_root(Path("/others"))

    def of_other(name: str) -> FileWrite:
        return desk.picture(name, root_id=other.id)

    desk.put(
        *(desk.picture(name) for name in ("s/a", "s/b/c", "s0/a", "s-/a", "s")), of_other("s/z")
    )

    def within(*folders: str) -> list[str]:
        return paths(desk, Filters(roots=tuple(map(Path, folders))))

    assert within("/pictures") == ["s/a", "s/b/c", "s0/a", "s-/a", "s"]
    assert within("/pictures/s") == ["s/a", "s/b/c", "s"]
    assert within("/pictures/s/b") == ["s/b/c"]
    assert within("/") == ["s/a", "s/b/c", "s0/a", "s-/a", "s", "s/z"]
    assert within("/others/s", "/pictures/x/../s/b") == ["s/b/c", "s/z"]
    assert within("/none") == []


def test_all_conditions_together(desk: Desk) -> None:
    files = [
        desk.picture(f"{'ab'[n % 2]}/{n}.{'jpg' if n % 3 else 'png'}", size_bytes=n, mtime_ns=n,
                     metadata={"n": n})
        for n in range(60)
    ]  # fmt: skip
    desk.put(*files)
    filters = Filters(
        paths=("*.jpg",),
        not_paths=("*7*",),
        min_bytes=10,
        max_bytes=50,
        metadata=(("n", "!=", 20), ("n", "<", 45)),
        roots=(Path("/pictures/a"),),
        after=EPOCH,
    )
    expected = [
        file.path_bytes.decode()
        for n, file in enumerate(files)
        if n % 2 == 0 and n % 3 and "7" not in str(n) and 10 <= n < 45 and n != 20
    ]
    assert paths(desk, filters) == expected
    assert len(expected) > 5


def test_only_what_the_encoder_has_encoded(desk: Desk) -> None:
    desk.put(desk.picture("a"), desk.picture("b"))
    other = desk.catalog.register_encoder("other", "f2", 4)
    write = desk.picture("c")
    vectors = desk.vectors(write, encoder=other)
    desk.catalog.write(WriteBatch(files=[write], vectors=vectors))
    some = Filters(min_bytes=1)
    found = desk.catalog.select_ids(some, IMAGE, desk.encoder.id)
    assert found is not None
    assert [item.path for item in desk.catalog.items(found).values()] == ["a", "b"]
    every = desk.catalog.select_ids(some, IMAGE)
    assert every is not None
    assert len(every) == 3


def test_no_condition_is_no_filter(desk: Desk) -> None:
    desk.put(desk.picture("a"))
    assert desk.catalog.select_ids(Filters(), IMAGE) is None
    items: list[ItemRecord] = list(desk.catalog.iter_items(Filters()))
    assert [item.path for item in items] == ["a"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"paths": "*.jpg"}, r"paths must be a tuple, not '\*\.jpg'"),
        ({"not_paths": ("",)}, "a glob must not be empty"),
        ({"metadata": (("a", "==", 1),)}, r"'==' is no operator \(a\)"),
        ({"metadata": (("a", "="),)}, r"\('a', '='\) is no condition"),
        ({"metadata": (("a", "=", None),)}, r"compared with a text, a number or a bool, not None"),
    ],
)
def test_filters_that_cannot_be(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Filters(**wrong)


def test_ids_that_no_column_holds_are_left_out(desk: Desk) -> None:
    desk.put(desk.picture("a"))
    (only,) = desk.ids()
    assert list(desk.catalog.items([2**70, -(2**70), -1, only])) == [only]
