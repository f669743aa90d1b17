from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.conftest import COLOURS, FakeEncoder
from tests.shelf import Shelf


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs a command line: ``run("search", "red", "-k", "3")``; output is 80 columns wide."""
    monkeypatch.delenv("UNISEARCH_COLLECTION", raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def invoke(*arguments: str | Path, input: str | None = None) -> Any:
        return CliRunner().invoke(app, [str(one) for one in arguments], input=input)

    return invoke


@pytest.fixture
def shelf(
    tmp_path: Path, known_encoders: dict[str, FakeEncoder], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shelf]:
    """A collection of six colours and three passages; the working directory is its folder."""
    shelf = Shelf(tmp_path / "things", known_encoders["fake"])
    monkeypatch.chdir(shelf.folder)
    with shelf.collection:
        for colour in COLOURS:
            shelf.picture(f"pictures/{colour}.png", colour, metadata={"colour": colour})
        shelf.text("notes.txt", "a red bicycle", "the blue sea", "nothing else")
        yield shelf


def hear_ctrl_c() -> None:
    """For ``preexec_fn``: a shell's background jobs ignore Ctrl-C, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
