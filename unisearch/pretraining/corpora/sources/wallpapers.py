"""Photographs that desktops ship as backgrounds: pictures without words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photograph file.

    Attributes:
        id: ``PACKAGE/NAME``.
        path: Where it lies.
        source: Name of the package.
        licence: Licence that its copyright file states.
    """

    id: str
    path: Path
    source: str
    licence: str


PACKAGES = {
    "plasma-workspace-wallpapers": "LGPL-3.0 or CC-BY-SA-4.0, by picture",
    "lomiri-wallpapers-16.04": "CC0-1.0, CC-BY-4.0 or CC-BY-SA-4.0, by picture",
    "lomiri-wallpapers-20.04": "CC-BY-SA-3.0",
    "ukui-wallpapers": "CC-BY-SA-3.0",
}
"""Debian package → licence of its pictures, as its copyright file or the pictures' metadata say."""

_LEAST_BYTES = 60_000
"""Smaller files are previews and flat colours."""


def photos(raw: dict[str, Path]) -> Iterator[Photo]:
    """Offer one file of every picture, in a fixed order.

    Args:
        raw: Package → folder it was extracted to.
    """
    for package, licence in PACKAGES.items():
        for folder in sorted({path.parent for path in _pictures(raw[package])}):
            for path in _one_per_wallpaper(folder):
                name = path.parents[2].name if path.parent.name == "images" else path.stem
                yield Photo(id=f"{package}/{name}", path=path, source=package, licence=licence)


def _pictures(root: Path) -> list[Path]:
    found = [p for p in root.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"}]
    return [
        path
        for path in found
        if path.stem != "screenshot"
        and "images_dark" not in path.parts
        and not path.is_symlink()
        and path.stat().st_size >= _LEAST_BYTES
    ]


def _one_per_wallpaper(folder: Path) -> list[Path]:
    """All pictures of a flat folder; the largest of a folder with one picture in many sizes."""
    pictures = sorted(_pictures(folder), key=lambda path: (-path.stat().st_size, path.name))
    pictures = [path for path in pictures if path.parent == folder]
    return pictures[:1] if folder.name == "images" else sorted(pictures)
