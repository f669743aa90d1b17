"""Search your own pictures and texts by meaning.

The names below are the Python API; each is imported when it is first used, so that ``import
unisearch`` costs next to nothing. See docs/python-api.md for examples.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from unisearch.version import __version__

if TYPE_CHECKING:
    from unisearch.collection import Collection
    from unisearch.datatypes import Hit, Modality
    from unisearch.encoders.base import Encoder
    from unisearch.encoders.load import load_encoder
    from unisearch.errors import UnisearchError
    from unisearch.pictures import open_picture
    from unisearch.search.query import Query, Term
    from unisearch.store.filters import Filters

__all__ = [
    "Collection",
    "Encoder",
    "Filters",
    "Hit",
    "Modality",
    "Query",
    "Term",
    "UnisearchError",
    "__version__",
    "load_encoder",
    "open_picture",
]

_HOMES = {
    "Collection": "unisearch.collection",
    "Encoder": "unisearch.encoders.base",
    "Filters": "unisearch.store.filters",
    "Hit": "unisearch.datatypes",
    "Modality": "unisearch.datatypes",
    "Query": "unisearch.search.query",
    "Term": "unisearch.search.query",
    "UnisearchError": "unisearch.errors",
    "load_encoder": "unisearch.encoders.load",
    "open_picture": "unisearch.pictures",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'unisearch' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
