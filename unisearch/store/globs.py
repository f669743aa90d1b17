"""Patterns of paths → regular expressions.

Paths are matched as text in which a byte that is not UTF-8 is a lone surrogate, so that ``?``
stands for one character and every path can match.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def path_text(path_bytes: bytes) -> str:
    """A path's bytes as the text that globs are matched against; nothing is lost."""
    return path_bytes.decode("utf-8", errors="surrogateescape")


class Globs:
    """Several globs; see :class:`unisearch.store.filters.Filters` for what they mean.

    Args:
        patterns: Globs; one that matches is enough.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        relative = [_regex(p) for p in patterns if not p.startswith("/")]
        absolute = [_regex(p[1:], anchored=True) for p in patterns if p.startswith("/")]
        self._relative = re.compile("|".join(relative), re.DOTALL) if relative else None
        self._absolute = re.compile("|".join(absolute), re.DOTALL) if absolute else None

    def match(self, root: bytes, path: bytes) -> bool:
        """Whether one of them matches ``path``, relative to the absolute folder ``root``."""
        if self._relative and self._relative.fullmatch(path_text(path)):
            return True
        if self._absolute is None:
            return False
        whole = root.strip(b"/") + b"/" + path if root.strip(b"/") else path
        return self._absolute.fullmatch(path_text(whole)) is not None


def literal_ending(pattern: str) -> str:
    """Plain text that every path matched by the glob ends with; for narrowing in SQL."""
    ending = re.split(r"[*?\[\]/\\]", pattern)[-1]
    return ending if ending.isascii() else ""


def _regex(pattern: str, *, anchored: bool = False) -> str:
    """One glob → a regular expression to be matched against a whole path."""
    if "/" not in pattern and not anchored:
        return f"(?:.*/)?{_segment(pattern)}"
    while pattern.startswith("./"):
        pattern = pattern[2:]
    *folders, name = pattern.split("/")
    parts = [r"(?:[^/]+/)*" if f == "**" else _segment(f) + "/" for f in folders]
    # A trailing slash or ** stands for everything below.
    parts.append(r".+" if name in ("", "**") else _segment(name))
    return "".join(parts)


def _segment(glob: str) -> str:
    """One name of a glob → a regular expression that does not cross a slash."""
    out: list[str] = []
    at = 0
    while at < len(glob):
        char, at = glob[at], at + 1
        if char == "*":
            if out[-1:] != ["[^/]*"]:  # a run of stars is one star, and no slow expression
                out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "\\" and at < len(glob):
            out.append(re.escape(glob[at]))
            at += 1
        elif char == "[":
            # The first character of a class may be "]" itself.
            start = at + 1 if glob[at : at + 1] in ("!", "^") else at
            end = glob.find("]", start + 1)
            if end < 0:
                out.append(r"\[")
            else:
                out.append(_class(glob[start:end], negated=start > at))
                at = end + 1
        else:
            out.append(re.escape(char))
    return "".join(out)


def _class(body: str, *, negated: bool) -> str:
    """The inside of ``[…]`` → a regular expression for one character."""
    ranges: list[str] = []
    at = 0
    while at < len(body):
        low = body[at]
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            high = body[at + 2]
            at += 3
            if low <= high:  # a range that runs backwards holds nothing
                ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append(re.escape(low))
            at += 1
    if not ranges:
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{''.join(ranges)}]"
