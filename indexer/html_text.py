"""HTML → blocks with headings, a stretch at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from html.parser import HTMLParser

from indexer.passages import Block

_READ_CHARACTERS = 65_536
_UNSEEN = frozenset(
    {"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "select"}
)
_HEADINGS = frozenset({"title", "h1", "h2", "h3", "h4", "h5", "h6"})
_BREAKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "details",
        "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr",
        "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "td",
        "tfoot", "th", "thead", "tr", "ul",
    }
)  # fmt: skip
_PARAGRAPHS = _BREAKS - {"br", "li", "td", "th", "dt", "dd", "tr"}


def read_html(text: io.TextIOBase) -> Iterator[Block]:
    """Reads what a browser would show; the title and the headings are headings.

    Pictures give their alternative text. Broken HTML is read as far as it makes sense.
    """
    parser = _Parser()
    while part := text.read(_READ_CHARACTERS):
        parser.feed(part)
        yield from parser.take()
    parser.close()
    yield from parser.finish()


class _Parser(HTMLParser):
    """Collects blocks as it is fed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._blocks: list[Block] = []
        self._words: list[str] = []
        self._line = 1
        self._heading = False
        self._unseen: str | None = None
        self._depth = 0

    def take(self) -> list[Block]:
        """What has been collected since the last call."""
        blocks, self._blocks = self._blocks, []
        return blocks

    def finish(self) -> list[Block]:
        """The rest."""
        self._break()
        return self.take()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._unseen is not None:
            self._depth += tag == self._unseen
        elif tag in _UNSEEN:
            self._unseen, self._depth = tag, 1
        elif tag in _HEADINGS:
            self._break()
            self._heading = True
        elif tag in _BREAKS:
            self._break(paragraph=tag in _PARAGRAPHS)
        elif tag == "img":
            self._add(dict(attrs).get("alt") or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNSEEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen is not None:
            self._depth -= tag == self._unseen
            if self._depth == 0:
                self._unseen = None
        elif tag in _HEADINGS:
            self._break()
        elif tag in _BREAKS:
            self._break(paragraph=tag in _PARAGRAPHS)

    def handle_data(self, data: str) -> None:
        if self._unseen is None:
            self._add(data)

    def _add(self, text: str) -> None:
        if not text.strip():
            if self._words and text:
                self._words.append(" ")
            return
        if not self._words:
            leading = text[: len(text) - len(text.lstrip())]
            self._line = self.getpos()[0] + leading.count("\n")
        self._words.append(text)

    def _break(self, *, paragraph: bool = True) -> None:
        """Ends a block, and with it perhaps a heading or a paragraph."""
        text = "".join(self._words).strip()
        if text:
            self._blocks.append(Block(text, self._line, heading=self._heading))
        if paragraph and not self._heading:
            self._blocks.append(Block("", self._line))
        self._words = []
        self._heading = False
