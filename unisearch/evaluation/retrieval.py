"""How well an encoder finds pictures by words and words by pictures, on held-out pairs.

Subsets are what people would ask about separately: drawings of concepts never seen in training,
and everyday photographs, cartoons and monuments from a source that is never trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from unisearch.datatypes import FloatArray
from unisearch.encoders.base import Encoder
from unisearch.evaluation.metrics import (
    KS,
    CrossModalMetrics,
    cross_modal_metrics,
    shared_captions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class Labelled(Protocol):
    """What a measured pair must say of itself."""

    @property
    def image(self) -> str: ...
    @property
    def captions(self) -> tuple[str, ...]: ...
    @property
    def split(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def concept_seen_in_training(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Subset:
    """Some of the measured pairs.

    Attributes:
        name: For tables.
        rows: Their places among all measured pairs.
    """

    name: str
    rows: tuple[int, ...]


def subsets(pairs: Sequence[Labelled]) -> list[Subset]:
    """The subsets that are reported; empty ones are left out."""
    conditions: dict[str, Callable[[Labelled], bool]] = {
        "unseen concepts": lambda p: p.split == "test",
        "photos": lambda p: p.split == "stamps" and p.kind == "photo",
        "cartoons": lambda p: p.split == "stamps" and p.kind == "cartoon",
        "monuments": lambda p: p.split == "stamps" and p.kind == "monument",
        "all stamps": lambda p: p.split == "stamps",
        "stamps, unseen": lambda p: p.split == "stamps" and not p.concept_seen_in_training,
        "dev": lambda p: p.split == "dev",
    }
    found = (
        Subset(name, tuple(i for i, pair in enumerate(pairs) if condition(pair)))
        for name, condition in conditions.items()
    )
    return [subset for subset in found if subset.rows]


def measure_vectors(
    pairs: Sequence[Labelled],
    images: FloatArray,
    encode_texts: Callable[[Sequence[str]], FloatArray],
) -> dict[str, CrossModalMetrics]:
    """Measures picture vectors against the first caption of each picture.

    Args:
        pairs: N pairs.
        images: [N, D], unit rows, in the order of the pairs.
        encode_texts: Texts → unit rows.

    Returns:
        Metrics of each subset, by name. A caption that several pictures share has all of them as
        right answers.
    """
    texts = list(dict.fromkeys(pair.captions[0] for pair in pairs))
    row_of = {text: row for row, text in enumerate(texts)}
    vectors = encode_texts(texts)
    measured = {}
    for subset in subsets(pairs):
        captions, positives = shared_captions([[pairs[i].captions[0]] for i in subset.rows])
        measured[subset.name] = cross_modal_metrics(
            vectors[[row_of[text] for text in captions]], images[list(subset.rows)], positives
        )
    return measured


def encode_pictures(
    encoder: Encoder,
    paths: Sequence[Path],
    *,
    batch_size: int = 32,
    on_done: Callable[[int], None] = lambda done: None,
) -> FloatArray:
    """Opens and encodes pictures: [N, D], unit rows.

    Raises:
        PictureError: If one cannot be read.
    """
    from unisearch.pictures import open_picture

    vectors = np.empty((len(paths), encoder.dim), dtype=np.float32)
    for first in range(0, len(paths), batch_size):
        batch = paths[first : first + batch_size]
        prepared = [
            encoder.prepare_image(open_picture(path, target_px=encoder.image_size_px))
            for path in batch
        ]
        vectors[first : first + len(batch)] = encoder.encode_images(prepared)
        on_done(first + len(batch))
    return vectors


def as_table(measured: Mapping[str, CrossModalMetrics]) -> Iterator[dict[str, Any]]:
    """One row of plain values for each subset: recalls in percent, both ways."""
    for name, metrics in measured.items():
        row: dict[str, Any] = {"subset": name, "queries": metrics.text_to_image.queries}
        for way, found in (("t2i", metrics.text_to_image), ("i2t", metrics.image_to_text)):
            row |= {f"{way}_r{k}": round(100 * found.recall[k], 1) for k in KS}
        yield row
