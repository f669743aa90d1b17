"""A picture that a source offers, before cleaning, splitting and rendering."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A picture with raw words.

    Attributes:
        id: Unique in the corpus: ``SOURCE/NAME``, a valid relative path.
        titles: Plain titles, the best first; empty if the source gives none that says anything.
        captions: Finished captions, where the source has them; else they are made of the titles.
        keywords: Lower-case words.
        category: Human-readable group, or empty.
        description: A sentence somebody wrote, or empty.
        source: Name of the collection.
        licence: SPDX identifier or short name.
        kind: As in `Pair`.
        drawing: SVG text, a path to an SVG, or a path to a raster picture.
        fallback: A second rendering to use when the first one fails or is blank.
    """

    id: str
    titles: tuple[str, ...]
    captions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    category: str = ""
    description: str = ""
    source: str
    licence: str
    kind: str
    drawing: str | Path
    fallback: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A picture left out, and why: the reason is a short phrase that the card counts by."""

    id: str
    source: str
    reason: str
