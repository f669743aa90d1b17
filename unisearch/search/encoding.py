"""Queries → unit vectors, in as few calls of the encoder as there are kinds of term."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unisearch.datatypes import FloatArray
from unisearch.encoders.base import Encoder, PreparedImage
from unisearch.errors import EncodeError, PictureError, QueryError
from unisearch.search.query import Query

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger(__name__)

LONG_QUERY_WORDS = 200
"""A text above this loses its end, if the encoder does not say where it cuts."""

_IMAGES_PER_CALL = 32
"""Bounds the memory of a thousand query pictures."""

_CANCELLED = 1e-4
"""A sum shorter than this share of its terms' weights is rounding error, not a direction."""


def encode_queries(queries: Sequence[Query], encoder: Encoder) -> FloatArray:
    """Encodes many queries at once; a term that several share is encoded once.

    Args:
        queries: Q queries.
        encoder: Gives the space.

    Returns:
        float32 [Q, D], unit rows, in the order given.

    Raises:
        QueryError: A text is empty, a picture cannot be read, or a query's terms cancel out.
    """
    texts: dict[str, int] = {}
    images: dict[int | Path, Image | Path] = {}
    for term in (term for query in queries for term in query.terms):
        if term.text is not None:
            texts.setdefault(_readable(term.text), len(texts))
        elif term.image is not None:
            images.setdefault(_image_key(term.image), term.image)
    rows = {key: row for row, key in enumerate(images)}
    _warn_of_long(texts, encoder)

    text_vectors = encoder.encode_texts(list(texts)) if texts else None
    image_vectors = _encode_images(list(images.values()), encoder) if images else None

    vectors = np.zeros((len(queries), encoder.dim), dtype=np.float32)
    for row, query in enumerate(queries):
        # Only their proportions matter, and so float32 takes weights of any size.
        heaviest = max(abs(term.weight) for term in query.terms)
        for term in query.terms:
            if term.text is not None and text_vectors is not None:
                vector = text_vectors[texts[_readable(term.text)]]
            elif term.image is not None and image_vectors is not None:
                vector = image_vectors[rows[_image_key(term.image)]]
            vectors[row] += np.float32(term.weight / heaviest) * vector
        total = sum(abs(term.weight) / heaviest for term in query.terms)
        length = float(np.linalg.norm(vectors[row]))
        if not length > _CANCELLED * total:
            raise QueryError(f"the terms of the query cancel each other out: {query}")
        vectors[row] /= length
    return vectors


def _readable(text: str) -> str:
    """The text without what no tokenizer takes."""
    if not text.strip():
        raise QueryError("the query is empty: give it some words")
    # Lone surrogates, from bytes on a command line that are not UTF-8, become U+FFFD.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _warn_of_long(texts: Iterable[str], encoder: Encoder) -> None:
    """Says once that something is cut. A word is one token or more, so this never cries wolf."""
    limit = int(getattr(encoder, "max_text_tokens", LONG_QUERY_WORDS))
    longest = max((len(text.split()) for text in texts), default=0)
    if longest > limit:
        logger.warning(
            "the query has %d words: %s reads about the first %d and ignores the rest",
            longest,
            encoder.name,
            limit,
        )


def _image_key(image: Image | Path) -> int | Path:
    return image if isinstance(image, Path) else id(image)


def _encode_images(images: Sequence[Image | Path], encoder: Encoder) -> FloatArray:
    blocks = []
    for start in range(0, len(images), _IMAGES_PER_CALL):
        block = images[start : start + _IMAGES_PER_CALL]
        blocks.append(encoder.encode_images([_prepare(image, encoder) for image in block]))
    return np.concatenate(blocks)


def _prepare(image: Image | Path, encoder: Encoder) -> PreparedImage:
    from unisearch.pictures import open_picture, upright_rgb

    try:
        if not isinstance(image, Path):
            return encoder.prepare_image(upright_rgb(image))
        return encoder.prepare_image(open_picture(image, target_px=encoder.image_size_px))
    except EncodeError as error:
        is_none = isinstance(error, PictureError) and error.reason == "not-a-picture"
        hint = "; `unisearch similar` takes texts as well" if is_none else ""
        name = repr(str(image)) if isinstance(image, Path) else "the picture"
        raise QueryError(f"cannot search with {name}: {error}{hint}") from error


def unit_rows(vectors: FloatArray, dim: int) -> FloatArray:
    """Somebody's vectors as queries: float32 [Q, D], scaled to unit rows.

    Raises:
        ValueError: They are not [Q, D], or one is zero or not finite.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise ValueError(f"vectors are of shape {rows.shape}; this encoder's are [Q, {dim}]")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    wrong = np.flatnonzero(~np.isfinite(lengths[:, 0]) | (lengths[:, 0] == 0))
    if len(wrong):
        length = lengths[wrong[0], 0]
        raise ValueError(f"vector {wrong[0]} has length {length}, so it has no direction")
    # Those that are of length 1 already stay as they are, to the last bit.
    scaled: FloatArray = np.where(np.abs(lengths - 1) < 1e-5, rows, rows / lengths)
    return scaled
