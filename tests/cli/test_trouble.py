"""What is wrong with a collection: one clear message, a code, and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import FakeEncoder
from tests.shelf import Shelf

Run = Callable[..., Any]
ROOT = Path(__file__).parents[2]


# --- read-only, closed ---

UNPRIVILEGED = """
import json, sys
from typer.testing import CliRunner
import tests.cli.fake_unisearch
from cli.main import app
for line in sys.argv[1:]:
    done = CliRunner().invoke(app, line.split())
    print(json.dumps([done.exit_code, done.stdout, done.stderr]))
"""


@pytest.fixture
def unprivileged_run(unprivileged: Callable[..., str]) -> Callable[..., list[Any]]:
    """Runs command lines where permissions hold: a list of code, output and complaint for each."""

    def run(*lines: str) -> list[Any]:
        return [json.loads(line) for line in unprivileged(UNPRIVILEGED, *lines).splitlines()]

    return run


def test_a_read_only_collection_can_be_searched(
    shelf: Shelf,
    closed: Callable[[Path], None],
    unprivileged_run: Callable[..., list[Any]],
) -> None:
    shelf.skipped("bad.png", "empty", "the picture has no bytes")
    shelf.collection.close()
    folder = shelf.collection.layout.folder
    closed(folder / "indexes")
    closed(folder)
    before = sorted(folder.rglob("*"))
    at = f"-c {shelf.folder}"
    search, similar, why, listed, skipped, status, doctor, index, remove = unprivileged_run(
        f"search red -m image -k 1 {at} --paths",
        f"similar {shelf.folder}/pictures/red.png -k 1 {at}",
        f"why {shelf.folder}/pictures/red.png red {at}",
        f"list {at} -m text --paths",
        f"list {at} --skipped",
        f"status {at}",
        f"doctor {at}",
        f"index {shelf.folder} {at}",
        f"remove --yes {shelf.folder}/notes.txt {at}",
    )
    assert search[:2] == [0, "pictures/red.png\n"]
    assert [similar[0], why[0], status[0], doctor[0]] == [0, 0, 0, 0]
    assert listed[:2] == [0, "notes.txt\n"]
    assert skipped[:2] == [0, "empty  bad.png  the picture has no bytes\n"]
    for code, output, complaint in (index, remove):
        assert (code, output) == (3, "")
        assert "catalog.sqlite cannot be" in complaint
        assert "put the collection where you may write" in complaint
    assert sorted(folder.rglob("*")) == before


def test_a_closed_collection(shelf: Shelf, unprivileged_run: Callable[..., list[Any]]) -> None:
    shelf.collection.close()
    layout = shelf.collection.layout
    for path, name in ((layout.folder, "collection.json"), (layout.catalog, "catalog.sqlite")):
        mode = path.stat().st_mode
        path.chmod(0)
        try:
            results = unprivileged_run(f"search red -c {shelf.folder}", "search red", "status")
        finally:
            path.chmod(mode)
        for code, output, complaint in results:
            assert (code, output) == (3, "")
            assert name in complaint
            assert "check its permissions" in complaint


def test_files_and_folders_that_may_not_be_read(
    tmp_path: Path, unprivileged_run: Callable[..., list[Any]]
) -> None:
    things = tmp_path / "things"
    (things / "closed").mkdir(parents=True)
    (things / "a.txt").write_text("red")
    (things / "closed/b.txt").write_text("blue")
    (things / "secret.txt").write_text("green")
    for path in (things / "closed", things / "secret.txt"):
        path.chmod(0)
    try:
        index, skipped, why = unprivileged_run(
            f"index {things} --json",
            f"list --skipped -c {things} --json",
            f"why {things}/closed/b.txt blue -c {things}",
        )
    finally:
        (things / "closed").chmod(0o755)
        (things / "secret.txt").chmod(0o644)
    report = json.loads(index[1])
    assert (index[0], report["added"]) == (0, 1)
    assert report["skipped"]["unreadable"]["count"] == 1
    assert report["excluded"]["unreadable-folder"]["count"] == 1
    assert json.loads(skipped[1])["detail"].endswith("secret.txt': Permission denied")
    assert (why[0], why[2]) == (1, "")
    assert "it cannot be reached (Permission denied)" in why[1]
    again, _ = unprivileged_run(f"index {things} --json", f"status -c {things}")
    assert json.loads(again[1])["added"] == 2


# --- a full disk ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 600 kB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"cannot make a small disk: {error}")
    if done.returncode:
        pytest.skip(f"cannot make a small disk (needs root): {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(
    small_disk: Path, tmp_path: Path, run: Run, known_encoders: dict[str, FakeEncoder]
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for number in range(1500):
        (texts / f"{number}.txt").write_text(f"text number {number} " * 20)
    full = run("index", texts, "-c", small_disk)
    assert full.exit_code == 3
    assert "cannot grow (database or disk is full): make room and run this again" in full.stderr
    # What was committed is there, and can be searched although nothing can be written.
    held = run("list", "-c", small_disk, "--paths").stdout.splitlines()
    assert 0 < len(held) < 1500
    assert run("search", "number", "-c", small_disk, "-k", "1").exit_code == 0
    assert run("index", texts, "-c", small_disk).exit_code == 3
    subprocess.run(["mount", "-o", "remount,size=20M", str(small_disk)], check=True)
    report = json.loads(run("index", texts, "-c", small_disk, "--json").stdout)
    assert report["unchanged"] >= len(held)
    assert report["added"] + report["unchanged"] == 1500
    assert len(run("list", "-c", small_disk, "--paths").stdout.splitlines()) == 1500
    assert run("doctor", "-c", small_disk).exit_code == 0


def test_a_disk_that_is_full_from_the_start(
    small_disk: Path, tmp_path: Path, run: Run, known_encoders: dict[str, FakeEncoder]
) -> None:
    (tmp_path / "note.txt").write_text("a red bicycle")
    subprocess.run(["mount", "-o", "remount,size=12k", str(small_disk)], check=True)
    assert run("index", tmp_path / "note.txt", "-c", small_disk).exit_code == 3
    subprocess.run(["mount", "-o", "remount,size=5M", str(small_disk)], check=True)
    # The half-made collection is completed.
    done = run("index", tmp_path / "note.txt", "-c", small_disk, "--json")
    assert json.loads(done.stdout)["added"] == 1
    assert run("search", "red", "-c", small_disk).exit_code == 0


# --- two at once ---

WAITING = """
import sys, time
from pathlib import Path
import tests.cli.fake_unisearch as fake
from tests.conftest import FakeEncoder
encode, here = FakeEncoder.encode_texts, Path(sys.argv.pop(1))
def wait(self, texts):
    (here / "encoding").touch()
    while not (here / "go").exists():
        time.sleep(0.01)
    return encode(self, texts)
