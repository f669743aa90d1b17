"""What ``unisearch doctor`` looks at. Each check returns findings; none prints or raises."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from unisearch.datatypes import Modality
from unisearch.errors import UnisearchError

if TYPE_CHECKING:
    from unisearch.collection import Collection
    from unisearch.encoders.base import Encoder

REQUIRED = (
    "alembic", "filelock", "numpy", "onnxruntime", "pillow", "sqlalchemy", "tokenizers", "typer",
)  # fmt: skip
"""The dependencies in pyproject.toml."""

EXTRAS: dict[str, tuple[str, ...]] = {
    "cpu or gpu": ("faiss",),
    "heic": ("pillow_heif",),
    "svg": ("resvg_py",),
    "parquet": ("pyarrow",),
    "postgres": ("psycopg",),
    "openclip": ("open_clip", "torch"),
    "train": ("onnx", "safetensors", "torch", "transformers"),
    "ui": ("gradio",),
}
"""Modules by extra: whether they are there is asked without importing them."""

FIX_CATALOG = "restore it from a backup, or delete it and run `unisearch index` with your folders"


class State(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "broken"


class Part(StrEnum):
    """What a finding is about; decides the exit code."""

    INSTALLATION = "installation"
    ENCODER = "encoder"
    COLLECTION = "collection"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        part: What it is about.
        name: What was checked.
        state: How it is.
        message: What was found.
        fix: What to do about it.
    """

    part: Part
    name: str
    state: State
    message: str
    fix: str | None = None


def check_installation() -> Iterator[Finding]:
    """Versions, extras, devices."""
    part = Part.INSTALLATION
    versions = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(part=part, name="python", state=State.OK, message=versions)
    for package in REQUIRED:
        try:
            found = version(package)
        except PackageNotFoundError:
            yield Finding(
                part=part,
                name=package,
                state=State.BROKEN,
                message="not installed",
                fix="pip install --force-reinstall unisearch",
            )
        else:
            yield Finding(part=part, name=package, state=State.OK, message=found)
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        yield Finding(
            part=part,
            name=f"extra {extra}",
            state=State.NOTE if missing else State.OK,
            message=f"not installed (no {', '.join(missing)})" if missing else "installed",
            fix=f"pip install 'unisearch[{extra.split()[0]}]'" if missing else None,
        )
    yield _check_faiss()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding(part=part, name="cores", state=State.OK, message=f"{cores}")


def _check_faiss() -> Finding:
    part, name = Part.INSTALLATION, "faiss"
    if find_spec("faiss") is None:
        return Finding(
            part=part,
            name=name,
            state=State.NOTE,
            message="not installed: searches use brute force in numpy",
            fix="pip install 'unisearch[cpu]'",
        )
    try:
        import faiss

        gpus = faiss.get_num_gpus()
    except Exception as error:
        return Finding(
            part=part,
            name=name,
            state=State.BROKEN,
            message=f"installed, but cannot be used: {error}",
            fix="pip install --force-reinstall 'unisearch[cpu]'",
        )
    found = f"{faiss.__version__}, {gpus} GPU{'' if gpus == 1 else 's'}"
    return Finding(part=part, name=name, state=State.OK, message=found)


def check_encoder(name: str, load: Callable[[str], Encoder]) -> Iterator[Finding]:
    """Loads an encoder, which compares its files with their checksums, and encodes with it."""
    import numpy as np

    part = Part.ENCODER
    fix = "install unisearch or the checkpoint again, or name another encoder"
    try:
        encoder = load(name)
        vectors = encoder.encode_texts(["a red bicycle"])
    except UnisearchError as error:
        yield Finding(part=part, name=name, state=State.BROKEN, message=str(error), fix=fix)
        return
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        yield Finding(part=part, name=name, state=State.BROKEN, message=message, fix=fix)
        return
    length = float(np.linalg.norm(vectors[0]))
    if vectors.shape != (1, encoder.dim) or not abs(length - 1) < 1e-3:
        message = f"its vectors are {vectors.shape} of length {length:.3f}, not (1, {encoder.dim})"
        yield Finding(part=part, name=name, state=State.BROKEN, message=message, fix=fix)
        return
    message = f"{encoder.dim} dimensions, fingerprint {encoder.fingerprint}"
    yield Finding(part=part, name=name, state=State.OK, message=message)


def check_collection(collection: Collection) -> Iterator[Finding]:
    """Reads the whole catalog and every index."""
    part = Part.COLLECTION
    folder = collection.layout.folder
    yield Finding(part=part, name="folder", state=State.OK, message=str(folder))
    problems = collection.catalog.check()
    for problem in problems:
        yield Finding(
            part=part,
            name="catalog",
            state=State.BROKEN,
            message=problem,
            fix=FIX_CATALOG,
        )
    if not problems:
        yield Finding(part=part, name="catalog", state=State.OK, message="whole")
    yield from _check_indexes(collection)
    yield from _check_encoded(collection)
    for root in collection.catalog.roots():
        if not root.path.is_dir():
            yield Finding(
                part=part,
                name="folder",
                state=State.NOTE,
                message=f"{root.path} is not there; its files are still found",
                fix="connect the disk, or `unisearch remove` the folder",
            )


def _check_indexes(collection: Collection) -> Iterator[Finding]:
    part = Part.COLLECTION
    for record in collection.catalog.encoders():
        for modality in Modality:
            name = f"index {record.name}/{modality}"
            try:
                with _Warnings() as warnings:
                    held = len(collection.indexes.open(record, modality))
            except UnisearchError as error:
                yield Finding(part=part, name=name, state=State.BROKEN, message=str(error))
                continue
            encoded = collection.catalog.counts(record.id).encoded.get(modality, 0)
            if warnings.messages:
                yield Finding(
                    part=part,
                    name=name,
                    state=State.NOTE,
                    message="; ".join(warnings.messages),
                    fix="run `unisearch index` once: it writes the index anew",
                )
            elif held != encoded:
                yield Finding(
                    part=part,
                    name=name,
                    state=State.BROKEN,
                    message=f"holds {held:,} items, the catalog {encoded:,}",
                    fix=f"delete {collection.layout.indexes} and run `unisearch index`",
                )
            else:
                yield Finding(
                    part=part, name=name, state=State.OK, message=f"{held:,} items, as the catalog"
                )


def _check_encoded(collection: Collection) -> Iterator[Finding]:
    counts = collection.catalog.counts()
    total = sum(counts.items.values())
    records = collection.catalog.encoders()
    for record in records:
        encoded = sum(collection.catalog.counts(record.id).encoded.values())
        if encoded < total:
            yield Finding(
                part=Part.COLLECTION,
                name=f"encoder {record.name}",
                state=State.NOTE,
                message=f"{encoded:,} of {total:,} items have a vector",
                fix=f"unisearch index --encoder {record.name}",
            )


class _Warnings:
    """Collects what the store logs, e.g. that an index file is damaged and made anew."""

    def __init__(self) -> None:
        import logging

        collected = self.messages = list[str]()

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                collected.append(record.getMessage())

        self._logger = logging.getLogger("unisearch.store")
        self._handler = Handler(logging.WARNING)

    def __enter__(self) -> _Warnings:
        self._propagated = self._logger.propagate
        self._logger.propagate = False
        self._logger.addHandler(self._handler)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self._handler)
        self._logger.propagate = self._propagated
