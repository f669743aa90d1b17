"""similar, list, status, remove, why, doctor."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FakeEncoder
from tests.shelf import Shelf

Run = Callable[..., Any]


def json_lines(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


# --- similar ---


def test_similar(shelf: Shelf, run: Run) -> None:
    again = shelf.picture("again.png", "red", shade=9)
    result = run("similar", "pictures/red.png", "-k", "1")
    assert result.stdout == "1.000  image  again.png\n"
    by_id = run("similar", str(again), "-k", "1", "--paths")
    assert by_id.stdout == "pictures/red.png\n"


def test_a_file_named_like_an_id_goes_first(shelf: Shelf, run: Run) -> None:
    shelf.picture("7", "blue", shade=9)
    assert run("similar", "7", "-k", "1", "--paths").stdout == "pictures/blue.png\n"


def test_similar_to_nothing(shelf: Shelf, run: Run) -> None:
    assert run("similar", "gone.png").exit_code == 2
    assert "has no item 999" in run("similar", "999").stderr
    assert run("similar", "notes.txt", "-p", "*.none").exit_code == 1


# --- list ---


def test_list(shelf: Shelf, run: Run) -> None:
    lines = run("list").stdout.splitlines()
    assert len(lines) == 9
    assert lines[0].split()[1:] == ["image", "pictures/red.png"]
    assert lines[-1].split(maxsplit=3)[1:] == ["text", "notes.txt:3", "nothing else"]
    assert run("list", "-m", "text", "--paths").stdout == "notes.txt\n"
    assert run("list", "-w", "colour=blue", "-0").stdout == "pictures/blue.png\0"
    [item] = json_lines(run("list", "-p", "red.png", "--json"))
    assert item["metadata"] == {"colour": "red"}
    assert item["path"] == str(shelf.folder / "pictures/red.png")
    assert run("list", "-p", "*.none").exit_code == 1


def test_list_names_each_file_once(shelf: Shelf, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.list._BLOCK", 2)
    shelf.text("more.txt", "one", "two", "three", "four", "five")
    assert run("list", "-m", "text", "--paths").stdout == "notes.txt\nmore.txt\n"


def test_list_skipped(shelf: Shelf, run: Run) -> None:
    assert run("list", "--skipped").exit_code == 1
    shelf.skipped("bad.png", "empty", "the picture has no bytes")
    result = run("list", "--skipped")
    assert result.stdout == "empty  bad.png  the picture has no bytes\n"
    [file] = json_lines(run("list", "--skipped", "--json"))
    assert (file["reason"], file["path"]) == ("empty", str(shelf.folder / "bad.png"))
    assert run("list", "--skipped", "--paths", "-p", "b*").stdout == "bad.png\n"
    assert run("list", "--skipped", "-p", "pictures/*").exit_code == 1
    assert run("list", "--skipped", "-m", "image").exit_code == 2


# --- status ---


def test_status(shelf: Shelf, run: Run) -> None:
    shelf.skipped("bad.png", "empty", "the picture has no bytes")
    shown = run("status").stdout
    assert "7 indexed, 1 skipped" in shown
    assert "fake (default): 9 of 9 items, 16 dimensions" in shown
    assert shown.splitlines()[-1].split() == ["1", "empty"]
    [status] = json_lines(run("status", "--json"))
    assert status["items"] == {"image": 6, "text": 3}
    assert status["skip_reasons"] == {"empty": 1}
    assert status["encoders"][0]["fingerprint"] == shelf.encoder.fingerprint
    assert status["roots"] == [str(shelf.folder)]


def test_status_needs_no_encoder(shelf: Shelf, run: Run) -> None:
    calls = shelf.encoder.text_calls
    assert run("status").exit_code == 0
    assert shelf.encoder.text_calls == calls


# --- remove ---


def test_remove_asks(shelf: Shelf, run: Run) -> None:
    no = run("remove", "pictures", input="n\n")
    assert no.exit_code == 1
    assert "Remove 6 from the collection (no file is deleted)?" in no.output
    assert "pictures/black.png" in no.stderr
    assert "… and 1 more" in no.stderr
    assert len(run("list", "-m", "image").stdout.splitlines()) == 6
    yes = run("remove", "pictures", input="y\n")
    assert yes.exit_code == 0
    assert run("list", "-m", "image").exit_code == 1
    assert Path("pictures/red.png").exists()


def test_remove_with_yes(shelf: Shelf, run: Run) -> None:
    result = run("remove", "--yes", "bl*.png")
    assert result.stdout == "removed 2 from the collection; no file was deleted\n"
    assert json_lines(run("remove", "-y", "--json", "notes.txt")) == [{"removed": 1}]


def test_nobody_answers(shelf: Shelf, run: Run) -> None:
    assert run("remove", "notes.txt").exit_code == 1
    assert run("list", "-m", "text").exit_code == 0


def test_remove_nothing(shelf: Shelf, run: Run) -> None:
    assert run("remove", "gone.png", "--yes").exit_code == 1
    assert run("remove", "", "--yes").exit_code == 2


# --- why ---


def test_why(shelf: Shelf, run: Run) -> None:
    found = run("why", "pictures/red.png", "red", "-m", "image")
    assert found.exit_code == 0
    assert found.stdout == (
        "pictures/red.png: found: it is hit 1 of 6\n  rank 1 of 6, score 1.000 (image)\n"
    )
    below = run("why", "pictures/blue.png", "2:red", "+", "blue", "-m", "image", "-k", "1")
    assert below.exit_code == 1
    assert "below: 1 others are nearer, and 1 were asked for" in below.stdout
    assert "hit 1 is pictures/red.png with score 0.894" in below.stdout
    filtered = run("why", "pictures/red.png", "red", "-p", "*.jpg")
    assert "filtered: left out by paths *.jpg" in filtered.stdout
    [explained] = json_lines(run("why", "pictures/gone.png", "red", "--json"))
    assert explained["verdict"] == "not-indexed"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".secret.txt", "it is among those that are hidden; `unisearch index` takes it with --hid"),
        ("a/.git/x.txt", "its folder a/.git is among those that are folders of programs"),
        ("data.bin", "it is among those that are neither pictures nor texts by their name"),
        ("later.txt", "it was not there, or excluded, when its folder was last indexed"),
    ],
)
def test_why_not_indexed(shelf: Shelf, run: Run, name: str, reason: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text("red")
    result = run("why", name, "red")
    assert result.exit_code == 1
    assert f"{name}: not indexed: {reason}" in result.stdout


# --- doctor ---


def test_doctor_is_content(shelf: Shelf, run: Run) -> None:
    result = run("doctor", "--json")
    findings = json_lines(result)
    assert result.exit_code == 0
    assert {"installation", "encoder", "collection"} == {one["part"] for one in findings}
    assert not [one for one in findings if one["state"] == "broken"]
    named = {one["name"]: one["message"] for one in findings}
    assert named["catalog"] == "whole"
    assert named["index fake/image"] == "6 items, as the catalog"
    assert named["fake"].startswith("16 dimensions")


def test_doctor_without_a_collection(
    tmp_path: Path,
    run: Run,
    known_encoders: dict[str, FakeEncoder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("doctor").exit_code == 0
    assert run("doctor", "-c", tmp_path).exit_code == 3


def test_doctor_finds_a_damaged_catalog(shelf: Shelf, run: Run) -> None:
    shelf.collection.close()
    catalog = shelf.collection.layout.catalog
    catalog.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    result = run("doctor")
    assert result.exit_code == 3
    assert "broken" in result.stdout
    assert "→" in result.stdout


def test_doctor_finds_a_missing_row(shelf: Shelf, run: Run) -> None:
    shelf.collection.close()
    with sqlite3.connect(shelf.collection.layout.catalog) as connection:
        connection.execute("DELETE FROM vectors WHERE rowid IN (SELECT min(rowid) FROM vectors)")
    connection.close()
    assert "items have a vector" in run("doctor").stdout


def test_doctor_finds_a_missing_encoder(shelf: Shelf, run: Run) -> None:
    result = run("doctor", "--encoder", "gone")
    assert result.exit_code == 4
    assert "no encoder 'gone'" in result.stdout


def test_doctor_finds_an_encoder_without_length(
    shelf: Shelf, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = shelf.encoder.encode_texts
    monkeypatch.setattr(shelf.encoder, "encode_texts", lambda texts: encode(texts) * 2)
    result = run("doctor")
    assert result.exit_code == 4
    assert "of length 2.000" in result.stdout
