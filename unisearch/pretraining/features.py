"""The frozen trunk's view of every picture, computed once and kept on disk.

The visual trunk never learns, so its grid and class probabilities are the same in every epoch.
They are stored as plain arrays beside a list of the pictures they belong to, filled batch by
batch, and continued after an interruption.

Notation: N pictures, V views of each, R regions, F features, K classes kept.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from unisearch.encoders.preprocess import PREPROCESSING
from unisearch.errors import ConfigError
from unisearch.model.unimo import UnimoModel
from unisearch.pretraining.corpora.files import written_atomically
from unisearch.pretraining.trunk import Trunk
from unisearch.pretraining.views import view_of

_log = logging.getLogger(__name__)
_BATCH = 16
KEPT_CLASSES = 16


@dataclass(frozen=True, slots=True)
class PictureFeatures:
    """What the trunk sees.

    Attributes:
        ids: N picture ids, in row order.
        grid: float16 [N, V, R, F], memory-mapped.
        classes: int16 [N, V, K], the likeliest first.
        probabilities: float16 [N, V, K], falling.
    """

    ids: tuple[str, ...]
    grid: npt.NDArray[np.float16]
    classes: npt.NDArray[np.int16]
    probabilities: npt.NDArray[np.float16]

    @property
    def views(self) -> int:
        """V."""
        return int(self.grid.shape[1])


def picture_features(
    model: UnimoModel,
    pictures: Sequence[tuple[str, Path]],
    cache: Path,
    *,
    views: int,
    seed: int,
) -> PictureFeatures:
    """Computes, or finds computed, the features of pictures.

    Args:
        model: Its front end is used.
        pictures: Ids and files.
        cache: Folder of caches; each combination of trunk, pictures, views and seed gets its own.
        views: V, at least 1; view 0 is the picture unaltered.
        seed: Of the altered views.

    Returns:
        Memory-mapped features.

    Raises:
        ConfigError: If the model has no trunk, or a picture cannot be read.
    """
    if model.front_end is None:
        raise ConfigError("this model has no visual trunk: features cannot be computed")
    ids = tuple(key for key, _ in pictures)
    folder = cache / _cache_key(model, ids, views, seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = len(pictures) * views
    regions = model.config.visual_grid**2
    shapes = {
        "grid": ((rows, regions, model.config.region_feature_size), np.float16),
        "classes": ((rows, KEPT_CLASSES), np.int16),
        "probabilities": ((rows, KEPT_CLASSES), np.float16),
    }
    arrays: dict[str, Any] = {}
    for name, (shape, dtype) in shapes.items():
        path = folder / f"{name}.npy"
        if not path.exists():
            with written_atomically(path) as temporary:
                np.lib.format.open_memmap(temporary, mode="w+", dtype=dtype, shape=shape).flush()
        arrays[name] = np.lib.format.open_memmap(path, mode="r+")
    progress = folder / "done.json"
    done = json.loads(progress.read_text()) if progress.exists() else 0
    if done < rows:
        _fill(model, pictures, arrays, progress, done, views, seed)
    (folder / "ids.json").write_text(json.dumps(ids))

    def by_view(name: str) -> npt.NDArray[np.generic]:
        array = np.load(folder / f"{name}.npy", mmap_mode="r")
        return array.reshape(len(pictures), views, *array.shape[1:])  # type: ignore[no-any-return]

    return PictureFeatures(ids, by_view("grid"), by_view("classes"), by_view("probabilities"))  # type: ignore[arg-type]


def _fill(
    model: UnimoModel,
    pictures: Sequence[tuple[str, Path]],
    arrays: dict[str, Any],
    progress: Path,
    done: int,
    views: int,
    seed: int,
) -> None:
    side = model.config.visual_image_size_px
    rows = len(pictures) * views

    def load(row: int) -> npt.NDArray[np.uint8]:
        key, path = pictures[row // views]
        try:
            with Image.open(path) as image:
                return view_of(image.convert("RGB"), row % views, side, seed=seed, key=key)
        except OSError as error:
            raise ConfigError(f"picture {path} of the corpus cannot be read: {error}") from error

    trunk = Trunk(model)
    started, first, noted = time.monotonic(), done, time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        batches = [range(i, min(i + _BATCH, rows)) for i in range(done, rows, _BATCH)]
        coming = pool.map(lambda batch: np.stack([load(row) for row in batch]), batches[:2])
        ahead = list(coming)
        for number, batch in enumerate(batches):
            pixels = ahead.pop(0)
            following = (
                pool.submit(lambda b: np.stack([load(row) for row in b]), batches[number + 2])
                if number + 2 < len(batches)
                else None
            )
            grid, probabilities = trunk(pixels)
            top = np.argsort(-probabilities, axis=1, kind="stable")[:, :KEPT_CLASSES]
            arrays["grid"][batch.start : batch.stop] = grid.astype(np.float16)
            arrays["classes"][batch.start : batch.stop] = top.astype(np.int16)
            arrays["probabilities"][batch.start : batch.stop] = np.take_along_axis(
                probabilities, top, axis=1
            ).astype(np.float16)
            if following is not None:
                ahead.append(following.result())
            if time.monotonic() - noted > 10 or batch.stop == rows:
                noted = time.monotonic()
                for array in arrays.values():
                    array.flush()
                with written_atomically(progress) as temporary:
                    temporary.write_text(json.dumps(batch.stop))
                rate = (batch.stop - first) / (noted - started)
                _log.info(
                    "features: %d of %d views, %.0f a second, %.0f s left",
                    batch.stop,
                    rows,
                    rate,
                    (rows - batch.stop) / rate,
                )


def _cache_key(model: UnimoModel, ids: tuple[str, ...], views: int, seed: int) -> str:
    digest = hashlib.blake2b(digest_size=10)
    assert model.front_end is not None
    for tensor in model.front_end.state_dict().values():
        digest.update(tensor.to(torch.float16).numpy().tobytes())
    shape = (
        model.config.visual_grid,
        model.config.visual_image_size_px,
        views,
        seed,
        PREPROCESSING,
    )
    digest.update(json.dumps([shape, ids]).encode())
    return digest.hexdigest()
