"""The few types that travel between layers.

Embeddings are not among them: they are plain ``float32 [N, D]`` arrays of unit rows everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]
"""Embeddings ``[N, D]``, unit rows, or scores ``[Q, K]``, higher is better."""

IdArray: TypeAlias = npt.NDArray[np.int64]
"""Item ids ``[N]``: the catalog's stable 64-bit ids. -1 fills rows with fewer than K answers."""


class Modality(StrEnum):
    """What an item is."""

    TEXT = "text"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One answer.

    Attributes:
        item_id: Stable id of the item within its collection.
        score: Cosine similarity of query and item in the encoder's space, in [-1, 1].
        modality: Whether the item is a picture or a text.
        path: Where the file is now. A member of a container (a row of a CSV, a picture in a tar)
            has the container's path here and its own name in ``member``.
        member: Name of the item inside its container, or ``None`` for a plain file.
        passage: The text that matched, for texts; the caption beside a picture, if it has one.
        line: First line of the passage in its file, from 1; ``None`` where lines mean nothing.
        metadata: What the indexer knew: columns of a table, sidecar fields, EXIF date.
    """

    item_id: int
    score: float
    modality: Modality
    path: str
    member: str | None = None
    passage: str | None = None
    line: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
