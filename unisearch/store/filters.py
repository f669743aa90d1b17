"""Which items a search may answer with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool
Condition: TypeAlias = tuple[str, str, Scalar]
"""``(key, operator, value)``, e.g. ``("year", ">=", 2010)``."""

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "~")


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Conditions that all must hold; they are exact, never "most of the time".

    **Globs.** Case matters. A pattern without a slash is compared with the file's name, wherever
    it lies (``*.jpg``); one with a slash with the whole path relative to its root
    (``2021/**/*.jpg``); one that begins with a slash with the absolute path. ``*`` and ``?`` do
    not cross a slash, ``**`` stands for any number of folders, ``[a-z]`` and ``[!a-z]`` for one
    character; a trailing slash stands for everything below.

    **Metadata.** Operators are ``= != < <= > >=`` and ``~`` (contains). If the value asked for
    reads as a number, numbers (and texts that read as one) are compared with it, and nothing else
    matches; otherwise everything is compared as text, without regard to case, true and false as
    ``true`` and ``false``; so ``date >= 2021-06`` works on ISO dates. ``~`` always looks at the
    text. A list matches if one of its elements does. ``!=`` is the opposite of ``=``, so it holds
    where the key is missing; all others do not.

    **Dates** are when a picture was taken, if the file says so, else when the file was modified.
    A datetime without a zone is local time.
    """

    paths: tuple[str, ...] = ()
    """Globs of which at least one must match."""
    not_paths: tuple[str, ...] = ()
    """Globs of which none may match."""
    after: datetime | None = None
    """Earliest date, inclusive."""
    before: datetime | None = None
    """Latest date, exclusive."""
    min_bytes: int | None = None
    """Smallest size of the file, inclusive."""
    max_bytes: int | None = None
    """Largest size of the file, inclusive."""
    metadata: tuple[Condition, ...] = ()
    """Conditions on metadata, of the item or its file."""
    roots: tuple[Path, ...] = ()
    """Folders (roots of the collection or any folder below one), in one of which the file must
    lie. Relative ones are relative to the working directory."""

    def __post_init__(self) -> None:
        """Checks what can be checked without a catalog."""
        for name in ("paths", "not_paths", "metadata", "roots"):
            if not isinstance(getattr(self, name), tuple):
                # One string would quietly be taken for as many globs as it has letters.
                raise ValueError(f"{name} must be a tuple, not {getattr(self, name)!r}")
        for glob in (*self.paths, *self.not_paths):
            if not glob:
                raise ValueError("a glob must not be empty; leave it out, or use '*' for all files")
        for condition in self.metadata:
            if len(condition) != 3:
                raise ValueError(f"{condition!r} is no condition: it is (key, operator, value)")
            key, operator, value = condition
            if operator not in OPERATORS:
                raise ValueError(f"{operator!r} is no operator ({key}); use {' '.join(OPERATORS)}")
            if not isinstance(value, str | int | float):
                raise ValueError(
                    f"{key!r} is compared with a text, a number or a bool, not {value!r}"
                )

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return any(getattr(self, f.name) not in (None, ()) for f in fields(self))
