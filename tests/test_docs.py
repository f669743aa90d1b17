"""The examples of the documentation are run as they stand."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from cli.main import app
from indexer.reasons import EXCLUDED, SKIPPED
from tests.conftest import COLOURS, FakeEncoder

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def test_the_examples_of_the_python_api(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    known_encoders: dict[str, FakeEncoder],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    samples = tmp_path / "samples"
    samples.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (32, 32), colour).save(samples / f"{name}.png")
    (samples / "notes.txt").write_text("A red bicycle against a wall.\n\nThe blue sea.\n")

    found = blocks("python-api.md", "python")
    assert len(found) >= 10
    names: dict[str, object] = {}
    for block in found:
        exec(compile(block, "python-api.md", "exec"), names)
    assert "red.png" in capsys.readouterr().out


@pytest.fixture
def things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known_encoders: dict[str, FakeEncoder]
) -> Path:
    """The folder that the pages speak of; the working directory is beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNISEARCH_COLLECTION", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    things = tmp_path / "things"
    for name in ("holiday", "notes", "node_modules"):
        (things / name).mkdir(parents=True)
    Image.new("RGB", (64, 64), "blue").save(things / "holiday/beach.jpg")
    Image.new("RGB", (64, 64), "red").save(things / "bike.jpg")
    (things / "holiday/beach.txt").write_text("children at the beach\n")
    (things / "holiday/cut.jpg").write_bytes((things / "bike.jpg").read_bytes()[:400])
    (things / "notes/repairs.md").write_text(
        "# Fixing things\n\nKeep the receipt.\n\n"
        "## Mending a puncture\nTake the wheel out and find the hole under water.\n"
    )
    lines = (things / "notes/repairs.md").read_text().splitlines()
    assert lines[4] == "## Mending a puncture"
    (things / "goods.csv").write_text(
        "sku,title,photo,price\nA1,a red bicycle,bike.jpg,100\nB2,a blue boat,,900\n"
    )
    (things / "notes/todo.txt").write_text("call the plumber\n")
    (things / "film.mp4").write_bytes(b"\0" * 100)
    return things


def examples(page: str) -> Iterator[tuple[str, str]]:
    """Commands of a page and what it shows of their output."""
    for block in blocks(page, "console"):
        for example in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = example.partition("\n")
            yield command, output


def output_of(command: str) -> str:
    if command.startswith("unisearch "):
        return CliRunner().invoke(app, shlex.split(command)[1:]).output
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("page", ["indexing.md", "store.md"])
def test_the_examples_in_the_shell(things: Path, page: str) -> None:
    found = list(examples(page))
    assert len(found) >= 8
    for command, shown in found:
        wanted = re.escape(shown).replace("…", ".*").replace(r"in\ 0\ s", r"in \d+ s[^\n]*")
        said = output_of(command)
        assert re.fullmatch(wanted, said, re.S), f"$ {command}\n{said}"


def test_every_reason_is_explained() -> None:
    page = (DOCS / "indexing.md").read_text(encoding="utf-8")
    for code, reason in {**SKIPPED, **EXCLUDED}.items():
        row = next((line for line in page.splitlines() if f"| `{code}`" in line), None)
        row = row or next(line for line in page.splitlines() if f"`{code}`" in line)
        for option in re.findall(r"--[a-z-]+", reason.way_out or ""):
            assert option in row, code
