"""Texts in any encoding come out right, and what is no text is recognised."""

from __future__ import annotations

import io
import random

import pytest

from indexer.texts import decode_text, detect_encoding, lines_of, open_text

GERMAN = "Größe: 20 € für „Äpfel“ – süß.\n"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", GERMAN), ("utf-8-sig", GERMAN), ("utf-16", GERMAN), ("utf-16-le", GERMAN * 3),
        ("utf-16-be", GERMAN * 3), ("utf-32", GERMAN), ("cp1252", GERMAN),
        ("latin-1", "Größe für Äpfel\n"), ("ascii", "plain\n"), ("utf-8", "写真を探す\n"),
    ],
)  # fmt: skip
def test_encodings(encoding: str, text: str) -> None:
    data = text.encode(encoding)
    assert decode_text(data) == text
    opened = open_text(io.BytesIO(data))
    assert opened is not None
    assert opened.read() == text


def test_utf16_with_either_mark() -> None:
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        assert decode_text(mark + GERMAN.encode(encoding)) == GERMAN


def test_declared_encoding_of_html() -> None:
    html = '<html><head><meta charset="koi8-r"></head>привет</html>'
    assert decode_text(html.encode("koi8-r")) == html
    assert (
        decode_text('<meta charset="nonsense">é'.encode("latin-1")) == '<meta charset="nonsense">é'
    )
    assert decode_text('<meta charset="utf-8">é'.encode("latin-1")) == '<meta charset="utf-8">é'


def test_one_wrong_byte_does_not_spoil_the_rest() -> None:
    assert decode_text("süß ".encode() + b"\xe9" + " 写".encode()) == "süß é 写"
    assert decode_text(b"undefined in cp1252: \x81 \xe9") == "undefined in cp1252: \x81 é"


def test_latin_1_after_the_part_that_is_looked_at() -> None:
    data = b"ascii\n" * 20_000 + "Größe".encode("latin-1")
    text = open_text(io.BytesIO(data))
    assert text is not None
    assert text.read().endswith("Größe")


@pytest.mark.parametrize("cut", range(65_530, 65_540))
def test_utf8_cut_where_the_look_ends(cut: int) -> None:
    data = b"a" * cut + "€uro".encode() * 10
    assert detect_encoding(data[:65_536]) == "utf-8"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\x7fELF\x02\x01\x01\0\0\0", b"%PDF-1.7\nabc",
        b"PK\x03\x04\x14\0\0\0\x08\0", random.Random(0).randbytes(4000), b"abc\0def" * 50,
        b"{\\rtf1\\ansi hello}", b"\x01\x02\x03\x04" * 20,
    ],
)  # fmt: skip
def test_binary_is_no_text(data: bytes) -> None:
    assert decode_text(data) is None
    assert open_text(io.BytesIO(data)) is None


def test_lines_are_numbered_whatever_ends_them() -> None:
    text = open_text(io.BytesIO(b"one\r\ntwo\rthree\n\nfive"))
    assert text is not None
    assert list(lines_of(text)) == [(1, "one"), (2, "two"), (3, "three"), (4, ""), (5, "five")]


def test_an_endless_line_comes_in_pieces() -> None:
    text = open_text(io.BytesIO(b"x" * 40_000 + b"\nend"))
    assert text is not None
    pieces = list(lines_of(text))
    assert [number for number, _ in pieces] == [1, 1, 1, 2]
    assert "".join(piece for number, piece in pieces if number == 1) == "x" * 40_000
