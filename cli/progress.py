"""How far an index run is, on stderr: one line that changes, or a line now and then."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

from cli.show import duration_text, fit, is_terminal, printable, width
from indexer.progress import Phase

if TYPE_CHECKING:
    from indexer.progress import Snapshot

TERMINAL_INTERVAL_S = 0.1
LOG_INTERVAL_S = 10.0

_STOPPING = b"\nstopping after the batch at hand; Ctrl-C again stops at once\n"

_PHASES = {Phase.PRUNING: "looking for files that are gone", Phase.SAVING: "saving the indexes"}


class StderrProgress:
    """Draws an index run.

    On a terminal one line is drawn over again; elsewhere, as in a log, a line comes every ten
    seconds. Use it as a context manager: at its end the line is gone.

    Args:
        stream: Where to; stderr by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._drawn_over = is_terminal(self._stream)
        self._interval_s = TERMINAL_INTERVAL_S if self._drawn_over else LOG_INTERVAL_S
        # A log gets its first line after a while, so that short runs say nothing.
        self._last_s = 0.0 if self._drawn_over else time.monotonic()
        self._columns_drawn = 0

    def __enter__(self) -> StderrProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._erase()

    def update(self, snapshot: Snapshot) -> None:
        """Draws the newest state, if the last drawing is old enough."""
        now = time.monotonic()
        if now - self._last_s < self._interval_s:
            return
        self._last_s = now
        if self._drawn_over:
            self._draw(fit(progress_line(snapshot, with_file=True), self._columns()))
        else:
            self._stream.write(progress_line(snapshot, with_file=False) + "\n")
        self._stream.flush()

    def _columns(self) -> int:
        from shutil import get_terminal_size

        # A line of the terminal's full width would wrap.
        return get_terminal_size().columns - 1

    def _draw(self, line: str) -> None:
        blank = " " * max(self._columns_drawn - width(line), 0)
        self._stream.write(f"\r{line}{blank}")
        self._columns_drawn = width(line)

    def _erase(self) -> None:
        if self._columns_drawn:
            self._stream.write("\r" + " " * self._columns_drawn + "\r")
            self._stream.flush()
            self._columns_drawn = 0


class AnnouncedStop(threading.Event):
    """Says once, when Ctrl-C sets it, what happens now: a batch may take some seconds."""

    def set(self) -> None:
        if not self.is_set():
            # Past Python's buffers: a signal may come while these are being written to.
            with contextlib.suppress(OSError, ValueError):
                os.write(sys.stderr.fileno(), _STOPPING)
        super().set()


def progress_line(snapshot: Snapshot, *, with_file: bool) -> str:
    """``1,200 of 4,000 files (30%), 41.3 items/s, 1 min 8 s left  pictures/bike.jpg``."""
    if snapshot.phase in _PHASES:
        return _PHASES[snapshot.phase]
    parts = []
    if snapshot.scan_finished and snapshot.files_to_do:
        share = snapshot.files_done / snapshot.files_to_do
        parts.append(
            f"{snapshot.files_done:,} of {snapshot.files_to_do:,} files ({min(share, 1):.0%})"
        )
    else:
        parts.append(f"{snapshot.files_done:,} files, {snapshot.files_found:,} found so far")
    if snapshot.files_skipped:
        parts.append(f"{snapshot.files_skipped:,} skipped")
    if snapshot.rate > 0:
        parts.append(f"{snapshot.rate:.1f} items/s")
    if snapshot.seconds_left is not None:
        parts.append(f"{duration_text(snapshot.seconds_left)} left")
    line = ", ".join(parts)
    return f"{line}  {printable(snapshot.current)}" if with_file and snapshot.current else line
