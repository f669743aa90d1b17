"""UNIMO on a CPU: ONNX Runtime, neither torch nor transformers."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from unisearch.datatypes import FloatArray
from unisearch.encoders.base import PreparedImage
from unisearch.encoders.manifest import (
    IMAGE_GRAPH,
    TEXT_GRAPH,
    TOKENIZER,
    Manifest,
    read_manifest,
)
from unisearch.encoders.preprocess import to_square
from unisearch.errors import CheckpointError, EncodeError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from PIL.Image import Image
    from tokenizers import Tokenizer

_TEXT_BATCH = 32
_IMAGE_BATCH = 16

_LENGTH_STEP = 8
"""Texts are padded to a multiple of this many tokens."""


class UnimoEncoder:
    """The encoder of a UNIMO checkpoint folder.

    The graph for texts and the one for pictures are each loaded when first needed, so a text query
    never pays for the picture side.

    A vector depends on its text or picture alone, to the last bit, not on what else is in the call:
    an index run that is interrupted comes to the same collection as one that is not.

    Args:
        folder: A checkpoint folder.
        threads: Cores to use; all that this process may use if ``None``.
        verify: Whether to compare the files with their checksums.

    Raises:
        CheckpointError: If the folder holds no checkpoint or a damaged one.
    """

    def __init__(self, folder: Path, *, threads: int | None = None, verify: bool = True) -> None:
        self._folder = folder
        self._manifest: Manifest = read_manifest(folder)
        if verify:
            self._manifest.verify(folder)
        self._threads = threads or len(os.sched_getaffinity(0))
        self._sessions: dict[str, InferenceSession] = {}
        self._tokenizer: Tokenizer | None = None
        self._fingerprint = self._manifest.fingerprint

    @property
    def name(self) -> str:
        """The name in the checkpoint's manifest."""
        return self._manifest.name

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of weights, tokenizer, graphs and preprocessing."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """D."""
        return self._manifest.dim

    @property
    def image_size_px(self) -> int:
        """Side of the square input."""
        return self._manifest.image_size_px

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
        """Texts → float32 [N, D], unit rows; over-long texts are cut.

        Texts of like length share a batch, so that little is computed on padding. To what length a
        text is padded depends on itself alone; see the class.
        """
        if self._tokenizer is None:
            self._tokenizer = self._load_tokenizer()
        encodings = self._tokenizer.encode_batch([str(text) for text in texts])
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for i, encoding in enumerate(encodings):
            by_length[-(-len(encoding.ids) // _LENGTH_STEP) * _LENGTH_STEP].append(i)
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        for length, alike in by_length.items():
            length = min(length, self.max_text_tokens)
            for start in range(0, len(alike), _TEXT_BATCH):
                rows = alike[start : start + _TEXT_BATCH]
                ids = np.full((len(rows), length), self._manifest.pad_token_id, dtype=np.int64)
                mask = np.zeros((len(rows), length), dtype=np.int64)
                for row, i in enumerate(rows):
                    tokens = encodings[i].ids
                    ids[row, : len(tokens)] = tokens
                    mask[row, : len(tokens)] = 1
                vectors[rows] = self._run(TEXT_GRAPH, {"input_ids": ids, "attention_mask": mask})
        return vectors

    @property
    def max_text_tokens(self) -> int:
        """Word pieces after which a text is cut, special tokens included."""
        return self._manifest.max_text_tokens

    def prepare_image(self, image: Image) -> PreparedImage:
        """RGB picture → uint8 [S, S, 3]."""
        return to_square(image, self.image_size_px)

    def encode_images(self, images: Sequence[Image | PreparedImage]) -> FloatArray:
        """Pictures → float32 [N, D], unit rows.

        Raises:
            EncodeError: If a prepared picture has another shape than ``prepare_image`` makes.
        """
        vectors = np.empty((len(images), self.dim), dtype=np.float32)
        for start in range(0, len(images), _IMAGE_BATCH):
            batch = images[start : start + _IMAGE_BATCH]
            pixels = np.stack([self._prepared(image) for image in batch])
            vectors[start : start + len(batch)] = self._run(IMAGE_GRAPH, {"pixels": pixels})
        return vectors

    def _prepared(self, image: Image | PreparedImage) -> npt.NDArray[np.generic]:
        prepared = image if isinstance(image, np.ndarray) else self.prepare_image(image)
        expected = (self.image_size_px, self.image_size_px, 3)
        if prepared.shape != expected or prepared.dtype != np.uint8:
            raise EncodeError(
                f"a prepared picture has shape {prepared.shape} and type {prepared.dtype}; "
                f"{self.name} takes {expected} and uint8: use prepare_image"
            )
        return prepared

    def _run(self, graph: str, inputs: dict[str, npt.NDArray[Any]]) -> FloatArray:
        if graph not in self._sessions:
            self._sessions[graph] = self._load_graph(graph)
        count = len(next(iter(inputs.values())))
        if count == 1:
            # A matrix of one row is multiplied by another routine, which adds up in another order.
            inputs = {name: np.repeat(rows, 2, axis=0) for name, rows in inputs.items()}
        output: FloatArray = self._sessions[graph].run(["embeddings"], inputs)[0]
        return output[:count]

    def _load_graph(self, graph: str) -> InferenceSession:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(
                self._folder / graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own classes derive from Exception only
            raise CheckpointError(f"{self._folder / graph} cannot be loaded: {error}") from error

    def _load_tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(self._folder / TOKENIZER))
        except Exception as error:  # the tokenizers package raises plain Exception
            raise CheckpointError(
                f"{self._folder / TOKENIZER} cannot be loaded: {error}"
            ) from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(self._manifest.max_text_tokens)
        return tokenizer
