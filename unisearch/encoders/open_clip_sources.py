"""What open_clip is to be asked for, from what names an encoder: tag, file or folder."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unisearch.encoders.open_clip_names import CONFIG, FORMS, OpenClipName
from unisearch.errors import CheckpointError

_WEIGHTS = (
    # In the order in which open_clip itself prefers them.
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
)
_TOKENIZER_FILES = ("tokenizer*", "special_tokens_map.json", "vocab*", "merges.txt", "*.model")


@dataclass(frozen=True, kw_only=True)
class Source:
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


def find_source(name: OpenClipName, open_clip: Any) -> Source:
    """Finds the weights that a name means; a tag's are downloaded if they were not before.

    Args:
        name: What is wanted.
        open_clip: The module, which this one does not import.

    Raises:
        CheckpointError: There is no such model, tag, file or folder, or no network to get it.
    """
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
        return Source(architecture=name.model, weights=name.file, preprocessing={})
    tags = open_clip.list_pretrained_tags_by_model(name.model)
    if name.tag not in tags:
        listed = f"there are {', '.join(tags)}" if tags else "there are none"
        raise CheckpointError(
            f"open_clip has no published weights {name.tag!r} for {name.model}: {listed}; "
            f"a file of your own is {OpenClipName(model=name.model, file=Path('FILE'))}"
        )
    published = open_clip.get_pretrained_cfg(name.model, name.tag)
    return Source(
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
            f"the weights of {name} cannot be downloaded ({brief(error)}): run once with a "
            "network, or bring the file from elsewhere and name it: "
            f"{OpenClipName(model=name.model, file=Path('FILE'))}"
        ) from error


def _find_in_folder(folder: Path) -> Source:
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
    return Source(
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


def brief(error: Exception) -> str:
    """The beginning of an error's message on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:299] + "…"
