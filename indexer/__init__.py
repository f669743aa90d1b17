"""Gets pictures and texts into a collection."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.options import IndexOptions
    from indexer.pipeline import index
    from indexer.report import IndexReport

__all__ = ["IndexOptions", "IndexReport", "index"]

_HOMES = {
    "IndexOptions": "indexer.options",
    "IndexReport": "indexer.report",
    "index": "indexer.pipeline",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'indexer' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
