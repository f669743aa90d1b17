"""How OpenCLIP encoders are named; no torch, for names are read where nothing is encoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unisearch.errors import CheckpointError
from unisearch.files import expand_home

PREFIX = "open_clip:"
CONFIG = "open_clip_config.json"
FORMS = f"{PREFIX}MODEL/TAG, {PREFIX}MODEL@FILE or {PREFIX}FOLDER"


@dataclass(frozen=True, kw_only=True)
class OpenClipName:
    """One of three ways to name a model and its weights.

    ``str`` gives the name as it is remembered: paths are absolute, so it holds from any working
    directory, and a tag has one spelling.

    Attributes:
        model: An architecture that open_clip knows, e.g. ``ViT-B-32``; ``None`` with a folder.
        tag: Published weights of it, e.g. ``laion2b_s34b_b79k``.
        file: A weights file of one's own.
        folder: A folder with ``open_clip_config.json`` and weights.
    """

    model: str | None = None
    tag: str | None = None
    file: Path | None = None
    folder: Path | None = None

    @classmethod
    def parse(cls, name: str) -> OpenClipName:
        """Reads a name.

        What begins like a path (``/``, ``./``, ``../``, ``~``) or holds ``open_clip_config.json``
        is a folder; what follows an ``@`` is a file; all else is a model and a tag.

        Raises:
            CheckpointError: It has none of the three forms. Whether what it names exists is not
                looked at.
        """
        rest = name.removeprefix(PREFIX)
        model, at, file = rest.partition("@")
        if rest.startswith(("/", "~")) or rest.split("/")[0] in (".", ".."):
            return cls(folder=_absolute(rest))
        if at and model and file and "/" not in model:
            return cls(model=model, file=_absolute(file))
        if rest and (Path(rest) / CONFIG).is_file():
            return cls(folder=_absolute(rest))
        model, _, tag = rest.partition("/")
        if not model or at:
            raise CheckpointError(f"{name!r} names no encoder: write {FORMS}")
        # As open_clip spells tags.
        return cls(model=model, tag=tag.lower().replace("-", "_"))

    def __str__(self) -> str:
        if self.folder is not None:
            return f"{PREFIX}{self.folder}"
        if self.file is not None:
            return f"{PREFIX}{self.model}@{self.file}"
        return f"{PREFIX}{self.model}/{self.tag}"


def _absolute(path: str) -> Path:
    return expand_home(path).resolve()
