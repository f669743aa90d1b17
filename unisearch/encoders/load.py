"""An encoder by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TypeAlias

from unisearch.encoders.base import Encoder
from unisearch.encoders.manifest import MANIFEST
from unisearch.encoders.open_clip_names import FORMS, PREFIX, OpenClipName
from unisearch.errors import CheckpointError
from unisearch.files import expand_home

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
        name: ``unimo-mini``; the folder of a UNIMO checkpoint; or an OpenCLIP model:
            ``open_clip:MODEL/TAG`` for published weights, ``open_clip:MODEL@FILE`` for a file of
            one's own, ``open_clip:FOLDER`` for a folder with ``open_clip_config.json``.
        threads: Cores to use; all that this process may use if ``None``.

    Raises:
        CheckpointError: If there is no such encoder, or its files are damaged.
        MissingExtra: If it needs an optional package.
    """
    if name in ENCODERS:
        return ENCODERS[name](threads=threads)
    if name.startswith(PREFIX):
        from unisearch.encoders.open_clip import OpenClipEncoder

        return OpenClipEncoder(OpenClipName.parse(name), threads=threads)
    folder = expand_home(name)
    if (folder / MANIFEST).is_file():
        from unisearch.encoders.unimo import UnimoEncoder

        return UnimoEncoder(folder, threads=threads)
    known = ", ".join(sorted(ENCODERS))
    raise CheckpointError(
        f"no encoder {name!r}: it is neither one of {known}, nor a folder with a {MANIFEST}, "
        f"nor {FORMS}"
    )


def lasting_name(name: str) -> str:
    """A name that means the same encoder from any working directory: paths become absolute.

    Raises:
        CheckpointError: It begins like an OpenCLIP model's and is none.
    """
    if name.startswith(PREFIX):
        return str(OpenClipName.parse(name))
    path = expand_home(name)
    is_folder = name not in ENCODERS and path.is_dir()
    return str(path.resolve()) if is_folder else name
