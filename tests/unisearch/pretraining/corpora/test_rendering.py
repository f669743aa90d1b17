from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unisearch.pretraining.corpora.miniature import SQUARE
from unisearch.errors import PictureError
from unisearch.pretraining.corpora.rendering import (
    SHORTER_SIDE_PX,
    open_photo,
    render,
    save_jpeg,
)

SVG = '<svg xmlns="http://www.w3.org/2000/svg" {}>{}</svg>'


@pytest.mark.parametrize(
    "size",
    ['width="100" height="100"', 'width="100pt" height="100pt"', 'viewBox="0 0 100 100"'],
)
def test_a_drawing_is_cropped_to_what_is_drawn(size: str) -> None:
    picture = render(SVG.format(size, SQUARE))
    assert picture.mode == "RGB"
    assert picture.size == (SHORTER_SIDE_PX, SHORTER_SIDE_PX)
    pixels = np.asarray(picture)
    assert pixels[130, 130].tolist() == [255, 0, 0]
    assert pixels[2, 2].tolist() == [255, 255, 255]
    # A twenty-fifth of the side is margin.
    assert pixels[130, 20].tolist() == [255, 0, 0]


def test_long_drawings_keep_their_shape() -> None:
    bar = '<rect x="0" y="45" width="100" height="5"/>'
    picture = render(SVG.format('width="100" height="100"', bar))
    assert picture.width > 5 * picture.height
    assert picture.width <= 780


def test_transparent_pictures_lie_on_white(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (100, 100, 300, 300))
    picture.save(tmp_path / "blue.png")
    pixels = np.asarray(render(tmp_path / "blue.png"))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[100, 100].tolist() == [0, 0, 255]


def test_small_pictures_are_not_blown_up(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "small.png")
    with pytest.raises(PictureError, match="nothing is drawn"):
        render(tmp_path / "small.png")  # one colour all over
    Image.linear_gradient("L").resize((40, 30)).convert("RGB").save(tmp_path / "small.png")
    assert max(render(tmp_path / "small.png").size) < 50


@pytest.mark.parametrize(
    ("svg", "reason"),
    [
        (SVG.format('width="9" height="9"', ""), "blank"),
        ("this is no drawing", "unreadable"),
        (SVG.format('width="0" height="0"', SQUARE), "unreadable"),
    ],
)
def test_drawings_that_show_nothing(svg: str, reason: str) -> None:
    with pytest.raises(PictureError) as caught:
        render(svg)
    assert caught.value.reason == reason


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(PictureError, match=r"broken\.png cannot be read"):
        render(tmp_path / "broken.png")


def test_photographs_are_scaled_down_but_not_up(tmp_path: Path) -> None:
    Image.effect_noise((900, 600), 50).convert("RGB").save(tmp_path / "photo.jpg")
    assert open_photo(tmp_path / "photo.jpg", shorter_side_px=300).size == (450, 300)
    assert open_photo(tmp_path / "photo.jpg", shorter_side_px=2000).size == (900, 600)


def test_saving_leaves_no_half_written_file(tmp_path: Path) -> None:
    save_jpeg(Image.new("RGB", (8, 8)), tmp_path / "deep/folder/picture.jpg")
    assert [path.name for path in (tmp_path / "deep/folder").iterdir()] == ["picture.jpg"]
    with pytest.raises(OSError, match="cannot write mode"):
        save_jpeg(Image.new("RGBA", (8, 8)), tmp_path / "deep/folder/other.jpg")
    assert [path.name for path in (tmp_path / "deep/folder").iterdir()] == ["picture.jpg"]
