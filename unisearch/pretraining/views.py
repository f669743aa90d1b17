"""Views of a picture: the whole of it, and altered ones to learn from.

View 0 is what a search will see. The others are random crops, mirror images and changes of
colour; drawings on a white ground also get another ground, for a white one tells nothing.

A view depends on the seed, the picture's id and the view's number only, so a cache of features
can be filled in any order and continued after an interruption.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from unisearch.encoders.preprocess import to_square

_GROUND = 244
"""Pixels brighter than this in every channel count as ground."""


def random_for(seed: int, *parts: object) -> np.random.Generator:
    """A generator that depends on its arguments only, the same on every machine."""
    key = "\0".join([str(seed), *map(str, parts)])
    digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def view_of(
    image: Image.Image, number: int, side_px: int, *, seed: int, key: str
) -> npt.NDArray[np.uint8]:
    """One view.

    Args:
        image: RGB.
        number: 0 for the whole picture, unaltered.
        side_px: Side of the square.
        seed: Of the run.
        key: The picture's id.

    Returns:
        uint8 [side, side, 3].
    """
    if number == 0:
        return to_square(image, side_px)
    random = random_for(seed, key, number)
    image = _crop(image, random)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = _jitter(image, random)
    pixels = to_square(image, side_px)
    return _change_ground(pixels, random) if random.random() < 0.5 else pixels


def _crop(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Keeps between 60% and all of the area, at a proportion up to 4:3 either way."""
    width, height = image.size
    area = random.uniform(0.6, 1.0) * width * height
    ratio = float(np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))) * width / height
    w = min(width, max(1, round(float(np.sqrt(area * ratio)))))
    h = min(height, max(1, round(float(np.sqrt(area / ratio)))))
    left, top = int(random.integers(width - w + 1)), int(random.integers(height - h + 1))
    return image.crop((left, top, left + w, top + h))


def _jitter(image: Image.Image, random: np.random.Generator) -> Image.Image:
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhancer(image).enhance(float(random.uniform(0.7, 1.3)))
    return image


def _change_ground(
    pixels: npt.NDArray[np.uint8], random: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Paints the ground of a drawing in another colour, if it covers enough of the border."""
    ground: npt.NDArray[np.bool_] = np.all(pixels > _GROUND, axis=2)
    border = np.concatenate([ground[0], ground[-1], ground[:, 0], ground[:, -1]])
    if border.mean() < 0.8:
        return pixels
    pixels = pixels.copy()
    pixels[ground] = random.integers(0, 256, 3, dtype=np.uint8)
    return pixels
