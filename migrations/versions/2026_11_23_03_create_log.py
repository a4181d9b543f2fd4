"""Create the public log, written by the sequencer alone, and the row that only one sequencer can hold."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import append_only, grant

revision = "r03_log"
down_revision = "r02_books"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "log_leaf",
        sa.Column("log_index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("entry_id", sa.BigInteger),
        sa.Column("book_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("opens", sa.String),
        sa.Column("campaign", sa.String),
        sa.Column("reason", sa.String),
        sa.Column("reference", sa.String),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("month", sa.Date, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("kind IN ('entry', 'open', 'document', 'day', 'close')", name="kind"),
        sa.CheckConstraint("(kind = 'entry') = (entry_id IS NOT NULL)", name="entry"),
        sa.CheckConstraint("(kind = 'open') = (opens IS NOT NULL)", name="opens"),
        sa.CheckConstraint("octet_length(leaf) <= 1024", name="leaf"),
        sa.CheckConstraint("octet_length(leaf_hash) = 32", name="leaf_hash"),
    )
    for name, columns, is_unique in (
        ("entry_id", ["entry_id"], True),
        ("opens", ["opens"], True),
        ("reference", ["reference", "log_index"], False),
    ):
        where = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"log_leaf_{name}_ix", "log_leaf", columns, unique=is_unique, postgresql_where=where)
    for name in ("campaign", "reason", "month"):
        op.create_index(f"log_leaf_{name}_log_index_ix", "log_leaf", [name, "log_index"])
    op.create_table(
        "sequencer",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("next_index", sa.BigInteger, nullable=False),
        sa.Column("floor_entry_id", sa.BigInteger, nullable=False),
        sa.Column("passed_at", MOMENT, nullable=False),
        sa.CheckConstraint("id = 1", name="one_row"),
    )
    op.execute("INSERT INTO sequencer (id, next_index, floor_entry_id, passed_at) VALUES (1, 0, 0, now())")
    append_only(op, "log_leaf")
    # The status page names the revision, too.
    grant(op, "donate_web", "SELECT", "log_leaf", "sequencer", "alembic_version")
    grant(op, "donate_sequencer", "SELECT, INSERT", "log_leaf")
    grant(op, "donate_sequencer", "SELECT, UPDATE", "sequencer")
