"""What lies beside a picture describes it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from indexer.captions import Caption, caption_of, pair_captions, parse_caption, read_captions
from indexer.kinds import Kind


def kinds(*names: bytes) -> dict[bytes, Kind]:
    return {n: Kind.PICTURE if n.endswith((b"jpg", b"png")) else Kind.TEXT for n in names}


def test_pairs() -> None:
    names = kinds(b"a.jpg", b"a.png", b"a.txt", b"a.jpg.json", b"b.txt", b"c.jpg", b"c.jpgx.txt")
    assert pair_captions(names) == {
        b"a.jpg": [b"a.jpg.json", b"a.txt"],
        b"a.png": [b"a.txt"],
    }


def test_json_is_taken_apart() -> None:
    fields = {
        "title": "IMG_1.jpg",
        "description": "  a red\n bicycle ",
        "tags": ["street", "bike"],
        "photographer": "Ann",
        "rating": 5,
        "nested": {"camera": "X", "none": None},
        "objects": [{"a": 1}],
    }
    caption = caption_of(fields, "IMG_1.jpg")
    assert caption.text == "a red bicycle\nstreet, bike"
    assert caption.metadata["photographer"] == "Ann"
    assert caption.metadata["nested"] == {"camera": "X"}
    assert "objects" not in caption.metadata
    assert caption_of({"title": "IMG_1"}, "IMG_1.jpg").text == ""
    assert caption_of({"Title": "Sunset"}, "IMG_1.jpg").text == "Sunset"


def test_other_files() -> None:
    assert parse_caption(b"a  dog\non grass\n", ".txt") == Caption("a dog on grass")
    assert parse_caption("Größe".encode("utf-16"), ".txt") == Caption("Größe")
    assert parse_caption(b"\0\1\2\3binary\0", ".txt") is None
    assert parse_caption(b"[1, 2]", ".json") is None
    assert parse_caption(b"{broken", ".json") is None
    assert parse_caption(b"[" * 100_000, ".json") is None


def test_several_files_are_joined_and_bad_ones_passed_by(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a dog")
    (tmp_path / "a.jpg.txt").write_text("a dog")
    (tmp_path / "a.json").write_text(json.dumps({"caption": "on grass", "year": 2020}))
    (tmp_path / "a.caption").mkdir()
    names = ("a.jpg.txt", "a.txt", "a.caption", "a.json", "gone.txt")
    paths = [os.fsencode(tmp_path / name) for name in names]
    caption = read_captions(paths, "a.jpg")
    assert caption == Caption("a dog\non grass", {"year": 2020})
    assert read_captions(paths[-1:], "a.jpg") is None
