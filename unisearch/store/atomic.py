"""Files written whole or not at all, and what the system says when it cannot."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from unisearch.errors import ReadOnlyCollection, StorageFull, StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def absolute(path: Path) -> Path:
    """The path made absolute, with ``.`` and ``..`` gone but symbolic links left as they are: a
    linked folder keeps the name that its owner gave it."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.absolute keeps "..")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns what the system says about writing to ``path`` into the store's errors."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                f"{path} cannot be written: {error.strerror}; make room and run this again"
            ) from error
        if error.errno in _FORBIDDEN:
            raise ReadOnlyCollection(
                f"{path} cannot be written: {error.strerror}; put the collection where you may "
                "write, or open it for reading only"
            ) from error
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Puts a new file in the place of an old one, so that at any moment one of them is whole.

    Args:
        path: The file.
        write: Writes the new content to the path that it is given, in the same folder.

    Raises:
        StorageFull: No space is left; the old file is as it was.
        ReadOnlyCollection: The folder cannot be written to.
    """
    # Process and thread keep two writers from using one temporary file.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    with translated(path):
        try:
            write(temporary)
            _flush(temporary)
            temporary.replace(path)
            _flush(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def _flush(path: Path) -> None:
    """Asks the system to put a file, or a folder's list of names, on the disk now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
