"""The pictures of a corpus: rendered, freed of duplicates, cropped."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from unisearch.errors import PictureError
from unisearch.pretraining.corpora.candidates import Candidate, Dropped
from unisearch.pretraining.corpora.near_duplicates import (
    difference_hash,
    first_of_duplicates,
    near_duplicates,
)
from unisearch.pretraining.corpora.records import BarePicture, Pair
from unisearch.pretraining.corpora.rendering import open_photo, render, save_jpeg
from unisearch.pretraining.corpora.sources.wallpapers import Photo

_log = logging.getLogger(__name__)

_SAME_PICTURE_BITS = 12
"""Of 512. Renderings of one drawing by two programs differ in fewer, unlike drawings in more."""
_PHOTO_SIDE_PX = 384
_CROP_SIDE_PX = 300
_CROP_SHARES = (0.3, 0.7)


@dataclass(frozen=True, slots=True)
class _Job:
    """One picture to render."""

    candidate: Candidate
    path: Path


def render_all(
    candidates: Sequence[Candidate], folder: Path, *, workers: int
) -> tuple[dict[str, npt.NDArray[np.uint8]], list[Dropped]]:
    """Render every candidate to ``folder/ID.jpg``; files that are there are kept.

    Returns:
        Id → difference hash of what could be rendered, and what could not.
    """
    jobs = [_Job(candidate, folder / f"{candidate.id}.jpg") for candidate in candidates]
    hashes: dict[str, npt.NDArray[np.uint8]] = {}
    dropped: list[Dropped] = []
    with ProcessPoolExecutor(max_workers=workers) as pool:
        for done, (job, result) in enumerate(
            zip(jobs, pool.map(_render_one, jobs, chunksize=16), strict=True), start=1
        ):
            if isinstance(result, str):
                one = job.candidate
                dropped.append(Dropped(id=one.id, source=one.source, reason=result))
            else:
                hashes[job.candidate.id] = result
            if done % 500 == 0 or done == len(jobs):
                _log.info("rendered %d of %d", done, len(jobs))
    return hashes, dropped


def _render_one(job: _Job) -> npt.NDArray[np.uint8] | str:
    """Render one picture and hash it, or say why it cannot be."""
    if not job.path.is_file():
        drawings = (job.candidate.drawing, job.candidate.fallback)
        reason = ""
        for drawing in drawings:
            try:
                if drawing is not None:
                    save_jpeg(render(drawing), job.path)
                    break
            except PictureError as error:
                reason = f"a picture that is {error.reason}"
        else:
            return reason
    with Image.open(job.path) as picture:
        return difference_hash(picture)


def distinct_pairs(
    pairs: Sequence[Pair], hashes: dict[str, npt.NDArray[np.uint8]]
) -> tuple[list[Pair], list[Dropped]]:
    """Leave out doubles within a split, and training pictures that look like measured ones.

    The stamps and the clip-art library share some drawings: a model must not be measured on a
    picture that it has seen.
    """
    kept: list[Pair] = []
    dropped: list[Dropped] = []
    measured = np.zeros((0, 64), dtype=np.uint8)
    for splits in (("stamps",), ("test", "dev"), ("train",)):
        group = [pair for pair in pairs if pair.split in splits]
        if not group:
            continue
        rows = np.stack([hashes[pair.id] for pair in group])
        seen = near_duplicates(rows, measured, most_bits=_SAME_PICTURE_BITS)
        first = first_of_duplicates(rows, most_bits=_SAME_PICTURE_BITS)
        for pair, is_seen, is_first in zip(group, seen, first, strict=True):
            if is_seen or not is_first:
                reason = "looks like a measured picture" if is_seen else "the same picture twice"
                dropped.append(Dropped(id=pair.id, source=pair.source, reason=reason))
            else:
                kept.append(pair)
        measured = np.concatenate([measured, rows])
    order = {pair.id: place for place, pair in enumerate(pairs)}
    return sorted(kept, key=lambda pair: order[pair.id]), dropped


def make_crops(
    photos: Sequence[Photo], out: Path, *, crops_per_photo: int, seed: int
) -> list[BarePicture]:
    """Write every photograph, scaled down, and random crops of it.

    A crop has 30–70% of the sides of its photograph and may be mirrored: parts of a landscape are
    pictures of their own, and a few dozen photographs become hundreds.
    """
    records: list[BarePicture] = []
    for photo in photos:
        chance = random.Random(f"{seed}:{photo.id}")
        boxes: list[tuple[float, float, float, float]] = [(0.0, 0.0, 1.0, 1.0)]
        for _ in range(crops_per_photo):
            share = chance.uniform(*_CROP_SHARES)
            left, top = chance.uniform(0, 1 - share), chance.uniform(0, 1 - share)
            boxes.append((left, top, left + share, top + share))
        ids = [photo.id, *(f"{photo.id}-crop{n}" for n in range(1, crops_per_photo + 1))]
        try:
            _write_crops(photo, [out / f"images/{one}.jpg" for one in ids], boxes)
        except PictureError as error:
            _log.warning("%s is left out: %s", photo.id, error)
            continue
        records += [
            BarePicture(
                id=one,
                image=f"images/{one}.jpg",
                parent=photo.id,
                box=tuple(round(side, 4) for side in box),  # type: ignore[arg-type]
                source=photo.source,
                licence=photo.licence,
            )
            for one, box in zip(ids, boxes, strict=True)
        ]
    return records


def _write_crops(
    photo: Photo, paths: Sequence[Path], boxes: Sequence[tuple[float, float, float, float]]
) -> None:
    if all(path.is_file() for path in paths):
        return
    # Large enough for the smallest crop to be sharp.
    whole = open_photo(photo.path, shorter_side_px=round(_CROP_SIDE_PX / _CROP_SHARES[0]))
    for path, (left, top, right, bottom) in zip(paths, boxes, strict=True):
        box = (
            round(left * whole.width),
            round(top * whole.height),
            round(right * whole.width),
            round(bottom * whole.height),
        )
        part = whole.crop(box)
        scale = min(1.0, _PHOTO_SIDE_PX / min(part.size))
        size = (round(part.width * scale), round(part.height * scale))
        save_jpeg(part.resize(size, Image.Resampling.LANCZOS), path)
