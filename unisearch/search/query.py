"""What is asked: terms, each a text or a picture with a weight.

A query's vector is the weighted sum of its terms' unit vectors, scaled back to unit length, so
``Query((Term(text="golden retriever", weight=2), Term(image=Path("pool.jpg")),
Term(text="fruit", weight=-1)))`` is near pictures of dogs at a pool and away from fruit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from PIL.Image import Image

QueryLike: TypeAlias = "str | Path | Image | Term | Query"
"""Everything that a search takes as one query.

A ``str`` is always words, never a path or an operator: texts from elsewhere are safe to search
for. A ``Path`` or a Pillow image is a picture. ``Query.parse`` reads what a person typed.
"""


@dataclass(frozen=True, kw_only=True)
class Term:
    """One part of a query.

    Attributes:
        text: The words, or ``None`` for a picture.
        image: A picture's path, or a picture itself, or ``None`` for words.
        weight: How much it counts; negative moves the query away from it.

    Raises:
        ValueError: Neither or both of text and image, or a weight that is zero or not finite.
    """

    text: str | None = None
    image: Path | Image | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if (self.text is None) == (self.image is None):
            raise ValueError("a term is either a text or an image")
        if not math.isfinite(self.weight) or self.weight == 0:
            raise ValueError(f"a term's weight is a number other than 0, not {self.weight!r}")

    def __str__(self) -> str:
        kind = f"text:{self.text}" if self.text is not None else f"image:{self._image_name()}"
        return f"{abs(self.weight):g}:{kind}"

    def _image_name(self) -> str:
        return str(self.image) if isinstance(self.image, Path) else "(picture)"


@dataclass(frozen=True)
class Query:
    """One or more terms.

    Raises:
        ValueError: There is no term.
    """

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("a query has at least one term")

    @classmethod
    def parse(cls, *tokens: str) -> Query:
        """Reads what a person types: ``Query.parse("2:dog", "+", "pool.jpg", "-", "fruit")``.

        The language is described in ``unisearch.search.parsing``.

        Raises:
            QueryError: It is empty, does not parse, or names a picture that is not there.
        """
        from unisearch.search.parsing import parse_query

        return parse_query(tokens)

    @classmethod
    def of(cls, value: QueryLike) -> Query:
        """Wraps one thing to search for; a ``Query`` is returned as it is.

        Raises:
            TypeError: It is none of the kinds in ``QueryLike``.
        """
        if isinstance(value, Query):
            return value
        if isinstance(value, Term):
            return cls((value,))
        if isinstance(value, str):
            return cls((Term(text=value),))
        # Asked for by what it can do: importing Pillow just to tell would be slow.
        if isinstance(value, Path) or hasattr(value, "getexif"):
            return cls((Term(image=value),))
        raise TypeError(
            f"a query is a str, a Path, a picture, a Term or a Query, not {type(value).__name__}"
        )

    def __str__(self) -> str:
        parts = [f"{'-' if term.weight < 0 else '+'} {term}" for term in self.terms]
        return " ".join(parts).removeprefix("+ ")
