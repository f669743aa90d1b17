"""The examples of docs/python-api.md are run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import COLOURS, FakeEncoder

PAGE = Path(__file__).parents[1] / "docs" / "python-api.md"


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

    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) >= 10
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert "red.png" in capsys.readouterr().out
