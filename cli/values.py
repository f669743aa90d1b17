"""What people type for dates, sizes and conditions → values, with errors that show the form."""

from __future__ import annotations

import re
from datetime import datetime

from unisearch.errors import QueryError

_UNITS = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 2**10,
    "mi": 2**20,
    "gi": 2**30,
    "ti": 2**40,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?", re.IGNORECASE | re.ASCII)
_CONDITION = re.compile(r"\s*([^=!<>~\s]+)\s*(!=|<=|>=|=|<|>|~)\s*(.*)", re.DOTALL)


def parse_date(text: str) -> datetime:
    """``2024``, ``2024-05``, ``2024-05-17`` or any ISO 8601 time → the moment it starts.

    Without a zone it is local time.

    Raises:
        QueryError: It is none of these.
    """
    text = text.strip()
    padded = text + {4: "-01-01", 7: "-01"}.get(len(text), "")
    try:
        return datetime.fromisoformat(padded).astimezone()
    except (ValueError, OverflowError, OSError):
        raise QueryError(
            f"{text!r} is not a date: type 2024, 2024-05, 2024-05-17 or 2024-05-17T09:30"
        ) from None


def parse_size(text: str) -> int:
    """``500``, ``10kB``, ``1.5MB`` (decimal) or ``2MiB`` (binary) → bytes.

    Raises:
        QueryError: It is none of these.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise QueryError(f"{text!r} is not a size: type 500, 10kB, 1.5MB or 2MiB")
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def parse_condition(text: str) -> tuple[str, str, str]:
    """``artist=Miró`` → ``("artist", "=", "Miró")``.

    Raises:
        QueryError: There is no operator, or no key before it.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise QueryError(
            f"{text!r} is not a condition: type key=value, with =, !=, <, <=, >, >= or ~ (contains)"
        )
    return match[1], match[2], match[3].strip()
