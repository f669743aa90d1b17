"""Any Pillow mode → RGB on white."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

_HIGH_DEPTH_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
_STRIP_PIXELS = 4_000_000
_MAX_12_BIT = 4095
_MAX_16_BIT = 65535


def to_rgb(image: Image.Image) -> Image.Image:
    """Turns a decoded picture of any mode into RGB.

    Transparent parts show white. Grey values of more than 8 bits are scaled to 8 (see
    ``scale_to_8_bit``) rather than clipped, which is what Pillow's own conversion does.

    Args:
        image: A picture whose pixels are loaded.

    Returns:
        The picture in mode ``RGB``; the same object if there was nothing to do.
    """
    if image.mode in _HIGH_DEPTH_MODES:
        grey = scale_to_8_bit(np.asarray(image), is_float=image.mode == "F")
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        return _on_white(image)
    if image.mode == "RGB":
        return image
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    return image.convert("RGB")


def shrink_to_rgb(image: Image.Image, factor: int) -> Image.Image:
    """Turns a decoded picture into RGB with both sides divided by ``factor``, rounded up.

    Each pixel of the result is the mean of ``factor × factor`` pixels, all turned into RGB first.
    A large picture is taken a strip at a time, so that it is in memory once, not once for each
    step on the way.
    """
    width, height = image.size
    if factor == 1 or width * height <= _STRIP_PIXELS or image.mode in _HIGH_DEPTH_MODES:
        rgb = to_rgb(image)  # the range of high-depth values is that of the whole picture
        return rgb.reduce(factor) if factor > 1 else rgb
    result = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    strip_height = max(1, _STRIP_PIXELS // (width * factor)) * factor
    for top in range(0, height, strip_height):
        strip = image.crop((0, top, width, min(top + strip_height, height)))
        result.paste(to_rgb(strip).reduce(factor), (0, top // factor))
    return result


def scale_to_8_bit(values: npt.NDArray[np.generic], *, is_float: bool) -> npt.NDArray[np.uint8]:
    """Scales grey values of unknown depth to 0…255.

    The range is guessed from the values, because neither a float nor a 32-bit picture says which
    of the usual conventions it follows: 0…1, 0…255, 12 bits of a sensor in 16, 16 bits, or
    anything else, which is stretched from its least to its greatest value.

    Args:
        values: [H, W] of any numeric type; not-a-number counts as the least value.
        is_float: Whether 0…1 is a plausible range.

    Returns:
        uint8 [H, W].
    """
    grey = values.astype(np.float32)
    finite = np.isfinite(grey)
    if not finite.any():
        return np.zeros(grey.shape, dtype=np.uint8)
    low = float(grey[finite].min())
    high = float(grey[finite].max())
    np.nan_to_num(grey, copy=False, nan=low, posinf=high, neginf=low)
    if low < 0 or high > _MAX_16_BIT:
        offset, top = low, high
    elif is_float and high <= 1:
        offset, top = 0.0, 1.0
    elif high <= 255:
        offset, top = 0.0, 255.0
    elif high <= _MAX_12_BIT:
        offset, top = 0.0, float(_MAX_12_BIT)
    else:
        offset, top = 0.0, float(_MAX_16_BIT)
    # In place: such pictures are often very large.
    grey -= offset
    grey *= 255.0 / max(top - offset, 1e-30)
    np.clip(np.rint(grey, out=grey), 0, 255, out=grey)
    return grey.astype(np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    """Composes a picture with transparency of any kind on white."""
    if image.mode in ("La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    image = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, (255, 255, 255))
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    """CIELAB → sRGB, which ``Image.convert`` does not offer."""
    from PIL import ImageCms

    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None  # only an in-place conversion returns None
    return converted
