"""Arrays one after the other in a file, as ``np.save`` writes them; nothing is ever pickled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from unisearch.errors import DamagedStore


def write_arrays(path: Path, arrays: Sequence[npt.NDArray[Any]]) -> None:
    """Writes arrays to a new file."""
    with path.open("wb") as file:
        for array in arrays:
            np.save(_Plain(file), array, allow_pickle=False)


def read_arrays(path: Path, count: int) -> list[npt.NDArray[Any]]:
    """Reads what :func:`write_arrays` wrote.

    Raises:
        DamagedStore: The file holds something else.
    """
    try:
        with path.open("rb") as file:
            return [np.load(file, allow_pickle=False) for _ in range(count)]
    except (ValueError, EOFError) as error:
        raise DamagedStore(f"{path} is no index of this kind: {error}") from error


class _Plain:
    """A file that numpy does not take for one: around real files it loses the system's error
    numbers, and a full disk could not be told from anything else."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)