FakeEncoder.encode_texts = wait
fake.main()
"""


def test_two_processes_index_at_once(
    tmp_path: Path, run: Run, known_encoders: dict[str, FakeEncoder]
) -> None:
    things = tmp_path / "things"
    things.mkdir()
    for number in range(20):
        (things / f"{number}.txt").write_text(f"text number {number}")
    first = subprocess.Popen(
        [sys.executable, "-c", WAITING, str(tmp_path), "index", str(things), "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        while not (tmp_path / "encoding").exists():
            assert first.poll() is None
        second = run("index", things)
        removing = run("remove", "--yes", things, "-c", things)
        (tmp_path / "go").touch()
        output, _ = first.communicate(timeout=60)
    finally:
        first.kill()
    assert (second.exit_code, second.stdout) == (3, "")
    assert f"is being written to by process {first.pid} on " in second.stderr
    assert "wait until that has finished" in second.stderr
    assert removing.exit_code in (1, 3)
    assert (first.returncode, json.loads(output)["added"]) == (0, 20)
    assert json.loads(run("index", things, "--json").stdout)["unchanged"] == 20


# --- newer, damaged, lost ---


def test_a_newer_catalog(shelf: Shelf, run: Run) -> None:
    shelf.collection.close()
    with sqlite3.connect(shelf.collection.layout.catalog) as connection:
        connection.execute("UPDATE unisearch_version SET version_num = '9999'")
    connection.close()
    for line in (["search", "red"], ["index"], ["status"], ["remove", "-y", "x"]):
        result = run(*line)
        assert (result.exit_code, result.stdout) == (3, "")
        assert "has schema '9999', this version of unisearch knows up to '0001'" in result.stderr
        assert "install a newer unisearch" in result.stderr
    finding = run("doctor").stdout.splitlines()[-1]
    assert finding.startswith("broken  collection: ")
    assert finding.endswith("install a newer unisearch")


def test_a_lost_catalog_is_made_anew(shelf: Shelf, run: Run) -> None:
    shelf.collection.close()
    for path in shelf.collection.layout.folder.glob("catalog.sqlite*"):
        path.unlink()
    lost = run("search", "red")
    assert lost.exit_code == 3
    assert "there is no catalog at " in lost.stderr
    assert "make it anew with `unisearch index FOLDER`" in lost.stderr
    # This collection was not made by the command line, which would know its sources.
    nothing = run("index")
    assert nothing.exit_code == 2
    assert "name what to index" in nothing.stderr
    assert json.loads(run("index", ".", "--json").stdout)["added"] == 7
    assert run("search", "red", "-m", "image", "-k", "1", "--paths").stdout == "pictures/red.png\n"


def test_a_damaged_catalog_is_named_by_every_command(shelf: Shelf, run: Run) -> None:
    shelf.collection.close()
    catalog = shelf.collection.layout.catalog
    catalog.write_bytes(b"\xff" * 5000)
    for line in (["search", "red"], ["index", "."], ["list"], ["why", "notes.txt", "red"]):
        result = run(*line)
        assert (result.exit_code, result.stdout) == (3, "")
        assert f"{catalog} is damaged" in result.stderr
        assert "delete it and index again" in result.stderr


def test_a_damaged_index_is_mended_by_the_next_run(
    tmp_path: Path, run: Run, known_encoders: dict[str, FakeEncoder]
) -> None:
    things = tmp_path / "things"
    things.mkdir()
    Image.new("RGB", (8, 8), "red").save(things / "red.png")
    assert run("index", things).exit_code == 0
    (index,) = (things / ".unisearch/indexes").glob("*-image-*.index")
    data = bytearray(index.read_bytes())
    data[60] ^= 1
    index.write_bytes(data)
    search = ("search", "red", "-c", things, "-m", "image", "--paths")
    found = run(*search)
    assert (found.exit_code, found.stdout.count("red.png\n")) == (0, 1)
    assert "is damaged: its checksum is" in found.stderr
    doctor = run("doctor", "-c", things).stdout
    assert "run `unisearch index` once: it writes the index anew" in doctor
    assert json.loads(run("index", things, "--json").stdout)["unchanged"] == 1
    assert run(*search).stderr == ""


def test_a_damaged_checkpoint(shelf: Shelf, run: Run, tmp_path: Path) -> None:
    shipped = ROOT / "unisearch/checkpoints/unimo-mini"
    folder = tmp_path / "mine"
    shutil.copytree(shipped, folder)
    with (folder / "tokenizer.json").open("r+b") as file:
        file.write(b"\0\0")
    for line in (["search", "red"], ["index", "."], ["doctor"]):
        result = run(*line, "--encoder", folder)
        assert result.exit_code == 4
        assert f"{folder / 'tokenizer.json'} is damaged" in result.output
        assert "copy or install the checkpoint again" in result.output
    assert run("search", "red").exit_code == 0


def test_an_encoder_of_another_dimension(
    shelf: Shelf, run: Run, known_encoders: dict[str, FakeEncoder]
) -> None:
    other = known_encoders["other"]
    other.fingerprint = shelf.encoder.fingerprint
    for line in (["search", "red"], ["index", "."]):
        result = run(*line, "-e", "other")
        assert result.exit_code == 4
        assert "24" in result.stderr
        assert "16" in result.stderr
    assert run("search", "red", "-m", "image", "-k", "1", "--paths").stdout == "pictures/red.png\n"


# --- things people type ---


def test_a_collection_is_not_indexed_into_itself(shelf: Shelf, run: Run) -> None:
    own = run("index", ".unisearch", "--json")
    assert json.loads(own.stdout)["excluded"] == {"own": {"count": 1, "way_out": None}}
    listed = run("index", "-", "--json", input=".unisearch/collection.json\nnotes.txt\n")
    report = json.loads(listed.stdout)
    assert report["excluded"]["own"]["count"] == 1
    assert report["files_found"] == 1
    assert run("list", "-p", ".unisearch/").exit_code == 1


@pytest.mark.parametrize("word", ["-cat", "-kitten", "-fruit", "-mouse"])
def test_a_minus_that_became_an_option(shelf: Shelf, run: Run, word: str) -> None:
    result = run("search", "red", word)
    assert result.exit_code in (2, 3)
    assert result.stderr.startswith("hint: to take something away, put spaces around the minus")
    assert "hint" not in run("search", "red", "-mimage", "-k1").stderr
    assert "hint" not in run("search", "red", "-c", "gone").stderr


def test_an_empty_collection_says_so(
    tmp_path: Path, run: Run, known_encoders: dict[str, FakeEncoder]
) -> None:
    assert run("index", tmp_path).stdout.startswith("nothing to index was found\n")
    result = run("search", "red", "-c", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == (
        "nothing found: the collection is empty; `unisearch index FOLDER` fills it\n"
    )


def test_nothing_is_removed_by_a_wrong_name(shelf: Shelf, run: Run) -> None:
    result = run("remove", "-y", "gone.png")
    assert (result.exit_code, result.stderr) == (
        1, "the collection knows no file 'gone.png'\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("pipe.txt", os.mkfifo, "it is among those that are pipes, sockets or devices"),
        ("folder", os.mkdir, "it was not there, or excluded"),
        ("gone.txt", lambda name: None, "there is no such file"),
        ("n" * 300, lambda name: None, "it cannot be reached (File name too long)"),
    ],
)
def test_why_of_odd_things(
    shelf: Shelf, run: Run, name: str, make: Callable[[str], None], reason: str
) -> None:
    make(name)
    result = run("why", name, "red")
    assert result.exit_code == 1
    assert f"not indexed: {reason}" in result.stdout
    assert "it is a folder of the collection" in run("why", "pictures", "red").stdout
