"""What a run tells while it goes on."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Phase(StrEnum):
    """Where a run is."""

    INDEXING = "indexing"
    PRUNING = "pruning"
    """Looking for files that are gone."""
    SAVING = "saving"
    """Bringing the indexes up to date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How far a run is.

    Attributes:
        phase: Where it is.
        files_found: Files seen by the scan so far.
        files_unchanged: Those among them that need nothing.
        files_to_do: Those that are new or changed.
        files_done: Those that are done with, indexed or skipped.
        files_skipped: Those among them that were skipped.
        items_done: Pictures and passages ready to be found.
        scan_finished: Whether ``files_to_do`` is final.
        rate: Items per second, of late.
        seconds_left: An estimate, once the scan has finished and a rate is known.
        current: A file just finished, as it is shown to people.
    """

    phase: Phase
    files_found: int
    files_unchanged: int
    files_to_do: int
    files_done: int
    files_skipped: int
    items_done: int
    scan_finished: bool
    rate: float
    seconds_left: float | None
    current: str


class Progress(Protocol):
    """Shows how far a run is; called a few times a second by the thread that called ``index``."""

    def update(self, snapshot: Snapshot) -> None:
        """Takes the newest state."""
        ...


class NoProgress:
    """Shows nothing."""

    def update(self, snapshot: Snapshot) -> None:
        """Does nothing."""


class Rate:
    """How fast a count grows, over the last ``window_s`` seconds."""

    def __init__(self, window_s: float = 20.0) -> None:
        self._window_s = window_s
        self._points: deque[tuple[float, int]] = deque()

    def add(self, count: int, now: float | None = None) -> None:
        """Notes the count at a time (``time.monotonic()`` by default)."""
        now = time.monotonic() if now is None else now
        self._points.append((now, count))
        while len(self._points) > 2 and now - self._points[1][0] > self._window_s:
            self._points.popleft()

    @property
    def per_second(self) -> float:
        """0 until two points are known."""
        if len(self._points) < 2:
            return 0.0
        (start, first), (end, last) = self._points[0], self._points[-1]
        return (last - first) / (end - start) if end > start else 0.0
