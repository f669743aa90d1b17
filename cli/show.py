"""How things look in a terminal: widths, colours, and names that cannot harm it."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import TextIO

PIPED_WIDTH = 200
"""Columns where stdout is not a terminal: only passages are cut to it."""


_JOINERS = "\u200c\u200d"
"""They hold emoji and Persian words together, and move nothing."""


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at the stream, as far as one can tell."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def colours_wanted() -> bool:
    """Whether stdout gets colours: a terminal does, unless ``NO_COLOR`` is set."""
    return is_terminal(sys.stdout) and not os.environ.get("NO_COLOR")


def width_columns() -> int:
    """Columns of the terminal; ``COLUMNS`` overrides."""
    if not is_terminal(sys.stdout) and "COLUMNS" not in os.environ:
        return PIPED_WIDTH
    return get_terminal_size().columns


def printable(text: str) -> str:
    """The text without control characters: a file's name must not move the cursor.

    Newlines, escapes and bytes that are not UTF-8 become ``\\n``, ``\\x1b``, ``\\xff``.
    """
    if text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python keeps it in a str
        return f"\\x{code - 0xDC00:02x}"
    escapes = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return escapes.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def width(text: str) -> int:
    """Columns that printable text takes: two for wide (East Asian, emoji), none for accents."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(c) or c in _JOINERS
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


def fit(text: str, columns: int) -> str:
    """Cuts printable text to a number of columns, with ``…`` where something is missing."""
    if width(text) <= columns:
        return text
    kept = ""
    for character in text:
        if width(kept + character) > columns - 1:
            break
        kept += character
    return kept + "…" if columns > 0 else ""


def pad(text: str, columns: int) -> str:
    """Fills printable text with spaces to a number of columns."""
    return text + " " * (columns - width(text))


def near(path: str) -> str:
    """The path as seen from here: relative below the working folder, else the shorter form."""
    try:
        relative = os.path.relpath(path)
    except (ValueError, OSError):  # the working folder was deleted
        return path
    return relative if len(relative) < len(path) else path


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Aligns columns with two spaces between them; the columns in ``right`` to the right."""
    if not rows:
        return []
    widths = [max(width(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            " " * (widths[column] - width(cell)) + cell
            if column in right
            else pad(cell, widths[column])
            for column, cell in enumerate(row)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def counted(number: int, thing: str) -> str:
    """``1 picture``, ``1,200 pictures``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def size_text(size_bytes: int) -> str:
    """``1.5 MB``."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"


def duration_text(seconds: float) -> str:
    """``48 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def home_relative(path: Path) -> str:
    """``~/Pictures`` for messages."""
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)
