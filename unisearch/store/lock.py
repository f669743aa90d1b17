"""One writer at a time."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self


class WriterLock:
    """Held by the process that writes into a collection; the kernel frees it if that dies.

    ::

        with WriterLock(layout.lock):
            ...

    Args:
        path: The lock file, :attr:`Layout.lock`.
        timeout_s: How long to wait for another writer; 0 does not wait.
    """

    def __init__(self, path: Path, *, timeout_s: float = 0.0) -> None:
        raise NotImplementedError

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            CollectionBusy: Another process has it; the message names its pid and host.
            ReadOnlyCollection: The lock file cannot be made here.
        """
        raise NotImplementedError

    def release(self) -> None:
        """Gives it back; does nothing if it is not held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
