"""Markup becomes text with headings."""

from __future__ import annotations

import io

import pytest

from indexer.html_text import read_html
from indexer.markup import blocks_of
from indexer.passages import Block, split_passages


def blocks(text: str, suffix: str) -> list[Block]:
    lines = enumerate(text.split("\n"), start=1)
    return [block for block in blocks_of(lines, suffix) if block.text]


def html(text: str) -> list[Block]:
    return [block for block in read_html(io.StringIO(text)) if block.text]


def test_markdown() -> None:
    text = """# Title #
Some *emphasis*, `code` and a [link](http://x.y "t"), ![a red bicycle](pic.jpg).

Second title
---
- [ ] an item
> quoted **strongly**
***
| a | b |
|---|---|
```python
x = [1](2)
```
snake_case_name stays <b>bold</b>"""
    assert blocks(text, ".md") == [
        Block("Title", 1, heading=True),
        Block("Some emphasis, code and a link, a red bicycle.", 2),
        Block("Second title", 4, heading=True),
        Block("an item", 6),
        Block("quoted strongly", 7),
        Block("a b", 9),
        Block("x = [1](2)", 12),
        Block("snake_case_name stays bold", 14),
    ]


def test_markdown_front_matter() -> None:
    text = "---\ntitle: My trip\ntags: [sea, sun]\n---\nWe left."
    assert blocks(text, ".md") == [
        Block("My trip", 2, heading=True), Block("tags: sea, sun", 3), Block("We left.", 5),
    ]  # fmt: skip


def test_rst_org_tex_and_subtitles() -> None:
    rst = "Title\n=====\n\nText with ``code`` and :ref:`there`.\n\n.. note:: x\n\nMore\n----\nEnd"
    assert blocks(rst, ".rst") == [
        Block("Title", 1, heading=True), Block("Text with code and there.", 4),
        Block("More", 8, heading=True), Block("End", 10),
    ]  # fmt: skip
    org = "#+TITLE: Notes\n* TODO Shop :home:\nBuy [[http://x][milk]].\n#+BEGIN_SRC"
    assert blocks(org, ".org") == [
        Block("Notes", 1, heading=True), Block("Shop", 2, heading=True), Block("Buy milk.", 3),
    ]  # fmt: skip
    tex = "\\section{On \\emph{cats}} % c\n% comment\nCats \\textbf{purr}~loudly."
    found = blocks(tex, ".tex")
    assert found[0].heading
    assert found[0].text.split() == ["On", "cats"] or "cats" in found[0].text
    assert found[1].text.split() == ["Cats", "purr", "loudly."]
    srt = "1\n00:00:01,000 --> 00:00:02,000\n<i>Hello there.</i>\n\n2\n00:00:03,000 --> x\nBye."
    assert [block.text for block in blocks(srt, ".srt")] == ["Hello there.", "Bye."]


def test_plain_text_is_left_alone() -> None:
    assert blocks("# not a heading\n* star", ".txt") == [
        Block("# not a heading", 1), Block("* star", 2),
    ]  # fmt: skip


def test_html() -> None:
    text = """<!DOCTYPE html><html><head><title>My page</title>
<style>p { color: red }</style><script>var x = "<p>no</p>";</script></head>
<body><h1>Cats &amp; dogs</h1>
<p>First <b>para</b>graph &eacute;.
<p>Second <img src=x alt="a red bicycle"> one.<br>After break</p>
<ul><li>one<li>two</ul><noscript>hidden</noscript>
<svg><text>hidden</text></svg>
</body></html>"""
    assert html(text) == [
        Block("My page", 1, heading=True),
        Block("Cats & dogs", 3, heading=True),
        Block("First paragraph é.", 4),
        Block("Second a red bicycle one.", 5),
        Block("After break", 5),
        Block("one", 6),
        Block("two", 6),
    ]


def test_broken_html_is_read_as_far_as_it_makes_sense() -> None:
    assert [b.text for b in html("<p>one <b>two</p><<< three &bogus; <p")][:1] == ["one two"]
    assert html("just text") == [Block("just text", 1)]
    assert html("<script>never closed") == []


def test_html_in_pieces_gives_the_same_as_at_once() -> None:
    body = "".join(f"<h2>Part {i}</h2><p>{'word ' * 50}</p>" for i in range(2000))
    assert len(body) > 3 * 65_536
    passages = list(split_passages(read_html(io.StringIO(f"<body>{body}</body>"))))
    assert len(passages) == 2000
    assert passages[1999].text.startswith("Part 1999\nword word")


def test_headings_in_the_shapes_that_people_type() -> None:
    assert blocks("# Learning C#\n## Cooking ##\n### a # b\n#\n# # #\n#hash", ".md") == [
        Block("Learning C#", 1, heading=True),
        Block("Cooking", 2, heading=True),
        Block("a # b", 3, heading=True),
        Block("#", 4),
        Block("#", 5, heading=True),
        Block("#hash", 6),
    ]
    assert blocks("* TODO Buy milk  :shop:food:\n** a :not a tag", ".org") == [
        Block("Buy milk", 1, heading=True),
        Block("a :not a tag", 2, heading=True),
    ]


RULES = ("---", "* * *", "___", "- - -  ", "|---|:--:|", "--- | ---", "+-----+----+")
NO_RULES = ("--", "* *", "--- a", "|---|x|", "-*-", "| a |")


def test_rules_and_the_lines_below_table_heads_are_no_text() -> None:
    for line in RULES:
        assert blocks(f"\n{line}", ".md") == [], line
    for line in NO_RULES:
        assert blocks(f"\n{line}", ".md") != [], line


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("suffix", "line"),
    [
        (".md", "-" * 16_000 + "x"),
        (".md", "- " * 8_000 + "x"),
        (".md", "# a" + " " * 16_000 + "b"),
        (".md", "# a" + " #" * 8_000 + "b"),
        (".md", "**a " * 4_000),
        (".md", "__a " * 4_000),
        (".md", "`" * 16_000),
        (".md", "<!--" * 4_000),
        (".rst", ":a" * 8_000),
        (".org", "* a" + " " * 16_000 + "b"),
        (".tex", "\\begin{" * 2_000),
        (".tex", "\\a[" * 5_000),
    ],
    ids=lambda value: value[:8],
)
def test_no_line_holds_up_the_rest(suffix: str, line: str) -> None:
    """Python's re keeps every thread waiting; a line that took minutes would stop the whole run."""
    found = blocks(f"{line}\nthe end", suffix)
    assert found[-1] == Block("the end", 2)
