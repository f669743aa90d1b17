"""Pictures → the square that the visual trunk takes; no torch, safe in threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image


PREPROCESSING = 1
"""Raised with every change of ``to_square``: vectors and cached features made before do not fit."""

_WIDEST = 2.0
"""Pictures more elongated than this are squeezed to it, so that bands never take over."""


def to_square(image: Image, side_px: int) -> npt.NDArray[np.uint8]:
    """Fits the whole of a picture into a square.

    Nothing is cropped, for what stands at an edge must be found too; proportions are kept by bands
    in the median colour of the picture's border. Measured on cut-outs and drawings, this finds more
    than distorting (and both more than cropping).

    Args:
        image: RGB.
        side_px: Side of the square.

    Returns:
        uint8 [side, side, 3].
    """
    from PIL import Image as images

    width, height = image.size
    shortest = side_px / _WIDEST
    scale = side_px / max(width, height)
    size = (
        round(min(side_px, max(width * scale, shortest))),
        round(min(side_px, max(height * scale, shortest))),
    )
    if image.size != size:
        image = image.resize(size, images.Resampling.BICUBIC, reducing_gap=2.0)
    pixels = np.asarray(image, dtype=np.uint8)
    if size == (side_px, side_px):
        return pixels
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    square = np.empty((side_px, side_px, 3), dtype=np.uint8)
    square[:] = np.median(border, axis=0).astype(np.uint8)
    left, top = (side_px - size[0]) // 2, (side_px - size[1]) // 2
    square[top : top + size[1], left : left + size[0]] = pixels
    return square
