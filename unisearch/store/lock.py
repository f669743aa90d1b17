"""One writer at a time."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from unisearch.errors import CollectionBusy
from unisearch.store.atomic import translated


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
        self._path = path
        # Beside the lock and not in it: taking a lock may empty its file before it is refused.
        self._owner = path.with_name(f"{path.stem}.owner.json")
        self._lock = FileLock(path, timeout=timeout_s, thread_local=False)

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            CollectionBusy: Another process has it; the message names its pid and host.
            ReadOnlyCollection: The lock file cannot be made here.
        """
        with translated(self._path):
            try:
                self._lock.acquire()
            except Timeout as error:  # an OSError too, in some releases of filelock
                raise CollectionBusy(
                    f"{self._path.parent} is being written to by {self._who()}: wait until that "
                    "has finished, or stop it (what it has committed stays)"
                ) from error
        owner = {"pid": os.getpid(), "host": socket.gethostname()}
        with contextlib.suppress(OSError):  # it only makes a message better
            self._owner.write_text(json.dumps(owner) + "\n", encoding="utf-8")

    def release(self) -> None:
        """Gives it back; does nothing if it is not held."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                self._owner.unlink()
            self._lock.release()

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

    def _who(self) -> str:
        """The other process, as far as it said who it is."""
        try:
            owner = json.loads(self._owner.read_bytes())
            return f"process {owner['pid']} on {owner['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"
