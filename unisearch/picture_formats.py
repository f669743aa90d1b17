"""The bytes of a picture → a Pillow image whose header is read and whose pixels are not.

Pillow's own ``Image.open`` is not used: it applies a size limit that only a process-wide setting
changes, warns through ``warnings`` (which cannot be silenced for one thread), and starts
Ghostscript for PostScript. Here the same plugins are asked in turn and the limits are ours.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib

from PIL import Image

from unisearch.errors import MissingExtra, PictureError

_UNREAD_FORMATS = frozenset(
    # Formats that Pillow recognises but cannot decode by itself: Ghostscript, Windows, or another
    # library would have to be there.
    {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
)
_CLEAR_FORMATS = frozenset(
    # Formats with a signature that nothing else begins with, so that a header that does not parse
    # means damage, not another kind of file.
    {"AVIF", "GIF", "JPEG", "JPEG2000", "PNG", "PSD", "QOI", "TIFF", "WEBP"}
)
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_SVG_HEAD_BYTES = 4096
_END_WORDS = ("truncat", "end of file", "eof", "not enough", "incomplete", "requires a buffer")

HEIF_SUFFIXES = frozenset({".heic", ".heics", ".heif", ".heifs", ".hif"})
SVG_SUFFIXES = frozenset({".svg", ".svgz"})


def picture_suffixes() -> frozenset[str]:
    """Lower-case suffixes, with the dot, of files that are pictures by their name."""
    Image.init()
    unread = _UNREAD_FORMATS | (set(Image.EXTENSION.values()) - set(Image.OPEN) - {"MPO"})
    raster = {suffix for suffix, name in Image.EXTENSION.items() if name not in unread}
    # Suffixes that in practice name something else far more often: "im" and "iim" of any program.
    return frozenset(raster - {".im", ".iim"}) | HEIF_SUFFIXES | SVG_SUFFIXES


def is_svg(data: bytes) -> bool:
    """Whether these bytes look like an SVG drawing, plain or gzipped."""
    head = data[:_SVG_HEAD_BYTES]
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(data, _SVG_HEAD_BYTES)
        except zlib.error:
            return False
    head = head.replace(b"\0", b"")  # UTF-16
    start = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!")) and b"<svg" in head)


def is_heif(data: bytes) -> bool:
    """Whether these bytes look like HEIC or another HEIF picture (not AVIF)."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS


def has_signature(head: bytes) -> bool:
    """Whether a file that begins so is surely a picture, whatever its name."""
    if is_svg(head) or is_heif(head):
        return True
    Image.init()
    for name in _CLEAR_FORMATS | {"BMP", "ICNS"}:
        accept = Image.OPEN[name][1] if name in Image.OPEN else None
        verdict = accept(head[:16]) if accept is not None else False
        if verdict and not isinstance(verdict, str):
            return True
    return False


def open_heif(data: bytes) -> Image.Image:
    """Opens a HEIC picture.

    Raises:
        MissingExtra: If pillow-heif is not installed.
        PictureError: If the bytes cannot be decoded.
    """
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise MissingExtra("reading HEIC pictures", "heic") from None
    try:
        image: Image.Image = HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call]
    except Exception as error:
        raise damage(error) from error
    return image


def open_raster(data: bytes) -> Image.Image:
    """Opens a picture of any format that Pillow decodes by itself.

    Raises:
        PictureError: ``not-a-picture`` if no format fits, ``truncated`` or ``damaged`` if one
            does and its header cannot be read.
    """
    Image.init()
    prefix = data[:16]
    failure: Exception | None = None
    # Formats without a signature (TGA, SPIDER…) accept almost anything, so they come last.
    for has_signature in (True, False):
        for name in Image.ID:
            factory, accept = Image.OPEN[name]
            if name in _UNREAD_FORMATS or (accept is not None) is not has_signature:
                continue
            try:
                # A string says that the format is known and Pillow was built without it.
                verdict = True if accept is None else accept(prefix)
                if verdict and not isinstance(verdict, str):
                    return factory(io.BytesIO(data), "")
            except Exception as error:
                if name in _CLEAR_FORMATS:
                    failure = error
        if failure is not None:
            raise damage(failure) from failure
    raise PictureError("not-a-picture", "the content is no picture format that can be read")


def gunzip_svg(data: bytes, max_bytes: int) -> bytes:
    """The text of an SVG drawing, unpacked if it is gzipped.

    Raises:
        PictureError: ``too-large`` if more than ``max_bytes`` come out, ``truncated`` if the
            compressed data ends early, ``damaged`` if it is not gzip after all.
    """
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            text = stream.read(max_bytes + 1)
    except Exception as error:
        raise damage(error) from error
    if len(text) > max_bytes:
        raise PictureError("too-large", f"the drawing unpacks to more than {max_bytes:,} bytes")
    return text


def damage(error: Exception) -> PictureError:
    """What a decoder's complaint means: ``truncated``, ``too-many-pixels`` or ``damaged``."""
    text = str(error) or type(error).__name__
    if isinstance(error, Image.DecompressionBombError | MemoryError):
        return PictureError("too-many-pixels", f"too many pixels to decode: {text}")
    ended = isinstance(error, EOFError | struct.error | IndexError)
    if ended or any(word in text.lower() for word in _END_WORDS):
        return PictureError("truncated", f"the file ends before the picture does: {text}")
    return PictureError("damaged", f"the picture is damaged: {text}")
