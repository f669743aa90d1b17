"""Tables give a unit or two for each row."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from indexer.options import IndexOptions, TableColumns
from indexer.tables import read_table
from indexer.units import Facts, SkipFile, Tools, Unit, hash_of
from tests.conftest import FakeEncoder
from unisearch.datatypes import Modality


def read(
    data: bytes, suffix: str, columns: TableColumns, folder: Path | None = None
) -> tuple[list[Unit], Facts]:
    facts = Facts()
    tools = Tools(FakeEncoder(), IndexOptions())
    where = os.fsencode(folder or Path("/nowhere"))
    return list(read_table(io.BytesIO(data), suffix, where, columns, tools, facts)), facts


def texts(units: list[Unit]) -> list[tuple[str | None, str | None, int | None]]:
    return [(u.member, u.passage, u.line) for u in units if u.modality is Modality.TEXT]


TITLE = TableColumns(text=("title",))


def test_csv_with_any_delimiter_and_encoding() -> None:
    for delimiter in ",;\t|":
        data = f'id{delimiter}title\n7{delimiter}süß\n8{delimiter}"two\nlines"\n9{delimiter}end\n'
        for encoding in ("utf-8-sig", "utf-16", "cp1252"):
            units, facts = read(
                data.encode(encoding), ".csv", TableColumns(text=("title",), id="id")
            )
            assert texts(units) == [("7", "süß", 2), ("8", "two\nlines", 3), ("9", "end", 5)]
            assert facts.detail is None


def test_tsv_numbers_rows_and_counts_those_without_text() -> None:
    units, facts = read(b"title\ta\none\t1\n \t2\nthree\t3\n", ".tsv", TITLE)
    assert texts(units) == [("1", "one", 2), ("3", "three", 4)]
    assert facts.members_skipped == {"no-text": 1}
    assert facts.detail == "1 of 3 rows left out: 1 no-text"


def test_several_text_columns_and_metadata() -> None:
    columns = TableColumns(text=("title", "body"), metadata=("year", "meta.tags"))
    row = {"title": "A", "body": "B", "year": 1999, "meta": {"tags": ["x", "y"]}, "z": 1}
    units, _ = read(json.dumps(row).encode(), ".jsonl", columns)
    assert units[0].passage == "A\nB"
    assert units[0].metadata == {"year": 1999, "meta.tags": ["x", "y"]}
    units, _ = read(
        json.dumps(row).encode(), ".jsonl", TableColumns(text=("title",), metadata=("*",))
    )
    assert units[0].metadata == {"body": "B", "year": 1999, "meta": {"tags": ["x", "y"]}, "z": 1}


def test_nested_columns() -> None:
    units, _ = read(b'{"a": {"b": "deep"}}', ".jsonl", TableColumns(text=("a.b",)))
    assert texts(units) == [("1", "deep", 1)]


@pytest.mark.parametrize(
    "data",
    [
        b'[{"title": "one"}, {"title": "two"}]',
        b'{"rows": [{"title": "one"}, {"title": "two"}], "version": 1}',
        b'{"title": "one"}\n{"title": "two"}\n',
    ],
)
def test_json_in_its_usual_forms(data: bytes) -> None:
    units, _ = read(data, ".json", TITLE)
    assert [text for _, text, _ in texts(units)] == ["one", "two"]


def test_pictures_by_path_and_within(tmp_path: Path, make_picture: Callable[..., Path]) -> None:
    red = make_picture("pics/red.png", "red").read_bytes()
    inline = "data:image/png;base64," + base64.b64encode(red).decode()
    rows = [
        {"image": "pics/red.png", "title": "by path"},
        {"image": str(tmp_path / "pics/red.png")},
        {"image": inline},
        {"image": "pics/gone.png", "title": "text only"},
        {"image": "https://example.org/a.png"},
        {"image": 5},
        {"image": "half \ud83d.png"},
    ]
    data = "\n".join(map(json.dumps, rows)).encode()
    units, facts = read(data, ".jsonl", TableColumns(text=("title",), image="image"), tmp_path)
    pictures = [u for u in units if u.modality is Modality.IMAGE]
    assert [u.member for u in pictures] == ["1", "2", "3"]
    assert {u.content_hash for u in pictures} == {hash_of(red)}
    assert pictures[0].passage == "by path"
    assert texts(units) == [("1", "by path", 1), ("4", "text only", 4)]
    assert facts.members_skipped == {"vanished": 2, "remote": 1, "not-a-picture": 1}


def parquet(columns: dict[str, list[Any]]) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    stream = io.BytesIO()
    pq.write_table(pyarrow.table(columns), stream)
    return stream.getvalue()


def test_parquet_with_pictures_inside() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (0, 255, 0)).save(stream, "PNG")
    data = parquet(
        {
            "image": [
                {"bytes": stream.getvalue(), "path": "g.png"},
                {"bytes": b"bad", "path": None},
            ],
            "caption": ["green", "broken"],
            "score": [0.5, float("nan")],
        }
    )
    columns = TableColumns(text=("caption",), image="image", metadata=("score",))
    units, facts = read(data, ".parquet", columns)
    assert [(u.modality, u.member) for u in units] == [
        (Modality.TEXT, "1"), (Modality.IMAGE, "1"), (Modality.TEXT, "2"),
    ]  # fmt: skip
    assert units[1].content_hash == hash_of(stream.getvalue())
    assert [u.metadata for u in units] == [{"score": 0.5}, {"score": 0.5}, {}]
    assert facts.members_skipped == {"not-a-picture": 1}


def test_parquet_longer_than_a_block() -> None:
    data = parquet({"t": [f"row {i}" for i in range(1000)], "x": list(range(1000))})
    units, _ = read(data, ".parquet", TableColumns(text=("t",), metadata=("*",)))
    assert [u.passage for u in units] == [f"row {i}" for i in range(1000)]
    assert units[999].metadata == {"x": 999}


@pytest.mark.parametrize(
    ("data", "suffix", "reason", "message"),
    [
        (b"a,b\n1,2\n", ".csv", "no-such-column", r"no column 'title' among 'a', 'b'"),
        (b'{"a": 1}', ".jsonl", "no-such-column", r"no column 'title'"),
        (b"\n{bro\n[1]", ".jsonl", "damaged", r"line 2 is not JSON"),
        (b"[1]", ".jsonl", "damaged", r"line 1 is no JSON object"),
        (b"[1, 2]", ".json", "damaged", r"other things than objects"),
        (b"[{]", ".json", "damaged", r"not JSON"),
        (b"\0\1\2\3" * 50, ".csv", "binary", r"not a text"),
        (b"title\n" + b"x" * 16_000_001, ".csv", "damaged", r"field larger than field limit"),
        (b"PAR1 no", ".parquet", "damaged", r"not a whole Parquet file"),
    ],
)
def test_bad_tables(data: bytes, suffix: str, reason: str, message: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    with pytest.raises(SkipFile, match=message) as caught:
        read(data, suffix, TITLE)
    assert caught.value.reason == reason


def test_damaged_rows_are_left_out_alone() -> None:
    """A program that was killed while it wrote leaves half a line at the end."""
    data = b'{bro\n{"title": "one"}\n[1]\n{"title": "two"}\n{"title": "thr'
    units, facts = read(data, ".jsonl", TITLE)
    assert texts(units) == [("2", "one", 2), ("4", "two", 4)]
    assert facts.members_skipped == {"damaged": 3}
    assert facts.detail == "3 of 5 rows left out: 3 damaged"
    units, facts = read(b'[{"title": "one"}, 2]', ".json", TITLE)
    assert texts(units) == [("1", "one", None)]
    assert facts.members_skipped == {"damaged": 1}


def test_a_picture_in_a_cell_of_csv(make_picture: Callable[..., Path]) -> None:
    red = make_picture("red.png", "red").read_bytes() + b"\0" * 200_000
    inline = "data:image/png;base64," + base64.b64encode(red).decode()
    units, _ = read(f'image\n"{inline}"\n'.encode(), ".csv", TableColumns(image="image"))
    assert [unit.content_hash for unit in units] == [hash_of(red)]


def test_parquet_without_the_columns() -> None:
    with pytest.raises(SkipFile, match="no column 'title' among 'a'") as caught:
        read(parquet({"a": [1]}), ".parquet", TITLE)
    assert caught.value.reason == "no-such-column"


def test_columns_are_checked() -> None:
    with pytest.raises(ValueError, match="at least one column"):
        TableColumns(metadata=("a",))
    with pytest.raises(ValueError, match="text must be a tuple, not 'title'"):
        TableColumns(text="title")  # type: ignore[arg-type]
    assert TITLE.describe() == '{"text":["title"]}'
    everything = TableColumns(text=("a", "b"), image="i", id="k", metadata=("*",))
    described = '{"text":["a","b"],"image":"i","id":"k","metadata":["*"]}'
    assert everything.describe() == described
    assert TableColumns.parse(described) == everything
    odd = TableColumns(text=("a, b", "ü =x"))
    assert TableColumns.parse(odd.describe()) == odd
