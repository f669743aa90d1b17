"""Lets torchvision be imported beside a torch of another build.

Its compiled operators then cannot be loaded, and its import ends with "operator torchvision::nms
does not exist"; transformers, timm and open_clip, which all import it, end with it. Nothing here
calls these operators: their names are enough.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

_keep: list[object] = []
"""A torch.library.Library takes its operators with it when it goes."""


def define_missing() -> None:
    """Declares torchvision's operators if it is installed and cannot load them itself."""
    spec = find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations or find_spec("torch") is None:
        return
    import torch

    folder = Path(spec.submodule_search_locations[0])
    for compiled in (*folder.glob("_C*.so"), *folder.glob("_C*.pyd")):
        try:
            torch.ops.load_library(str(compiled))
        except OSError:
            continue
        return
    source = (folder / "_meta_registrations.py").read_text(encoding="utf-8")
    names = re.findall(r'^@[\w.]+\(\s*"(?:torchvision::)?(\w+)"', source, re.M)
    library = torch.library.Library("torchvision", "DEF")
    for name in set(names):
        library.define(f"{name}() -> ()")
    _keep.append(library)
