"""An OpenCLIP model from what names it: where its weights lie, and what its vectors depend on."""

from __future__ import annotations

import contextlib
import difflib
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
from unisearch.encoders.open_clip_names import CONFIG, FORMS, OpenClipName
from unisearch.errors import CheckpointError, MissingExtra

if TYPE_CHECKING:
    from torch import nn

_TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
_WEIGHTS = (
    # In the order in which open_clip itself prefers them.
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
)
_TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.model")


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


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What open_clip is asked for.

    Attributes:
        architecture: A name for ``open_clip.create_model``.
        weights: The weights file.
        preprocessing: What the weights need that the architecture does not say.
        quick_gelu: Whether they were trained with OpenAI's approximation of GELU.
        tokenizer_files: Files that decide how texts are cut, if they lie beside the weights.
    """

    architecture: str
    weights: Path
    preprocessing: dict[str, Any]
    quick_gelu: bool = False
    tokenizer_files: tuple[Path, ...] = ()


def load_model(name: OpenClipName) -> OpenClipModel:
    """Builds a model and reads its weights, which open_clip downloads if a tag names them.

    Raises:
        MissingExtra: Without open_clip and torch.
        CheckpointError: There is no such model, tag, file or folder; the weights cannot be
            downloaded, are damaged, hold more than tensors, or are of another model.
    """
    open_clip = import_open_clip()
    with _quiet():
        source = _find(name, open_clip)
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
            f"open_clip is installed but cannot be imported ({_brief(error)}): install torch and "
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


# --- where the weights are ---


def _find(name: OpenClipName, open_clip: Any) -> _Source:
    if name.folder is not None:
        return _find_in_folder(name.folder)
    assert name.model is not None
    known = open_clip.list_models()
    if name.model not in known:
        by_lower = {model.lower(): model for model in known}
        near = difflib.get_close_matches(name.model.lower(), by_lower, n=5, cutoff=0.5)
        meant = f"; did you mean {', '.join(by_lower[one] for one in near)}?" if near else ""
        raise CheckpointError(
            f"open_clip has no model {name.model!r}{meant} (an encoder is {FORMS}, "
            f"where FOLDER has a file {CONFIG})"
        )
    if name.file is not None:
        if not name.file.is_file():
            raise CheckpointError(f"there is no weights file {str(name.file)!r}")
        return _Source(architecture=name.model, weights=name.file, preprocessing={})
    tags = open_clip.list_pretrained_tags_by_model(name.model)
    if name.tag not in tags:
        listed = f"there are {', '.join(tags)}" if tags else "there are none"
        raise CheckpointError(
            f"open_clip has no published weights {name.tag!r} for {name.model}: {listed}; "
            f"a file of your own is {OpenClipName(model=name.model, file=Path('FILE'))}"
        )
    published = open_clip.get_pretrained_cfg(name.model, name.tag)
    return _Source(
        architecture=name.model,
        weights=_cached(published) or _download(name, published, open_clip),
        preprocessing={key: value for key, value in published.items() if key != "size"},
        # open_clip only warns when model and weights differ in this; the vectors would be poor.
        quick_gelu=bool(published.get("quick_gelu")),
    )


def _cached(published: dict[str, Any]) -> Path | None:
    """The weights of a tag if they were downloaded before.

    open_clip would ask the network for a newer version each time: every search would tell a server
    of itself, and without a network wait half a minute.
    """
    from huggingface_hub import try_to_load_from_cache
    from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

    repository, _, file = published.get("hf_hub", "").rpartition("/")
    if not repository:
        return None
    files = (file,) if file else (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)
    safe = tuple(str(Path(one).with_suffix(".safetensors")) for one in files)
    for one in (*safe, *files):
        found = try_to_load_from_cache(repository, one)
        if isinstance(found, str):
            return Path(found)
    return None


def _download(name: OpenClipName, published: dict[str, Any], open_clip: Any) -> Path:
    """The weights of a tag from the network."""
    try:
        return Path(open_clip.download_pretrained(published))
    except Exception as error:
        raise CheckpointError(
            f"the weights of {name} cannot be downloaded ({_brief(error)}): run once with a "
            "network, or bring the file from elsewhere and name it: "
            f"{OpenClipName(model=name.model, file=Path('FILE'))}"
        ) from error


def _find_in_folder(folder: Path) -> _Source:
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"no OpenCLIP checkpoint in {folder}: there is no {CONFIG}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        text = config["model_cfg"]["text_cfg"]
        int(config["model_cfg"]["embed_dim"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{path} does not describe a model: {type(error).__name__}: {error}"
        ) from error
    files: set[Path] = set()
    if text.get("hf_tokenizer_name"):
        files = {file for pattern in _TOKENIZER_FILES for file in folder.glob(pattern)}
    return _Source(
        architecture=f"local-dir:{folder}",
        weights=_weights_in(folder),
        preprocessing={},
        tokenizer_files=tuple(sorted(file for file in files if file.is_file())),
    )


def _weights_in(folder: Path) -> Path:
    for known in _WEIGHTS:
        if (folder / known).is_file():
            return folder / known
    found = sorted(folder.glob("*.safetensors"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found) or "no safetensors file"
    raise CheckpointError(
        f"cannot tell which weights to take in {folder}: it has {names}; call them {_WEIGHTS[0]}"
    )


# --- from file to network ---


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
            f"({_brief(error)})"
        ) from error
    suffixes = ", ".join(_TORCH_SUFFIXES)
    raise CheckpointError(
        f"{weights} is of no known kind: weights are in .safetensors or {suffixes} files"
    )


def _build(name: OpenClipName, source: _Source, open_clip: Any) -> nn.Module:
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
            f"{type(error).__name__}: {_brief(error)}"
        ) from error
    return network


def _read_weights(network: nn.Module, source: _Source, name: OpenClipName, open_clip: Any) -> None:
    try:
        open_clip.load_checkpoint(network, str(source.weights), strict=True, weights_only=True)
    except Exception as error:  # mostly RuntimeError, with a line for every tensor
        raise CheckpointError(
            f"the weights in {source.weights} do not fit the model {name.model or name}: "
            f"{_brief(error)}"
        ) from error


def _tokenizer(name: OpenClipName, source: _Source, open_clip: Any) -> Any:
    text = open_clip.get_model_config(source.architecture)["text_cfg"]
    if text.get("hf_tokenizer_name") and name.folder is None:
        # Downloaded before? Then the network is left alone, as with weights.
        with contextlib.suppress(Exception):
            return open_clip.get_tokenizer(source.architecture, local_files_only=True)
    try:
        return open_clip.get_tokenizer(source.architecture)
    except ImportError as error:
        raise CheckpointError(
            f"the tokenizer of {name} needs another package ({_brief(error)}): "
            "pip install transformers sentencepiece"
        ) from error
    except Exception as error:
        raise CheckpointError(
            f"the tokenizer of {name} cannot be loaded: {_brief(error)}"
        ) from error


def _brief(error: Exception) -> str:
    """The beginning of an error's message on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:299] + "…"
