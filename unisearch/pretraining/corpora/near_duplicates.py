"""Pictures that look the same, found by comparing small difference hashes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

HashArray = npt.NDArray[np.uint8]
"""Packed difference hashes ``[N, 64]``: 256 bits across and 256 bits down."""

_SIDE = 16


def difference_hash(picture: Image.Image) -> npt.NDArray[np.uint8]:
    """Hash a picture by where it gets brighter, 512 bits as ``uint8 [64]``.

    Scale, compression and slight shifts of colour change few of them.
    """
    grey = picture.convert("L")
    across = np.asarray(grey.resize((_SIDE + 1, _SIDE), Image.Resampling.BOX), dtype=np.int16)
    down = np.asarray(grey.resize((_SIDE, _SIDE + 1), Image.Resampling.BOX), dtype=np.int16)
    # A threshold of two grey levels keeps noise in flat areas from setting bits at random.
    bits = [(np.diff(across, axis=1) > 2).ravel(), (np.diff(down, axis=0) > 2).ravel()]
    return np.packbits(np.concatenate(bits))


def near_duplicates(
    hashes: HashArray, references: HashArray, *, most_bits: int
) -> npt.NDArray[np.bool_]:
    """Tell which rows of `hashes` differ from some row of `references` in at most `most_bits`.

    Args:
        hashes: ``[N, B]`` packed bits.
        references: ``[M, B]`` packed bits; may be empty.
        most_bits: Largest number of differing bits that counts as the same picture.

    Returns:
        ``bool [N]``.
    """
    found = np.zeros(len(hashes), dtype=bool)
    if len(references):
        for row, one in enumerate(hashes):
            found[row] = np.bitwise_count(references ^ one).sum(axis=1).min() <= most_bits
    return found


def first_of_duplicates(hashes: HashArray, *, most_bits: int) -> npt.NDArray[np.bool_]:
    """Tell which rows look unlike all rows before them, ``bool [N]``."""
    first = np.ones(len(hashes), dtype=bool)
    for row in range(1, len(hashes)):
        before = hashes[:row][first[:row]]
        first[row] = np.bitwise_count(before ^ hashes[row]).sum(axis=1).min() > most_bits
    return first
