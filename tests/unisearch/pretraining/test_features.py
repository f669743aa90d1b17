"""The cache of features: the same however often its filling was interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("transformers", reason="training needs the extra 'train'")

from tests.unisearch.pretraining.tiny import tiny_model  # noqa: E402
from unisearch.encoders.preprocess import to_square  # noqa: E402
from unisearch.errors import ConfigError  # noqa: E402
from unisearch.model.unimo import UnimoModel  # noqa: E402
from unisearch.pretraining import features as module  # noqa: E402
from unisearch.pretraining.features import KEPT_CLASSES, picture_features  # noqa: E402
from unisearch.pretraining.trunk import Trunk  # noqa: E402
from unisearch.pretraining.views import view_of  # noqa: E402

SIDE = 32
VIEWS = 3
LOGITS = np.random.default_rng(0).normal(0, 0.5, (64, 1_000)).astype(np.float32)


def model_with_trunk(seed: int = 0, **changes: Any) -> UnimoModel:
    settings = {
        "visual_trunk": "efficientnet-lite0",
        "visual_image_size_px": SIDE,
        "visual_grid": 1,
        "region_feature_size": 1_280,
        "region_classes": 1_000,
    }
    return tiny_model(seed, **(settings | changes))


class FakeTrunk:
    """Fast, and unlike for every pixel; counts what it is asked and may stop."""

    asked = 0
    stop_after = 10**6

    def __init__(self, model: UnimoModel) -> None:
        self.model = model

    def __call__(
        self, pixels: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        if FakeTrunk.asked >= FakeTrunk.stop_after:
            raise KeyboardInterrupt
        FakeTrunk.asked += len(pixels)
        return self.see(pixels)

    @staticmethod
    def see(
        pixels: npt.NDArray[np.uint8],
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        flat = pixels.reshape(len(pixels), -1).astype(np.float32) / 255
        seen = np.exp(flat[:, :64] @ LOGITS)
        return flat[:, None, :1_280], seen / seen.sum(axis=1, keepdims=True)


@pytest.fixture
def pictures(tmp_path: Path) -> list[tuple[str, Path]]:
    random = np.random.default_rng(0)
    made = []
    for i in range(13):
        path = tmp_path / f"{i}.png"
        size = (random.integers(8, 40), random.integers(8, 40), 3)
        Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)).save(path)
        made.append((f"p/{i}", path))
    return made


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeTrunk]:
    monkeypatch.setattr(module, "Trunk", FakeTrunk)
    monkeypatch.setattr(FakeTrunk, "asked", 0)
    monkeypatch.setattr(FakeTrunk, "stop_after", 10**6)
    return FakeTrunk


def every_batch_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            self.now += 11
            return self.now

    monkeypatch.setattr(module, "time", Clock())


def test_rows_are_what_the_trunk_sees_of_each_view(
    pictures: list[tuple[str, Path]], tmp_path: Path, fake: type[FakeTrunk]
) -> None:
    found = picture_features(model_with_trunk(), pictures, tmp_path / "c", views=VIEWS, seed=7)
    assert found.ids == tuple(f"p/{i}" for i in range(13))
    assert found.views == VIEWS
    assert found.grid.shape == (13, VIEWS, 1, 1_280)
    for i, (key, path) in enumerate(pictures):
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        for view in range(VIEWS):
            pixels = view_of(rgb, view, SIDE, seed=7, key=key)
            grid, seen = fake.see(pixels[None])
            np.testing.assert_allclose(found.grid[i, view], grid[0], rtol=1e-3)
            best = sorted(range(1_000), key=lambda c: -seen[0, c])[:KEPT_CLASSES]
            # Batches and single rows may add up in another order.
            np.testing.assert_allclose(seen[0, found.classes[i, view]], seen[0, best], rtol=1e-5)
            np.testing.assert_allclose(
                found.probabilities[i, view], seen[0, best], rtol=1e-3, atol=1e-7
            )
        np.testing.assert_array_equal(view_of(rgb, 0, SIDE, seed=7, key=key), to_square(rgb, SIDE))


@pytest.mark.parametrize("stops", [[0], [32], [16, 16, 0]])
def test_interrupted_equals_uninterrupted(
    stops: Sequence[int],
    pictures: list[tuple[str, Path]],
    tmp_path: Path,
    fake: type[FakeTrunk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every_batch_is_noted(monkeypatch)
    model = model_with_trunk()
    whole = picture_features(model, pictures, tmp_path / "whole", views=VIEWS, seed=7)
    for stop in stops:
        fake.asked, fake.stop_after = 0, stop
        with pytest.raises(KeyboardInterrupt):
            picture_features(model, pictures, tmp_path / "parts", views=VIEWS, seed=7)
    fake.asked, fake.stop_after = 0, 10**6
    parts = picture_features(model, pictures, tmp_path / "parts", views=VIEWS, seed=7)
    assert fake.asked == 13 * VIEWS - sum(stops), "what was computed is not computed again"
    for name in ("grid", "classes", "probabilities"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    fake.asked = 0
    picture_features(model, pictures, tmp_path / "parts", views=VIEWS, seed=7)
    assert fake.asked == 0


def test_what_a_cache_belongs_to(
    pictures: list[tuple[str, Path]],
    tmp_path: Path,
    fake: type[FakeTrunk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two = pictures[:2]

    def caches(model: UnimoModel, which: list[tuple[str, Path]], views: int, seed: int) -> int:
        picture_features(model, which, tmp_path / "c", views=views, seed=seed)
        return len(list((tmp_path / "c").iterdir()))

    model = model_with_trunk()
    assert caches(model, two, 2, 0) == 1
    other_text_side = model_with_trunk()
    with torch.no_grad():
        other_text_side.transformer.layers[0].up.weight.add_(1)
    assert caches(other_text_side, two, 2, 0) == 1
    assert caches(model_with_trunk(seed=1), two, 2, 0) == 2  # another trunk
    assert caches(model, two, 3, 0) == 3
    assert caches(model, two, 2, 1) == 4
    assert caches(model, two[::-1], 2, 0) == 5
    assert caches(model_with_trunk(visual_image_size_px=33), two, 2, 0) == 6
    monkeypatch.setattr(module, "PREPROCESSING", 99)
    assert caches(model, two, 2, 0) == 7


def test_no_pictures_have_no_features(tmp_path: Path, fake: type[FakeTrunk]) -> None:
    found = picture_features(model_with_trunk(), [], tmp_path, views=1, seed=0)
    assert found.ids == ()
    assert found.grid.shape == (0, 1, 1, 1_280)


def test_an_unreadable_picture_is_named(
    pictures: list[tuple[str, Path]], tmp_path: Path, fake: type[FakeTrunk]
) -> None:
    pictures[4][1].write_bytes(b"no picture")
    with pytest.raises(ConfigError, match=r"4\.png of the corpus cannot be read"):
        picture_features(model_with_trunk(), pictures, tmp_path / "c", views=1, seed=0)


def test_without_a_trunk_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no visual trunk"):
        picture_features(tiny_model(), [], tmp_path, views=1, seed=0)


@pytest.mark.slow  # exports the trunk
@torch.no_grad()
def test_the_fast_trunk_equals_the_network() -> None:
    model = model_with_trunk(visual_image_size_px=64, visual_grid=2)
    assert model.front_end is not None
    model.front_end.trunk.classifier.weight.mul_(300)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    grid, probabilities = Trunk(model)(pixels)
    regions = model.see(torch.from_numpy(pixels))
    np.testing.assert_allclose(grid, regions.features, atol=1e-5)
    assert probabilities.max() > 0.01
    np.testing.assert_allclose(probabilities, regions.picture_probabilities, atol=1e-4)
