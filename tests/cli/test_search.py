from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import FakeEncoder
from tests.shelf import Shelf

Run = Callable[..., Any]


def test_words_find_a_picture(shelf: Shelf, run: Run) -> None:
    result = run("search", "red", "--modality", "image", "-k", "1")
    assert result.exit_code == 0
    assert result.stdout == "1.000  image  pictures/red.png\n"
    assert result.stderr == ""


def test_words_find_a_passage(shelf: Shelf, run: Run) -> None:
    result = run("search", "the", "blue", "sea", "-m", "text", "-k", "1")
    assert result.stdout == "1.000  text  notes.txt:2  the blue sea\n"


@pytest.mark.parametrize("words", [("a", "red", "bicycle"), ("a red bicycle",)])
def test_quoted_or_not(shelf: Shelf, run: Run, words: tuple[str, ...]) -> None:
    result = run("search", *words, "--json", "-k", "1")
    assert json.loads(result.stdout)["passage"] == "a red bicycle"


def test_both_kinds_are_mixed(shelf: Shelf, run: Run) -> None:
    kinds = {
        json.loads(line)["modality"] for line in run("search", "red", "--json").stdout.splitlines()
    }
    assert kinds == {"image", "text"}


@pytest.mark.parametrize(
    "query",
    [
        ("2:red", "+", "./pictures/blue.png", "-", "green"),
        ("2:red", "./pictures/blue.png", "-", "green"),
        ("--", "2:red", "+", "./pictures/blue.png", "-", "green"),
    ],
)
def test_terms_with_weights(shelf: Shelf, run: Run, query: tuple[str, ...]) -> None:
    result = run("search", "-m", "image", "--json", *query)
    scores = {
        Path(hit["path"]).stem: hit["score"] for hit in map(json.loads, result.stdout.splitlines())
    }
    assert list(scores)[:2] == ["red", "blue"]
    assert list(scores)[-1] == "green"
    assert scores["red"] == pytest.approx(2 / np.sqrt(6), abs=1e-3)
    assert scores["blue"] == pytest.approx(1 / np.sqrt(6), abs=1e-3)
    assert scores["green"] == pytest.approx(-1 / np.sqrt(6), abs=1e-3)


def test_a_minus_is_neither_an_option_nor_stdin(shelf: Shelf, run: Run) -> None:
    after = run("search", "-m", "image", "red", "-", "blue", "--json", input="green\n")
    hits = [json.loads(line) for line in after.stdout.splitlines()]
    assert Path(hits[0]["path"]).stem == "red"
    assert Path(hits[-1]["path"]).stem == "blue"
    first = run("search", "-", "blue", "-m", "image", "--json")
    assert Path(json.loads(first.stdout.splitlines()[-1])["path"]).stem == "blue"


def test_a_glued_minus_is_an_unknown_option(shelf: Shelf, run: Run) -> None:
    result = run("search", "red", "-fruit")
    assert result.exit_code == 2
    assert "No such option: -f" in result.stderr


def test_a_picture_as_query(shelf: Shelf, run: Run) -> None:
    assert run("search", "pictures/blue.png", "-m", "image", "-k", "1").stdout == (
        "1.000  image  pictures/blue.png\n"
    )


def test_bare_paths(shelf: Shelf, run: Run) -> None:
    assert run("search", "red bicycle", "--paths", "-m", "text").stdout == "notes.txt\n"
    assert run("search", "red bicycle", "-0", "-m", "text").stdout == "notes.txt\0"
    assert run("search", "red", "--json", "-0").exit_code == 2


def test_json_has_everything(shelf: Shelf, run: Run) -> None:
    hit = json.loads(run("search", "red", "-m", "image", "-k", "1", "--json").stdout)
    assert hit == {
        "rank": 1,
        "item_id": hit["item_id"],
        "score": 1.0,
        "modality": "image",
        "path": str(shelf.folder / "pictures/red.png"),
        "member": None,
        "line": None,
        "passage": None,
        "metadata": {"colour": "red"},
    }


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--path", "r*.png"], {"red"}),
        (["-p", "pictures/"], {"red", "green", "blue", "yellow", "black", "white"}),
        (["-p", "./pictures/bl*"], {"blue", "black"}),
        (["-p", "pictures/bl*", "--not-path", "blue.*"], {"black"}),
        (["-p", "red.png", "-p", "blue.png"], {"red", "blue"}),
        (["--where", "colour=red"], {"red"}),
        (["-w", "colour~l"], {"blue", "yellow", "black"}),
        (["-w", "colour!=red", "-p", "*e*.png"], {"green", "blue", "yellow", "white"}),
        (["--max-size", "1"], set()),
        (["--after", "2000", "-p", "red.png"], {"red"}),
        (["--before", "2000-01"], set()),
        (["--min-score", "0.9"], {"red"}),
    ],
)
def test_filters(shelf: Shelf, run: Run, options: list[str], found: set[str]) -> None:
    result = run("search", "red", "-m", "image", "--paths", *options)
    assert {Path(line).stem for line in result.stdout.splitlines()} == found
    assert result.exit_code == (0 if found else 1)
    assert result.stderr == ("" if found else "nothing found\n")


