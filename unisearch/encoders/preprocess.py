"""Pictures → the square that the visual trunk takes; no torch, safe in threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image


def to_square(image: Image, side_px: int) -> npt.NDArray[np.uint8]:
    """Resizes a picture to a square, the whole of it, without regard to its proportions.

    Cropping would hide what stands at the edges from a search, and bands around the picture would
    waste input pixels; moderate distortion costs the classifier little.

    Args:
        image: RGB.
        side_px: Side of the square.

    Returns:
        uint8 [side, side, 3].
    """
    from PIL import Image as images

    if image.size != (side_px, side_px):
        image = image.resize(
            (side_px, side_px), images.Resampling.BICUBIC, reducing_gap=2.0
        )
    return np.asarray(image, dtype=np.uint8)
