"""What all tests share: an encoder with predictable vectors, tiny pictures, permissions."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from unisearch.datatypes import FloatArray
from unisearch.encoders.base import PreparedImage

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
}


class FakeEncoder:
    """A deterministic encoder with readable vectors.

    A text is the sum of its lower-case words' vectors, normalised. Each colour's word owns one of
    the first six axes; any other word has a hashed direction in the remaining ones, so it is
    orthogonal to every colour. A picture has the vector of the colour nearest to its mean. Hence
    cos("red", red picture) = 1, cos("red", blue picture) = 0, cos("red dog", red picture) = √½.

    With fewer than eight dimensions there is no room for the axes: every word is hashed.

    Args:
        dim: Length D of the vectors.
        name: Part of the fingerprint: another name is another space.
    """

    image_size_px = 8

    def __init__(self, dim: int = 16, name: str = "fake") -> None:
        self.dim = dim
        self.name = name
        self.fingerprint = hashlib.blake2b(f"{name}/{dim}".encode(), digest_size=8).hexdigest()
        self.texts_encoded = 0
        self.images_encoded = 0
        self.text_calls = 0
        self.image_calls = 0

    def encode_texts(self, texts: Sequence[str]) -> FloatArray:
        self.text_calls += 1
        self.texts_encoded += len(texts)
        return self._stack([self._text(text) for text in texts])

    def prepare_image(self, image: Image.Image) -> PreparedImage:
        side = self.image_size_px
        return np.asarray(image.convert("RGB").resize((side, side)), dtype=np.uint8)

    def encode_images(self, images: Sequence[Image.Image | PreparedImage]) -> FloatArray:
        self.image_calls += 1
        self.images_encoded += len(images)
        return self._stack([self._picture(image) for image in images])

    def _stack(self, rows: list[npt.NDArray[np.float64]]) -> FloatArray:
        if not rows:
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)

    def _text(self, text: str) -> npt.NDArray[np.float64]:
        words = re.findall(r"\w+", text.lower()) or [""]
        total = np.sum([self._word(word) for word in words], axis=0)
        return total if np.linalg.norm(total) > 1e-9 else self._word("")

    def _word(self, word: str) -> npt.NDArray[np.float64]:
        axes = len(COLOURS) if self.dim >= len(COLOURS) + 2 else 0
        vector = np.zeros(self.dim)
        if axes and word in COLOURS:
            vector[list(COLOURS).index(word)] = 1.0
            return vector
        seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        hashed = np.random.default_rng(seed).normal(size=self.dim - axes)
        vector[axes:] = hashed / np.linalg.norm(hashed)
        return vector

    def _picture(self, image: Image.Image | PreparedImage) -> npt.NDArray[np.float64]:
        pixels = self.prepare_image(image) if isinstance(image, Image.Image) else image
        mean = np.asarray(pixels, dtype=np.float64).reshape(-1, 3).mean(axis=0)
        distances = {name: np.linalg.norm(mean - rgb) for name, rgb in COLOURS.items()}
        return self._word(min(distances, key=lambda name: float(distances[name])))


@pytest.fixture
def fake_encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def make_encoder() -> Callable[..., FakeEncoder]:
    """The class itself: ``make_encoder(dim=8, name="other")``."""
    return FakeEncoder


@pytest.fixture
def make_picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a plain picture: ``make_picture("a/red.png", "red", shade=10)``.

    ``shade`` changes the bytes (one pixel) and nothing else, so that two pictures of one colour
    have the same vector and different contents. A relative path lies under ``tmp_path``.
    """

    def write(
        path: str | Path, colour: str = "red", *, size: tuple[int, int] = (8, 8), shade: int = 0
    ) -> Path:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", size, COLOURS[colour])
        if shade:
            picture.putpixel((0, 0), (shade % 256, shade // 256 % 256, 128))
        picture.save(target)
        return target

    return write


@pytest.fixture
def known_encoders(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeEncoder]:
    """Makes ``load_encoder("unimo-mini")`` give a fake, as well as ``"fake"`` and ``"other"``."""
    from unisearch.encoders import load

    fakes = {
        "unimo-mini": FakeEncoder(name="unimo-mini"),
        "fake": FakeEncoder(),
        "other": FakeEncoder(dim=24, name="other"),
    }
    for name, fake in fakes.items():
        monkeypatch.setitem(load.ENCODERS, name, lambda threads=None, fake=fake: fake)
    return fakes


@pytest.fixture
def unprivileged() -> Callable[..., str]:
    """Runs a script in a process that file permissions bind, even if these tests run as root.

    The script is given the arguments as ``sys.argv[1:]``; what it prints is returned.
    """

    def run(script: str, *arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            preexec_fn=_give_up_override if os.geteuid() == 0 else None,
        )
        if done.returncode == _CANNOT:
            pytest.skip("root cannot give up its right to ignore file permissions here")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


_CANNOT = 77


def _give_up_override() -> None:
    """Takes from root, for good, what lets it ignore permissions (see ``man 7 capabilities``)."""
    drop, override, read_search = 24, 1, 2
    libc = ctypes.CDLL(None)
    for capability in (override, read_search):
        if libc.prctl(drop, capability, 0, 0, 0) != 0:
            os._exit(_CANNOT)


@pytest.fixture
def closed() -> Iterator[Callable[[Path], None]]:
    """Forbids writing to a folder and the files in it, until the test ends."""
    closed: list[tuple[Path, int]] = []

    def close(folder: Path) -> None:
        for path in (*folder.iterdir(), folder):
            mode = path.stat().st_mode
            closed.append((path, mode))
            path.chmod(mode & ~0o222)

    yield close
    for path, mode in closed:
        if path.exists():
            path.chmod(mode)
