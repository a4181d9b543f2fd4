"""Create the tree over the log: nodes, signed checkpoints, keys, how far it is published, which days are closed."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import append_only, grant

revision = "r21_log_tree"
down_revision = "r20_address"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "log_node",
        sa.Column("level", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("node_index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("level BETWEEN 1 AND 7", name="level"),
        sa.CheckConstraint("octet_length(hash) = 32", name="hash"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("signed_at", MOMENT, nullable=False),
        sa.CheckConstraint("octet_length(root) = 32", name="root"),
    )
    op.create_table(
        "log_key",
        sa.Column("vkey", sa.String, primary_key=True),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("published_size", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="one_row"),
    )
    op.execute("INSERT INTO log_head (id, published_size) VALUES (1, 0)")
    op.create_table(
        "book_close",
        sa.Column("book_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("log_index", sa.BigInteger, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
    )
    append_only(op, "log_node", "checkpoint", "log_key")
    grant(op, "donate_web", "SELECT", "log_node", "checkpoint", "log_key", "log_head", "book_close")
    grant(op, "donate_sequencer", "SELECT, INSERT", "log_node", "checkpoint", "log_key")
    grant(op, "donate_sequencer", "SELECT, UPDATE", "log_head")
    grant(op, "donate_sequencer", "SELECT, INSERT, UPDATE", "book_close")