def test_a_folder_named_with_brackets(
    shelf: Shelf, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.picture("[old] a*/red.png", "red")
    monkeypatch.chdir(shelf.folder / "[old] a*")
    assert run("search", "red", "-p", ".", "--paths").stdout == "red.png\n"
    assert run("search", "red", "-p", "./*.png", "--paths").stdout == "red.png\n"
    here = run("search", "red", "-p", "../pictures/red.png", "--paths").stdout
    assert here == "../pictures/red.png\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([""], "error: the query is empty"),
        (["red", "-", "red"], "error: the terms of the query cancel each other out"),
        (["./gone.jpg"], "error: the picture './gone.jpg' does not exist"),
        (["red", "--after", "someday"], "error: 'someday' is not a date"),
        (["red", "--min-size", "big"], "error: 'big' is not a size"),
        (["red", "--where", "colour"], "error: 'colour' is not a condition"),
        (["red", "--path", ""], "error: a path's glob is empty"),
        (["0:red"], "error: the weight in '0:red'"),
        ([], "Missing argument 'QUERY"),
        (["red", "-k", "0"], "Invalid value for '-k'"),
        (["red", "-m", "video"], "Invalid value for '--modality'"),
    ],
)
def test_errors_of_use(shelf: Shelf, run: Run, arguments: list[str], message: str) -> None:
    result = run("search", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_query_picture_that_is_not_one(shelf: Shelf, run: Run) -> None:
    Path("note.jpg").write_text("no picture")
    result = run("search", "note.jpg")
    assert result.exit_code == 2
    assert "error: cannot search with 'note.jpg': " in result.stderr


def test_a_long_query_warns(shelf: Shelf, run: Run) -> None:
    result = run("search", "red " * 3000, "-m", "image", "-k", "1")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: the query has 3000 words")
    assert result.stdout == "1.000  image  pictures/red.png\n"


def test_other_languages_are_no_error(shelf: Shelf, run: Run) -> None:
    assert run("search", "ein rotes Fahrrad", "自転車", "🚲").exit_code == 0


def test_there_is_no_collection(
    tmp_path: Path,
    run: Run,
    known_encoders: dict[str, FakeEncoder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("search", "red")
    assert result.exit_code == 3
    assert "unisearch index FOLDER" in result.stderr


def test_the_collection_may_be_named(
    shelf: Shelf, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("search", "red", "-c", shelf.folder).exit_code == 0
    assert run("search", "red", "-c", shelf.folder / ".unisearch").exit_code == 0
    monkeypatch.setenv("UNISEARCH_COLLECTION", str(shelf.folder))
    assert run("search", "red").exit_code == 0


def test_another_encoder(shelf: Shelf, run: Run, known_encoders: dict[str, FakeEncoder]) -> None:
    result = run("search", "red", "--encoder", "other")
    assert result.exit_code == 4
    assert "no vectors of 'other', only of 'fake'" in result.stderr
    shelf.encoder = known_encoders["other"]
    shelf.picture("pictures/blue.png", "blue")
    assert run("search", "blue", "-e", "other", "--paths").stdout == "pictures/blue.png\n"
    result = run("search", "red", "--encoder", "gone")
    assert result.exit_code == 4
    assert "no encoder 'gone'" in result.stderr


def test_names_of_any_bytes(shelf: Shelf, run: Run) -> None:
    name = os.fsdecode(b"caf\xe9\n\x1b[2J.png")
    shelf.picture(name, "red", shade=5)
    raw = run("search", "red", "-0", "-p", "caf*").stdout_bytes
    assert raw == b"caf\xe9\n\x1b[2J.png\0"
    shown = run("search", "red", "-p", "caf*").stdout
    assert shown == "1.000  image  caf\\xe9\\n\\x1b[2J.png\n"
    hit = json.loads(run("search", "red", "-p", "caf*", "--json").stdout)
    assert hit["path"].endswith("caf\ufffd\n\x1b[2J.png")
    assert "path_bytes" in hit


def test_words_of_any_bytes(shelf: Shelf, run: Run) -> None:
    assert run("search", os.fsdecode(b"caf\xe9 red")).exit_code == 0


def test_the_query_picture_may_lie_anywhere(shelf: Shelf, run: Run, tmp_path: Path) -> None:
    Image.new("L", (4, 4), 255).save(tmp_path / "my white.png")
    result = run("search", tmp_path / "my white.png", "-m", "image", "-k", "1")
    assert result.stdout == "1.000  image  pictures/white.png\n"
