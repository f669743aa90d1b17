from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from cli.values import parse_condition, parse_date, parse_size
from unisearch.errors import QueryError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", datetime(2024, 1, 1)),
        ("2024-05", datetime(2024, 5, 1)),
        (" 2024-05-17 ", datetime(2024, 5, 17)),
        ("2024-05-17T09:30", datetime(2024, 5, 17, 9, 30)),
        ("2024-05-17 09:30:15", datetime(2024, 5, 17, 9, 30, 15)),
    ],
)
def test_dates_are_local(text: str, expected: datetime) -> None:
    assert parse_date(text) == expected.astimezone()


def test_a_zone_is_kept() -> None:
    expected = datetime(2024, 5, 17, 9, 30, tzinfo=timezone(timedelta(hours=2)))
    assert parse_date("2024-05-17T09:30+02:00") == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13", "17.05.2024", "24", "99999"])
def test_other_dates_are_named(text: str) -> None:
    with pytest.raises(QueryError, match=f"'{text}' is not a date: type 2024"):
        parse_date(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500", 500),
        ("500B", 500),
        ("10kB", 10_000),
        ("10K", 10_000),
        ("10MB", 10_000_000),
        ("1.5 MB", 1_500_000),
        ("2MiB", 2 * 1024**2),
        ("1gib", 1024**3),
        ("3T", 3 * 10**12),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "MB", "-5", "10 XB", "1e6", "1.2.3MB"])
def test_other_sizes_are_named(text: str) -> None:
    with pytest.raises(QueryError, match="is not a size: type 500"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("artist=Miró", ("artist", "=", "Miró")),
        ("year>=2010", ("year", ">=", "2010")),
        ("year != 2010", ("year", "!=", "2010")),
        ("tags~cat", ("tags", "~", "cat")),
        ("url=a=b", ("url", "=", "a=b")),
        ("note=", ("note", "=", "")),
        ("exif.camera<x y", ("exif.camera", "<", "x y")),
    ],
)
def test_conditions(text: str, expected: tuple[str, str, str]) -> None:
    assert parse_condition(text) == expected


@pytest.mark.parametrize("text", ["", "artist", "=Miró", "two words=x"])
def test_other_conditions_are_named(text: str) -> None:
    with pytest.raises(QueryError, match="is not a condition: type key=value"):
        parse_condition(text)
