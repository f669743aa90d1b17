"""What a file is, as far as its name tells."""

from __future__ import annotations

from enum import StrEnum

from unisearch.picture_formats import picture_suffixes


class Kind(StrEnum):
    """How a file is read."""

    PICTURE = "picture"
    TEXT = "text"
    TABLE = "table"
    """Rows with named columns: CSV, TSV, JSON, JSON lines, Parquet."""
    SHARD = "shard"
    """A tar of pictures with texts beside them."""
    CAPTION = "caption"
    """A text or JSON that describes the picture beside it."""
    UNKNOWN = "unknown"
    """To be told by its content."""


TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"})
"""Tables, if columns are named; the readable ones among them are plain text otherwise."""

BINARY_TABLE_SUFFIXES = frozenset({".parquet"})

SHARD_SUFFIXES = frozenset({".tar"})

MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"})
HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})

TEXT_SUFFIXES = (
    MARKDOWN_SUFFIXES
    | HTML_SUFFIXES
    | (TABLE_SUFFIXES - BINARY_TABLE_SUFFIXES)
    | {
        ".txt", ".text", ".rst", ".org", ".tex", ".latex", ".log", ".adoc", ".asciidoc",
        ".textile", ".wiki", ".mediawiki", ".creole", ".srt", ".vtt", ".caption", ".me", ".1st",
    }
)  # fmt: skip

_BARE_TEXT_NAMES = frozenset(
    {
        "authors", "changelog", "changes", "contributing", "copying", "faq", "history", "install",
        "license", "licence", "maintainers", "news", "notes", "notice", "readme", "thanks", "todo",
    }
)  # fmt: skip

CAPTION_SUFFIXES = (".txt", ".caption", ".json")
"""What may lie beside a picture and describe it, the best first."""


def suffix_of(name: bytes) -> str:
    """``b"Photo.JPG"`` → ``".jpg"``; without a suffix ``""``."""
    stem, dot, suffix = name.rpartition(b".")
    if not dot or not stem:
        return ""
    return "." + suffix.decode("latin-1").lower()


TABLE_PREFIX = f"{Kind.TABLE} "
"""Before a table's columns, in the catalog's word for its kind."""


class KindTable:
    """Tells kinds by name.

    Args:
        tables: Whether columns are named, so that tables are read as such.
        unknown: Whether names that say nothing are worth a look inside.
    """

    def __init__(self, *, tables: bool = False, unknown: bool = False) -> None:
        self._kinds: dict[str, Kind | None] = dict.fromkeys(TEXT_SUFFIXES, Kind.TEXT)
        self._kinds |= dict.fromkeys(picture_suffixes(), Kind.PICTURE)
        self._kinds |= dict.fromkeys(SHARD_SUFFIXES, Kind.SHARD)
        self._kinds |= dict.fromkeys(
            TABLE_SUFFIXES if tables else BINARY_TABLE_SUFFIXES, Kind.TABLE
        )
        self._otherwise = Kind.UNKNOWN if unknown else None

    def kind_of(self, name: bytes, *, named: bool = False) -> Kind | None:
        """The kind of a file.

        Args:
            name: Its name, without folders.
            named: Whether a person named this very file, which makes it worth a look.

        Returns:
            ``None`` if the name does not speak for anything that can be indexed.
        """
        suffix = suffix_of(name)
        kind = self._kinds.get(suffix)
        if kind is None and not suffix and name.decode("latin-1").lower() in _BARE_TEXT_NAMES:
            return Kind.TEXT
        if kind is None:
            return Kind.UNKNOWN if named else self._otherwise
        return kind
