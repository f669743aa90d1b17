"""CSV, TSV, JSON, JSON lines and Parquet with named columns → a unit or two for each row."""

# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH118
from __future__ import annotations

import base64
import binascii
import csv
import datetime
import decimal
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO, TypeAlias

from indexer.captions import plain_metadata
from indexer.options import TableColumns
from indexer.texts import open_text
from indexer.units import Facts, SkipFile, Tools, Unit, text_unit

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Iterator[tuple[int | None, Row | SkipFile]]
"""The line in the file, where there are lines, and the row's values by column, or what is wrong."""

_PARQUET_ROWS = 256
_MAX_CHARACTERS = 16_000_000
"""Of a JSON line and of a CSV cell, which may hold a picture in base64."""

csv.field_size_limit(max(csv.field_size_limit(), _MAX_CHARACTERS))  # Python's own is 131,072


def read_table(
    stream: BinaryIO, suffix: str, folder: bytes, columns: TableColumns, tools: Tools, facts: Facts
) -> Iterator[Unit]:
    """Reads a table row by row.

    A row gives a text unit if it has a text and a picture unit if it has a picture, whose passage
    the text then is; both have the row's id as their member. A row that gives neither is counted.

    Args:
        stream: The file; it is closed in the end.
        suffix: Which format.
        folder: The absolute folder that pictures' paths are relative to.
        columns: What is where.
        tools: For reading pictures.
        facts: Receives what was skipped.

    Raises:
        SkipFile: If the table as a whole cannot be read.
    """
    rows = _READERS[suffix](stream, columns)
    count = 0
    problem: SkipFile | None = None
    is_checked = False
    for number, (line, row) in enumerate(rows, start=1):
        count = number
        if isinstance(row, SkipFile):
            problem = problem or row
            facts.members_skipped[row.reason] += 1
            continue
        if not is_checked:
            _check_columns(row, columns, strict=suffix not in (".json", ".jsonl", ".ndjson"))
            is_checked = True
        given = False
        for unit in _row_units(row, number, line, folder, columns, tools, facts):
            given = True
            yield unit
        if not given and columns.image is None:
            facts.members_skipped["no-text"] += 1
        tools.tick()
    if problem is not None and not is_checked:
        raise problem
    if skipped := facts.members_skipped.total():
        reasons = ", ".join(f"{n} {code}" for code, n in facts.members_skipped.most_common())
        facts.detail = f"{skipped} of {count} rows left out: {reasons}"


def _row_units(
    row: Row,
    number: int,
    line: int | None,
    folder: bytes,
    columns: TableColumns,
    tools: Tools,
    facts: Facts,
) -> Iterator[Unit]:
    name = _cell(row, columns.id) if columns.id else None
    member = str(number) if name is None or name == "" else str(name)
    text = "\n".join(
        part for column in columns.text if (part := _as_text(_cell(row, column)).strip())
    )
    known = {"line": line, "member": member, "metadata": _metadata(row, columns)}
    if text:
        yield text_unit(text, **known)
    picture = _cell(row, columns.image) if columns.image else None
    if picture is None or picture == "":
        return
    try:
        data = _picture_bytes(picture, folder, tools)
        yield tools.picture_unit(data, passage=text or None, **known)[0]
    except SkipFile as skip:
        facts.members_skipped[skip.reason] += 1


def _picture_bytes(value: Any, folder: bytes, tools: Tools) -> bytes:
    """A picture cell: bytes, ``{"bytes": …, "path": …}`` as Hugging Face has it, base64, a path."""
    if isinstance(value, Mapping):
        inner = value.get("bytes")
        value = value.get("path") if inner is None else inner
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if not isinstance(value, str) or not value:
        raise SkipFile("not-a-picture", f"no picture: {value!r:.80}")
    if value.startswith("data:image/"):
        try:
            return base64.b64decode(value.partition(",")[2], validate=True)
        except (binascii.Error, ValueError) as error:
            raise SkipFile("damaged", f"a data: address that does not decode: {error}") from error
    if value.startswith(("http://", "https://", "s3://", "gs://", "ftp://")):
        raise SkipFile("remote", f"an address on the network: {value:.200}")
    try:
        path = os.path.join(folder, os.fsencode(value))
    except UnicodeEncodeError as error:  # half of a surrogate pair, which JSON can hold
        raise SkipFile("vanished", f"no file can be named {value!r:.200}") from error
    return tools.read_bytes(path)


