"""Create downloads: what is kept of a book's finished months, and an index of the few leaves that are no entries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.rights import append_only, grant

revision = "r28_downloads"
down_revision = "r27_erasures"


def upgrade() -> None:
    op.create_table(
        "download_month",
        sa.Column("book_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("month", sa.Date(), primary_key=True),
        sa.Column("format", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("log_size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("trial", sa.String(), nullable=False),
        sa.Column("files", JSONB(), nullable=False),
        sa.CheckConstraint("octet_length(root) = 32", name="root"),
    )
    grant(op, "donate_web", "SELECT, INSERT", "download_month")
    append_only(op, "download_month")
    op.create_index(
        "log_leaf_other_ix", "log_leaf", ["book_id", "log_index"], postgresql_where=sa.text("kind <> 'entry'")
    )
