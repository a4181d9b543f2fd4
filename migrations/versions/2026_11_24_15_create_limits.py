"""Create limits: what checkouts and declined cards are counted by, and the stock row of each fee-cover fund."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import grant

revision = "r15_limits"
down_revision = "r14_recurring"

TIME = sa.DateTime(timezone=True)

# What each fee-cover fund of an existing book holds, of every entry, numbered or not.
FILL_COVER = """
INSERT INTO cover_stock (account_id, book_id, available_minor)
SELECT account.id, account.book_id, greatest(0, coalesce(sum(
         CASE WHEN transfer.credit_id = account.id THEN transfer.amount_minor ELSE -transfer.amount_minor END), 0))
FROM account LEFT JOIN transfer ON account.id IN (transfer.credit_id, transfer.debit_id)
WHERE account.code = 'fee_cover'
GROUP BY account.id, account.book_id
"""


def upgrade() -> None:
    _create_tries()
    _create_brakes()
    op.create_table(
        "cover_stock",
        sa.Column("account_id", sa.BigInteger(), primary_key=True),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("available_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
        sa.CheckConstraint("available_minor >= 0", name="available_minor"),
    )
    op.execute(FILL_COVER)
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (available_minor)", "cover_stock")


def _create_tries() -> None:
    op.create_table(
        "checkout_try",
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id"), primary_key=True, autoincrement=False),
        sa.Column("line", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("campaign_ref", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("network_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tried_at", TIME, nullable=False),
    )
    first = sa.text("line = 0")
    for name, columns, where in (
        ("checkout_try_network_ix", ["network_hash", "method", "tried_at"], first),
        ("checkout_try_browser_ix", ["browser_hash", "method", "tried_at"], first),
        ("checkout_try_campaign_ix", ["campaign_ref", "method", "tried_at"], None),
        ("checkout_try_tried_at_ix", ["tried_at"], None),
    ):
        op.create_index(name, "checkout_try", columns, postgresql_where=where)
    op.create_table(
        "declined_try",
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id"), primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.String(), primary_key=True),
        sa.Column("declined_at", TIME, nullable=False),
    )
    op.create_index("declined_try_declined_at_ix", "declined_try", ["declined_at"])
    # Rows of a day, forgotten after it: what they hold of a network and a browser is kept no longer than limits need.
    grant(op, "donate_web", "SELECT, INSERT, DELETE", "checkout_try", "declined_try")


def _create_brakes() -> None:
    op.create_table(
        "checkout_brake",
        sa.Column("campaign_ref", sa.String(), primary_key=True),
        sa.Column("method", sa.String(), primary_key=True),
        sa.Column("judged_at", TIME, nullable=False),
        sa.Column("asks", sa.Boolean(), nullable=False),
        sa.Column("refuses", sa.Boolean(), nullable=False),
        sa.Column("paused_until", TIME),
        sa.Column("pause_count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(paused_until IS NULL) = (pause_count = 0)", name="paused"),
    )
    grant(op, "donate_web", "SELECT, INSERT, UPDATE", "checkout_brake")