def _cell(row: Row, column: str) -> Any:
    """A column's value, ``None`` if there is none; dots lead into objects."""
    if column in row:
        return row[column]
    value: Any = row
    for key in column.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def _as_text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_as_text(part) for part in value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _metadata(row: Row, columns: TableColumns) -> dict[str, Any]:
    if columns.metadata == ("*",):
        used = {*columns.text, columns.image, columns.id}
        chosen = {key: value for key, value in row.items() if key not in used}
    else:
        chosen = {column: _cell(row, column) for column in columns.metadata}
    return plain_metadata({key: _plain(value) for key, value in chosen.items()})


def _plain(value: Any) -> Any:
    """A value as JSON has it: numbers in CSV are read as such, dates become ISO 8601."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if isinstance(value, bytes) else value


def _check_columns(row: Row, columns: TableColumns, *, strict: bool) -> None:
    """JSON objects need not all have the same keys: there it is enough that one is known."""
    wanted = [*columns.text, *([columns.image] if columns.image else [])]
    there = [name for name in wanted if name in row or _cell(row, name) is not None]
    if there and not strict:
        return
    if lacking := [name for name in wanted if name not in there]:
        raise SkipFile(
            "no-such-column",
            f"no column {', '.join(map(repr, lacking))} among "
            f"{', '.join(repr(str(key)) for key in list(row)[:30])}",
        )


def _read_csv(stream: BinaryIO, _: TableColumns) -> Rows:
    yield from _delimited(stream, None)


def _read_tsv(stream: BinaryIO, _: TableColumns) -> Rows:
    yield from _delimited(stream, "\t")


def _delimited(stream: BinaryIO, delimiter: str | None) -> Rows:
    text = open_text(stream)
    if text is None:
        raise SkipFile("binary", "not a text")
    with text:
        # csv wants the line ends as they are: one within quotes belongs to the value.
        text.reconfigure(newline="")
        header = text.readline()
        text.seek(0)
        delimiter = delimiter or max(",;\t|", key=header.count)
        reader = csv.DictReader(text, delimiter=delimiter, restkey="")
        try:
            while True:
                line = reader.line_num + 1
                row = next(reader, None)
                if row is None:
                    return
                yield max(line, 2), row
        except csv.Error as error:
            raise SkipFile("damaged", f"line {reader.line_num}: {error}") from error


def _read_json_lines(stream: BinaryIO, _: TableColumns) -> Rows:
    text = open_text(stream)
    if text is None:
        raise SkipFile("binary", "not a text")
    with text:
        number = 0
        while line := text.readline(_MAX_CHARACTERS):
            number += 1
            if line.strip():
                yield number, _object(line, number)


def _object(line: str, number: int) -> Row | SkipFile:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return SkipFile("damaged", f"line {number} is not JSON: {error}")
    if not isinstance(row, dict):
        return SkipFile("damaged", f"line {number} is no JSON object: {line[:60]!r}")
    return row


def _read_json(stream: BinaryIO, columns: TableColumns) -> Rows:
    """A list of objects, alone or the only list within an object; or JSON lines after all."""
    text = open_text(stream)
    if text is None:
        raise SkipFile("binary", "not a text")
    with text:
        first = text.read(1)
        while first.isspace():
            first = text.read(1)
        text.seek(0)
        try:
            value = json.load(text)
        except (ValueError, RecursionError) as error:
            if first != "{":
                raise SkipFile("damaged", f"not JSON: {error}") from error
            value = None
        if value is None:
            text.seek(0)
            for number, line in enumerate(text, start=1):
                if line.strip():
                    yield number, _object(line, number)
            return
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        value = lists[0] if len(lists) == 1 else [value]
    for row in value if isinstance(value, list) else []:
        if isinstance(row, dict):
            yield None, row
        else:
            told = f"a JSON list of other things than objects: {row!r:.60}"
            yield None, SkipFile("damaged", told)


def _read_parquet(stream: BinaryIO, columns: TableColumns) -> Rows:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        message = "Parquet needs the extra 'parquet': pip install 'unisearch[parquet]'"
        raise SkipFile("needs-parquet", message) from None
    try:
        with stream, ParquetFile(stream) as table:
            names: list[str] = table.schema_arrow.names
            wanted: Iterable[str] | None = None
            if columns.metadata != ("*",):
                used = (*columns.text, columns.image, columns.id, *columns.metadata)
                wanted = {
                    name.split(".")[0] if name not in names else name for name in used if name
                }
            if not (wanted is None or set(wanted) & set(names)):
                _check_columns(dict.fromkeys(names), columns, strict=True)
            chosen = None if wanted is None else [name for name in names if name in wanted]
            for batch in table.iter_batches(batch_size=_PARQUET_ROWS, columns=chosen):
                for row in batch.to_pylist():
                    yield None, row
    except (ArrowException, OSError) as error:
        raise SkipFile("damaged", f"not a whole Parquet file: {error}") from error


_READERS: dict[str, Callable[[BinaryIO, TableColumns], Rows]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}
