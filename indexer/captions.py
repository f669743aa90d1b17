"""Captions beside pictures: ``a.jpg`` and ``a.txt``, ``a.caption`` or ``a.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.kinds import CAPTION_SUFFIXES, Kind, suffix_of
from indexer.texts import decode_text
from unisearch.files import open_regular

MAX_CAPTION_BYTES = 256_000
"""A larger file beside a picture is a text of its own, not a caption."""

_MAX_CAPTION_CHARACTERS = 2_000
_MAX_VALUE_CHARACTERS = 1_000
_TEXT_KEYS = ("caption", "description", "alt", "alt_text", "text", "title")
_TAG_KEYS = ("tags", "keywords", "labels")


@dataclass(frozen=True, slots=True)
class Caption:
    """What a file says about the picture beside it."""

    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def pair_captions(names: Mapping[bytes, Kind]) -> dict[bytes, list[bytes]]:
    """Which files of a folder describe which of its pictures.

    Both ``a.txt`` and ``a.jpg.txt`` describe ``a.jpg``; the former also ``a.png``.

    Args:
        names: Names of the files of one folder and their kinds.

    Returns:
        Picture → the files that describe it, the best first; only pictures that have any.
    """
    pairs: dict[bytes, list[bytes]] = {}
    for name, kind in names.items():
        if kind is Kind.PICTURE:
            found = [other for other in possible_captions(name) if other in names]
            if found:
                pairs[name] = found
    return pairs


def possible_captions(picture: bytes) -> list[bytes]:
    """Names that a picture's captions may have."""
    stem = picture.rpartition(b".")[0]
    endings = [suffix.encode() for suffix in CAPTION_SUFFIXES]
    return [picture + ending for ending in endings] + [stem + ending for ending in endings]


def read_captions(paths: Iterable[bytes], picture_name: str) -> Caption | None:
    """What the files beside a picture say, joined; ``None`` if that is nothing.

    A file that cannot be read says nothing: it is reported where it is indexed itself.

    Args:
        paths: Absolute paths.
        picture_name: A title that merely repeats this is dropped.
    """
    texts: list[str] = []
    metadata: dict[str, Any] = {}
    for path in paths:
        try:
            with open_regular(path) as stream:
                data = stream.read(MAX_CAPTION_BYTES + 1)
        except (OSError, ValueError):
            continue
        if len(data) > MAX_CAPTION_BYTES:
            continue
        caption = parse_caption(data, suffix_of(path), picture_name)
        if caption is None:
            continue
        if caption.text and caption.text not in texts:
            texts.append(caption.text)
        metadata = {**caption.metadata, **metadata}
    text = "\n".join(texts)[:_MAX_CAPTION_CHARACTERS]
    return Caption(text, metadata) if text or metadata else None


def parse_caption(data: bytes, suffix: str, picture_name: str = "") -> Caption | None:
    """One caption file.

    Args:
        data: Its content.
        suffix: ``.json`` is taken apart, all else is text.
        picture_name: As in ``read_captions``.

    Returns:
        ``None`` if it is binary, or JSON but no object.
    """
    text = decode_text(data)
    if text is None:
        return None
    if suffix == ".json":
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return caption_of(fields, picture_name) if isinstance(fields, dict) else None
    return Caption(" ".join(text.split()))


def caption_of(fields: Mapping[str, Any], picture_name: str = "") -> Caption:
    """The caption within a JSON object and its other values, for filters.

    The text is the first that there is of ``caption``, ``description``, ``alt``, ``alt_text``,
    ``text`` and ``title``, and after it the ``tags``, ``keywords`` or ``labels``.
    """
    names = {picture_name, picture_name.rpartition(".")[0]}
    lower = {str(key).lower(): value for key, value in fields.items()}
    text = next(
        (
            " ".join(value.split())
            for key in _TEXT_KEYS
            # Photo services put the file's name into "title".
            if isinstance(value := lower.get(key), str) and value.strip() and value not in names
        ),
        "",
    )
    for key in _TAG_KEYS:
        value = lower.get(key)
        tags = [str(tag) for tag in value] if isinstance(value, list) else []
        if isinstance(value, str):
            tags = [value]
        if tags:
            text = f"{text}\n{', '.join(tags)}" if text else ", ".join(tags)
            break
    return Caption(text, plain_metadata(fields, text))


def plain_metadata(fields: Mapping[str, Any], but: str = "") -> dict[str, Any]:
    """What of a JSON object is short enough to filter by; ``but`` is the text known already."""
    kept: dict[str, Any] = {}
    for key, value in fields.items():
        if value is None or value == but:
            continue
        if isinstance(value, bool | int | float):
            kept[str(key)] = value
        elif isinstance(value, str):
            kept[str(key)] = value[:_MAX_VALUE_CHARACTERS]
        elif isinstance(value, list):
            plain = [v for v in value if isinstance(v, str | int | float)][:100]
            if plain:
                kept[str(key)] = plain
        elif isinstance(value, Mapping):
            inner = plain_metadata(value, but)
            if inner:
                kept[str(key)] = inner
    return kept
