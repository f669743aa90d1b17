"""What the benchmarks share: a place to work, progress on stderr, a Markdown table on stdout."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

_SHOWN_EVERY_S = 0.5
_LOGGED_EVERY_S = 15.0


def unisearch_command() -> str:
    """The installed command that belongs to this Python."""
    return shutil.which("unisearch", path=str(Path(sys.executable).parent)) or "unisearch"


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> str:
    """One line on what the figures were measured with, and when."""
    return (
        f"{platform.machine()}, {cores()} cores, Python {platform.python_version()}, {date.today()}"
    )


@contextlib.contextmanager
def workplace(folder: Path | None) -> Iterator[Path]:
    """A folder to work in: ``folder``, which is kept, or a temporary one, which goes."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="unisearch-benchmark-") as temporary:
        yield Path(temporary).resolve()


class Meter:
    """Says on stderr how far something is and how long it still takes.

    Args:
        what: A few words.
        total: Number of steps.
    """

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total = what, total
        self._started = self._shown = time.monotonic()
        self._drawn = sys.stderr.isatty()

    def show(self, done: int) -> None:
        """Tells how many steps are done; shown now and then, and at the end."""
        now = time.monotonic()
        every = _SHOWN_EVERY_S if self._drawn else _LOGGED_EVERY_S
        if now - self._shown < every and done < self._total:
            return
        self._shown = now
        spent = now - self._started
        text = f"{self._what}: {done:,} of {self._total:,}"
        if done >= self._total:
            text += f" in {spent:.0f} s"
        elif done:
            text += f", about {spent / done * (self._total - done):.0f} s left"
        end = "\n" if not self._drawn or done >= self._total else ""
        start = "\r\x1b[K" if self._drawn else ""
        print(f"{start}{text}", end=end, file=sys.stderr, flush=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table; all columns but the first are right-aligned."""
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    for line in lines:
        print("| " + " | ".join(line) + " |")
    sys.stdout.flush()
