"""Pictures of every kind, good and bad, become upright RGB or a named reason."""

from __future__ import annotations

import gzip
import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from unisearch import picture_modes, pictures, svg
from unisearch.errors import MissingExtra, PictureError
from unisearch.picture_formats import picture_suffixes
from unisearch.picture_modes import scale_to_8_bit, shrink_to_rgb, to_rgb
from unisearch.pictures import PictureLimits, open_picture, read_picture

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
DRAWING = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10">'
    b'<rect width="10" height="10" fill="#ff0000"/></svg>'
)


def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def halves(mode: str, left: Any, right: Any, size: tuple[int, int] = (8, 4)) -> Image.Image:
    image = Image.new(mode, size, left)
    image.paste(right, (size[0] // 2, 0, size[0], size[1]))
    return image


def near(pixel: Any, colour: tuple[int, int, int], slack: int = 3) -> bool:
    return all(abs(int(a) - b) <= slack for a, b in zip(pixel, colour, strict=True))


@pytest.mark.parametrize(
    ("file_format", "slack"),
    [
        ("PNG", 0), ("BMP", 0), ("GIF", 0), ("TIFF", 0), ("PPM", 0), ("TGA", 0), ("QOI", 0),
        ("PCX", 0), ("SGI", 0), ("DDS", 0), ("ICNS", 0), ("JPEG2000", 3), ("WEBP", 10),
        ("AVIF", 10), ("JPEG", 10),
    ],
)  # fmt: skip
def test_reads_pillow_s_formats(file_format: str, slack: int) -> None:
    image = halves("RGB", RED, BLUE, (64, 32))
    if file_format == "ICNS":
        image = image.resize((32, 32))
    read = open_picture(encode(image, file_format))
    assert read.mode == "RGB"
    assert near(read.getpixel((1, read.height // 2)), RED, slack)
    assert near(read.getpixel((read.width - 2, read.height // 2)), BLUE, slack)


def test_source_may_be_a_path_a_name_bytes_or_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (3, 2), GREEN).save(path)
    data = path.read_bytes()
    with path.open("rb") as stream:
        for source in (path, str(path), data, stream):
            assert open_picture(source).getpixel((0, 0)) == GREEN


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "really_png.jpg"
    path.write_bytes(encode(Image.new("RGB", (3, 2), GREEN), "PNG"))
    assert read_picture(path).format == "PNG"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = np.zeros((2, 3, 3), np.uint8)
    upright[0, 0], upright[0, 2] = RED, BLUE
    # What a camera that was held so would have stored, written out as array operations.
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright, 1), 7: np.rot90(upright, 1)[:, ::-1],
        8: np.rot90(upright, -1),
    }  # fmt: skip
    if orientation == 7:
        stored[7] = upright.transpose(1, 0, 2)[::-1, ::-1]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored[orientation]))
    picture = read_picture(encode(image, "PNG", exif=exif))
    np.testing.assert_array_equal(np.asarray(picture.image), upright)
    assert (picture.width_px, picture.height_px) == (3, 2)


def test_exif_date_and_size_become_metadata() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 12:30:00"
    data = encode(Image.new("RGB", (30, 20)), "JPEG", exif=exif)
    assert read_picture(data, target_px=4).metadata() == {
        "width": 30, "height": 20, "taken": "2024-05-01T12:30:00",
    }  # fmt: skip
    exif.get_ifd(0x8769)[0x9011] = "+02:00"
    data = encode(Image.new("RGB", (30, 20)), "JPEG", exif=exif)
    picture = read_picture(data)
    assert picture.taken == "2024-05-01T12:30:00+02:00"
    assert picture.taken_ns == 1_714_559_400 * 10**9


@pytest.mark.parametrize(
    "date", ["0000:00:00 00:00:00", "yesterday", "    ", "2024:13:45 99:00:00"]
)
def test_impossible_exif_dates_count_as_none(date: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = date
    assert read_picture(encode(Image.new("RGB", (3, 2)), "JPEG", exif=exif)).taken is None


def test_broken_exif_does_not_lose_the_picture() -> None:
    data = encode(Image.new("RGB", (8, 8), GREEN), "JPEG", exif=b"Exif\0\0MM\0*garbage garbage")
    assert near(open_picture(data).getpixel((0, 0)), GREEN)


def test_alpha_is_composed_on_white() -> None:
    image = halves("RGBA", (255, 0, 0, 255), (0, 0, 0, 0))
    read = open_picture(encode(image, "PNG"))
    assert read.getpixel((0, 0)) == RED
    assert read.getpixel((7, 0)) == WHITE
    half = open_picture(encode(Image.new("RGBA", (2, 2), (0, 0, 0, 128)), "PNG"))
    assert near(half.getpixel((0, 0)), (127, 127, 127), 1)


def test_grey_with_alpha_is_composed_on_white() -> None:
    read = open_picture(encode(halves("LA", (40, 255), (40, 0)), "PNG"))
    assert read.getpixel((0, 0)) == (40, 40, 40)
    assert read.getpixel((7, 0)) == WHITE


@pytest.mark.parametrize("transparency", [1, b"\xff\x00"])
def test_transparent_palette_entries_show_white(transparency: int | bytes) -> None:
    image = Image.new("P", (8, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (4, 0, 8, 4))
    read = open_picture(encode(image, "PNG", transparency=transparency))
    assert read.getpixel((0, 0)) == RED
    assert read.getpixel((7, 0)) == WHITE


def test_transparent_colour_of_grey_and_rgb_shows_white() -> None:
    for image, key in ((halves("RGB", RED, BLUE), BLUE), (halves("L", 10, 90), 90)):
        assert open_picture(encode(image, "PNG", transparency=key)).getpixel((7, 0)) == WHITE


def test_palette_one_bit_cmyk_ycbcr_and_lab() -> None:
    assert open_picture(encode(halves("1", 0, 1), "PNG")).getpixel((7, 0)) == WHITE
    assert open_picture(encode(halves("RGB", RED, BLUE).quantize(4), "PNG")).getpixel((0, 0)) == RED
    cmyk = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    assert near(open_picture(cmyk).getpixel((5, 5)), RED, 6)
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (4, 4), (200, 30, 40)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert lab is not None
    assert near(open_picture(encode(lab, "TIFF")).getpixel((0, 0)), (200, 30, 40), 4)


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.array([[0, 16384, 32768, 65535]], np.uint16)
    for file_format in ("PNG", "TIFF"):
        read = open_picture(encode(Image.fromarray(ramp), file_format))
        assert [read.getpixel((x, 0))[0] for x in range(4)] == [0, 64, 128, 255]


def test_float_tiff_is_scaled() -> None:
    ramp = np.array([[0.0, 0.25, 1.0]], np.float32)
    read = open_picture(encode(Image.fromarray(ramp), "TIFF"))
    assert [read.getpixel((x, 0))[0] for x in range(3)] == [0, 64, 255]


@pytest.mark.parametrize(
    ("values", "is_float", "expected"),
    [
        ([0, 100, 255], False, [0, 100, 255]),
        ([0, 2048, 4095], False, [0, 128, 255]),
        ([0, 32768, 65535], False, [0, 128, 255]),
        ([-10, 0, 10], False, [0, 128, 255]),
        ([0, 1e6, 4e6], False, [0, 64, 255]),
        ([0, 0.5, 1], True, [0, 128, 255]),
        ([0, 1, 1], False, [0, 1, 1]),
        ([np.nan, 0.5, np.inf], True, [128, 128, 128]),
        ([np.nan, np.nan, np.nan], True, [0, 0, 0]),
        ([7e5, 7e5, 7e5], True, [0, 0, 0]),
    ],
)
def test_scale_guesses_the_range(values: list[float], is_float: bool, expected: list[int]) -> None:
    scaled = scale_to_8_bit(np.array([values]), is_float=is_float)
    assert scaled.tolist() == [expected]


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_animations_and_pages(file_format: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, BLUE)]
    data = encode(frames[0], file_format, save_all=True, append_images=frames[1:])
    assert near(open_picture(data).getpixel((0, 0)), RED, 12)


@pytest.mark.parametrize("target", [50, 224, 300, 5000])
def test_target_bounds_the_shorter_side_from_below(target: int) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (3, 4, 3), np.uint8)).resize((1600, 1200))
    for file_format in ("JPEG", "PNG", "JPEG2000"):
        read = read_picture(encode(image, file_format), target_px=target)
        assert (read.width_px, read.height_px) == (1600, 1200)
        assert min(read.image.size) >= min(target, 1200)
        if target <= 300:
            assert min(read.image.size) < 4 * target
        reference = np.asarray(image.resize((16, 12), Image.Resampling.BOX), np.float32)
        small = np.asarray(read.image.resize((16, 12), Image.Resampling.BOX), np.float32)
        assert np.abs(reference - small).mean() < 3


def bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG of a few bytes whose header promises many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


JPEG = encode(Image.effect_noise((64, 64), 90), "JPEG")
PNG = encode(Image.effect_noise((64, 64), 90), "PNG")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (JPEG[:-200], "truncated"),
        (JPEG[:30], "truncated"),
        (PNG[: len(PNG) // 2], "truncated"),
        (PNG[:20], "truncated"),
        (encode(Image.new("RGB", (64, 64)), "GIF")[:40], "truncated"),
        (encode(Image.effect_noise((64, 64), 90), "TIFF")[:500], "truncated"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "not-a-picture"),
        (b"Python is not a portable pixmap.\n" * 9, "not-a-picture"),
        (b"\0" * 5000, "not-a-picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not-a-picture"),
        (bomb(), "too-many-pixels"),
        (encode(Image.new("RGB", (100, 2)), "PNG"), "too-small"),
        (PNG[:29] + b"oops" + PNG[33:], "damaged"),
    ],
)  # fmt: skip
def test_bad_pictures_have_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(PictureError) as caught:
        open_picture(data, limits=PictureLimits(min_side_px=3))
    assert caught.value.reason == reason


def test_limits_quote_the_value_and_can_be_lifted() -> None:
    data = encode(Image.new("RGB", (200, 100)), "PNG")
    with pytest.raises(PictureError, match=r"200×100 = 20,000 pixels, over the limit of 19,999"):
        open_picture(data, limits=PictureLimits(max_pixels=19_999))
    assert open_picture(data, limits=PictureLimits(max_pixels=20_000)).size == (200, 100)
    with pytest.raises(PictureError, match=r"over 50 bytes") as caught:
        open_picture(io.BytesIO(data), limits=PictureLimits(max_bytes=50))
    assert caught.value.reason == "too-large"
    with pytest.raises(ValueError, match="max_pixels must be positive, not 0"):
        PictureLimits(max_pixels=0)
    with pytest.raises(ValueError, match="target_px must be at least 1, not 0"):
        open_picture(data, target_px=0)


def test_a_large_picture_within_the_limit_does_not_warn() -> None:
    # Pillow itself warns above 89 million pixels and refuses above 179.
    data = encode(Image.new("1", (14_000, 14_000)), "TIFF", compression="group4")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = read_picture(data, target_px=100)
    assert min(picture.image.size) >= 100


def test_a_folder_a_pipe_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    for name, reason in (
        ("x.jpg", "not-a-file"), ("pipe.png", "not-a-file"), ("gone.png", "vanished"),
        ("nul\0.png", "vanished"), ("n" * 300 + ".png", "unreadable"),
    ):  # fmt: skip
        with pytest.raises(PictureError) as caught:
            open_picture(tmp_path / name)
        assert caught.value.reason == reason, name


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PictureError, match=r"cannot read .*: Permission denied") as caught:
        open_picture(tmp_path / "secret.png")
    assert caught.value.reason == "unreadable"


def test_names_of_any_bytes(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/new\nline \xff\xfe.png"
    with open(path, "wb") as stream:  # noqa: PTH123 (Path takes no bytes)
        stream.write(PNG)
    assert open_picture(os.fsdecode(path)).size == (64, 64)


def test_svg_is_rendered_on_white() -> None:
    pytest.importorskip("resvg_py")
    for data in (DRAWING, gzip.compress(DRAWING), b"\xef\xbb\xbf" + DRAWING):
        picture = read_picture(data, target_px=32)
        assert picture.format == "SVG"
        assert picture.metadata() == {}
        assert picture.image.size == (64, 32)
        assert picture.image.getpixel((5, 5)) == RED
        assert picture.image.getpixel((60, 5)) == WHITE


@pytest.mark.parametrize("width", ["96", "96px", "1in", "72pt", "6pc", "25.4mm", "2.54cm"])
def test_svg_units_of_length(width: str) -> None:
    pytest.importorskip("resvg_py")
    # All are 96 px, so the upper left quarter is filled.
    size = f'width="{width}" height="{width}"'.encode()
    picture = read_picture(
        DRAWING.replace(b'width="20" height="10"', size).replace(
            b'<rect width="10" height="10"', b'<rect width="48" height="48"'
        ),
        target_px=32,
    )
    assert picture.image.size == (64, 64)
    assert picture.image.getcolors() == [(3072, WHITE), (1024, RED)]


def test_svg_with_a_side_much_longer_than_the_other() -> None:
    pytest.importorskip("resvg_py")
    data = DRAWING.replace(b'width="20"', b'width="60"')
    assert min(open_picture(data, target_px=32).size) >= 32


def test_bad_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("resvg_py")
    for data, reason in (
        (b"<svg", "damaged"),
        (DRAWING.replace(b'"20"', b'"0"'), "damaged"),
        (gzip.compress(DRAWING)[:-20], "truncated"),
        (gzip.compress(DRAWING + b" " * 5000), "too-large"),
    ):
        with pytest.raises(PictureError) as caught:
            open_picture(data, limits=PictureLimits(max_bytes=4000))
        assert caught.value.reason == reason, data[:20]
    huge = DRAWING.replace(b'"20"', b'"2000000"').replace(b'"10"', b'"1000000"')
    assert open_picture(huge).size == (1024, 512)


def test_a_drawing_that_kills_or_stalls_the_renderer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("resvg_py")
    svg._stop_all()  # so that the next renderer is one of these
    for body, reason in (
        ("import os; os.abort()", "damaged"), ("import time; time.sleep(60)", "timed-out"),
    ):  # fmt: skip
        child = tmp_path / "child.py"
        child.write_text(body)
        monkeypatch.setattr(svg, "_CHILD", child)
        with pytest.raises(PictureError) as caught:
            open_picture(DRAWING, limits=PictureLimits(drawing_timeout_s=0.5))
        assert caught.value.reason == reason
    assert svg._idle == []
    monkeypatch.undo()
    assert open_picture(DRAWING).size == (1024, 512)


def test_heic() -> None:
    heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    heif.from_pillow(halves("RGB", RED, BLUE, (64, 64))).save(stream)
    picture = read_picture(stream.getvalue())
    assert picture.format == "HEIF"
    assert near(picture.image.getpixel((5, 5)), RED, 12)
    with pytest.raises(PictureError):
        open_picture(stream.getvalue()[:200])


def test_missing_extras_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(MissingExtra, match=r"unisearch\[heic\]"):
        open_picture(b"\0\0\0\x18ftypheic" + b"\0" * 30)
    monkeypatch.setattr(svg.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"unisearch\[svg\]"):
        open_picture(DRAWING)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "CMYK"])
