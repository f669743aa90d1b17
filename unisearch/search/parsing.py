"""Queries as people type them in a shell.

::

    a red bicycle                                 words, joined
    "a red bicycle"                               the same
    ./pool.jpg                                    a picture, if the file is there
    "2:golden retriever" + ./pool.jpg - fruit     several terms, with weights

``+`` and ``-`` are tokens of their own. A term may start with a weight (``2:``, ``0.5:``) and
then with ``text:`` or ``image:``, which decide what it is where a name is both a word and a file.
A number is a weight only if no digit follows the colon, so ``16:9 wallpaper`` and ``3:10 to
Yuma`` are words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unisearch.errors import QueryError
from unisearch.files import expand_home
from unisearch.search.query import Query, Term

_SIGNS = {"+": 1.0, "-": -1.0}
_WEIGHT = re.compile(r"(\d+(?:\.\d*)?|\.\d+):(?!\d)", re.ASCII)
_KIND = re.compile(r"(text|image):")
_PICTURE_SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".ico", ".jfif", ".jp2", ".jpeg", ".jpg", ".jxl"),
    *(".pgm", ".png", ".pnm", ".ppm", ".svg", ".tga", ".tif", ".tiff", ".webp"),
)


def parse_query(tokens: Sequence[str]) -> Query:
    """Reads a query from its tokens, as a shell splits them.

    Args:
        tokens: Operators ``+`` and ``-``, and words, quoted phrases or paths between them.

    Raises:
        QueryError: It is empty, an operator lacks a term, a weight is 0, or a token names a
            picture that is not there.
    """
    if not any(token.strip() for token in tokens):
        raise QueryError('the query is empty: type some words, as in "a red bicycle"')
    parser = _Parser()
    for token in tokens:
        parser.take(token)
    return parser.finish()


@dataclass
class _Parser:
    """Collects words until something ends the term that they make."""

    terms: list[Term] = field(default_factory=list)
    operator: str | None = None
    prefix: str = ""
    weight: float = 1.0
    kind: str | None = None
    words: list[str] = field(default_factory=list)

    def take(self, token: str) -> None:
        stripped = token.strip()
        if stripped in _SIGNS:
            self._end_term(before=stripped)
            self.operator = stripped
            return
        weight, kind, rest = _split_prefix(stripped)
        if weight is not None or kind is not None:
            if self.words or self.prefix:
                self._end_term(before=token)
            self.prefix = token
            self.weight = 1.0 if weight is None else weight
            self.kind = kind
        if rest and self.kind is None and _names_picture(rest):
            if self.words:
                self._end_term(before=token)
            self.kind = "image"
            self.words = [rest]
            self._end_term(before=token)
        elif rest:
            self.words.append(rest)

    def finish(self) -> Query:
        if self.operator is not None and not self.words and not self.prefix:
            raise QueryError(f"nothing follows the last {self.operator!r}")
        self._end_term(before=None)
        return Query(tuple(self.terms))

    def _end_term(self, *, before: str | None) -> None:
        """Makes a term of what was collected. ``before`` is the token that ends it."""
        text = " ".join(self.words)
        if text:
            sign = _SIGNS[self.operator or "+"]
            if self.kind == "image":
                self.terms.append(Term(image=_existing_picture(text), weight=sign * self.weight))
            else:
                self.terms.append(Term(text=text, weight=sign * self.weight))
        elif self.prefix:
            raise QueryError(f"{self.prefix!r} needs words or a picture after it")
        elif self.operator is not None and before in _SIGNS:
            raise QueryError(f"nothing stands between {self.operator!r} and {before!r}")
        self.operator, self.prefix, self.weight, self.kind, self.words = None, "", 1.0, None, []


def _split_prefix(token: str) -> tuple[float | None, str | None, str]:
    """``2:text:dog`` → (2.0, "text", "dog"); what is absent is ``None``."""
    weight: float | None = None
    if match := _WEIGHT.match(token):
        weight = float(match[1])
        if weight == 0 or not math.isfinite(weight):
            raise QueryError(f"the weight in {token!r} must be a number above 0")
        token = token[match.end() :].lstrip()
    kind: str | None = None
    if match := _KIND.match(token):
        kind = match[1]
        token = token[match.end() :].lstrip()
    return weight, kind, token


def _names_picture(token: str) -> bool:
    """Whether it is a picture's path rather than words.

    A name that ends as pictures do is one even if the file is missing: to search for the words of
    a mistyped path would give answers to a question that nobody asked. Without such an ending it
    must hold a slash and exist, as many words are also names of files.
    """
    path = Path(token)
    if path.suffix.lower() in _PICTURE_SUFFIXES and path.stem:
        return True
    return "/" in token and _is_file(expand_home(path))


def _existing_picture(name: str) -> Path:
    if "://" in name:
        raise QueryError(f"{name!r} is an address: save the picture and give its path")
    path = expand_home(name)
    if _is_file(path):
        return path
    found = "is a folder" if _exists(path) else "does not exist"
    raise QueryError(f"the picture {name!r} {found}; for the words themselves type 'text:{name}'")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # over-long names, null bytes
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
