"""An encoder by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TypeAlias

from unisearch.encoders.base import Encoder
from unisearch.encoders.manifest import MANIFEST
from unisearch.errors import CheckpointError

DEFAULT_ENCODER = "unimo-mini"

EncoderFactory: TypeAlias = Callable[..., Encoder]


def shipped_checkpoint(name: str) -> Path:
    """Folder of a checkpoint that comes with unisearch, whether or not it is there."""
    return Path(str(resources.files("unisearch.checkpoints"))) / name


def _shipped(name: str) -> EncoderFactory:
    def load(*, threads: int | None = None) -> Encoder:
        from unisearch.encoders.unimo import UnimoEncoder

        return UnimoEncoder(shipped_checkpoint(name), threads=threads)

    return load


ENCODERS: dict[str, EncoderFactory] = {DEFAULT_ENCODER: _shipped(DEFAULT_ENCODER)}
"""Encoders known by a short name; programs may add their own."""


def load_encoder(name: str = DEFAULT_ENCODER, *, threads: int | None = None) -> Encoder:
    """Loads an encoder.

    Args:
        name: ``unimo-mini``, or the folder of a UNIMO checkpoint.
        threads: Cores to use; all that this process may use if ``None``.

    Raises:
        CheckpointError: If there is no such encoder, or its files are damaged.
        MissingExtra: If it needs an optional package.
    """
    if name in ENCODERS:
        return ENCODERS[name](threads=threads)
    folder = Path(name).expanduser()
    if (folder / MANIFEST).is_file():
        from unisearch.encoders.unimo import UnimoEncoder

        return UnimoEncoder(folder, threads=threads)
    known = ", ".join(sorted(ENCODERS))
    raise CheckpointError(
        f"no encoder {name!r}: it is neither one of {known}, nor a folder with a {MANIFEST}"
    )
