from __future__ import annotations

from pathlib import Path

import pytest

from cli.show import duration_text, fit, near, pad, printable, size_text, table, width


def test_names_cannot_move_the_cursor() -> None:
    assert printable("plain ünïcode 日本") == "plain ünïcode 日本"
    assert printable("a\nb\tc\x1b[2Jd\x7f") == "a\\nb\\tc\\x1b[2Jd\\x7f"
    assert printable("caf\udce9") == "caf\\xe9"
    for joined in ("می\u200cخواهم", "👩\u200d🚀"):
        assert printable(joined) == joined
    assert printable("right\u202eleft") == "right\\u202eleft"


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("🚲", 2), ("👩\u200d🚀", 4)]
)
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


def test_fit_cuts_by_columns() -> None:
    assert fit("abcdef", 6) == "abcdef"
    assert fit("abcdef", 5) == "abcd…"
    assert fit("日本語", 4) == "日…"
    assert fit("abc", 0) == ""


def test_pad_counts_columns() -> None:
    assert pad("日本", 6) == "日本  "


def test_table() -> None:
    assert table([("a", "1", "x"), ("bbb", "22", "y")], right=[1]) == ["a     1  x", "bbb  22  y"]
    assert table([]) == []


def test_paths_are_shown_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert near(str(deep / "c.jpg")) == "c.jpg"
    assert near(str(tmp_path / "c.jpg")) == "../../c.jpg"
    assert near("/x") == "/x"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_550_000, "1.6 MB"),
        (123_456_789, "123 MB"),
        (999_999, "1.0 MB"),
        (5 * 10**13, "50000 GB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
