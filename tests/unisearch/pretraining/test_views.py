from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from unisearch.encoders.preprocess import to_square
from unisearch.pretraining.views import random_for, view_of


def drawing() -> Image.Image:
    """A red patch on white."""
    pixels = np.full((40, 60, 3), 255, dtype=np.uint8)
    pixels[10:30, 15:45] = (200, 20, 30)
    return Image.fromarray(pixels)


def gradient(width: int = 60, height: int = 40) -> Image.Image:
    """Red grows to the right, green downwards."""
    x, y = np.meshgrid(np.linspace(0, 240, width), np.linspace(0, 240, height))
    return Image.fromarray(np.stack([x, y, np.full_like(x, 90)], axis=2).astype(np.uint8))


def test_the_first_view_is_the_picture() -> None:
    for seed in (0, 1):
        found = view_of(gradient(), 0, 32, seed=seed, key="a")
        np.testing.assert_array_equal(found, to_square(gradient(), 32))


def test_a_view_depends_on_seed_picture_and_number_only() -> None:
    np.random.seed(1)  # noqa: NPY002
    one = view_of(gradient(), 2, 32, seed=3, key="a")
    np.random.seed(2)  # noqa: NPY002
    view_of(gradient(), 1, 32, seed=3, key="b")
    np.testing.assert_array_equal(view_of(gradient(), 2, 32, seed=3, key="a"), one)
    for seed, key, number in ((4, "a", 2), (3, "b", 2), (3, "a", 1)):
        assert not np.array_equal(view_of(gradient(), number, 32, seed=seed, key=key), one)


def test_random_numbers_are_the_same_on_every_machine() -> None:
    assert random_for(0, "pairs", 7).integers(0, 1_000, 4).tolist() == [623, 569, 731, 78]
    assert random_for(1, "a", "b").random() != random_for(1, "ab").random()


def test_views_are_mostly_the_picture() -> None:
    mirrored = 0
    for key in map(str, range(60)):
        view = view_of(gradient(), 1, 32, seed=0, key=key).astype(int)
        inside = view[8:24, 4:28]
        red, green = inside[:, -1, 0] - inside[:, 0, 0], inside[-1, :, 1] - inside[0, :, 1]
        assert (green > 0).all(), "never upside down"
        assert (red > 0).all() or (red < 0).all()
        mirrored += bool((red < 0).all())
        # At least 60% of the area, at a proportion up to 4:3: over two thirds of either side.
        assert abs(int(red[0])) > 240 * 0.6 * 0.6 * 0.7 / 1.1
    assert 15 < mirrored < 45  # half of 60, give or take four standard deviations


def test_only_the_ground_of_a_drawing_changes_colour() -> None:
    painted = 0
    for key in map(str, range(40)):
        view = view_of(drawing(), 1, 32, seed=0, key=key).astype(int)
        border = np.concatenate([view[0], view[-1], view[:, 0], view[:, -1]])
        colour = np.median(border, axis=0)
        if (colour > 244).all():
            continue
        if np.ptp(border, axis=0).max() == 0 and not (np.ptp(colour) < 60 and colour[0] > 170):
            painted += 1
        centre = view[16, 16]
        assert centre[0] > centre[1] + 60, "the patch stays red"
        assert centre[0] > centre[2] + 60
    # A darkened picture has no white ground any more, so this is well below one half.
    assert painted >= 4


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (300, 2)])
def test_odd_shapes(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (9, 200, 7))
    for number in range(4):
        view = view_of(image, number, 16, seed=0, key="odd")
        assert view.shape == (16, 16, 3)
        assert np.ptp(view.reshape(-1, 3).astype(int), axis=0).max() <= 1, "one colour stays one"
