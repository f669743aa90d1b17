"""The whole of the network against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra 'train'")
pytest.importorskip("transformers", reason="the network needs the extra 'train'")

from tests.unisearch.model.naive import Naive, unit  # noqa: E402
from tests.unisearch.pretraining.tiny import tiny_config, tiny_model  # noqa: E402
from unisearch.errors import ConfigError  # noqa: E402
from unisearch.model.unimo import UnimoModel  # noqa: E402
from unisearch.model.visual.frontend import Regions, grid_boxes  # noqa: E402
from unisearch.model.visual.tags import Tags  # noqa: E402

FIRST = {"pooling": "first", "position_offset": 2, "projection_dim": 12}
RANDOM = np.random.default_rng(3)
FEATURES = RANDOM.random((2, 4, 8))
IDS, LENGTH = torch.tensor([[2, 9, 7, 8, 3], [2, 11, 3, 0, 0]]), [5, 3]
MASK = (IDS != 0).long()


@pytest.fixture(params=[{}, FIRST], ids=["mean", "first"])
def model(request: pytest.FixtureRequest) -> UnimoModel:
    model = tiny_model(**request.param)
    with torch.no_grad():  # as after training, so that a projection left out shows
        for projection in (model.projections.text, model.projections.image):
            projection.weight.add_(torch.randn_like(projection.weight) / 5)
    return model


def close(found: torch.Tensor, expected: object, atol: float = 2e-5) -> None:
    np.testing.assert_allclose(found.detach().numpy(), np.asarray(expected), atol=atol, rtol=0)


def pictures(valid: tuple[int, int] = (4, 2)) -> Regions:
    validity = torch.zeros(2, 4)
    for row, count in zip(validity, valid, strict=True):
        row[:count] = 1
    seen = np.exp(np.random.default_rng(5).normal(0, 2, (2, 20)))
    return Regions(
        features=torch.from_numpy(FEATURES).float(),
        boxes=grid_boxes(2).expand(2, -1, -1),
        validity=validity,
        picture_probabilities=torch.from_numpy(seen / seen.sum(axis=1, keepdims=True)).float(),
    )


def test_texts(model: UnimoModel) -> None:
    naive = Naive(model)
    encoded = model.encode(input_ids=IDS, attention_mask=MASK)
    assert encoded.text is not None
    assert encoded.pooled_text is not None
    found = model.embed_texts(IDS, MASK)
    for i, length in enumerate(LENGTH):
        hidden = naive.transform(naive.words(IDS[i, :length].tolist()))
        close(encoded.text[i, :length], hidden)
        close(encoded.pooled_text[i], naive.pool(hidden))
        close(found[i], unit(naive.linear("projections.text", naive.pool(hidden))))


def test_pictures_with_tags(model: UnimoModel) -> None:
    """A class half as likely takes half the attention and half the weight in the mean."""
    naive, regions = Naive(model), pictures()
    tags = model.tags_of(regions)
    assert tags is not None
    assert model.class_words is not None
    encoded = model.encode(regions=regions, tags=tags)
    assert encoded.pooled_image is not None
    found = model.embed_regions(regions)
    assert regions.picture_probabilities is not None
    for i, count in enumerate((4, 2)):
        shown = tags.weights[i] > 0
        words = naive.words(tags.input_ids[i][shown].tolist(), tags.positions[i][shown].tolist())
        x = np.vstack([naive.regions(FEATURES[i, :count], grid_boxes(2)[:count].numpy()), words])
        weights = [1.0] * (1 + count) + tags.weights[i][shown].tolist()
        assert min(weights) < 0.7, "some class counts less"
        pooled = naive.pool(naive.transform(x, weights), weights)
        close(encoded.pooled_image[i], pooled)
        own = unit(naive.linear("projections.image", pooled))
        seen = regions.picture_probabilities[i].double().numpy()
        likeliest = sorted(range(20), key=lambda c: -seen[c])[:10]
        mixed = sum(seen[c] * naive.weights["class_words.table"][c] for c in likeliest)
        close(found[i], unit(own + mixed))


def test_a_pair_and_its_score(model: UnimoModel) -> None:
    """Encoded jointly, [CLS] and [IMG] attend to both; each side pools its own positions."""
    naive, regions = Naive(model), pictures()
    tags = model.tags_of(regions)
    assert tags is not None
    encoded = model.encode(regions=regions, tags=tags, input_ids=IDS, attention_mask=MASK)
    assert encoded.pooled_image is not None
    assert encoded.pooled_text is not None
    scores = model.match(regions, IDS, MASK)
    for i, (count, length) in enumerate(zip((4, 2), LENGTH, strict=True)):
        shown = tags.weights[i] > 0
        parts = [
            naive.regions(FEATURES[i, :count], grid_boxes(2)[:count].numpy()),
            naive.words(tags.input_ids[i][shown].tolist(), tags.positions[i][shown].tolist()),
            naive.words(IDS[i, :length].tolist()),
        ]
        weights = [1.0] * (1 + count) + tags.weights[i][shown].tolist() + [1.0] * length
        hidden = naive.transform(np.vstack(parts), weights)
        image = naive.pool(hidden[:-length], weights[:-length])
        text = naive.pool(hidden[-length:])
        close(encoded.pooled_image[i], image)
        close(encoded.pooled_text[i], text)
        close(scores[i], naive.match(text, image))


def test_regions_of_a_detector() -> None:
    """Without a trunk: 2048 features and boxes of any size, as the paper's detector gives them."""
    model = tiny_model(region_feature_size=2_048, tag_classes=0, class_words_weight=0.0)
    corners = np.array([[0.1, 0.2, 0.5, 0.9], [0.0, 0.0, 1.0, 0.25], [0.4, 0.4, 0.4, 0.6]])
    features = RANDOM.random((3, 2_048))
    regions = Regions.of_boxes(
        torch.from_numpy(features)[None].float(), torch.from_numpy(corners)[None].float()
    )
    boxes = [[x1, y1, x2, y2, (x2 - x1) * (y2 - y1)] for x1, y1, x2, y2 in corners]
    close(regions.boxes[0], boxes, atol=1e-6)
    naive = Naive(model)
    hidden = naive.transform(naive.regions(features, np.array(boxes)))
    encoded = model.encode(regions=regions)
    assert encoded.regions is not None
    assert encoded.tags is None
    close(encoded.regions[0], hidden, atol=1e-4)
    image = unit(naive.linear("projections.image", naive.pool(hidden)))
    close(model.embed_regions(regions)[0], image, atol=1e-4)
    with pytest.raises(ConfigError, match="give regions, not pictures"):
        model.embed_images(torch.zeros(1, 8, 8, 3))


