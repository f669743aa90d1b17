"""Two real encoders in one collection: the shipped UNIMO and a small OpenCLIP model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import COLOURS
from tests.small_open_clip import WEIGHTS, write_folder
from unisearch.collection import Collection
from unisearch.encoders.base import Encoder
from unisearch.encoders.load import load_encoder

Run = Callable[..., Any]


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of six colours and two notes beside a model; it is the working directory."""
    folder = tmp_path / "things"
    folder.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (50, 40), colour).save(folder / f"{name}.png")
    (folder / "a.txt").write_text("a red bicycle")
    (folder / "b.txt").write_text("the blue sea")
    write_folder(tmp_path / "model")
    monkeypatch.chdir(folder)
    return folder


def lines(result: Any) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def by_hand(encoder: Encoder, folder: Path, words: str) -> list[tuple[str, float]]:
    """Pictures by their cosine to words, best first."""
    names = sorted(path.name for path in folder.glob("*.png"))
    images = encoder.encode_images([Image.open(folder / name).convert("RGB") for name in names])
    scores = images @ encoder.encode_texts([words])[0]
    return [(names[i], float(scores[i])) for i in np.argsort(-scores)]


def test_two_spaces_in_one_collection(things: Path, run: Run) -> None:
    model = things.parent / "model"
    assert lines(run("index", ".", "--json"))[0]["images_encoded"] == 6
    report = lines(run("index", "--encoder", "open_clip:../model", "--json"))[0]
    assert (report["images_encoded"], report["texts_encoded"]) == (6, 2)
    again = lines(run("index", "-e", "open_clip:../model", "--json"))[0]
    assert (again["images_encoded"], again["unchanged"]) == (0, 8)

    known = {one["name"]: one for one in lines(run("status", "--json"))[0]["encoders"]}
    assert list(known) == ["unimo-mini", f"open_clip:{model}"]
    assert [one["default"] for one in known.values()] == [True, False]
    assert [one["dim"] for one in known.values()] == [384, 24]
    assert all(one["encoded"] == {"image": 6, "text": 2} for one in known.values())

    # Without --encoder it is the collection's own.
    for name, option in (("unimo-mini", []), (f"open_clip:{model}", ["-e", "open_clip:../model"])):
        hits = lines(run("search", "red", "-m", "image", "-k", "6", "--json", *option))
        expected = by_hand(load_encoder(name), things, "red")
        found = [(Path(hit["path"]).name, hit["score"]) for hit in hits]
        assert [name for name, _ in found] == [name for name, _ in expected]
        # Vectors are kept in half precision.
        np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], atol=2e-3)
    similar = lines(run("similar", "red.png", "-e", "open_clip:../model", "-m", "image", "--json"))
    assert len(similar) == 5
    assert run("why", "a.txt", "red", "-e", "open_clip:../model").exit_code == 0

    doctor = run("doctor", "--encoder", "open_clip:../model")
    assert "open_clip:../model: 24 dimensions" in doctor.stdout
    assert f"index open_clip:{model}/image: 6 items" in doctor.stdout
    assert doctor.exit_code == 0


def test_a_collection_of_its_own(things: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    model = things.parent / "model"
    assert run("index", ".", "-e", "open_clip:../model").exit_code == 0
    assert lines(run("status", "--json"))[0]["default_encoder"] == f"open_clip:{model}"
    # From another working directory, without naming the encoder.
    monkeypatch.chdir("/")
    assert len(lines(run("search", "red", "-c", things, "--json"))) == 8
    with Collection.open(things) as collection:
        assert collection.status().encoders[0].default
        best = lines(run("search", "red", "-c", things, "-k", "1", "--json"))[0]
        assert str(collection.search("red", 1)[0].path) == best["path"]


def test_weights_that_moved(things: Path, run: Run) -> None:
    model = things.parent / "model"
    assert run("index", ".", "-e", "open_clip:../model").exit_code == 0
    moved = model.rename(things.parent / "elsewhere")
    result = run("search", "red")
    assert result.exit_code == 4
    assert f"encoder 'open_clip:{model}' cannot be loaded: no OpenCLIP checkpoint" in result.stderr
    # The same content is the same space, wherever it lies.
    assert len(lines(run("search", "red", "-e", f"open_clip:{moved}", "--json"))) == 8
    report = lines(run("index", "-e", f"open_clip:{moved}", "--json"))[0]
    assert report["unchanged"] == 8


def test_other_weights_under_the_same_name(things: Path, run: Run) -> None:
    model = things.parent / "model"
    assert run("index", ".", "-e", "open_clip:../model").exit_code == 0
    weights = bytearray((model / WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (model / WEIGHTS).write_bytes(weights)
    result = run("search", "red")
    assert result.exit_code == 4
    assert "another version of 'open_clip:" in result.stderr
    result = run("search", "red", "-e", "unimo-mini")
    assert result.exit_code == 4
    assert "no vectors of 'unimo-mini'" in result.stderr


def test_an_encoder_that_is_none_makes_no_collection(things: Path, run: Run) -> None:
    result = run("index", ".", "-e", "open_clip:ViT-B-33/openai")
    assert result.exit_code == 4
    assert "did you mean" in result.stderr
    assert not (things / ".unisearch").exists()
