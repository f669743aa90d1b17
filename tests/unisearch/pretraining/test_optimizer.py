"""What learns, how fast, and its average."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("transformers", reason="training needs the extra 'train'")

from tests.unisearch.pretraining.tiny import RECIPE, tiny_model  # noqa: E402
from unisearch.pretraining.optimizer import (  # noqa: E402
    RunningAverage,
    build_optimizer,
    learning_rate,
    trainable_parameters,
)
from unisearch.pretraining.recipe import Recipe, Trainable  # noqa: E402

LAYER = (
    "attention.query", "attention.key", "attention.value", "attention.output", "attention_norm",
    "up", "down", "ffn_norm",
)  # fmt: skip
TRANSFORMER = {
    f"transformer.layers.{i}.{part}.{kind}"
    for i in range(2)
    for part in LAYER
    for kind in ("weight", "bias")
}
REGIONS = {
    f"region_embeddings.{part}.{kind}"
    for part in ("feature", "box", "norm")
    for kind in ("weight", "bias")
}
TEXT = {"text_embeddings.position.weight", "text_embeddings.norm.weight"}
TEXT |= {"text_embeddings.norm.bias"}
IMAGE_PROJECTION, TEXT_PROJECTION = "projections.image.weight", "projections.text.weight"
LEARNING = {
    Trainable.NOTHING: set(),
    Trainable.PROJECTIONS: REGIONS | {IMAGE_PROJECTION, TEXT_PROJECTION, "temperature"},
    Trainable.IMAGE: REGIONS | TRANSFORMER | TEXT | {IMAGE_PROJECTION, "temperature"},
    Trainable.SHARED: REGIONS
    | TRANSFORMER
    | TEXT
    | {IMAGE_PROJECTION, TEXT_PROJECTION, "temperature"},
}


@pytest.mark.parametrize("trainable", Trainable)
def test_what_learns(trainable: Trainable) -> None:
    model = tiny_model()
    chosen = trainable_parameters(model, trainable)
    assert set(chosen) == LEARNING[trainable]
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert learning == LEARNING[trainable]
    assert all(chosen[name] is dict(model.named_parameters())[name] for name in chosen)


def test_the_trunk_never_learns() -> None:
    model = tiny_model(visual_trunk="efficientnet-lite0", region_classes=1_000)
    for trainable in Trainable:
        assert set(trainable_parameters(model, trainable)) == LEARNING[trainable]


def test_what_decays() -> None:
    parameters = trainable_parameters(tiny_model(), Trainable.SHARED)
    optimizer = build_optimizer(parameters, replace(RECIPE, weight_decay=0.3))
    name_of = {id(parameter): name for name, parameter in parameters.items()}
    decay = {
        name_of[id(parameter)]: group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert set(decay) == set(parameters)
    for name, value in decay.items():
        norm_or_bias = "norm" in name or name.endswith("bias")
        exempt = norm_or_bias or name.startswith("projections") or name == "temperature"
        assert value == (0.0 if exempt else 0.3), name


def test_a_step_is_adam_with_decoupled_decay() -> None:
    weight, bias = (torch.nn.Parameter(torch.tensor(x)) for x in ([[2.0, -1.0]], [0.5]))
    recipe = replace(RECIPE, weight_decay=0.1, learning_rate=0.02, betas=(0.8, 0.9), adam_eps=1e-3)
    optimizer = build_optimizer({"a.weight": weight, "a.bias": bias}, recipe)
    values = {0: [2.0, -1.0, 0.5]}
    m, v = [0.0] * 3, [0.0] * 3
    for t in (1, 2, 3):
        gradients = [0.3 * t, -2.0, 1.0 / t]
        weight.grad, bias.grad = torch.tensor([gradients[:2]]), torch.tensor(gradients[2:])
        optimizer.step()
        values[t] = []
        for i, gradient in enumerate(gradients):
            m[i] = 0.8 * m[i] + 0.2 * gradient
            v[i] = 0.9 * v[i] + 0.1 * gradient**2
            move = m[i] / (1 - 0.8**t) / (math.sqrt(v[i] / (1 - 0.9**t)) + 1e-3)
            decayed = values[t - 1][i] * (1 - 0.02 * (0.1 if i < 2 else 0.0))
            values[t].append(decayed - 0.02 * move)
    assert [*weight.flatten().tolist(), *bias.tolist()] == pytest.approx(values[3], rel=1e-5)


def test_warm_up_and_cosine() -> None:
    recipe = Recipe(name="x", steps=100, warmup_steps=20, learning_rate=3e-4)
    rates = [learning_rate(recipe, step) for step in range(100)]
    assert rates[:20] == pytest.approx([3e-4 * (i + 1) / 20 for i in range(20)])
    assert rates[20] == pytest.approx(3e-4)
    # Half a cosine is the square of a quarter of one.
    quarter = [3e-4 * math.cos(math.pi / 2 * (i - 20) / 80) ** 2 for i in range(20, 100)]
    assert rates[20:] == pytest.approx(quarter)
    assert learning_rate(recipe, 100) == pytest.approx(0, abs=1e-12)


def test_a_run_shorter_than_its_warm_up_only_warms_up() -> None:
    recipe = Recipe(name="x", steps=3, warmup_steps=50, learning_rate=1.0)
    assert [learning_rate(recipe, step) for step in range(3)] == pytest.approx([0.02, 0.04, 0.06])
    assert learning_rate(replace(recipe, warmup_steps=0), 0) == 1.0


@pytest.mark.parametrize("decay", [0.0, 0.6, 0.99])
def test_the_average_equals_a_naive_loop(decay: float) -> None:
    parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    average = RunningAverage({"x": parameter}, decay)
    expected = [1.0, -2.0]
    for step in range(30):
        with torch.no_grad():
            parameter += torch.tensor([0.5, (-1.0) ** step])
        average.update({"x": parameter}, step)
        d = min(decay, (1 + step) / (10 + step))
        expected = [d * e + (1 - d) * p for e, p in zip(expected, parameter.tolist(), strict=True)]
    assert average.values["x"].tolist() == pytest.approx(expected, rel=1e-5)
    if decay == 0:
        assert torch.equal(average.values["x"], parameter)


def test_what_is_kept_lies_between_start_and_average() -> None:
    parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    average = RunningAverage({"x": parameter}, 0.0, start_share=0.25)
    with torch.no_grad():
        parameter.copy_(torch.tensor([5.0, 2.0]))
    average.update({"x": parameter}, 0)
    average.write({"x": parameter})
    assert parameter.tolist() == pytest.approx([4.0, 1.0])
    assert average.values["x"].tolist() == pytest.approx([5.0, 2.0])


def test_what_is_kept_is_lent_for_a_block() -> None:
    parameters = trainable_parameters(tiny_model(), Trainable.SHARED)
    average = RunningAverage(parameters, 0.9)
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.mul_(1.7)
    average.update(parameters, 3)
    weights = {name: p.detach().clone() for name, p in parameters.items()}
    averages = {name: value.clone() for name, value in average.values.items()}
    with average.applied(parameters):
        for name, parameter in parameters.items():
            assert torch.equal(parameter, averages[name])
    for name, parameter in parameters.items():
        assert torch.equal(parameter, weights[name])
        assert torch.equal(average.values[name], averages[name])
