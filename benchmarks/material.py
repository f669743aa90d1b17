"""Files to index, in any number and all different, made from ``samples/``.

Every picture is a crop of a real one, perhaps mirrored, at another size, in slightly other colours
and with the grain of a camera (without it, enlarged pictures would be easier to decode than
photographs are). Every text is made of the sentences of a real note. The same numbers give the
same files.
"""

from __future__ import annotations

import functools
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import Meter, cores
from PIL import Image, ImageChops

from unisearch.pictures import open_picture

SAMPLES = Path(__file__).parent.parent / "samples"

_PER_FOLDER = 250
_CHUNK = 50
_GRAIN = 4.0
"""Standard deviation, in steps of 8 bits."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What pictures are like.

    Attributes:
        shortest: Least length of the longer side, in pixels.
        longest: Greatest length of the longer side.
        quality: JPEG quality.
        aspect: Width by height; ``None`` for that of the crop.
    """

    shortest: int
    longest: int
    quality: int = 80
    aspect: float | None = None


SMALL = Kind(shortest=320, longest=640)
MIXED = Kind(shortest=640, longest=1600)
PHOTOGRAPHS = Kind(shortest=4000, longest=4000, quality=90, aspect=4 / 3)
"""12 megapixels, as a telephone or camera writes them."""


def write_pictures(folder: Path, count: int, kind: Kind) -> None:
    """Writes JPEG pictures into sub-folders, on all cores; those that are there already stay."""
    meter = Meter(f"making pictures in {folder.name}", count)
    work = [(folder, start, min(start + _CHUNK, count), kind) for start in range(0, count, _CHUNK)]
    for start in range(0, count, _PER_FOLDER):
        _place(folder, start).parent.mkdir(parents=True, exist_ok=True)
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores(), mp_context=spawning) as pool:
        done = 0
        for written in pool.map(_write_chunk, work):
            done += written
            meter.show(done)


def write_texts(folder: Path, count: int) -> None:
    """Writes short texts into sub-folders: one passage each, no two alike."""
    notes = [
        sentences
        for path in sorted((SAMPLES / "notes").rglob("*"))
        if path.suffix in (".md", ".txt")
        and len(sentences := _sentences(path.read_text("utf-8", errors="replace"))) > 1
    ]
    for number in range(count):
        random = np.random.default_rng([2, number])
        own = notes[number % len(notes)]
        other = notes[int(random.integers(len(notes)))]
        words = [own[i] for i in random.permutation(len(own))]
        words.append(other[int(random.integers(len(other)))])
        path = _place(folder, number).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{' '.join(words)} Note {number}.\n", encoding="utf-8")


def _place(folder: Path, number: int) -> Path:
    return folder / f"{number // _PER_FOLDER:03}" / f"{number:06}.jpg"


def _sentences(text: str) -> list[str]:
    plain = re.sub(r"[#*_>`|-]+", " ", text)
    return [s for s in re.split(r"(?<=[.!?])\s+", " ".join(plain.split())) if len(s) > 10]


def _write_chunk(work: tuple[Path, int, int, Kind]) -> int:
    folder, start, stop, kind = work
    for number in range(start, stop):
        path = _place(folder, number)
        if not path.exists():
            _variant(number, kind).save(path, quality=kind.quality)
    return stop - start


def _variant(number: int, kind: Kind) -> Image.Image:
    """The picture of a number."""
    random = np.random.default_rng([1, number])
    originals = _originals()
    original = originals[number % len(originals)]
    width, height = original.size
    wide, high = width * random.uniform(0.7, 1.0), height * random.uniform(0.7, 1.0)
    if kind.aspect is not None:
        wide, high = min(wide, high * kind.aspect), min(high, wide / kind.aspect)
    left, top = random.uniform(0, width - wide), random.uniform(0, height - high)
    scale = random.uniform(kind.shortest, kind.longest) / max(wide, high)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    box = (left, top, left + wide, top + high)
    gains = random.uniform(0.85, 1.15, size=3)
    curve = np.clip(np.outer(gains, np.arange(256)), 0, 255).astype(np.uint8)
    picture = original.point(curve.ravel().tolist())
    picture = picture.resize(size, Image.Resampling.BILINEAR, box=box)
    if random.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    grain = _grain(2048 if max(size) <= 2048 else 4096)
    x, y = (int(random.integers(grain.width - side + 1)) for side in size)
    tile = grain.crop((x, y, x + size[0], y + size[1]))
    return ImageChops.add(picture, tile, offset=-128)  # the offset takes away the grain's mean


@functools.cache
def _originals() -> list[Image.Image]:
    folder = SAMPLES / "pictures"
    return [open_picture(path) for path in sorted(folder.rglob("*")) if path.is_file()]


@functools.cache
def _grain(side: int) -> Image.Image:
    random = np.random.default_rng(3)
    noise = random.standard_normal((side, side), dtype=np.float32) * _GRAIN + 128
    grey = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    return Image.merge("RGB", [grey] * 3)
