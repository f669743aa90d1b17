"""The tables of the catalog.

::

    roots ──< files ──< items ··(content_hash, modality)·· vectors >── encoders
                │         │
                └──< facts >┘        state   tombstones   indexes

An item finds its vector by what it contains: identical content shares one, and a file that moves
takes nothing with it. Ids of files and items come from a counter in ``state``, so they are never
used twice and many rows can be added at once without asking for them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

# In SQLite INTEGER has 64 bits, and as a primary key it alone is the key of the table itself.
Id = BigInteger().with_variant(Integer(), "sqlite")
LARGEST = 2**63 - 1
"""The largest number that a column takes; the least is -2**63."""


def fitting(number: int) -> int:
    """The nearest number that a column takes. A file may be dated in the year 9999 by its camera or
    its file system; counted in nanoseconds that is too much."""
    return max(-LARGEST - 1, min(LARGEST, number))


# Compared by code point everywhere, whatever the database's language.
Folded = Text().with_variant(Text(collation="C"), "postgresql")

schema = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

state = Table(
    "state",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # Random, so that an index file of another catalog is recognised.
    Column("uid", Text, nullable=False),
    # Counts the writes.
    Column("generation", BigInteger, nullable=False),
    # The highest id that was given to a file or item.
    Column("last_id", BigInteger, nullable=False),
    # Tombstones are complete for everything after this generation.
    Column("removals_from", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

roots = Table(
    "roots",
    schema,
    Column("id", Id, primary_key=True),
    # Absolute, or relative to the folder that holds the collection (and empty for itself).
    Column("path_bytes", LargeBinary, nullable=False, unique=True),
    Column("path", Text, nullable=False),
    sqlite_autoincrement=True,
)

files = Table(
    "files",
    schema,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("root_id", Id, ForeignKey("roots.id"), nullable=False),
    Column("path_bytes", LargeBinary, nullable=False),
    # The same for people, with \\xNN where it is not UTF-8.
    Column("path", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("taken_ns", BigInteger),
    Column("content_hash", Text, index=True),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    Column("metadata", Text),
    UniqueConstraint("root_id", "path_bytes"),
)

items = Table(
    "items",
    schema,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ordinal", BigInteger, nullable=False),
    Column("modality", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("passage", Text),
    Column("line", BigInteger),
    Column("member", Text),
    Column("metadata", Text),
    # When it appeared or its content changed.
    Column("generation", BigInteger, nullable=False, index=True),
    Index(None, "content_hash", "modality"),
)

facts = Table(
    "facts",
    schema,
    # Of a file (and so of all its items) or of one item.
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), index=True),
    Column("item_id", Id, ForeignKey("items.id", ondelete="CASCADE"), index=True),
    Column("key", Text, nullable=False),
    Column("folded", Folded, nullable=False),
    Column("number", Float(53)),
    Index(None, "key", "number"),
)

tombstones = Table(
    "tombstones",
    schema,
    Column("item_id", BigInteger, primary_key=True, autoincrement=False),
    Column("modality", Text, nullable=False),
    Column("generation", BigInteger, nullable=False, index=True),
)

encoders = Table(
    "encoders",
    schema,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("dim", Integer, nullable=False),
    sqlite_autoincrement=True,
)

vectors = Table(
    "vectors",
    schema,
    Column("content_hash", Text, primary_key=True),
    Column("modality", Text, primary_key=True),
    Column("encoder_id", Id, ForeignKey("encoders.id"), primary_key=True, autoincrement=False),
    # fp16, little-endian.
    Column("data", LargeBinary, nullable=False),
    # When it appeared: under a second encoder that is later than its items. The index is on this
    # alone: one that begins with encoder or modality tempts SQLite to scan it.
    Column("generation", BigInteger, nullable=False, index=True),
)

# Which generation the saved index files reflect: what was removed before need not be remembered.
indexes = Table(
    "indexes",
    schema,
    Column("encoder_id", Id, ForeignKey("encoders.id"), primary_key=True, autoincrement=False),
    Column("modality", Text, primary_key=True),
    Column("generation", BigInteger, nullable=False),
)
