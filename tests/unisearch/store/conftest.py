"""Catalogs in both databases, and short ways to fill them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
POSTGRES = os.environ.get("UNISEARCH_TEST_POSTGRES")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | Path]:
    """Where a catalog can be made: a file, and a schema of its own in PostgreSQL."""
    if request.param == "sqlite":
        yield tmp_path / "collection" / ".unisearch" / "catalog.sqlite"
        return
    if not POSTGRES:
        pytest.skip("UNISEARCH_TEST_POSTGRES is not set; see scripts/postgres")
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    plain = POSTGRES.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield f"{POSTGRES}?options=-csearch_path%3D{name}"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def catalog(address: str | Path) -> Iterator[Catalog]:
    """An empty catalog."""
    with Catalog.open(address, create=True) as opened:
        yield opened


def hash_of(content: str) -> str:
    """The hash of some content."""
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def vector_of(content: str, dim: int = DIM, salt: str = "") -> FloatArray:
    """A unit vector that belongs to some content."""
    seed = int(hashlib.blake2b((salt + content).encode(), digest_size=8).hexdigest(), 16)
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

    hash_of = staticmethod(hash_of)
    vector_of = staticmethod(vector_of)

    def item(self, word: str, ordinal: int = 0, **more: Any) -> ItemWrite:
        modality = more.pop("modality", Modality.IMAGE)
        if modality is Modality.TEXT:
            more.setdefault("passage", word)
        return ItemWrite(ordinal=ordinal, modality=modality, content_hash=hash_of(word), **more)

    def picture(self, path: str | bytes, word: str | None = None, **more: Any) -> FileWrite:
        """A file with one picture; its content is its path unless said otherwise."""
        name = path if isinstance(path, bytes) else path.encode()
        word = word or name.decode(errors="backslashreplace")
        self.words[hash_of(word)] = word
        more.setdefault("items", [self.item(word)])
        return self._file(name, word, kind="picture", **more)

    def text(self, path: str, *words: str, **more: Any) -> FileWrite:
        """A file with one passage for each word."""
        self.words |= {hash_of(word): word for word in words}
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
                vector=vector_of(self.word(item), encoder.dim, salt=encoder.name),
            )
            for file in files
            for item in file.items
        ]

    def word(self, item: ItemWrite) -> str:
        return self.words.get(item.content_hash) or item.passage or item.content_hash

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


@pytest.fixture
def desk(catalog: Catalog) -> Desk:
    """An empty catalog with an encoder and the root ``/pictures``."""
    encoder = catalog.register_encoder("fake", "0123456789abcdef", DIM)
    return Desk(catalog, encoder, catalog.ensure_root(Path("/pictures")))


@pytest.fixture
def sqlite_desk(tmp_path: Path) -> Iterator[Desk]:
    """The same, always in SQLite, for what is about files."""
    path = tmp_path / "collection" / ".unisearch" / "catalog.sqlite"
    with Catalog.open(path, create=True) as opened:
        encoder = opened.register_encoder("fake", "0123456789abcdef", DIM)
        yield Desk(opened, encoder, opened.ensure_root(Path("/pictures")))


@pytest.fixture
def unprivileged() -> Callable[..., str]:
    """Runs a script in a process that file permissions bind (they do not bind root).

    The script is given the arguments as ``sys.argv[1:]``; what it prints is returned.
    """

    def run(script: str, *arguments: object) -> str:
        as_nobody: dict[str, Any] = {}
        if os.geteuid() == 0:
            as_nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        repository = Path(__file__).parents[3]
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"},
            **as_nobody,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that other users can enter (pytest's own cannot be)."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="unisearch-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
