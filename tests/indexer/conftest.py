"""A folder, a catalog and a fake encoder, ready to be indexed again and again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.options import IndexOptions
from indexer.pipeline import index_into
from indexer.report import IndexReport
from tests.conftest import COLOURS, FakeEncoder
from unisearch.encoders.base import Encoder
from unisearch.store.catalog import Catalog
from unisearch.store.records import FileRecord, ItemRecord


@dataclasses.dataclass
class Desk:
    """What a test works with.

    Attributes:
        folder: Is indexed.
        catalog: Lies in it.
        encoder: Counts what it encodes.
    """

    folder: Path
    catalog: Catalog
    encoder: FakeEncoder

    def picture(self, name: str, colour: str = "red", shade: int = 0) -> Path:
        """Writes a picture; another shade is another content of the same vector."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (8, 8), COLOURS[colour])
        if shade:
            image.putpixel((0, 0), (shade % 256, shade // 256, 128))
        image.save(path, "PNG")
        return path

    def text(self, name: str, text: str | bytes) -> Path:
        """Writes a text."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def run(
        self, *sources: Path | str | bytes, encoder: Encoder | None = None, **options: Any
    ) -> IndexReport:
        """Indexes the folder, or what is named.

        By one thread and without the clock, unless a test wants otherwise, so that what is in a
        batch does not depend on how busy the machine is.
        """
        options = {"threads": 1, "commit_interval_s": 1000.0, **options}
        run_options = {key: options.pop(key) for key in ("progress", "stop") if key in options}
        return index_into(
            self.catalog,
            encoder or self.encoder,
            list(sources) or [self.folder],
            base=self.folder,
            options=IndexOptions(**options),
            **run_options,
        )

    def items(self) -> list[ItemRecord]:
        """All items, by path and place."""
        return sorted(self.catalog.iter_items(), key=lambda i: (i.path_bytes, i.ordinal))

    def shown(self) -> list[tuple[str, str, str | None]]:
        """Path, modality and passage of all items."""
        return [(item.path, str(item.modality), item.passage) for item in self.items()]

    def paths(self) -> list[str]:
        """Paths of all items."""
        return [item.path for item in self.items()]

    def files(self) -> dict[str, FileRecord]:
        """All files by path."""
        return {
            record.path: record
            for root in self.catalog.roots()
            for record in self.catalog.files(root.id)
        }

    def reasons(self) -> dict[str, str | None]:
        """Why files were skipped."""
        return {path: r.reason for path, r in self.files().items() if r.status == "skipped"}

    @property
    def encoded(self) -> int:
        """How much went through the encoder since this was asked last."""
        count = self.encoder.images_encoded + self.encoder.texts_encoded
        self.encoder.images_encoded = self.encoder.texts_encoded = 0
        return count


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "things"
    folder.mkdir()
    path = folder / ".unisearch/catalog.sqlite"
    with Catalog.open(path, create=True) as catalog:
        yield Desk(folder, catalog, FakeEncoder())


def set_mtime(path: Path, seconds: int) -> None:
    """Gives a file another time, so that a test need not wait for the clock."""
    os.utime(path, ns=(seconds * 10**9, seconds * 10**9))