def test_strips_give_what_the_whole_gives(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 255, (101, 67, 3), np.uint8)).convert(mode)
    whole = np.asarray(to_rgb(image).reduce(4))
    monkeypatch.setattr(picture_modes, "_STRIP_PIXELS", 1000)
    np.testing.assert_array_equal(np.asarray(shrink_to_rgb(image, 4)), whole)


def test_admission_sees_the_pixels_really_decoded() -> None:
    asked: list[int] = []

    class Gate:
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    def admit(pixels: int) -> Gate:
        asked.append(pixels)
        return Gate()

    data = encode(Image.new("RGB", (800, 800)), "JPEG")
    read_picture(data, target_px=100, admission=admit)
    read_picture(data, admission=admit)
    assert asked == [100 * 100, 800 * 800]


def test_warning_filters_are_left_as_they_were_by_many_threads() -> None:
    before, pillow_limit = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    data = encode(Image.new("RGB", (8, 8)), "PNG")
    threads = [
        threading.Thread(target=lambda: [open_picture(data) for _ in range(30)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
    assert pillow_limit == Image.MAX_IMAGE_PIXELS


def test_suffixes_name_pictures_only() -> None:
    suffixes = picture_suffixes()
    assert {".jpg", ".png", ".heic", ".svg", ".webp", ".tif", ".avif", ".psd"} <= suffixes
    assert not {".pdf", ".eps", ".mpg", ".h5", ".txt", ".im", ".emf"} & suffixes


def test_decoder_errors_are_all_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(error: Exception) -> Callable[..., None]:
        def load(*_: object) -> None:
            raise error

        return load

    for error, reason in (
        (MemoryError(), "too-many-pixels"), (ZeroDivisionError("odd"), "damaged"),
        (EOFError(), "truncated"),
    ):  # fmt: skip
        monkeypatch.setattr(pictures, "shrink_to_rgb", fail(error))
        with pytest.raises(PictureError) as caught:
            open_picture(PNG)
        assert caught.value.reason == reason
