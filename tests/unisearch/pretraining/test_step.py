"""What a step hides, and its losses put together by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("transformers", reason="training needs the extra 'train'")

from tests.unisearch.pretraining.tiny import (  # noqa: E402
    RECIPE,
    tiny_data,
    tiny_features,
    tiny_model,
    tiny_texts,
)
from unisearch.pretraining.data import pair_batch  # noqa: E402
from unisearch.pretraining.objectives import in_batch_loss, relations  # noqa: E402
from unisearch.pretraining.pictures import regions_and_tags  # noqa: E402
from unisearch.pretraining.recipe import Trainable  # noqa: E402
from unisearch.pretraining.step import StepLosses, hide_segments  # noqa: E402

PLAIN = replace(RECIPE, region_dropout=0.0, tag_dropout=0.0, views=1)


def test_who_is_hidden() -> None:
    regions, tags = regions_and_tags(tiny_model(), tiny_features(6, 1), range(6), [0] * 6)
    draw = np.array([0.0, 0.1999, 0.2, 0.4999, 0.5, 0.9])
    seen, words = hide_segments(regions, tags, draw, region_share=0.2, tag_share=0.3)
    assert regions.picture_probabilities is not None
    assert seen.picture_probabilities is not None
    for i, (no_regions, no_tags) in enumerate(
        [(True, False), (True, False), (False, True), (False, True), (False, False), (False, False)]
    ):
        assert torch.equal(seen.validity[i], regions.validity[i] * (not no_regions))
        assert words.weights[i, 0] == 1  # [CLS]
        assert torch.equal(words.weights[i, 1:], tags.weights[i, 1:] * (not no_tags))
        expected = regions.picture_probabilities[i] * (not no_tags)
        assert torch.equal(seen.picture_probabilities[i], expected)
    assert torch.equal(seen.features, regions.features)
    assert torch.equal(words.input_ids, tags.input_ids)
    assert bool((tags.weights[:, 1:] > 0).any(dim=1).all()), "what was given is left as it was"


def test_how_many_are_hidden() -> None:
    count = 4_000
    regions, tags = regions_and_tags(tiny_model(), tiny_features(1, 1), [0] * count, [0] * count)
    draw = np.random.default_rng(0).random(count)
    seen, words = hide_segments(regions, tags, draw, region_share=0.1, tag_share=0.25)
    no_regions = seen.validity.sum(dim=1) == 0
    no_tags = words.weights.sum(dim=1) == 1
    assert not bool((no_regions & no_tags).any())
    # Four standard deviations of a share of 4,000.
    assert no_regions.float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert no_tags.float().mean().item() == pytest.approx(0.25, abs=0.03)


@torch.no_grad()
def test_a_picture_with_hidden_tags_equals_one_without_words() -> None:
    model = tiny_model()
    regions, tags = regions_and_tags(model, tiny_features(1, 1), [0], [0])
    seen, words = hide_segments(regions, tags, np.zeros(1), region_share=0.0, tag_share=0.5)
    alone = replace(words, **{k: getattr(words, k)[:, :1] for k in words.__slots__})
    torch.testing.assert_close(
        model.embed_regions(seen, words),
        model.embed_regions(replace(regions, picture_probabilities=None), alone),
    )


@torch.no_grad()
def test_the_pairs_of_a_step_by_hand() -> None:
    model = tiny_model()
    data = tiny_data(model, PLAIN)
    losses = StepLosses(model, model, data, PLAIN)
    for step in (0, 3):
        batch = pair_batch(data.train, PLAIN, step)
        images, texts = [], []
        for picture, caption in zip(batch.pictures, batch.captions, strict=True):
            regions, tags = regions_and_tags(model, data.train.features, [picture], [0])
            images.append(model.embed_regions(regions, tags)[0])
            texts.append(model.embed_texts(*data.train.captions.batch([caption]))[0])
        positives, ignored = relations(
            data.train.concepts[batch.pictures],
            data.train.caption_vectors[batch.captions],
            same=PLAIN.same_caption,
            doubtful=PLAIN.doubtful_caption,
        )
        expected = in_batch_loss(
            torch.stack(images), torch.stack(texts), positives, ignored, model.temperature
        )
        torch.testing.assert_close(losses(step)["pairs"], expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_pictures_without_words_go_where_conse_puts_them() -> None:
    model = tiny_model()
    data = tiny_data(model, PLAIN)
    recipe = replace(PLAIN, conse_pictures=len(data.bare.ids), conse=0.25)
    distances = []
    for i in range(len(data.bare.ids)):
        classes = data.bare.classes[i, 0].astype(int)
        target = data.bare.probabilities[i, 0].astype(float) @ data.tag_vectors[classes].numpy()
        found = model.embed_regions(*regions_and_tags(model, data.bare, [i], [0]))[0].numpy()
        distances.append(1 - found @ target / np.linalg.norm(target))
    loss = StepLosses(model, model, data, recipe)(5)["conse"]
    assert loss.item() == pytest.approx(0.25 * np.mean(distances), rel=1e-4)


@torch.no_grad()
def test_texts_that_have_not_moved_cost_nothing() -> None:
    model, start = tiny_model(), tiny_model()
    data = tiny_data(model)
    losses = StepLosses(model, start, data, replace(RECIPE, text_anchor=2.0, anchor_texts=9))
    assert losses(0)["text_anchor"].item() == pytest.approx(0, abs=1e-5)
    model.text_embeddings.norm.bias.add_(torch.linspace(-1, 1, 16))
    rows = range(len(data.texts))
    now, before = (m.embed_texts(*data.texts.batch(rows)) for m in (model, start))
    expected = 2 * (1 - (now * before).sum(dim=1).mean())
    assert losses(0)["text_anchor"].item() == pytest.approx(expected.item(), rel=1e-4)
    assert expected > 0.01


@torch.no_grad()
def test_captions_that_have_not_moved_cost_nothing() -> None:
    model = tiny_model()
    data = tiny_data(model)
    recipe = replace(PLAIN, caption_anchor=2.0)
    losses = StepLosses(model, model, data, recipe)
    assert losses(0)["caption_anchor"].item() == pytest.approx(0, abs=1e-5)
    model.text_embeddings.norm.bias.add_(torch.linspace(-1, 1, 16))
    rows = pair_batch(data.train, recipe, 0).captions.tolist()
    now = model.embed_texts(*data.train.captions.batch(rows))
    expected = 2 * (1 - (now * data.train.caption_vectors[rows]).sum(dim=1).mean())
    assert losses(0)["caption_anchor"].item() == pytest.approx(expected.item(), rel=1e-4)
    assert expected > 0.01


@pytest.mark.parametrize("trainable", [Trainable.PROJECTIONS, Trainable.IMAGE])
def test_locked_texts_are_projected_from_where_they_started(trainable: Trainable) -> None:
    model = tiny_model()
    data = tiny_data(model, PLAIN)
    locked = StepLosses(model, model, data, replace(PLAIN, trainable=trainable))
    shared = StepLosses(model, model, data, PLAIN)
    # The network starts with the identity as projection, so both ways give one value …
    for name in ("pairs", "classes"):
        torch.testing.assert_close(locked(2)[name], shared(2)[name], atol=1e-5, rtol=1e-5)
    assert "text_anchor" not in locked(2)
    # … and no gradient reaches the word table through locked texts.
    before = data.train.caption_vectors.clone()
    sum(locked(2).values()).backward()  # type: ignore[union-attr]
    assert torch.equal(data.train.caption_vectors, before)


def test_weights_scale_losses_and_none_leaves_one_out() -> None:
    model = tiny_model()
    data = tiny_data(model)
    one = StepLosses(model, model, data, replace(RECIPE, conse=1.0, classes=1.0))(1)
    three = StepLosses(model, model, data, replace(RECIPE, conse=3.0, classes=0.5))(1)
    torch.testing.assert_close(three["conse"], 3 * one["conse"])
    torch.testing.assert_close(three["classes"], one["classes"] / 2)
    nothing = replace(RECIPE, conse=0.0, classes=0.0, text_anchor=0.0)
    assert set(StepLosses(model, model, data, nothing)(1)) == {"pairs"}


def test_a_corpus_of_pairs_alone_is_enough() -> None:
    model = tiny_model()
    data = replace(tiny_data(model), bare=tiny_features(0, 1), texts=tiny_texts([]))
    assert set(StepLosses(model, model, data, RECIPE)(1)) == {"pairs", "classes"}


def test_every_learning_weight_gets_a_gradient() -> None:
    model = tiny_model()
    sum(StepLosses(model, model, tiny_data(model), RECIPE)(0).values()).backward()  # type: ignore[union-attr]
    untouched = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert {name.split(".")[0] for name in untouched} <= {"matching"}
