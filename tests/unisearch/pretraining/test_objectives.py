"""Losses against naive loops and numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from tests.unisearch.pretraining.tiny import unit_rows  # noqa: E402
from unisearch.pretraining.objectives import (  # noqa: E402
    TEMPERATURE_RANGE,
    anchor_loss,
    conse_vectors,
    in_batch_loss,
    relations,
)

B, D = 7, 5
IMAGES, TEXTS = unit_rows((B, D), 1), unit_rows((B, D), 2)
POSITIVES = torch.eye(B, dtype=torch.bool)
POSITIVES[0, 3] = POSITIVES[3, 0] = POSITIVES[2, 5] = True
IGNORED = torch.zeros(B, B, dtype=torch.bool)
IGNORED[1, 4] = IGNORED[4, 1] = IGNORED[6, 0] = True


def naive(temperature: float) -> float:
    """The formula of the docstring, pair by pair, in double precision."""
    images, texts = IMAGES.double().numpy(), TEXTS.double().numpy()
    sides = []
    for of_texts in (False, True):
        total = 0.0
        for i in range(B):
            above = below = 0.0
            for j in range(B):
                image, text = (j, i) if of_texts else (i, j)
                e = math.exp(float(images[image] @ texts[text]) / temperature)
                if POSITIVES[image, text]:
                    above += e
                if POSITIVES[image, text] or not IGNORED[image, text]:
                    below += e
            total -= math.log(above / below)
        sides.append(total / B)
    return sum(sides) / 2


@pytest.mark.parametrize("temperature", [0.03, 0.07, 0.5])
def test_in_batch_loss_equals_a_double_loop(temperature: float) -> None:
    loss = in_batch_loss(IMAGES, TEXTS, POSITIVES, IGNORED, torch.tensor(temperature))
    assert loss.item() == pytest.approx(naive(temperature), rel=1e-5)


@pytest.mark.parametrize("beyond", [-1.0, 0.0, 0.9, 7.0])
def test_the_temperature_is_clipped(beyond: float) -> None:
    least, most = TEMPERATURE_RANGE
    clipped = torch.tensor(least if beyond < least else most)
    found = in_batch_loss(IMAGES, TEXTS, POSITIVES, IGNORED, torch.tensor(beyond))
    torch.testing.assert_close(
        found, in_batch_loss(IMAGES, TEXTS, POSITIVES, IGNORED, clipped), rtol=0, atol=0
    )


def test_nothing_is_to_be_learned_where_all_others_are_ignored() -> None:
    ignored = ~torch.eye(B, dtype=torch.bool)
    loss = in_batch_loss(IMAGES, TEXTS, ~ignored, ignored, torch.tensor(0.07))
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_a_positive_is_never_ignored() -> None:
    both = torch.ones(B, B, dtype=torch.bool)
    loss = in_batch_loss(IMAGES, TEXTS, both, both, torch.tensor(0.07))
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_gradients_reach_both_sides_and_the_temperature() -> None:
    inputs = [x.double().requires_grad_() for x in (IMAGES, TEXTS, torch.tensor(0.1))]

    def loss(images: torch.Tensor, texts: torch.Tensor, tau: torch.Tensor) -> torch.Tensor:
        return in_batch_loss(images, texts, POSITIVES, IGNORED, tau)

    assert torch.autograd.gradcheck(loss, inputs)  # against finite differences
    gradients = torch.autograd.grad(loss(*inputs), inputs)
    for gradient in gradients:
        assert gradient.abs().reshape(len(gradient) if gradient.ndim else 1, -1).sum(1).all()


def test_relations_equal_a_double_loop() -> None:
    concepts = torch.tensor([0, 1, 0, 2, 3, 2])
    vectors = unit_rows((6, 3), 4)
    vectors[4] = vectors[1]  # the same caption twice, of two concepts
    positives, ignored = relations(concepts, vectors, same=0.9, doubtful=0.3)
    kinds = set()
    for i in range(6):
        for j in range(6):
            cosine = float(vectors[i] @ vectors[j])
            same = i == j or cosine >= 0.9
            one_concept = bool(concepts[i] == concepts[j])
            doubtful = not same and (cosine >= 0.3 or one_concept)
            assert bool(positives[i, j]) == same, (i, j)
            assert bool(ignored[i, j]) == doubtful, (i, j)
            kinds.add((i == j, same, doubtful, one_concept))
    assert {(False, True, False, False), (False, False, True, False)} <= kinds
    assert {(False, False, True, True), (False, False, False, False)} <= kinds


def test_the_diagonal_is_positive_even_where_rounding_says_less() -> None:
    positives, ignored = relations(
        torch.zeros(2, dtype=torch.int64), torch.full((2, 3), 0.5), same=0.95, doubtful=0.9
    )
    assert positives.tolist() == [[True, False], [False, True]]
    assert ignored.tolist() == [[False, True], [True, False]]


def test_anchor_loss_is_the_mean_distance() -> None:
    expected = np.mean([1 - IMAGES[i].numpy() @ TEXTS[i].numpy() for i in range(B)])
    assert anchor_loss(IMAGES, TEXTS).item() == pytest.approx(expected, rel=1e-5)
    assert anchor_loss(IMAGES, IMAGES).item() == pytest.approx(0, abs=1e-6)
    assert anchor_loss(IMAGES, -IMAGES).item() == pytest.approx(2)
    nothing = torch.empty(0, D, requires_grad=True)
    assert anchor_loss(nothing, torch.empty(0, D)).item() == 0
    anchor_loss(nothing, torch.empty(0, D)).backward()


def test_conse_equals_numpy() -> None:
    probabilities = np.random.default_rng(0).random((3, 4))
    words = unit_rows((3, 4, D), 6).double().numpy()
    expected = np.stack(
        [np.average(w, axis=0, weights=p) for w, p in zip(words, probabilities, strict=True)]
    )
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = conse_vectors(torch.from_numpy(probabilities), torch.from_numpy(words))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)
