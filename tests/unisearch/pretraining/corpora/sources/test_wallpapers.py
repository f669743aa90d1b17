from __future__ import annotations

from pathlib import Path

from unisearch.pretraining.corpora.sources.wallpapers import PACKAGES, photos


def picture(path: Path, size_bytes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0" * size_bytes)


def test_one_file_of_every_picture(tmp_path: Path) -> None:
    raw = {package: tmp_path / package for package in PACKAGES}
    plasma = raw["plasma-workspace-wallpapers"] / "usr/share/wallpapers"
    for name, size_bytes in {
        "Path/contents/images/1920x1080.jpg": 90_000,
        "Path/contents/images/5120x2880.jpg": 200_000,
        "Path/contents/images_dark/5120x2880.jpg": 300_000,
        "Path/contents/screenshot.png": 90_000,
        "Tiny/contents/images/1920x1080.png": 1_000,
    }.items():
        picture(plasma / name, size_bytes)
    flat = raw["ukui-wallpapers"] / "usr/share/backgrounds"
    picture(flat / "b.png", 70_000)
    picture(flat / "a.jpg", 80_000)
    found = list(photos(raw))
    assert [photo.id for photo in found] == [
        "plasma-workspace-wallpapers/Path",
        "ukui-wallpapers/a",
        "ukui-wallpapers/b",
    ]
    assert found[0].path.name == "5120x2880.jpg"
    assert found[1].licence == "CC-BY-SA-3.0"
