"""Plain text, Markdown, reStructuredText, Org and TeX → blocks with headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from indexer.kinds import MARKDOWN_SUFFIXES
from indexer.passages import Block

Lines: TypeAlias = Iterable[tuple[int, str]]
"""Numbered lines."""

# A line may be 16,000 characters of anything, and Python's re keeps all threads waiting: so nothing
# here repeats within a repetition of the same characters, and what looks ahead has a bound.
_MARKDOWN_HEADING = re.compile(r" {0,3}#{1,6}\s+(.*)$")
_SETEXT_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})\s*$")
_MARKDOWN_RULE = re.compile(r" {0,3}([-*_])\s*(?:\1\s*){2,}$|(?=[\s|:+-]+$).*---")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_IMAGE_OR_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()\s]*(?:\s+\"[^\"]*\")?\)|\[[^\[\]]*\])")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,300}>|<!--.{0,1000}?-->")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`+)(?=\S)(.{1,1000}?)(?<=\S)\1")
_LIST_OR_QUOTE = re.compile(r"^\s*(?:>\s?)*(?:[-*+]\s+(?:\[[ xX]\]\s+)?)?")

_RST_UNDERLINE = re.compile(r"""([=\-`:'"~^_*+#<>.])\1{2,}\s*$""")
_RST_MARKUP = re.compile(r"^\s*\.\.\s.*$|:[a-z:]{1,60}:(?=`)|`{1,2}|(?<=`)_{1,2}|\|")
_ORG_HEADING = re.compile(r"\*+\s+(?:TODO |DONE )?(.*)$")
_ORG_TAGS = re.compile(r"\s:[\w:@]+:$")
_ORG_TITLE = re.compile(r"(?i)#\+title:\s*(.*)$")
_ORG_LINK = re.compile(r"\[\[(?:[^\[\]]*)\]\[([^\[\]]*)\]\]")
_TEX_HEADING = re.compile(
    r"\s*\\(?:part|chapter|(?:sub)*section|(?:sub)?paragraph|title)\*?\s*(?:\[[^\]]*\])?\{(.*?)\}"
)
_TEX_COMMENT = re.compile(r"(?<!\\)%.*$")
_TEX_COMMAND = re.compile(
    r"\\(?:begin|end|label|ref|cite\w*|usepackage|documentclass)\*?(?:\[[^\[\]]*\])?\{[^{}]*\}"
    r"|\\[a-zA-Z]+\*?(?:\[[^\[\]]*\])?|[{}~$]"
)


def blocks_of(lines: Lines, suffix: str) -> Iterator[Block]:
    """Reads a text as its suffix says; an unknown one is plain text."""
    return _READERS.get(suffix, read_plain)(lines)


def read_plain(lines: Lines) -> Iterator[Block]:
    """Paragraphs between empty lines."""
    for number, line in lines:
        yield Block(line, number)


def read_markdown(lines: Lines) -> Iterator[Block]:
    """Markdown without its marks; code stays as it is, front matter gives its values."""
    before: Block | None = None  # a line that the next may turn into a heading
    in_code = in_front = False
    for number, line in lines:
        if number == 1 and line.strip() == "---":
            in_front = True
            continue
        if in_front:
            if line.strip() in ("---", "..."):
                in_front = False
                yield Block("", number)
                continue
            yield _front_matter(line, number)
            continue
        if _FENCE.match(line):
            in_code = not in_code
            yield from _if_any(before)
            before = None
            continue
        if in_code:
            yield Block(line, number)
            continue
        if heading := _MARKDOWN_HEADING.match(line):
            yield from _if_any(before)
            before = None
            yield Block(_plain_markdown(_unclosed(heading.group(1))), number, heading=True)
        elif before is not None and before.text.strip() and _SETEXT_UNDERLINE.match(line):
            yield Block(before.text, before.line, heading=True)
            before = None
        elif _MARKDOWN_RULE.match(line):
            yield from _if_any(before)
            before = Block("", number)
        else:
            yield from _if_any(before)
            before = Block(_plain_markdown(line), number)
    yield from _if_any(before)


def read_rst(lines: Lines) -> Iterator[Block]:
    """reStructuredText: underlined titles, directives left out."""
    before: Block | None = None
    for number, line in lines:
        if _RST_UNDERLINE.match(line):
            if before is not None and before.text.strip():
                yield Block(before.text, before.line, heading=True)
            before = None
            continue
        yield from _if_any(before)
        before = Block(_RST_MARKUP.sub("", line), number)
    yield from _if_any(before)


def read_org(lines: Lines) -> Iterator[Block]:
    """Org: starred headings, settings left out."""
    for number, line in lines:
        if heading := _ORG_HEADING.match(line) or _ORG_TITLE.match(line):
            text = _ORG_TAGS.sub("", heading.group(1).rstrip()).rstrip()
            yield Block(_ORG_LINK.sub(r"\1", text), number, heading=True)
        elif line.lstrip().startswith(("#+", ":PROPERTIES:", ":END:")):
            yield Block("", number)
        else:
            yield Block(_ORG_LINK.sub(r"\1", line), number)


def read_tex(lines: Lines) -> Iterator[Block]:
    """TeX: sections as headings, comments and most commands left out."""
    for number, line in lines:
        if heading := _TEX_HEADING.match(line):
            yield Block(_TEX_COMMAND.sub(" ", heading.group(1)), number, heading=True)
        elif line.lstrip().startswith("%"):
            continue
        else:
            yield Block(_TEX_COMMAND.sub(" ", _TEX_COMMENT.sub("", line)), number)


def read_subtitles(lines: Lines) -> Iterator[Block]:
    """Subtitles: what is said, without numbers and times."""
    for number, line in lines:
        text = line.strip()
        if text.isdigit() or "-->" in text or text == "WEBVTT" or not text:
            continue
        yield Block(_TAG.sub("", line), number)


def _front_matter(line: str, number: int) -> Block:
    """``title: Rust`` → a heading, ``tags: [a, b]`` → ``tags: a, b``."""
    key, _, value = line.partition(":")
    value = value.strip().strip("\"'[]")
    if key.strip().lower() == "title" and value:
        return Block(value, number, heading=True)
    return Block(line.replace("[", "").replace("]", "").strip(" -"), number)


def _unclosed(heading: str) -> str:
    """``Cooking ##`` → ``Cooking``, but ``C#`` stays."""
    text = heading.rstrip()
    open_ended = text.rstrip("#")
    return open_ended if not open_ended or open_ended[-1].isspace() else text


def _plain_markdown(line: str) -> str:
    line = _LIST_OR_QUOTE.sub("", line)
    line = _IMAGE_OR_LINK.sub(r"\1", line)
    line = _TAG.sub("", line)
    line = _EMPHASIS.sub(r"\2", line)
    return line.strip().strip("|").replace(" | ", " ").strip()


def _if_any(block: Block | None) -> Iterator[Block]:
    if block is not None:
        yield block


_READERS: dict[str, Callable[[Lines], Iterator[Block]]] = {
    ".rst": read_rst,
    ".org": read_org,
    ".tex": read_tex,
    ".latex": read_tex,
    ".srt": read_subtitles,
    ".vtt": read_subtitles,
    **dict.fromkeys(MARKDOWN_SUFFIXES, read_markdown),
}
