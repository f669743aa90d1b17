"""Saved indexes: a payload that checks itself and a small file that says what it is.

::

    indexes/
      0123456789abcdef-image.json          what it is, and which payload
      0123456789abcdef-image-1204.index    the payload; 1204 is the generation of its making

A payload is never changed. A new one is written under a new name, and then the small file is
replaced: at any moment it names a payload that is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from unisearch.datatypes import Modality
from unisearch.errors import DamagedStore, SchemaTooNew
from unisearch.store.atomic import replace_file
from unisearch.store.index import VectorIndex
from unisearch.store.sealing import check_seal, read_seal

FORMAT = 1

_LEFT_BEHIND_S = 3600


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a saved index is.

    Attributes:
        kind: Which class reads it; see :attr:`VectorIndex.kind`.
        factory: FAISS's factory string.
        catalog: Which catalog it was derived from.
        fingerprint: Of the encoder.
        modality: Of the items.
        dim: Length of the vectors.
        count: How many there are.
        generation: What it reflects.
        payload: Name of the payload's file, beside this.
        checksum: Of the payload.
        format: Version of this file.
    """

    kind: str
    factory: str
    catalog: str
    fingerprint: str
    modality: str
    dim: int
    count: int
    generation: int
    payload: str
    checksum: str
    format: int = FORMAT


class IndexFile:
    """Where the index of one encoder and modality is saved.

    Args:
        folder: Folder of the indexes.
        fingerprint: Of the encoder.
        modality: Of the items.
    """

    def __init__(self, folder: Path, fingerprint: str, modality: Modality) -> None:
        plain = re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}", fingerprint)
        safe = (
            fingerprint
            if plain
            else hashlib.blake2b(fingerprint.encode(), digest_size=8).hexdigest()
        )
        self._folder = folder
        self._stem = f"{safe}-{modality}"

    @property
    def path(self) -> Path:
        """The small file."""
        return self._folder / f"{self._stem}.json"

    def read_header(self) -> Header | None:
        """What is saved; ``None`` if nothing is.

        Raises:
            DamagedStore: It does not parse.
            SchemaTooNew: A newer unisearch wrote it.
        """
        try:
            values = json.loads(self.path.read_bytes())
            if values["format"] > FORMAT:
                raise SchemaTooNew(f"{self.path} has format {values['format']}, not {FORMAT}")
            header = Header(**values)
            for name, kind in (("count", int), ("dim", int), ("generation", int), ("payload", str)):
                if not isinstance(getattr(header, name), kind):
                    raise TypeError(f"{name} is {getattr(header, name)!r}")
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedStore(f"{self.path} is damaged: {error}") from error
        return header

    def read_payload(self, header: Header, kind: type[VectorIndex]) -> VectorIndex:
        """The index that a header describes.

        Raises:
            DamagedStore: The payload is damaged, or another than the header says.
            FileNotFoundError: It is gone; a newer one may have taken its place.
        """
        path = self._folder / Path(header.payload).name
        if read_seal(path) != header.checksum:
            raise DamagedStore(f"{path} is another file than {self.path.name} says")
        index = kind.load(path)
        if (index.dim, len(index)) != (header.dim, header.count):
            raise DamagedStore(
                f"{path} holds {len(index)} vectors of {index.dim} numbers instead of "
                f"{header.count} of {header.dim}"
            )
        return index

    def check_payload(self, header: Header) -> None:
        """Compares the index that a header describes with its checksum, without loading it.

        Raises:
            DamagedStore: The payload is damaged, or another than the header says.
            FileNotFoundError: It is gone.
        """
        path = self._folder / Path(header.payload).name
        if check_seal(path) != header.checksum:
            raise DamagedStore(f"{path} is another file than {self.path.name} says")

    def write(self, index: VectorIndex, header: Header) -> Header:
        """Saves an index; returns the header with the payload's name and checksum in it."""
        name = f"{self._stem}-{header.generation}.index"
        checksum = index.save(self._folder / name)
        header = Header(**{**asdict(header), "payload": name, "checksum": checksum})
        self.write_header(header)
        self._clean_up(header.generation)
        return header

    def write_header(self, header: Header) -> None:
        """Replaces the small file."""
        text = json.dumps(asdict(header), indent=2) + "\n"
        replace_file(self.path, lambda path: _write_text(path, text))

    def _clean_up(self, generation: int) -> None:
        """Removes other payloads, and what processes that were killed left behind."""
        for path in self._folder.glob(f"{self._stem}-*.index"):
            # A newer one may be another process's, whose small file is about to name it; an hour
            # later it is of a catalog that was since made anew.
            if _generation(path) < generation or (
                _generation(path) > generation and _is_left_behind(path)
            ):
                _remove(path)
        for path in self._folder.glob(f".{self._stem}*.tmp"):
            if _is_left_behind(path):  # else it may be being written
                _remove(path)


def _is_left_behind(path: Path) -> bool:
    """Whether nobody has written to it for an hour."""
    try:
        return time.time() - path.stat().st_mtime > _LEFT_BEHIND_S
    except OSError:  # somebody else was faster
        return False


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _generation(payload: Path) -> int:
    """The generation in a payload's name."""
    digits = payload.stem.rsplit("-", maxsplit=1)[-1]
    return int(digits) if digits.isdigit() else -1
