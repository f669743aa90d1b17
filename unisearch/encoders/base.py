"""The one protocol that every encoder fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from unisearch.datatypes import FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image

PreparedImage: TypeAlias = npt.NDArray[np.generic]
"""A picture resized to what the encoder takes, small and ready to be batched."""


@runtime_checkable
class Encoder(Protocol):
    """Texts and images → unit vectors in one space.

    Attributes:
        name: How people name it on the command line, e.g. ``unimo-mini``.
        fingerprint: 16 hexadecimal digits of everything that determines its vectors (weights,
            configuration, preprocessing). Two encoders with one fingerprint share stored vectors.
        dim: Length D of its vectors.
        image_size_px: Side of its square input; a decoder may scale pictures down to this on the
            shorter side, no further.
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def image_size_px(self) -> int: ...

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
        """Encodes texts.

        Args:
            texts: N strings; an over-long one is cut at the encoder's limit.

        Returns:
            float32 [N, D], unit rows, in the order given; [0, D] for no texts.
        """
        ...

    def prepare_image(self, image: Image) -> PreparedImage:
        """Resizes and crops one RGB picture to the encoder's input; safe to call from threads."""
        ...

    def encode_images(self, images: Sequence[Image | PreparedImage]) -> FloatArray:
        """Encodes pictures.

        Args:
            images: N RGB pictures, or what ``prepare_image`` made of them.

        Returns:
            float32 [N, D], unit rows, in the order given; [0, D] for no images.
        """
        ...
