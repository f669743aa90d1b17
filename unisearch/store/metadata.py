"""Metadata as the catalog keeps it: JSON to give back, facts to filter by.

A fact is a key and one scalar: as folded text and, if it reads as one, as a number. Filters
compare facts, so that the same condition means the same in every database.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from unisearch.store.records import NOTHING, Metadata

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Fact(NamedTuple):
    """One value of one key."""

    key: str
    folded: str
    number: float | None


def clean_text(text: str) -> str:
    """The text without what a database cannot hold: NUL and lone surrogates become U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def clean_optional(text: str | None) -> str | None:
    """:func:`clean_text`, or ``None``."""
    return None if text is None else clean_text(text)


def dump(metadata: Metadata) -> str | None:
    """Metadata → JSON; ``None`` if there is none.

    Values that JSON lacks become what is nearest: dates their ISO form, numbers of numpy plain
    ones, NaN and infinities null, anything else its text.
    """
    if not metadata:
        return None
    return json.dumps(_plain(metadata), ensure_ascii=False, allow_nan=False, sort_keys=True)


def load(text: str | None) -> Metadata:
    """What :func:`dump` made → metadata that cannot be changed by accident."""
    return MappingProxyType(json.loads(text)) if text else NOTHING


def facts(metadata: Metadata) -> Iterator[Fact]:
    """The facts in some metadata; null is none."""
    plain: Mapping[str, Any] = _plain(metadata)
    for key, value in plain.items():
        yield from _facts(key, value)


def folded(value: str | int | float | bool) -> str:
    """A scalar as text to compare with, without regard to case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean_text(str(value)).casefold()


def number(value: str | int | float | bool) -> float | None:
    """A scalar as a number, if it reads as a finite one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER.fullmatch(value):
            return None
    try:
        as_float = float(value)
    except OverflowError:
        return None
    return as_float if math.isfinite(as_float) else None


def _facts(key: str, value: Any) -> Iterator[Fact]:
    if isinstance(value, dict):
        for inner, below in value.items():
            yield from _facts(f"{key}.{inner}", below)
    elif isinstance(value, list):
        for element in value:
            yield from _facts(key, element)
    elif value is not None:
        yield Fact(key, folded(value), number(value))


def _plain(value: Any) -> Any:
    """A value → what JSON has."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _plain(below) for key, below in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(element) for element in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return clean_text(str(value))
