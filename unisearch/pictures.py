"""Pictures from files, bytes or streams, upright and RGB, within limits.

The one place where pictures are decoded: indexing, queries and training all come here, so that a
picture that can be found can also be a query.
"""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from PIL import Image

from unisearch import picture_formats
from unisearch.errors import PictureError
from unisearch.files import open_regular, reading_error
from unisearch.picture_modes import shrink_to_rgb, to_rgb

PictureSource: TypeAlias = Path | str | bytes | BinaryIO
"""Where a picture comes from; ``bytes`` are its content, not its path."""

Admission: TypeAlias = Callable[[int], AbstractContextManager[object]]
"""Called with the number of pixels about to be decoded; decoding happens inside the context."""

_ORIENTATION_TAG = 0x0112
_EXIF_TAG = 0x8769
_DATE_TAGS = (0x9003, 0x9004)  # DateTimeOriginal, DateTimeDigitized: both within _EXIF_TAG
_OFFSET_TAGS = (0x9011, 0x9012)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNS_ON_THE_SIDE = frozenset(_TURNS[tag] for tag in (5, 6, 7, 8))
_DRAWING_SIDE_PX = 1024


@dataclass(frozen=True, kw_only=True)
class PictureLimits:
    """What is still decoded."""

    max_bytes: int = 200_000_000
    """Size of the file."""
    max_pixels: int = 200_000_000
    """Width × height as the header states them: a small file can unpack to any size."""
    min_side_px: int = 1
    """Length of the shorter side."""
    drawing_timeout_s: float = 30.0
    """Time for rendering one SVG drawing."""

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "min_side_px", "drawing_timeout_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A decoded picture and what its file says about it.

    Attributes:
        image: Upright, RGB, possibly scaled down.
        width_px: Width of the original, upright; ``None`` for a drawing, which has no pixels.
        height_px: Height of the original, likewise.
        format: Pillow's name of the file format, or ``SVG``.
        taken: When it was taken, by its EXIF: ISO 8601, with the offset from UTC if known.
    """

    image: Image.Image
    width_px: int | None
    height_px: int | None
    format: str
    taken: str | None

    @property
    def taken_ns(self) -> int | None:
        """``taken`` in nanoseconds since 1970 UTC; local time where the offset is not known."""
        if self.taken is None:
            return None
        try:
            return int(datetime.fromisoformat(self.taken).timestamp()) * 1_000_000_000
        except (OverflowError, ValueError, OSError):  # outside what the system's clock can hold
            return None

    def metadata(self) -> dict[str, Any]:
        """The known facts under short names, for the catalog."""
        facts = {"width": self.width_px, "height": self.height_px, "taken": self.taken}
        return {name: value for name, value in facts.items() if value is not None}


def open_picture(
    source: PictureSource,
    *,
    limits: PictureLimits | None = None,
    target_px: int | None = None,
) -> Image.Image:
    """Decodes a picture to upright RGB; see ``read_picture``."""
    return read_picture(source, limits=limits, target_px=target_px).image


def read_picture(
    source: PictureSource,
    *,
    limits: PictureLimits | None = None,
    target_px: int | None = None,
    admission: Admission | None = None,
) -> Picture:
    """Decodes a picture to upright RGB and reads what its header says.

    Transparent parts become white, the first frame or page stands for animations and documents,
    more than 8 bits a channel are scaled to 8. The file format is told by the content, never by
    the name.

    Args:
        source: A path, the content as bytes, or a binary stream.
        limits: What is still decoded; ``None`` for the default limits.
        target_px: If given, the result may be smaller than the original, but its shorter side
            not below this (unless the original's is). JPEGs then decode several times faster.
        admission: Lets a caller that decodes in several threads bound the pixels in memory.

    Returns:
        The picture.

    Raises:
        PictureError: With the reason ``empty``, ``truncated``, ``damaged``, ``not-a-picture``,
            ``too-large``, ``too-many-pixels``, ``too-small``, ``timed-out``, ``not-a-file``,
            ``unreadable`` or ``vanished``.
        MissingExtra: For HEIC and SVG when their extra is not installed.
    """
    limits = limits or PictureLimits()
    if target_px is not None and target_px < 1:
        raise ValueError(f"target_px must be at least 1, not {target_px}")
    data = _read_bytes(source, limits)
    if not data:
        raise PictureError("empty", "the picture has no bytes")
    with _leniency.within(limits.max_pixels):
        if picture_formats.is_svg(data):
            return _read_drawing(data, limits, target_px)
        opener = (
            picture_formats.open_heif
            if picture_formats.is_heif(data)
            else picture_formats.open_raster
        )
        return _decode(opener(data), limits, target_px, admission)


def upright_rgb(image: Image.Image) -> Image.Image:
    """A Pillow image of any mode → what ``open_picture`` makes of its file; not scaled.

    Raises:
        PictureError: If its pixels cannot be loaded.
    """
    turn, _ = _read_exif(image)
    try:
        image.load()
        decoded = to_rgb(image)
    except Exception as error:
        raise picture_formats.damage(error) from error
    return decoded if turn is None else decoded.transpose(turn)


def _decode(
    image: Image.Image,
    limits: PictureLimits,
    target_px: int | None,
    admission: Admission | None,
) -> Picture:
    """Header read → pixels, scaled, RGB, upright."""
    width, height = image.size
    _check_size(width, height, limits)
    turn, taken = _read_exif(image)
    file_format = image.format or "unknown"
    if target_px is not None:
        _scale_decoding(image, target_px)
    with admission(image.width * image.height) if admission else contextlib.nullcontext():
        try:
            image.load()
            # Icons hold several pictures and tell the size of the chosen one only now.
            _check_size(image.width, image.height, limits)
            # Most of the way down with a box, which is fast; the caller does the rest well.
            factor = 1 if target_px is None else max(1, min(image.size) // (2 * target_px))
            decoded = shrink_to_rgb(image, factor)
            if turn is not None:
                decoded = decoded.transpose(turn)
        except PictureError:
            raise
        except Exception as error:
            raise picture_formats.damage(error) from error
    if turn in _TURNS_ON_THE_SIDE:
        width, height = height, width
    return Picture(image=decoded, width_px=width, height_px=height, format=file_format, taken=taken)


def _check_size(width: int, height: int, limits: PictureLimits) -> None:
    pixels = width * height
    if pixels > limits.max_pixels:
        raise PictureError(
            "too-many-pixels",
            f"the picture has {width}×{height} = {pixels:,} pixels, "
            f"over the limit of {limits.max_pixels:,}",
        )
    if min(width, height) < limits.min_side_px:
        raise PictureError(
            "too-small",
            f"the picture has {width}×{height} pixels; "
            f"the shorter side must have at least {limits.min_side_px}",
        )


def _scale_decoding(image: Image.Image, target_px: int) -> None:
    """Asks decoders that can scale while decoding to do so."""
    if image.format in ("JPEG", "MPO"):
        image.draft(None, (target_px, target_px))  # keeps the shorter side at target_px or more
    elif image.format == "JPEG2000":
        halvings = (min(image.size) // target_px).bit_length() - 1
        if halvings > 0:
            image.reduce = halvings  # type: ignore[method-assign, assignment]


def _read_drawing(data: bytes, limits: PictureLimits, target_px: int | None) -> Picture:
    from unisearch.svg import render_svg

    text = picture_formats.gunzip_svg(data, limits.max_bytes)
    side = _DRAWING_SIDE_PX if target_px is None else 2 * target_px
    for _ in range(2):
        png = render_svg(text, side, timeout_s=limits.drawing_timeout_s)
        image = picture_formats.open_raster(png)
        image.load()
        rendered = to_rgb(image)
        shorter, longer = sorted(rendered.size)
        if target_px is None or shorter >= target_px:
            break
        side = min(16 * target_px, -(-target_px * longer // max(shorter, 1)))
    return Picture(image=rendered, width_px=None, height_px=None, format="SVG", taken=None)


def _read_exif(image: Image.Image) -> tuple[Image.Transpose | None, str | None]:
    """Orientation and date; broken EXIF counts as none, the picture itself may be fine."""
    try:
        exif = image.getexif()
        turn = _TURNS.get(exif.get(_ORIENTATION_TAG, 1))
        inner = exif.get_ifd(_EXIF_TAG)
    except Exception:
        return None, None
    for date_tag, offset_tag in zip(_DATE_TAGS, _OFFSET_TAGS, strict=True):
        taken = _iso_date(inner.get(date_tag), inner.get(offset_tag))
        if taken is not None:
            return turn, taken
    return turn, None


def _iso_date(date: object, offset: object) -> str | None:
    """``2024:05:01 12:30:00`` and ``+02:00`` → ``2024-05-01T12:30:00+02:00``."""
    if not isinstance(date, str):
        return None
    try:
        moment = datetime.strptime(date.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")
        if isinstance(offset, str) and offset.strip("\0 "):
            moment = datetime.fromisoformat(moment.isoformat() + offset.strip("\0 "))
    except ValueError:
        return None
    return moment.isoformat()


def _read_bytes(source: PictureSource, limits: PictureLimits) -> bytes:
    if isinstance(source, bytes):
        _check_bytes(len(source), limits)
        return source
    if not isinstance(source, Path | str):
        data = source.read(limits.max_bytes + 1)
        _check_bytes(len(data), limits)
        return data
    try:
        with open_regular(source) as stream:
            _check_bytes(os.fstat(stream.fileno()).st_size, limits)
            data = stream.read(limits.max_bytes + 1)
    except (OSError, ValueError) as error:
        raise reading_error(source, error) from error
    _check_bytes(len(data), limits)
    return data


def _check_bytes(size: int, limits: PictureLimits) -> None:
    if size > limits.max_bytes:
        raise PictureError(
            "too-large", f"the picture has over {limits.max_bytes:,} bytes, which is the limit"
        )


class _Leniency:
    """What Pillow must be told process-wide, told only while some thread of ours decodes.

    Its warnings about odd files are hidden, and its own limit on pixels is raised where ours is
    higher. ``warnings.catch_warnings`` would not do: it puts back a whole saved list and so must
    not overlap between threads; this takes out again only what it put in.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._filter: Any = None
        self._pillow_limit: int | None = None

    @contextlib.contextmanager
    def within(self, max_pixels: int) -> Iterator[None]:
        with self._lock:
            if self._threads == 0:
                warnings.filterwarnings("ignore", module=r"PIL\.")
                self._filter = warnings.filters[0]
                self._pillow_limit = Image.MAX_IMAGE_PIXELS
            self._threads += 1
            # Pillow refuses above twice its limit; None is no limit at all.
            if Image.MAX_IMAGE_PIXELS is not None:
                Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, -(-max_pixels // 2))
        try:
            yield
        finally:
            with self._lock:
                self._threads -= 1
                if self._threads == 0:
                    Image.MAX_IMAGE_PIXELS = self._pillow_limit
                    with contextlib.suppress(ValueError):  # somebody reset the filters meanwhile
                        warnings.filters.remove(self._filter)  # type: ignore[attr-defined]


_leniency = _Leniency()
