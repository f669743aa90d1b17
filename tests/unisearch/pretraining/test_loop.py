"""A run that is stopped and goes on ends as one that never stopped; bad runs say so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("transformers", reason="training needs the extra 'train'")

from safetensors.torch import load_file  # noqa: E402

from tests.unisearch.pretraining.tiny import (  # noqa: E402
    RECIPE,
    tiny_data,
    tiny_features,
    tiny_model,
)
from unisearch.errors import CheckpointError, ConfigError  # noqa: E402
from unisearch.model.unimo import UnimoModel  # noqa: E402
from unisearch.pretraining import loop  # noqa: E402
from unisearch.pretraining.loop import Diverged, Run, train  # noqa: E402
from unisearch.pretraining.optimizer import learning_rate  # noqa: E402
from unisearch.pretraining.pictures import embed_pictures  # noqa: E402
from unisearch.pretraining.recipe import Recipe, Trainable  # noqa: E402

ROOT = Path(__file__).parents[3]


class Stop(Exception):
    """What Ctrl-C would be."""


def measure(model: UnimoModel) -> dict[str, float]:
    assert not model.training
    vectors = embed_pictures(model, tiny_features(4, 1, seed=5))
    return {"spread": float(vectors.std(dim=0).sum())}


def go(
    folder: Path,
    recipe: Recipe = RECIPE,
    on_step: Callable[[int, int, float], None] = lambda *_: None,
) -> tuple[UnimoModel, dict[str, float]]:
    model = tiny_model(hidden_dropout_prob=0.2)
    metrics = train(model, tiny_data(model, recipe), recipe, Run(folder, on_step), measure)
    return model, metrics


def stop_at(number: int) -> Callable[[int, int, float], None]:
    def stop(step: int, steps: int, seconds_left: float) -> None:
        if step == number:
            raise Stop

    return stop


def lines(folder: Path) -> list[dict[str, float]]:
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def same(one: Path, other: Path) -> None:
    """Compares weights, moments and average of two saved states, to the last bit, and metrics."""
    left, right = (load_file(folder / "state/state.safetensors") for folder in (one, other))
    assert set(left) == set(right)
    assert {name.split("/")[0] for name in left} == {"weight", "average", "adam"}
    for name, tensor in left.items():
        assert torch.equal(tensor, right[name]), name
    metrics = [(folder / "metrics.jsonl").read_text() for folder in (one, other)]
    assert metrics[0] == metrics[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, UnimoModel, dict[str, float]]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, *go(folder)


@pytest.mark.parametrize("stops", [[2], [3], [5], [8], [1, 4, 7]])
def test_interrupted_equals_uninterrupted(
    stops: list[int], whole: tuple[Path, UnimoModel, dict[str, float]], tmp_path: Path
) -> None:
    folder, expected, expected_metrics = whole
    for number in stops:
        with pytest.raises(Stop):
            go(tmp_path, on_step=stop_at(number))
    model, metrics = go(tmp_path)
    assert metrics == expected_metrics
    for name, parameter in expected.state_dict().items():
        assert torch.equal(parameter, model.state_dict()[name]), name
    same(folder, tmp_path)


@pytest.mark.slow  # a process of its own imports torch anew
def test_killed_equals_uninterrupted(
    whole: tuple[Path, UnimoModel, dict[str, float]], tmp_path: Path
) -> None:
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from tests.unisearch.pretraining.test_loop import go\n"
        "def on_step(step, steps, left):\n"
        "    if step == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"go(Path({str(tmp_path)!r}), on_step=on_step)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert max(line["step"] for line in lines(tmp_path)) == 5
    go(tmp_path)
    same(whole[0], tmp_path)


def test_a_finished_run_is_not_trained_again(
    whole: tuple[Path, UnimoModel, dict[str, float]], tmp_path: Path
) -> None:
    go(tmp_path)
    model, metrics = go(tmp_path, on_step=stop_at(1))
    assert metrics == whole[2] == measure(model)
    same(whole[0], tmp_path)


def test_what_is_logged(whole: tuple[Path, UnimoModel, dict[str, float]]) -> None:
    steps = [line for line in lines(whole[0]) if "loss" in line]
    measured = [line for line in lines(whole[0]) if "spread" in line]
    assert [line["step"] for line in steps] == list(range(1, 9))
    assert [line["step"] for line in measured] == [4, 8]
    for line in steps:
        parts = [value for key, value in line.items() if key.startswith("loss_")]
        assert len(parts) == 4
        assert line["loss"] == pytest.approx(sum(parts), rel=1e-5)
        assert line["learning_rate"] == learning_rate(RECIPE, int(line["step"]) - 1)
    assert measured[-1]["spread"] == whole[2]["spread"]


def test_a_line_that_a_kill_cut_short_goes(
    whole: tuple[Path, UnimoModel, dict[str, float]], tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        go(tmp_path, on_step=stop_at(5))
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "lo')
    go(tmp_path)
    same(whole[0], tmp_path)


def test_it_learns(tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=40, classes=0.0, conse=0.0, evaluate_every=40, save_every=40)
    go(tmp_path, recipe)
    losses = [line["loss_pairs"] for line in lines(tmp_path) if "loss" in line]
    # Batches of four with much dropout are noisy; a run that learns nothing stays near 1.
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_the_averaged_weights_are_left_in_the_network(
    whole: tuple[Path, UnimoModel, dict[str, float]],
) -> None:
    folder, model, _ = whole
    state = load_file(folder / "state/state.safetensors")
    for name, parameter in model.named_parameters():
        if f"average/{name}" in state:
            assert torch.equal(parameter, state[f"average/{name}"]), name
    assert not torch.equal(state["average/temperature"], state["weight/temperature"])


def test_what_does_not_learn_stays(whole: tuple[Path, UnimoModel, dict[str, float]]) -> None:
    start = tiny_model(hidden_dropout_prob=0.2).state_dict()
    for name, tensor in whole[1].state_dict().items():
        frozen = name.startswith(("matching", "class_words", "text_embeddings.word", "tag_table"))
        assert torch.equal(tensor, start[name]) == frozen, name


def test_nothing_learns_where_nothing_should(tmp_path: Path) -> None:
    model, metrics = go(tmp_path, replace(RECIPE, trainable=Trainable.NOTHING))
    assert metrics == measure(tiny_model())
    for name, tensor in tiny_model().state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
    assert not (tmp_path / "state").exists()


def test_another_recipes_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        go(tmp_path, on_step=stop_at(4))
    logged = (tmp_path / "metrics.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=r"state\.safetensors is the state of another recipe"):
        go(tmp_path, replace(RECIPE, learning_rate=1e-3))
    assert (tmp_path / "metrics.jsonl").read_bytes() == logged


@pytest.mark.parametrize("damage", ["truncated", "foreign"])
def test_a_damaged_state_is_named(tmp_path: Path, damage: str) -> None:
    with pytest.raises(Stop):
        go(tmp_path, on_step=stop_at(4))
    path = tmp_path / "state/state.safetensors"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        from safetensors.torch import save_file

        save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="delete it to start afresh"):
        go(tmp_path)


def test_a_state_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Stop):
        go(tmp_path, on_step=stop_at(4))
    before = (tmp_path / "state/state.safetensors").read_bytes()

    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        go(tmp_path)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["state.safetensors"]
    assert (tmp_path / "state/state.safetensors").read_bytes() == before


@pytest.mark.parametrize("what", ["loss", "gradient's norm"])
def test_a_run_that_diverges_says_where_and_what_to_do(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bad(loop.StepLosses):
        def __call__(self, step: int) -> dict[str, torch.Tensor]:
            losses = super().__call__(step)
            if step + 1 == 5:
                # The root of zero is a number, its slope is not.
                zero = self.model.temperature * 0
                worse = zero.sqrt() if what == "gradient's norm" else zero + float("nan")
                losses["pairs"] = losses["pairs"] + worse
            return losses

    monkeypatch.setattr(loop, "StepLosses", Bad)
    recipe = replace(RECIPE, save_every=1)
    with pytest.raises(Diverged, match=rf"step 5: the {what} is (nan|inf)") as caught:
        go(tmp_path, recipe)
    assert "lower its learning_rate (0.01) and train into another folder" in str(caught.value)
    assert "'pairs': " in str(caught.value)
    assert str(tmp_path / "state") in str(caught.value)
    state = load_file(tmp_path / "state/state.safetensors")
    assert state["adam/step/temperature"] == 4
    assert all(bool(tensor.isfinite().all()) for tensor in state.values())
    assert max(line["step"] for line in lines(tmp_path)) == 4
