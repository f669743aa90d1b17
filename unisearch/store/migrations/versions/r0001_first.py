"""The first tables.

A migration does not use ``unisearch.store.tables``: it says what the tables were at its time.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes them."""
    state = op.create_table(
        "state",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("uid", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("removals_from", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state")),
        sa.CheckConstraint("id = 1", name=op.f("ck_state_one_row")),
    )
    first = {"id": 1, "generation": 0, "last_id": 0, "removals_from": 0}
    op.bulk_insert(state, [{**first, "uid": secrets.token_hex(16)}])
    op.create_table(
        "roots",
        sa.Column("id", _id, nullable=False),
        sa.Column("path_bytes", sa.LargeBinary, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roots")),
        sa.UniqueConstraint("path_bytes", name=op.f("uq_roots_path_bytes")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "files",
        sa.Column("id", _id, autoincrement=False, nullable=False),
        sa.Column("root_id", _id, nullable=False),
        sa.Column("path_bytes", sa.LargeBinary, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("taken_ns", sa.BigInteger),
        sa.Column("content_hash", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("metadata", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.ForeignKeyConstraint(["root_id"], ["roots.id"], name=op.f("fk_files_root_id")),
        sa.UniqueConstraint("root_id", "path_bytes", name=op.f("uq_files_root_id_path_bytes")),
    )
    op.create_index(op.f("ix_files_content_hash"), "files", ["content_hash"])
    op.create_table(
        "items",
        sa.Column("id", _id, autoincrement=False, nullable=False),
        sa.Column("file_id", _id, nullable=False),
        sa.Column("ordinal", sa.BigInteger, nullable=False),
        sa.Column("modality", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("passage", sa.Text),
        sa.Column("line", sa.BigInteger),
        sa.Column("member", sa.Text),
        sa.Column("metadata", sa.Text),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], name=op.f("fk_items_file_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_items_file_id"), "items", ["file_id"])
    op.create_index(op.f("ix_items_content_hash_modality"), "items", ["content_hash", "modality"])
    op.create_index(op.f("ix_items_generation"), "items", ["generation"])
    op.create_table(
        "facts",
        sa.Column("file_id", _id),
        sa.Column("item_id", _id),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column(
            "folded",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("number", sa.Float(53)),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], name=op.f("fk_facts_file_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["items.id"], name=op.f("fk_facts_item_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_facts_file_id"), "facts", ["file_id"])
    op.create_index(op.f("ix_facts_item_id"), "facts", ["item_id"])
    op.create_index(op.f("ix_facts_key_number"), "facts", ["key", "number"])
    op.create_table(
        "tombstones",
        sa.Column("item_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("modality", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_tombstones")),
    )
    op.create_index(op.f("ix_tombstones_generation"), "tombstones", ["generation"])
    op.create_table(
        "encoders",
        sa.Column("id", _id, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("dim", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encoders")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_encoders_fingerprint")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "vectors",
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("modality", sa.Text, nullable=False),
        sa.Column("encoder_id", _id, autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("content_hash", "modality", "encoder_id", name=op.f("pk_vectors")),
        sa.ForeignKeyConstraint(
            ["encoder_id"], ["encoders.id"], name=op.f("fk_vectors_encoder_id")
        ),
    )
    op.create_index(op.f("ix_vectors_generation"), "vectors", ["generation"])
    op.create_table(
        "indexes",
        sa.Column("encoder_id", _id, autoincrement=False, nullable=False),
        sa.Column("modality", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("encoder_id", "modality", name=op.f("pk_indexes")),
        sa.ForeignKeyConstraint(
            ["encoder_id"], ["encoders.id"], name=op.f("fk_indexes_encoder_id")
        ),
    )