def test_soft_weights_of_one_half_halve_attention() -> None:
    model = tiny_model()
    tags = Tags(
        torch.tensor([[2, 9, 10, 3]]), torch.tensor([[1, 0.5, 0.001, 1]]), torch.arange(4)[None]
    )
    naive = Naive(model)
    hidden = naive.transform(naive.words([2, 9, 10, 3]), [1, 0.5, 0.001, 1])
    encoded = model.encode(tags=tags)
    assert encoded.tags is not None
    close(encoded.tags[0], hidden)
    assert not np.allclose(hidden, naive.transform(naive.words([2, 9, 10, 3])), atol=1e-3)


def test_pixels_go_the_same_way() -> None:
    model = tiny_model(
        visual_trunk="efficientnet-lite0", region_feature_size=1_280, region_classes=1_000
    )
    pixels = torch.from_numpy(RANDOM.integers(0, 256, (2, 40, 40, 3), dtype=np.uint8))
    seen = model.see(pixels)
    tags = model.tags_of(seen)
    by_hand = model.encode(regions=seen, tags=tags)
    assert by_hand.pooled_image is not None
    close(model(pixels=pixels).pooled_image, by_hand.pooled_image.detach().numpy(), atol=0)
    expected = model.embed_pooled_image(by_hand.pooled_image, seen.picture_probabilities)
    close(model.embed_images(pixels), expected.detach().numpy(), atol=1e-6)


def test_nothing_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="nothing to encode"):
        tiny_model().encode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_attention_heads": 3}, "hidden_size 16 is not a multiple of num_attention_heads 3"),
        ({"pooling": "max"}, "pooling is 'first' or 'mean', not 'max'"),
    ],
)
def test_a_configuration_that_cannot_work(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_config(**changes)
