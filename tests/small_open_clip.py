"""A small OpenCLIP model with random weights, written to disk; import it before open_clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.torchvision_operators import define_missing

define_missing()
torch = pytest.importorskip("torch", reason="needs the extra 'openclip'")
open_clip = pytest.importorskip("open_clip", reason="needs the extra 'openclip'")
torch.set_num_threads(1)  # so small a model only waits for others

WEIGHTS = "open_clip_model.safetensors"
MODEL_CONFIG: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {
        "context_length": 12,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
    },
}
PREPROCESSING: dict[str, Any] = {
    "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.25, 0.3],
    "interpolation": "bilinear",
    "resize_mode": "squash",
}


def write_folder(
    folder: Path, *, preprocessing: dict[str, Any] | None = None, **changes: Any
) -> Path:
    """Writes a folder in open_clip's layout; ``changes`` are to the model's configuration."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": MODEL_CONFIG | changes, "preprocess_cfg": preprocessing or {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(7)
    model = open_clip.create_model(f"local-dir:{folder}")
    save_file(model.state_dict(), str(folder / WEIGHTS))
    return folder
