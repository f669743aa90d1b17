"""Long lists in pieces that a database takes as parameters of one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

CHUNK = 5_000
"""Below the 32,766 parameters of SQLite and the 65,535 of PostgreSQL, with room for others."""


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The values in lists of at most ``size``."""
    iterator = iter(values)
    while piece := list(islice(iterator, size)):
        yield piece
