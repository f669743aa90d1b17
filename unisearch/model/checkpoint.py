"""Writing and reading a checkpoint folder with torch.

The layout is described in ``unisearch.encoders.manifest``, which reads it without torch.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from unisearch.encoders.manifest import (
    IMAGE_GRAPH,
    TEXT_GRAPH,
    TOKENIZER,
    WEIGHTS,
    Manifest,
    checksum,
    read_manifest,
)
from unisearch.errors import CheckpointError
from unisearch.model.config import UnimoConfig
from unisearch.model.unimo import UnimoModel

_CARD = "README.md"


def save_checkpoint(
    model: UnimoModel,
    tokenizer_json: str,
    folder: Path,
    *,
    name: str,
    max_text_tokens: int,
    card: str = "",
    recipe: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
) -> None:
    """Writes a checkpoint folder; an older one is replaced only when the new one is whole.

    Weights are stored in half precision; the model is left with the values that were stored.

    Args:
        model: The network; left in evaluation mode.
        tokenizer_json: Contents of ``tokenizer.json``.
        folder: Where to.
        name: How people will name the encoder.
        max_text_tokens: Longest text, special tokens included.
        card: The model card, Markdown.
        recipe: The recipe, for the manifest.
        metrics: Measurements, for the manifest.
    """
    from unisearch.encoders.export import export_graphs

    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        model.config.save_pretrained(scratch)
        _save_weights(model, scratch / WEIGHTS)
        (scratch / TOKENIZER).write_text(tokenizer_json, encoding="utf-8")
        (scratch / _CARD).write_text(card, encoding="utf-8")
        export_graphs(model, scratch)
        files = ("config.json", WEIGHTS, TOKENIZER, TEXT_GRAPH, IMAGE_GRAPH)
        Manifest(
            name=name,
            dim=model.config.projection_dim,
            image_size_px=model.config.visual_image_size_px,
            max_text_tokens=min(max_text_tokens, model.config.max_text_tokens),
            pad_token_id=int(model.config.pad_token_id or 0),
            checksums={file: checksum(scratch / file) for file in files},
            recipe=recipe or {},
            metrics=metrics or {},
        ).write(scratch)
        scratch.chmod(0o755)
        _replace_folder(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def load_checkpoint(folder: Path) -> UnimoModel:
    """Reads a checkpoint folder into float32, in evaluation mode.

    Raises:
        CheckpointError: If it is absent, incomplete or damaged.
    """
    from safetensors.torch import load_file

    read_manifest(folder).verify(folder)
    model = UnimoModel(UnimoConfig.from_pretrained(folder))
    state = load_file(folder / WEIGHTS)
    widened = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    try:
        model.load_state_dict(widened)
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder / WEIGHTS} does not fit its config.json: {error}"
        ) from error
    return model.eval()


def _save_weights(model: UnimoModel, path: Path) -> None:
    from safetensors.torch import save_file

    state = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(state, path, metadata={"format": "pt"})
    path.chmod(0o644)  # the library makes files that only their owner may read


def _replace_folder(new: Path, old: Path) -> None:
    """Puts ``new`` in the place of ``old``; the old one is set aside until that has worked."""
    aside = old.with_name(f".{old.name}-old-{os.getpid()}")
    if old.exists():
        old.rename(aside)
    try:
        new.rename(old)
    except BaseException:
        if aside.exists():
            aside.rename(old)
        raise
    shutil.rmtree(aside, ignore_errors=True)
