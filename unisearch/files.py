"""Paths as people type them, and opening what must be a regular file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from unisearch.errors import PictureError


def expand_home(path: str | os.PathLike[str]) -> Path:
    """``~/x`` and ``~ann/x`` → within that home; what merely begins with ``~`` stays as it is.

    ``Path.expanduser`` takes ``~draft.txt`` for the home of an unknown person, and fails.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111


class NotRegularError(OSError):
    """A folder, pipe, socket or device where a file was expected."""


def open_regular(path: str | bytes | os.PathLike[str]) -> BinaryIO:
    """Opens a file for reading, buffered, and never waits for a pipe's other end.

    Raises:
        NotRegularError: If it is no regular file.
        OSError: If it cannot be opened.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotRegularError(f"not a regular file: {os.fsdecode(path)!r}")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def reading_error(path: str | bytes | os.PathLike[str], error: Exception) -> PictureError:
    """The reason code and sentence for a failure to open or read a file."""
    name = repr(os.fsdecode(path))
    if isinstance(error, NotRegularError):
        return PictureError("not-a-file", str(error))
    if isinstance(error, FileNotFoundError | ValueError):  # ValueError: an embedded NUL
        return PictureError("vanished", f"no such file: {name}")
    message = getattr(error, "strerror", None) or str(error)
    return PictureError("unreadable", f"cannot read {name}: {message}")
