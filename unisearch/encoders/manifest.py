"""What a checkpoint folder says of itself, readable without torch.

A folder holds ``checkpoint.json`` (this manifest), ``config.json``, ``model.safetensors``,
``tokenizer.json``, ``text.onnx``, ``image.onnx`` and ``README.md`` (the model card). The two ONNX
files are graphs without weights: they refer to byte ranges of ``model.safetensors``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unisearch.encoders.preprocess import PREPROCESSING
from unisearch.errors import CheckpointError

MANIFEST = "checkpoint.json"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
TEXT_GRAPH = "text.onnx"
IMAGE_GRAPH = "image.onnx"
FORMAT = 1
_DETERMINING = (WEIGHTS, TOKENIZER, TEXT_GRAPH, IMAGE_GRAPH, "config.json")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The manifest of a checkpoint.

    Attributes:
        name: How people name the encoder.
        dim: D, dimension of the unified space.
        image_size_px: Side of the square picture that ``image.onnx`` takes.
        max_text_tokens: Longest text, special tokens included.
        pad_token_id: Word piece that fills batches.
        checksums: SHA-256 of each file, in hexadecimal.
        format: Version of this layout.
        recipe: The recipe that made it, for the reader.
        metrics: What was measured when it was made.
    """

    name: str
    dim: int
    image_size_px: int
    max_text_tokens: int
    pad_token_id: int
    checksums: dict[str, str]
    format: int = FORMAT
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of everything that determines the vectors."""
        parts = [self.checksums.get(name, "") for name in _DETERMINING]
        parts += [str(self.image_size_px), str(self.max_text_tokens), str(PREPROCESSING)]
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()

    def write(self, folder: Path) -> None:
        """Writes ``checkpoint.json``."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")

    def verify(self, folder: Path) -> None:
        """Compares every file with its checksum.

        Raises:
            CheckpointError: If one is absent or differs.
        """
        for name, expected in self.checksums.items():
            path = folder / name
            if not path.is_file():
                raise CheckpointError(f"the checkpoint in {folder} is incomplete: no {name}")
            if checksum(path) != expected:
                raise CheckpointError(
                    f"{path} is damaged: its SHA-256 is not the one in {MANIFEST}; "
                    "copy or install the checkpoint again"
                )


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Reads ``checkpoint.json``.

    Raises:
        CheckpointError: If the folder holds none, or one that cannot be read.
    """
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"no checkpoint in {folder}: there is no {MANIFEST}") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else type(values).__name__
        raise CheckpointError(
            f"{path} has format {found!r}, this unisearch reads {FORMAT}; "
            "a newer unisearch may have made it"
        )
    try:
        manifest = Manifest(**values)
        missing = [name for name in _DETERMINING if name not in manifest.checksums]
    except TypeError as error:
        raise CheckpointError(f"{path} is not a checkpoint's manifest: {error}") from error
    if missing:  # two checkpoints without would have one fingerprint, and share vectors
        raise CheckpointError(f"{path} has no checksum of {', '.join(missing)}: save it again")
    return manifest
