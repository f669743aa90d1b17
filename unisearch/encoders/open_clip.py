"""OpenCLIP checkpoints: torch, on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unisearch.datatypes import FloatArray
from unisearch.encoders.base import PreparedImage
from unisearch.encoders.open_clip_names import OpenClipName
from unisearch.encoders.open_clip_weights import load_model
from unisearch.errors import CheckpointError, EncodeError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

_TEXT_BATCH = 64
_IMAGE_BATCH = 16

_WIDEST = 16
"""A picture more elongated than this is cut to its middle first: open_clip would scale a line of
1 × 10,000 pixels up to 224 × 2,240,000 before cutting it, or down to 224 × 0."""


class OpenClipEncoder:
    """The encoder of an OpenCLIP checkpoint.

    Vectors are what open_clip's own transform and model give, in float32. The whole model is
    loaded at once.

    Args:
        name: Which one, as in ``load_encoder``.
        threads: Cores that torch uses, in all of the process; torch's own choice if ``None``.

    Raises:
        MissingExtra: Without open_clip and torch.
        CheckpointError: See ``load_model``.
    """

    def __init__(self, name: OpenClipName, *, threads: int | None = None) -> None:
        self._name = str(name)
        model = load_model(name)
        import torch
        from open_clip.transform import PreprocessCfg, image_transform_v2

        if threads is not None:
            torch.set_num_threads(threads)
        self._dim, self._fingerprint = model.dim, model.fingerprint
        # What comes before the last two steps works on Pillow images. The last two, to a tensor
        # and normalised, are done for a whole batch: until then a picture is four times smaller.
        *self._resizing, _, normalize = image_transform_v2(
            PreprocessCfg(**model.preprocessing), is_train=False
        ).transforms
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._mean, self._std = (
            torch.tensor(values, device=self._device).view(3, 1, 1)
            for values in (normalize.mean, normalize.std)
        )
        size = model.preprocessing["size"]
        sides: tuple[int, int] = (size, size) if isinstance(size, int) else tuple(size)
        self._height, self._width = sides
        self._network: Any = model.network.to(self._device)
        self._tokenizer = model.tokenizer

    @property
    def name(self) -> str:
        """The name that loads it again, with absolute paths."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of weights, configuration and preprocessing."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """D."""
        return self._dim

    @property
    def image_size_px(self) -> int:
        """The longer side of the input, which nearly always is a square."""
        return max(self._height, self._width)

    @property
    def max_text_tokens(self) -> int:
        """Tokens after which a text is cut, special tokens included."""
        return int(self._tokenizer.context_length)

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
        """Texts → float32 [N, D], unit rows; over-long texts are cut."""
        import torch

        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), _TEXT_BATCH):
            batch = [str(text) for text in texts[start : start + _TEXT_BATCH]]
            tokens = self._tokenizer(batch).to(self._device)
            with torch.inference_mode():
                output = self._network.encode_text(tokens, normalize=True)
            vectors[start : start + len(batch)] = self._rows(output)
        return vectors

    def prepare_image(self, image: Image) -> PreparedImage:
        """RGB picture → uint8 [H, W, 3], resized and cropped as open_clip does."""
        image = _middle(image)
        for step in self._resizing:
            image = step(image)
        return np.asarray(image, dtype=np.uint8)

    def encode_images(self, images: Sequence[Image | PreparedImage]) -> FloatArray:
        """Pictures → float32 [N, D], unit rows.

        Raises:
            EncodeError: If a prepared picture has another shape than ``prepare_image`` makes.
        """
        import torch

        vectors = np.empty((len(images), self.dim), dtype=np.float32)
        for start in range(0, len(images), _IMAGE_BATCH):
            batch = images[start : start + _IMAGE_BATCH]
            stacked = np.stack([self._prepared(image) for image in batch])
            pixels = torch.from_numpy(stacked).to(self._device).permute(0, 3, 1, 2)
            values = pixels.float().div(255).sub(self._mean).div(self._std).contiguous()
            with torch.inference_mode():
                output = self._network.encode_image(values, normalize=True)
            vectors[start : start + len(batch)] = self._rows(output)
        return vectors

    def _prepared(self, image: Image | PreparedImage) -> npt.NDArray[np.generic]:
        prepared = image if isinstance(image, np.ndarray) else self.prepare_image(image)
        expected = (self._height, self._width, 3)
        if prepared.shape != expected or prepared.dtype != np.uint8:
            raise EncodeError(
                f"a prepared picture has shape {prepared.shape} and type {prepared.dtype}; "
                f"{self.name} takes {expected} and uint8: use prepare_image"
            )
        return prepared

    def _rows(self, output: Tensor) -> FloatArray:
        if output.shape[1:] != (self.dim,):
            raise CheckpointError(
                f"{self.name} gives vectors of shape {tuple(output.shape[1:])}, its configuration "
                f"says ({self.dim},)"
            )
        rows: FloatArray = output.float().cpu().numpy()
        return rows


def _middle(image: Image) -> Image:
    width, height = image.size
    if max(width, height) <= _WIDEST * min(width, height):
        return image
    keep_width, keep_height = min(width, _WIDEST * height), min(height, _WIDEST * width)
    left, top = (width - keep_width) // 2, (height - keep_height) // 2
    return image.crop((left, top, left + keep_width, top + keep_height))
