"""Results on stdout: a table for people, bare paths and JSON lines for programs."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from cli.show import colours_wanted, fit, near, printable, table, width, width_columns
from unisearch.datatypes import Hit

_PASSAGE_LEAST_COLUMNS = 24
"""Where fewer columns are left beside the path, a passage goes below it."""

_DIM, _BOLD, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[0m"


class Form(StrEnum):
    """How results look."""

    TABLE = "table"
    PATHS = "paths"
    PATHS_NUL = "paths-nul"
    JSON = "json"


def write_bytes(data: bytes) -> None:
    """Writes to stdout as it is: a path need not be UTF-8."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def write_lines(lines: Iterable[str]) -> None:
    """Writes text lines to stdout; what its encoding lacks is shown as an escape."""
    encoding = sys.stdout.encoding or "utf-8"
    write_bytes("".join(f"{line}\n" for line in lines).encode(encoding, "backslashreplace"))


def write_json(value: Mapping[str, Any]) -> None:
    """Writes one JSON object on one line, always UTF-8."""
    text = json.dumps(value, ensure_ascii=False, default=_as_json, allow_nan=False)
    # A lone surrogate in metadata or a passage has no UTF-8 form.
    write_bytes(text.encode("utf-8", "replace") + b"\n")


def write_paths(paths: Iterable[str], *, nul: bool) -> None:
    """Writes each path once, byte by byte as the file system has it."""
    end = b"\0" if nul else b"\n"
    write_bytes(
        b"".join(os.fsencode(_no_option(near(path))) + end for path in dict.fromkeys(paths))
    )


def _no_option(path: str) -> str:
    """``-rf`` → ``./-rf``: what reads the paths would take it for an option."""
    return f"./{path}" if path.startswith("-") else path


def path_json(path: str | Path) -> dict[str, Any]:
    """A path for JSON: ``path``, and ``path_bytes`` in base64 where that is lossy."""
    text = str(path)
    data = os.fsencode(text)
    try:
        return {"path": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {
            "path": data.decode("utf-8", "replace"),
            "path_bytes": base64.b64encode(data).decode("ascii"),
        }


def _as_json(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def write_hits(hits: Sequence[Hit], form: Form) -> None:
    """Writes the answers to one query."""
    if form is Form.JSON:
        for rank, hit in enumerate(hits, 1):
            write_json(hit_json(hit, rank))
    elif form is Form.TABLE:
        write_lines(hit_lines(hits, columns=width_columns(), coloured=colours_wanted()))
    else:
        write_paths((hit.path for hit in hits), nul=form is Form.PATHS_NUL)


def hit_json(hit: Hit, rank: int) -> dict[str, Any]:
    """A hit for JSON."""
    return {
        "rank": rank,
        "item_id": hit.item_id,
        "score": round(hit.score, 6),
        "modality": hit.modality,
        **path_json(hit.path),
        "member": hit.member,
        "line": hit.line,
        "passage": hit.passage,
        "metadata": hit.metadata,
    }


def place_text(path: str, member: str | None, line: int | None) -> str:
    """``notes.md:12`` or ``shop.csv[row 7]``, printable."""
    place = printable(near(path))
    if member is not None:
        place += f"[{printable(member)}]"
    elif line is not None:
        place += f":{line}"
    return place


def hit_lines(hits: Sequence[Hit], *, columns: int, coloured: bool = False) -> list[str]:
    """Hits as lines: score, modality, place, passage, aligned.

    A path is never cut, so that it can be copied; a passage takes what is left of the line, or a
    line of its own where that is too little.
    """
    places = [place_text(hit.path, hit.member, hit.line) for hit in hits]
    rows = [(f"{hit.score:.3f}", str(hit.modality)) for hit in hits]
    starts = [f"{start}  " for start in table(rows)]
    starts = [start.ljust(max(map(len, starts))) for start in starts]
    widest = max((width(place) for place in places), default=0)
    indent = " " * len(starts[0]) if starts else ""
    left = columns - len(indent) - widest - 2
    lines = []
    for start, place, hit in zip(starts, places, hits, strict=True):
        passage = printable(" ".join((hit.passage or "").split()))
        shown_start = f"{_DIM}{start}{_PLAIN}" if coloured else start
        shown_place = f"{_BOLD}{place}{_PLAIN}" if coloured else place
        if passage and left >= _PASSAGE_LEAST_COLUMNS:
            gap = " " * (widest - width(place) + 2)
            lines.append(f"{shown_start}{shown_place}{gap}{fit(passage, left)}")
        else:
            lines.append(f"{shown_start}{shown_place}")
            if passage:
                lines.append(indent + fit(passage, max(columns - len(indent), 20)))
    return lines
