from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from unisearch.pretraining.corpora.near_duplicates import (
    difference_hash,
    first_of_duplicates,
    near_duplicates,
)


def drawing(seed: int, side: int = 128) -> Image.Image:
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", (128, 128), "white")
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        left, top = random.integers(0, 90, 2).tolist()
        colour = tuple(random.integers(0, 200, 3).tolist())
        draw.ellipse((left, top, left + 38, top + 30), fill=colour)
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def test_another_size_of_a_picture_is_near_and_another_picture_is_far() -> None:
    hashes = np.stack([difference_hash(drawing(seed)) for seed in range(20)])
    small = np.stack([difference_hash(drawing(seed, side=97)) for seed in range(20)])
    assert near_duplicates(small, hashes, most_bits=24).all()
    for row in range(20):
        others = np.delete(hashes, row, axis=0)
        assert not near_duplicates(small[row : row + 1], others, most_bits=24).any()


def test_distances_agree_with_counting_bits_one_by_one() -> None:
    random = np.random.default_rng(0)
    one = random.integers(0, 256, (9, 64), dtype=np.uint8)
    other = random.integers(0, 256, (7, 64), dtype=np.uint8)
    bits = [
        min(sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(x, y, strict=True)) for y in other)
        for x in one
    ]
    limit = sorted(bits)[4]
    expected = [count <= limit for count in bits]
    assert near_duplicates(one, other, most_bits=limit).tolist() == expected


def test_nothing_is_near_to_nothing() -> None:
    hashes = np.zeros((3, 64), dtype=np.uint8)
    assert not near_duplicates(hashes, np.zeros((0, 64), dtype=np.uint8), most_bits=512).any()


def test_the_first_of_equal_pictures_is_kept() -> None:
    a, b = difference_hash(drawing(1)), difference_hash(drawing(2))
    found = first_of_duplicates(np.stack([a, b, a, a, b]), most_bits=12)
    assert found.tolist() == [True, True, False, False, False]
