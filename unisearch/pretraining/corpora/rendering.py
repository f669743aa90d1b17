"""Drawings and photographs to small RGB files on white."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from unisearch.errors import MissingExtra, PictureError
from unisearch.pretraining.corpora.files import written_atomically

SHORTER_SIDE_PX = 260
"""What the largest default visual front end reads; smaller ones scale down."""
_LONGEST_SIDE_PX = 780
_MARGIN = 0.04
_JPEG_QUALITY = 90
_DPI = 96.0
"""What CSS says; the renderer's own default gives sizes in points or millimetres no pixels."""
_MOST_PIXELS = 60_000_000


def render(drawing: str | Path) -> Image.Image:
    """Open SVG text, an SVG file or a raster file as RGB on white, cropped to what is drawn.

    Raises:
        PictureError: It cannot be read (``unreadable``), is too large (``too-many-pixels``) or
            shows nothing but its background (``blank``).
        MissingExtra: It is an SVG and the renderer is not installed.
    """
    if isinstance(drawing, Path) and drawing.suffix.lower() != ".svg":
        picture = _open_raster(drawing)
    else:
        svg = drawing if isinstance(drawing, str) else drawing.read_text("utf-8", "replace")
        picture = _render_svg(svg)
    return _scaled(_cropped_to_content(picture))


def save_jpeg(picture: Image.Image, path: Path) -> None:
    """Write `picture` to `path`, atomically."""
    with written_atomically(path) as temporary:
        picture.save(temporary, format="JPEG", quality=_JPEG_QUALITY)


def open_photo(path: Path, *, shorter_side_px: int) -> Image.Image:
    """Open a photograph as RGB, upright, scaled so that its shorter side is at most the given.

    Raises:
        PictureError: It cannot be read.
    """
    picture = _open_raster(path, draft_px=shorter_side_px)
    scale = shorter_side_px / min(picture.size)
    if scale < 1:
        size = (round(picture.width * scale), round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return picture


def _open_raster(path: Path, draft_px: int | None = None) -> Image.Image:
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise PictureError("too-many-pixels", f"{path} has {picture.size} pixels")
            if draft_px:
                picture.draft("RGB", (draft_px, draft_px))
            upright = ImageOps.exif_transpose(picture)
            return _on_white(upright)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise PictureError("unreadable", f"{path} cannot be read: {error}") from error


def _render_svg(svg: str) -> Image.Image:
    try:
        import resvg_py
    except ImportError as error:
        raise MissingExtra("Rendering SVG drawings", "svg") from error
    svg = re.sub(r"<!DOCTYPE[^>\[]*(\[.*?\])?\s*>", _entities_kept, svg, count=1, flags=re.DOTALL)
    try:
        # Twice the wanted size: cropping to what is drawn then costs no sharpness.
        small = Image.open(
            io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=64, dpi=_DPI)))
        )
        is_tall = small.width <= small.height
        width, height = (2 * SHORTER_SIDE_PX, None) if is_tall else (None, 2 * SHORTER_SIDE_PX)
        data = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=width, height=height, dpi=_DPI))
        with Image.open(io.BytesIO(data)) as picture:
            return _on_white(picture)
    except (ValueError, OSError, Image.DecompressionBombError) as error:
        raise PictureError("unreadable", f"an SVG cannot be rendered: {error}") from error


def _entities_kept(match: re.Match[str]) -> str:
    """Drop a document type, unless it defines entities that the drawing uses."""
    return match.group() if match.group(1) else ""


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return picture.convert("RGB")


def _cropped_to_content(picture: Image.Image) -> Image.Image:
    """Cut the empty white margin of a page away, leaving a little of it."""
    pixels = np.asarray(picture)
    drawn = np.asarray(pixels.min(axis=2) < 250)
    if not drawn.any() or pixels.std(axis=(0, 1)).max() < 2:
        raise PictureError("blank", "nothing is drawn")
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    margin = round(_MARGIN * max(box[2] - box[0], box[3] - box[1]))
    framed = Image.new("RGB", (box[2] - box[0] + 2 * margin, box[3] - box[1] + 2 * margin), "white")
    framed.paste(picture.crop(box), (margin, margin))
    return framed


def _scaled(picture: Image.Image) -> Image.Image:
    scale = min(SHORTER_SIDE_PX / min(picture.size), _LONGEST_SIDE_PX / max(picture.size), 1.0)
    if scale == 1.0:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)
