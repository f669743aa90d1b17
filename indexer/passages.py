"""A text → passages of about a hundred words, each of which can be a search result.

Encoders read some 200 words at most, and a hit that shows a whole file shows nothing. Passages
end where a paragraph does if they can, else where a sentence does, else at a line's end. A heading
stands at the beginning of every passage below it, for without it many would not say what they are
about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MIN_WORDS = 80
"""A passage that has as many ends with its paragraph."""
MAX_WORDS = 120
"""No passage is much longer, its heading not counted."""

_FEW_WORDS = 25
"""A rest shorter than this joins the passage before it."""
_MAX_WORD_CHARACTERS = 100
_MAX_HEADING_CHARACTERS = 200

# Han, kana, Hangul, Thai: written without spaces, some two characters a word.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_SENTENCE_END = re.compile(
    r"""(?<=[.!?…])["'”’)\]]*\s+(?=["'“‘(\[]*[^\sa-z])   # a space after it, no small letter next
      | (?<=[。！？])""",
    re.VERBOSE,
)
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a text as its reader understands it.

    Attributes:
        text: One line or more of it; ``""`` ends a paragraph.
        line: Its line in the file, from 1.
        heading: Whether it is a heading of what follows.
    """

    text: str
    line: int
    heading: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text.

    Attributes:
        text: The part, its heading before it.
        line: The line in the file where it begins, from 1, the heading not counted.
    """

    text: str
    line: int


@dataclass(slots=True)
class _Piece:
    """A sentence, or the part of it that stands in one line."""

    text: str
    line: int
    words: int
    ends_sentence: bool = False
    ends_paragraph: bool = False


def count_words(text: str) -> int:
    """Words, counting two characters as one where a script has no spaces."""
    unspaced = len(_UNSPACED.findall(text)) if not text.isascii() else 0
    return len(text.split()) + unspaced // 2


def split_passages(blocks: Iterable[Block]) -> Iterator[Passage]:
    """Cuts a text into passages.

    A heading with nothing below it is left out, unless the text has nothing but headings. Memory
    holds two passages, however long the text is, and all headings before the first.

    Args:
        blocks: The text in order.
    """
    headings: list[Block] = []
    is_empty = True

    def noted() -> Iterator[Block]:
        for block in blocks:
            if block.heading and is_empty:
                headings.append(Block(block.text, block.line))
            yield block

    for passage in _below_headings(noted()):
        is_empty = False
        yield passage
    if is_empty:
        yield from _below_headings(headings)


def _below_headings(blocks: Iterable[Block]) -> Iterator[Passage]:
    heading = ""
    pieces: list[_Piece] = []
    held: list[_Piece] = []  # the passage before, to which a short rest may still be added
    for block in blocks:
        if block.heading:
            yield from _close(heading, held, pieces)
            held, pieces = [], []
            heading = _clean(block.text)[:_MAX_HEADING_CHARACTERS]
            continue
        text = _clean(block.text)
        if not text:
            if pieces:
                pieces[-1].ends_sentence = pieces[-1].ends_paragraph = True
                if sum(piece.words for piece in pieces) >= MIN_WORDS:
                    yield from _passage(heading, held)
                    held, pieces = pieces, []
            continue
        for piece in _pieces(text, block.line):
            pieces.append(piece)
            while sum(p.words for p in pieces) > MAX_WORDS:
                cut = _best_cut(pieces)
                yield from _passage(heading, held)
                held, pieces = pieces[:cut], pieces[cut:]
    yield from _close(heading, held, pieces)


def _close(heading: str, held: list[_Piece], rest: list[_Piece]) -> Iterator[Passage]:
    """The last one or two passages below a heading."""
    if held and rest and sum(piece.words for piece in rest) < _FEW_WORDS:
        held, rest = held + rest, []
    yield from _passage(heading, held)
    yield from _passage(heading, rest)


def _passage(heading: str, pieces: list[_Piece]) -> Iterator[Passage]:
    if not pieces:
        return
    lines: list[str] = []
    for before, piece in zip([None, *pieces], pieces, strict=False):
        if before is not None and not before.ends_paragraph:
            lines[-1] += ("" if _UNSPACED.match(piece.text) else " ") + piece.text
        else:
            lines.append(piece.text)
    yield Passage("\n".join([heading, *lines] if heading else lines), pieces[0].line)


def _clean(text: str) -> str:
    """One line's text with single spaces."""
    return _SPACES.sub(" ", text.replace("\0", " ")).strip()


def _pieces(text: str, line: int) -> Iterator[_Piece]:
    """A line → its sentences, none longer than a passage may be."""
    sentences = [part for part in _SENTENCE_END.split(text) if part]
    for at, sentence in enumerate(sentences):
        ends = at < len(sentences) - 1 or sentence.endswith((".", "!", "?", "…", "。", "！", "？"))
        parts = _parts(sentence)
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            yield _Piece(part, line, max(count_words(part), 1), ends_sentence=ends and is_last)


def _parts(sentence: str) -> list[str]:
    """A sentence that may be longer than a passage, or than any sentence: data, base64."""
    if count_words(sentence) <= MAX_WORDS and len(sentence) <= MAX_WORDS * 20:
        return [sentence]
    words: list[str] = []
    for word in sentence.split():
        if _UNSPACED.search(word):
            words += [word[i : i + MAX_WORDS] for i in range(0, len(word), MAX_WORDS)]
        else:
            step = _MAX_WORD_CHARACTERS
            words += [word[i : i + step] for i in range(0, len(word), step)]
    parts: list[str] = []
    current: list[str] = []
    count = 0
    for word in words:
        size = max(count_words(word), 1)
        if current and count + size > MAX_WORDS:
            parts.append(" ".join(current))
            current, count = [], 0
        current.append(word)
        count += size
    return [*parts, " ".join(current)]


def _best_cut(pieces: list[_Piece]) -> int:
    """Where to end a passage that has become too long: how many pieces stay in it.

    The last end of a paragraph after half of the usual length, else of a sentence, else of a line.
    """
    paragraph = sentence = line = 0
    words = 0
    for at, piece in enumerate(pieces[:-1], start=1):
        words += piece.words
        if words > MAX_WORDS:
            break
        if words >= MIN_WORDS // 2:
            paragraph = at if piece.ends_paragraph else paragraph
            sentence = at if piece.ends_sentence else sentence
        line = at
    cut = paragraph or sentence or line or 1
    # A word or two before a sentence that fills a passage by itself go along with it.
    few = cut < len(pieces) and sum(piece.words for piece in pieces[:cut]) < _FEW_WORDS
    return cut + few
