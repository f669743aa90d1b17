"""Short ways to fill a catalog."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unisearch.datatypes import FloatArray, Modality
from unisearch.store.catalog import Catalog
from unisearch.store.records import (
    EncoderRecord,
    FileWrite,
    ItemWrite,
    RootRecord,
    VectorWrite,
    WriteBatch,
)

DIM = 8


def hash_of(content: str) -> str:
    """The hash of some content."""
    return hashlib.blake2b(content.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def vector_of(content: str, dim: int = DIM, salt: str = "") -> FloatArray:
    """A unit vector that belongs to some content."""
    seed = int(
        hashlib.blake2b((salt + content).encode(errors="surrogatepass"), digest_size=8).hexdigest(),
        16,
    )
    vector = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    unit: FloatArray = vector / np.linalg.norm(vector)
    return unit


@dataclass
class Desk:
    """Short ways to write into a catalog: contents are plain words, vectors follow from them."""

    catalog: Catalog
    encoder: EncoderRecord
    root: RootRecord
    words: dict[str, str] = field(default_factory=dict)

    def item(self, word: str, ordinal: int = 0, **more: Any) -> ItemWrite:
        self.words[hash_of(word)] = word
        modality = more.pop("modality", Modality.IMAGE)
        if modality is Modality.TEXT:
            more.setdefault("passage", word)
        return ItemWrite(ordinal=ordinal, modality=modality, content_hash=hash_of(word), **more)

    def picture(self, path: str | bytes, word: str | None = None, **more: Any) -> FileWrite:
        """A file with one picture; its content is its path unless said otherwise."""
        name = path if isinstance(path, bytes) else path.encode()
        word = word or name.decode(errors="backslashreplace")
        more.setdefault("items", [self.item(word)])
        return self._file(name, word, kind="picture", **more)

    def text(self, path: str, *words: str, **more: Any) -> FileWrite:
        """A file with one passage for each word."""
        items = [
            self.item(word, number, modality=Modality.TEXT, line=number + 1)
            for number, word in enumerate(words)
        ]
        return self._file(path.encode(), " ".join(words), kind="text", items=items, **more)

    def _file(self, path: bytes, content: str, **more: Any) -> FileWrite:
        more.setdefault("root_id", self.root.id)
        more.setdefault("size_bytes", 100)
        more.setdefault("mtime_ns", 1_000)
        more.setdefault("content_hash", hash_of(content))
        return FileWrite(path_bytes=path, **more)

    def vectors(self, *files: FileWrite, encoder: EncoderRecord | None = None) -> list[VectorWrite]:
        """The vectors of all items of some files."""
        encoder = encoder or self.encoder
        return [
            VectorWrite(
                content_hash=item.content_hash,
                modality=item.modality,
                encoder_id=encoder.id,
                vector=vector_of(self.words[item.content_hash], encoder.dim, salt=encoder.name),
            )
            for file in files
            for item in file.items
        ]

    def vector(self, word: str) -> FloatArray:
        """The vector of some content under the desk's encoder."""
        return vector_of(word, self.encoder.dim, salt=self.encoder.name)

    def put(self, *files: FileWrite) -> int:
        """Writes files with the vectors of their items."""
        return self.catalog.write(
            WriteBatch(files=list(files), vectors=self.vectors(*files), encoder_id=self.encoder.id)
        )

    def ids(self, path: str | bytes | None = None) -> list[int]:
        """Ids of all items, or of those of the file at a path; in order of ordinals."""
        if path is None:
            return [item.id for item in self.catalog.iter_items()]
        name = path if isinstance(path, bytes) else path.encode()
        files = [f for f in self.catalog.files(self.root.id, under=name) if f.path_bytes == name]
        return [item.id for item in self.catalog.items_of([file.id for file in files])]

    def file_id(self, path: str) -> int:
        """Id of the file at a path."""
        (found,) = self.catalog.files(self.root.id, under=path.encode())
        return found.id
