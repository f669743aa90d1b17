"""FAISS's files, and its failures as the store's errors."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from unisearch.errors import DamagedStore, MissingExtra

_ERRNOS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
)


def import_faiss() -> Any:
    """FAISS, imported when it is needed: that takes as long as importing numpy twice.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise MissingExtra("a FAISS index", "cpu") from error
    return faiss


def write_index(index: Any, path: Path) -> None:
    """Writes a FAISS index; its errors become the system's."""
    try:
        import_faiss().write_index(index, str(path))
    except RuntimeError as error:
        # FAISS keeps the system's words but not its number.
        said = str(error)
        code = next((code for code in _ERRNOS if os.strerror(code) in said), errno.EIO)
        raise OSError(code, os.strerror(code), str(path)) from error


def read_index(path: Path, *, mapped: bool) -> Any:
    """Reads a FAISS index.

    Args:
        path: The file.
        mapped: Map the vectors into memory instead of reading them, where FAISS can: opening
            takes no time then, but such an index must not be changed.

    Raises:
        DamagedStore: FAISS does not understand it.
    """
    faiss = import_faiss()
    flags = getattr(faiss, "IO_FLAG_MMAP_IFC", 0) if mapped else 0
    try:
        return faiss.read_index(str(path), flags)
    except RuntimeError as error:
        said = str(error).rsplit("Error: ", maxsplit=1)[-1]
        raise DamagedStore(f"{path} is no FAISS index: {said}") from error
