"""The bytes of a text in an unknown encoding → lines."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

_HEAD_BYTES = 65_536
_LINE_CHARACTERS = 16_384
"""Longer lines come in pieces, so that a file without newlines does not fill the memory."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_DECLARED = re.compile(
    rb"""(?ix) <meta [^>]{0,200} charset \s* = \s* ["']? \s* ([a-z0-9_:.-]{2,40})
       | <\?xml [^>]{0,200} encoding \s* = \s* ["'] ([a-z0-9_:.-]{2,40})"""
)
_BINARY_BEGINNINGS = (b"%PDF-", b"{\\rtf", b"%!PS")


def _as_cp1252(error: UnicodeError) -> tuple[str, int]:
    """What is not UTF-8 in an otherwise readable file is nearly always Windows' Latin-1."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    # One byte at a time: those after it may be UTF-8 again.
    byte = error.object[error.start : error.start + 1]
    try:
        return byte.decode("cp1252"), error.start + 1
    except UnicodeDecodeError:
        return byte.decode("latin-1"), error.start + 1


codecs.register_error("unisearch.cp1252", _as_cp1252)


def detect_encoding(head: bytes, *, whole: bool = False) -> str | None:
    """The encoding of a text.

    Byte order marks decide; then zeros in every other byte, which mean UTF-16; a declaration in
    HTML; else UTF-8, in which single wrong bytes are read as Windows' Latin-1 (cp1252), so that
    pure cp1252 and Latin-1 come out right too.

    Args:
        head: Its first bytes.
        whole: Whether there are no others.

    Returns:
        A codec's name; ``None`` if it is no text.
    """
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return "utf-8-sig" if encoding == "utf-8" else encoding
    if head.startswith(_BINARY_BEGINNINGS):
        return None
    if b"\0" in head:
        return _detect_utf16(head, whole=whole)
    if len(_CONTROL.findall(head)) > len(head) // 50:
        return None
    if _is_utf8(head, whole=whole):
        return "utf-8"
    if declared := _DECLARED.search(head[:4096]):
        name = (declared.group(1) or declared.group(2)).decode("ascii")
        try:
            info = codecs.lookup(name)
        except LookupError:
            return "utf-8"
        # Browsers take Latin-1 for cp1252 too; and UTF-16 cannot be declared in ASCII.
        if info.name in ("iso8859-1", "ascii") or info.name.startswith("utf"):
            return "utf-8"
        return info.name if getattr(info, "_is_text_encoding", True) else "utf-8"
    return "utf-8"


def _is_utf8(head: bytes, *, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def _detect_utf16(head: bytes, *, whole: bool) -> str | None:
    """UTF-16 without a mark: mostly ASCII or Latin letters, so mostly zeros on one side."""
    even, odd = head[0::2], head[1::2]
    if whole and len(head) % 2:
        return None
    zeros_even, zeros_odd = even.count(0), odd.count(0)
    half = max(len(odd), 1)
    if zeros_odd > 0.4 * half and zeros_even < 0.02 * half:
        encoding = "utf-16-le"
    elif zeros_even > 0.4 * half and zeros_odd < 0.02 * half:
        encoding = "utf-16-be"
    else:
        return None
    text = head[: len(head) // 2 * 2].decode(encoding, "replace")
    odd_ones = sum(not (c.isprintable() or c.isspace()) for c in text)
    return encoding if odd_ones <= len(text) // 50 else None


def decode_text(data: bytes) -> str | None:
    """All of a short text; ``None`` if it is none."""
    encoding = detect_encoding(data[:_HEAD_BYTES], whole=len(data) <= _HEAD_BYTES)
    return None if encoding is None else data.decode(encoding, _errors(encoding))


def open_text(stream: BinaryIO) -> io.TextIOWrapper | None:
    """A binary stream that can seek → its text, line ends unified; ``None`` if it is none.

    The stream is read from its beginning and closed with the text.
    """
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    encoding = detect_encoding(head, whole=len(head) < _HEAD_BYTES)
    if encoding is None:
        return None
    stream.seek(0)
    return io.TextIOWrapper(stream, encoding=encoding, errors=_errors(encoding), newline=None)


def lines_of(text: io.TextIOBase) -> Iterator[tuple[int, str]]:
    """Numbered lines, from 1, without their ends; very long ones in pieces of one number."""
    number = 1
    while piece := text.readline(_LINE_CHARACTERS):
        yield number, piece.rstrip("\n")
        number += piece.endswith("\n")


def _errors(encoding: str) -> str:
    return "unisearch.cp1252" if encoding.startswith("utf-8") else "replace"
