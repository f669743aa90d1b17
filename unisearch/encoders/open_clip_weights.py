"""An OpenCLIP model from its weights file, and what its vectors depend on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unisearch.encoders.manifest import checksum
from unisearch.encoders.open_clip_names import OpenClipName
from unisearch.encoders.open_clip_sources import Source, brief, find_source
from unisearch.errors import CheckpointError, MissingExtra

if TYPE_CHECKING:
    from torch import nn

_TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")


@dataclass(frozen=True, kw_only=True)
class OpenClipModel:
    """A model with its weights, in evaluation mode, on the CPU.

    Attributes:
        network: open_clip's model.
        tokenizer: Its tokenizer: texts → int64 [N, L].
        preprocessing: open_clip's ``PreprocessCfg`` as a dictionary.
        dim: Length D of the vectors, as its configuration says.
        fingerprint: 16 hexadecimal digits.
    """

    network: nn.Module
    tokenizer: Any
    preprocessing: dict[str, Any]
    dim: int
    fingerprint: str


def load_model(name: OpenClipName) -> OpenClipModel:
    """Builds a model and reads its weights, which open_clip downloads if a tag names them.

    Raises:
        MissingExtra: Without open_clip and torch.
        CheckpointError: There is no such model, tag, file or folder; the weights cannot be
            downloaded, are damaged, hold more than tensors, or are of another model.
    """
    open_clip = import_open_clip()
    with _quiet():
        source = find_source(name, open_clip)
        _check_readable(source.weights)
        config = open_clip.get_model_config(source.architecture)
        if source.quick_gelu:
            config["quick_gelu"] = True
        network = _build(name, source, open_clip)
        _read_weights(network, source, name, open_clip)
        tokenizer = _tokenizer(name, source, open_clip)
    preprocessing = dict(network.visual.preprocess_cfg)  # type: ignore[union-attr, arg-type]
    return OpenClipModel(
        network=network.eval(),
        tokenizer=tokenizer,
        preprocessing=preprocessing,
        dim=int(config["embed_dim"]),
        fingerprint=fingerprint(
            checksum(source.weights),
            config,
            preprocessing,
            [checksum(file) for file in source.tokenizer_files],
        ),
    )


def import_open_clip() -> Any:
    """The module ``open_clip``.

    Raises:
        MissingExtra: It or torch is not installed.
        CheckpointError: It is, but does not work.
    """
    if any(find_spec(module) is None for module in ("open_clip", "torch")):
        raise MissingExtra("an OpenCLIP encoder", "openclip")
    try:
        with _quiet():
            import open_clip
    except Exception as error:  # a torchvision of another build raises RuntimeError
        raise CheckpointError(
            f"open_clip is installed but cannot be imported ({brief(error)}): install torch and "
            "torchvision again, both from the same place, so that they fit each other"
        ) from error
    return open_clip


def fingerprint(
    weights: str,
    config: dict[str, Any],
    preprocessing: dict[str, Any],
    tokenizer: Sequence[str] = (),
) -> str:
    """16 hexadecimal digits of everything that determines the vectors.

    Args:
        weights: Checksum of the weights file. Its path, and whether a tag, a file or a folder
            named it, count for nothing.
        config: open_clip's configuration of the model.
        preprocessing: open_clip's ``PreprocessCfg``.
        tokenizer: Checksums of the tokenizer's files, where open_clip does not bring it along.
    """
    parts = ["open_clip", weights, *tokenizer]
    parts += [json.dumps(one, sort_keys=True) for one in (config, preprocessing)]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what open_clip says to itself: everything that matters is raised as an error.

    It logs with the functions of ``logging``, which give the root logger a handler if there is
    none; from then on each of our own warnings would be shown twice. And since weights are read in
    a step of their own here, it would warn of random ones.
    """

    def is_of_others(record: logging.LogRecord) -> bool:
        return "open_clip" not in Path(record.pathname).parts

    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    root.addFilter(is_of_others)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeFilter(is_of_others)
        root.removeHandler(handler)


def _check_readable(weights: Path) -> None:
    """Opens a weights file without reading its tensors, and never runs anything in it."""
    import torch
    from safetensors import safe_open

    try:
        if weights.suffix == ".safetensors":
            with safe_open(weights, framework="np"):
                return
        if weights.suffix in _TORCH_SUFFIXES:
            torch.load(
                weights, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(weights)
            )
            return
    except Exception as error:  # what these raise for a damaged file has no common class
        raise CheckpointError(
            f"{weights} cannot be loaded: it is damaged, or holds more than tensors "
            f"({brief(error)})"
        ) from error
    suffixes = ", ".join(_TORCH_SUFFIXES)
    raise CheckpointError(
        f"{weights} is of no known kind: weights are in .safetensors or {suffixes} files"
    )


def _build(name: OpenClipName, source: Source, open_clip: Any) -> nn.Module:
    try:
        network: nn.Module = open_clip.create_model(
            source.architecture,
            load_weights=False,
            pretrained_text=False,
            force_quick_gelu=source.quick_gelu,
            force_preprocess_cfg=source.preprocessing,
        )
    except Exception as error:  # a configuration may be wrong in any way
        raise CheckpointError(
            f"open_clip {open_clip.__version__} cannot build {name}: "
            f"{type(error).__name__}: {brief(error)}"
        ) from error
    return network


def _read_weights(network: nn.Module, source: Source, name: OpenClipName, open_clip: Any) -> None:
    try:
        open_clip.load_checkpoint(network, str(source.weights), strict=True, weights_only=True)
    except Exception as error:  # mostly RuntimeError, with a line for every tensor
        raise CheckpointError(
            f"the weights in {source.weights} do not fit the model {name.model or name}: "
            f"{brief(error)}"
        ) from error


def _tokenizer(name: OpenClipName, source: Source, open_clip: Any) -> Any:
    text = open_clip.get_model_config(source.architecture)["text_cfg"]
    if text.get("hf_tokenizer_name") and name.folder is None:
        # Downloaded before? Then the network is left alone, as with weights.
        with contextlib.suppress(Exception):
            return open_clip.get_tokenizer(source.architecture, local_files_only=True)
    try:
        return open_clip.get_tokenizer(source.architecture)
    except ImportError as error:
        raise CheckpointError(
            f"the tokenizer of {name} needs another package ({brief(error)}): "
            "pip install transformers sentencepiece"
        ) from error
    except Exception as error:
        raise CheckpointError(
            f"the tokenizer of {name} cannot be loaded: {brief(error)}"
        ) from error
