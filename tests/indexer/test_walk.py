"""Scanning a folder finds what is wanted, in order, and counts the rest."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from indexer.kinds import Kind, KindTable, suffix_of
from indexer.options import IndexOptions
from indexer.walk import Rules, Tally, walk


def scan(
    top: Path, options: IndexOptions | None = None, under: bytes = b""
) -> tuple[list[str], Tally]:
    tally = Tally()
    folders = walk(os.fsencode(top), under, Rules(options or IndexOptions()), tally)
    found = [os.fsdecode(f.path_of(e.name)) for f in folders for e in f.entries]
    return found, tally


def touch(top: Path, *names: str) -> None:
    for name in names:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_files_come_in_order_before_their_sub_folders(tmp_path: Path) -> None:
    touch(tmp_path, "b/z.png", "b/a.jpg", "a/x.md", "c.txt", "a/deep/er/y.html", "B.png")
    found, tally = scan(tmp_path)
    assert found == ["B.png", "c.txt", "a/x.md", "a/deep/er/y.html", "b/a.jpg", "b/z.png"]
    assert not tally.excluded
    assert scan(tmp_path, under=b"a")[0] == ["a/x.md", "a/deep/er/y.html"]


def test_what_is_left_out_by_default_is_counted(tmp_path: Path) -> None:
    touch(
        tmp_path, "a.png", ".hidden.png", ".dir/a.png", ".git/x.txt", "node_modules/x.md",
        "__pycache__/x.txt", "@eaDir/t.jpg", "p.lrdata/t.jpg", ".unisearch/x.txt", "prog.exe",
        "video.mp4",
    )  # fmt: skip
    found, tally = scan(tmp_path)
    assert found == ["a.png"]
    assert tally.excluded == {"hidden": 2, "excluded-folder": 5, "unknown-kind": 2}
    found, tally = scan(tmp_path, IndexOptions(hidden=True))
    assert found == [".hidden.png", "a.png", ".dir/a.png"]
    found, tally = scan(tmp_path, IndexOptions(default_excludes=False, hidden=True, all_files=True))
    assert len(found) == 10  # all but the collection's own folder
    assert not tally.excluded


def test_globs_leave_out_files_and_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.PNG", "x/a.png", "x/y/c.jpg", "drafts/d.jpg", "z/drafts/e.jpg")

    def without(*globs: str) -> list[str]:
        return scan(tmp_path, IndexOptions(exclude=globs))[0]

    assert without("*.png") == ["b.PNG", "drafts/d.jpg", "x/y/c.jpg", "z/drafts/e.jpg"]
    assert without("drafts") == without("drafts/**", "z/drafts/")
    assert "z/drafts/e.jpg" in without("drafts/**")
    assert without("x/*") == ["a.png", "b.PNG", "drafts/d.jpg", "z/drafts/e.jpg"]
    assert without(f"{tmp_path}/x/**") == ["a.png", "b.PNG", "drafts/d.jpg", "z/drafts/e.jpg"]
    assert scan(tmp_path, IndexOptions(exclude=("x", "*.PNG")))[1].excluded == {"excluded": 2}


def test_kinds(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.md", "c.csv", "d.tar", "e.parquet", "README")
    found, tally = scan(tmp_path, IndexOptions(kinds=frozenset({Kind.PICTURE})))
    assert found == ["a.png"]
    assert tally.excluded == {"other-kind": 5}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"A.JPG", Kind.PICTURE), (b"a.heic", Kind.PICTURE), (b"a.svg", Kind.PICTURE),
        (b"a.txt", Kind.TEXT), (b"a.json", Kind.TEXT), (b"a.parquet", Kind.TABLE),
        (b"a.tar", Kind.SHARD), (b"README", Kind.TEXT), (b"a.py", None), (b"noext", None),
        (b".jpg", None), (b"a\xff.png", Kind.PICTURE), (b"a.tar.gz", None),
    ],
)  # fmt: skip
def test_kinds_by_name(name: bytes, kind: Kind | None) -> None:
    assert KindTable().kind_of(name) == kind
    assert KindTable(unknown=True).kind_of(name) == (kind or Kind.UNKNOWN)
    assert KindTable().kind_of(name, named=True) == (kind or Kind.UNKNOWN)


def test_tables_only_when_columns_are_named() -> None:
    assert KindTable(tables=True).kind_of(b"a.csv") == Kind.TABLE
    assert suffix_of(b"a.b.CSV") == ".csv"
    assert suffix_of(b".profile") == suffix_of(b"x") == ""


def test_symlink_loops(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.png", "b/y.png")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "a/self").symlink_to("self")
    (tmp_path / "b/to_a").symlink_to("../a")
    (tmp_path / "b/root").symlink_to("/")
    found, tally = scan(tmp_path)
    assert found == ["a/x.png", "b/y.png"]
    assert tally.excluded["folder-link"] == 3
    found, tally = scan(tmp_path, IndexOptions(follow_links=True))
    assert found == ["a/x.png", "b/y.png"]
    assert tally.excluded["link"] == 3


def test_links_to_folders_elsewhere(tmp_path: Path) -> None:
    touch(tmp_path, "pics/a.png", "disk/b.png", "disk/sub/c.png")
    (tmp_path / "pics/disk").symlink_to(tmp_path / "disk")
    (tmp_path / "pics/again").symlink_to(tmp_path / "disk/sub")
    (tmp_path / "disk/back").symlink_to(tmp_path / "pics")
    assert scan(tmp_path / "pics")[0] == ["a.png"]
    found, _ = scan(tmp_path / "pics", IndexOptions(follow_links=True))
    # Each folder once, whichever way it is reached first.
    assert found == ["a.png", "again/c.png", "disk/b.png"]


def test_links_to_files(tmp_path: Path) -> None:
    touch(tmp_path, "pics/a.png", "elsewhere/b.png", "pics/.git/annex/k.png", "pics/blobs/1f")
    (tmp_path / "pics/same.png").symlink_to("a.png")
    (tmp_path / "pics/other.png").symlink_to(tmp_path / "elsewhere/b.png")
    (tmp_path / "pics/broken.png").symlink_to("gone.png")
    (tmp_path / "pics/annexed.png").symlink_to(".git/annex/k.png")
    (tmp_path / "pics/stored.png").symlink_to("blobs/1f")
    found, tally = scan(tmp_path / "pics")
    assert found == ["a.png", "annexed.png", "other.png", "stored.png"]
    assert tally.excluded == {
        "link": 1, "broken-link": 1, "excluded-folder": 1, "unknown-kind": 1,
    }  # fmt: skip
    found, tally = scan(tmp_path / "pics", IndexOptions(all_files=True))
    assert found == ["a.png", "annexed.png", "other.png", "blobs/1f"]


def test_pipes_and_folders_with_a_picture_s_name(tmp_path: Path) -> None:
    touch(tmp_path, "x.jpg/inside.png")
    os.mkfifo(tmp_path / "pipe.png")
    found, tally = scan(tmp_path)
    assert found == ["x.jpg/inside.png"]
    assert tally.excluded == {"special": 1}


def test_names_of_any_bytes(tmp_path: Path) -> None:
    name = b"new\nline \xff\xfe.png"
    (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    folders = list(walk(os.fsencode(tmp_path), b"", Rules(IndexOptions()), Tally()))
    assert [entry.name for entry in folders[0].entries] == [name]


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a/x.png", "b/y.png")
    really = os.scandir

    def refuse(path: bytes) -> object:
        if path.endswith(b"/a"):
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found, tally = scan(tmp_path)
    assert found == ["b/y.png"]
    assert tally.excluded == {"unreadable-folder": 1}
    assert tally.unreadable == [b"a"]


def test_very_deep_folders(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    depth = 1200  # deeper than Python's stack; paths stay below the system's limit
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("x.png", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    found = scan(tmp_path)[0]
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # pytest's own clean-up recurses
    assert len(found) == 1
