from __future__ import annotations

import base64
import io
import json
import os
import sys
from pathlib import Path

import pytest

from cli.output import Form, hit_json, hit_lines, path_json, write_hits, write_lines
from unisearch.datatypes import Hit, Modality

BIKE = Hit(item_id=1, score=0.31234567, modality=Modality.IMAGE, path="/p/bike.jpg")
NOTE = Hit(
    item_id=2,
    score=-0.05,
    modality=Modality.TEXT,
    path="/p/todo.md",
    line=12,
    passage="buy\n  a red bicycle",
)
ROW = Hit(
    item_id=3, score=0.2, modality=Modality.TEXT, path="/p/s.csv", member="row 7", passage="x" * 300
)


@pytest.fixture(autouse=True)
def in_p(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "relpath", lambda path: str(path).removeprefix("/p/"))


def test_a_table_is_aligned() -> None:
    assert hit_lines([BIKE, NOTE, ROW], columns=60) == [
        "0.312   image  bike.jpg",
        "-0.050  text   todo.md:12    buy a red bicycle",
        "0.200   text   s.csv[row 7]  " + "x" * 30 + "…",
    ]


def test_a_passage_goes_below_where_there_is_no_room() -> None:
    assert hit_lines([BIKE, NOTE], columns=40) == [
        "0.312   image  bike.jpg",
        "-0.050  text   todo.md:12",
        "               buy a red bicycle",
    ]


def test_colours_change_no_width() -> None:
    plain = hit_lines([BIKE, NOTE], columns=60)
    coloured = hit_lines([BIKE, NOTE], columns=60, coloured=True)
    assert "\x1b[" in coloured[0]
    bare = [line.replace("\x1b[2m", "").replace("\x1b[1m", "") for line in coloured]
    assert [line.replace("\x1b[0m", "") for line in bare] == plain


def test_no_hits_are_no_lines() -> None:
    assert hit_lines([], columns=80) == []


def test_json_says_everything() -> None:
    assert hit_json(NOTE, 2) == {
        "rank": 2,
        "item_id": 2,
        "score": -0.05,
        "modality": "text",
        "path": "/p/todo.md",
        "member": None,
        "line": 12,
        "passage": "buy\n  a red bicycle",
        "metadata": {},
    }


def test_json_lines(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_hits([BIKE, NOTE], Form.JSON)
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(line["rank"], line["path"]) for line in lines] == [
        (1, "/p/bike.jpg"),
        (2, "/p/todo.md"),
    ]


def test_a_path_that_is_not_utf8(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    name = os.fsdecode(b"/p/caf\xe9.jpg")
    assert path_json(Path("/p/café.jpg")) == {"path": "/p/café.jpg"}
    lossy = path_json(name)
    assert lossy["path"] == "/p/caf\ufffd.jpg"
    assert base64.b64decode(lossy["path_bytes"]) == b"/p/caf\xe9.jpg"

    hit = Hit(item_id=1, score=0.5, modality=Modality.IMAGE, path=name)
    write_hits([hit], Form.PATHS)
    write_hits([hit], Form.PATHS_NUL)
    write_hits([hit], Form.TABLE)
    assert capfdbinary.readouterr().out == (
        b"caf\xe9.jpg\n" + b"caf\xe9.jpg\0" + b"0.500  image  caf\\xe9.jpg\n"
    )


def test_metadata_that_json_lacks(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    hit = Hit(
        item_id=1,
        score=0.5,
        modality=Modality.IMAGE,
        path="/p/a",
        metadata={"bad": "\udcff", "tags": frozenset({"b", "a"})},
    )
    write_hits([hit], Form.JSON)
    assert json.loads(capfdbinary.readouterr().out)["metadata"] == {"bad": "?", "tags": ["a", "b"]}


def test_a_file_with_several_hits_is_one_path(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_hits([NOTE, BIKE, NOTE], Form.PATHS)
    assert capfdbinary.readouterr().out == b"todo.md\nbike.jpg\n"


def test_no_path_is_an_option_to_what_reads_it(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    hit = Hit(item_id=1, score=0.5, modality=Modality.IMAGE, path="/p/-rf")
    write_hits([hit], Form.PATHS_NUL)
    assert capfdbinary.readouterr().out == b"./-rf\0"


def test_a_poor_encoding_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="ascii"))
    write_lines(["naïve …"])
    assert buffer.getvalue() == b"na\\xefve \\u2026\n"
