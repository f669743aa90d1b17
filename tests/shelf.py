"""Fills collections directly, without the indexer: what a test put in is what it knows is there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.conftest import COLOURS, FakeEncoder
from unisearch.collection import Collection
from unisearch.datatypes import FloatArray, Modality
from unisearch.store.records import (
    EncoderRecord,
    FileStatus,
    FileWrite,
    ItemWrite,
    VectorWrite,
    WriteBatch,
)


class Shelf:
    """A collection of a folder and the files in it.

    Args:
        folder: Where files are written; the collection lies beside them.
        encoder: Encodes them.
    """

    def __init__(self, folder: Path, encoder: FakeEncoder) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.encoder = encoder
        self.collection = Collection.create(folder, encoder=encoder)
        self.vectors: dict[int, FloatArray] = {}
        """What the encoder made of each item, by id."""

    @property
    def record(self) -> EncoderRecord:
        """What the catalog calls the encoder."""
        encoder = self.encoder
        catalog = self.collection.catalog
        return catalog.register_encoder(encoder.name, encoder.fingerprint, encoder.dim)

    def text(
        self, name: str, *passages: str, metadata: Mapping[str, Any] | None = None
    ) -> list[int]:
        """Writes a text file of some passages, a line each; returns the items' ids."""
        path = self._path(name)
        path.write_text("\n".join(passages))
        items = [
            ItemWrite(
                ordinal=ordinal,
                modality=Modality.TEXT,
                content_hash=_hash(passage.encode()),
                passage=passage,
                line=ordinal + 1,
            )
            for ordinal, passage in enumerate(passages)
        ]
        vectors = self.encoder.encode_texts(passages)
        return self._add(path, "text", items, vectors, metadata)

    def picture(
        self,
        name: str,
        colour: str,
        *,
        shade: int = 0,
        caption: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> int:
        """Writes a picture of one colour; ``shade`` changes its bytes. Returns the item's id."""
        path = self._path(name)
        picture = Image.new("RGB", (8, 8), COLOURS[colour])
        picture.putpixel((0, 0), (shade, 0, 0))
        picture.save(path, format="PNG")
        content = _hash(path.read_bytes())
        item = ItemWrite(ordinal=0, modality=Modality.IMAGE, content_hash=content, passage=caption)
        vectors = self.encoder.encode_images([picture])
        return self._add(path, "picture", [item], vectors, metadata)[0]

    def skipped(self, name: str, reason: str, detail: str) -> Path:
        """Notes that a file was skipped."""
        path = self._path(name)
        path.write_bytes(b"")
        self._write(path, "picture", [], [], None, reason=reason, detail=detail)
        return path

    def _path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _add(
        self,
        path: Path,
        kind: str,
        items: Sequence[ItemWrite],
        vectors: FloatArray,
        metadata: Mapping[str, Any] | None,
    ) -> list[int]:
        self._write(path, kind, items, list(vectors), metadata)
        catalog = self.collection.catalog
        stored = catalog.items_of([file.id for file in catalog.find_files(path)])
        for item in stored:
            # Vectors are stored as fp16.
            self.vectors[item.id] = vectors[item.ordinal].astype(np.float16).astype(np.float32)
        return [item.id for item in stored]

    def _write(
        self,
        path: Path,
        kind: str,
        items: Sequence[ItemWrite],
        vectors: Sequence[FloatArray],
        metadata: Mapping[str, Any] | None,
        reason: str | None = None,
        detail: str | None = None,
    ) -> None:
        catalog = self.collection.catalog
        record = self.record
        root = catalog.ensure_root(self.folder)
        found = path.stat()
        catalog.write(
            WriteBatch(
                files=[
                    FileWrite(
                        root_id=root.id,
                        path_bytes=os.fsencode(path.relative_to(self.folder)),
                        kind=kind,
                        size_bytes=found.st_size,
                        mtime_ns=found.st_mtime_ns,
                        content_hash=_hash(path.read_bytes()),
                        status=FileStatus.SKIPPED if reason else FileStatus.INDEXED,
                        reason=reason,
                        detail=detail,
                        metadata=metadata or {},
                        items=items,
                    )
                ],
                vectors=[
                    VectorWrite(
                        content_hash=item.content_hash,
                        modality=item.modality,
                        encoder_id=record.id,
                        vector=vector,
                    )
                    for item, vector in zip(items, vectors, strict=True)
                ],
                encoder_id=record.id,
            )
        )


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
