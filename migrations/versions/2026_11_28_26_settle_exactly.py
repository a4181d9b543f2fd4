"""Settle exactly: a fund's stock may owe, keeps back what went back to donors, and follows a line to its late owner."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import append_only, grant

revision = "r26_exact_stock"
down_revision = "r25_sent_back"


def upgrade() -> None:
    _create_hold()
    _create_late_share()
    for table in ("refund", "dispute"):
        op.add_column(table, sa.Column("settled_minor", sa.BigInteger(), nullable=False, server_default="0"))
        op.alter_column(table, "settled_minor", server_default=None)
        grant(op, "donate_web", "UPDATE (settled_minor)", table)
    op.execute(SETTLED_LINE)
    grant(op, "donate_web", "SELECT", "settled_line")
    op.drop_constraint("available_minor", "fund_stock", type_="check")
    for table in ("fund_release", "fund_return", "settlement_share"):
        op.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
    for statement in (*MARK_SETTLED, *WHOLE_SHARES, *WHOLE_REVERSALS, *WHOLE_REFUNDS, HOLD, ADD_UP):
        op.execute(statement)
    for table in ("fund_release", "fund_return", "settlement_share"):
        op.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")


def _create_hold() -> None:
    op.create_table(
        "fund_hold",
        sa.Column("account_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("payment", sa.String(), primary_key=True),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor >= 0", name="amount_minor"),
        sa.ForeignKeyConstraint(["account_id", "book_id"], ["account.id", "account.book_id"]),
    )
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (amount_minor)", "fund_hold")


def _create_late_share() -> None:
    op.create_table(
        "late_share",
        sa.Column("line_id", sa.BigInteger(), sa.ForeignKey("provider_line.id"), primary_key=True, autoincrement=False),
        sa.Column("code", sa.String(), primary_key=True),
        sa.Column("settlement_id", sa.BigInteger(), sa.ForeignKey("settlement.id"), nullable=False),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), sa.ForeignKey("entry.id"), nullable=False),
        sa.Column("due_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("due_minor <> 0", name="due"),
    )
    op.create_index("late_share_settlement_id_ix", "late_share", ["settlement_id"])
    grant(op, "donate_web", "SELECT, INSERT", "late_share")
    append_only(op, "late_share")


# How often more each balance line was handed out than taken back: a settlement that brings a failed one's money again
# pays out the lines of that one.
SETTLED_LINE = """
    CREATE VIEW settled_line AS
    WITH RECURSIVE paid (line_id, settlement_id) AS (
      SELECT line_id, settlement_id FROM settlement_line
      UNION
      SELECT paid.line_id, again.settlement_id
      FROM paid
      JOIN settlement failed ON failed.id = paid.settlement_id
      JOIN provider_line failure ON failure.merchant_account_id = failed.merchant_account_id
        AND failure.source_id = failed.payout_id AND failure.net_minor > 0
        AND failure.kind IN ('payout', 'payout_cancel', 'payout_failure')
      JOIN settlement_line again ON again.line_id = failure.id
    )
    SELECT paid.line_id, count(*) AS times
    FROM paid JOIN settlement ON settlement.id = paid.settlement_id
    WHERE settlement.released_at IS NOT NULL AND settlement.taken_back_at IS NULL
    GROUP BY paid.line_id
    """

MARK_SETTLED = tuple(
    f"""
    UPDATE {table} SET settled_minor = {table}.amount_minor * taken.times
    FROM (
      SELECT line.source_id, sum(sign(line.amount_minor) * settled.times) AS times
      FROM settled_line settled JOIN provider_line line ON line.id = settled.line_id AND line.met = '{table}'
      GROUP BY line.source_id
    ) AS taken
    WHERE taken.source_id = {table}.{table}_id
    """
    for table in ("refund", "dispute")
)

# A fund's share counts whole: what was not there to be taken, it owes from now on.
WHOLE_SHARES = (
    "UPDATE settlement_share SET released_minor = CASE WHEN code LIKE 'fund:%' THEN due_minor ELSE 0 END",
    *(
        f"DELETE FROM {table} WHERE entry_id IN (SELECT entry_id FROM settlement WHERE released_at IS NOT NULL"
        " UNION SELECT returned_entry_id FROM settlement WHERE taken_back_at IS NOT NULL)"
        for table in ("fund_release", "fund_return")
    ),
    *(
        f"""
        INSERT INTO {table} (entry_id, account_id, book_id, amount_minor)
        SELECT CASE WHEN share.is_return THEN settlement.returned_entry_id ELSE settlement.entry_id END, account.id,
               share.book_id, abs(share.due_minor)
        FROM settlement_share share
        JOIN settlement ON settlement.id = share.settlement_id
        JOIN account ON account.book_id = share.book_id AND account.code = share.code
        WHERE share.code LIKE 'fund:%' AND sign(share.due_minor) = {sign}
        """
        for table, sign in (("fund_release", 1), ("fund_return", -1))
    ),
)

WHOLE_REVERSALS = (
    "DELETE FROM fund_return USING entry WHERE entry.id = fund_return.entry_id AND entry.reverses IS NOT NULL",
    """
    INSERT INTO fund_return (entry_id, account_id, book_id, amount_minor)
    SELECT reversal.id, released.account_id, released.book_id, released.amount_minor
    FROM entry reversal JOIN fund_release released ON released.entry_id = reversal.reverses
    """,
)

# Likewise of what was sent back from the bank, and of what came again.
WHOLE_REFUNDS = (
    "DELETE FROM fund_return WHERE entry_id IN (SELECT entry_id FROM recorded_refund)",
    "DELETE FROM fund_release WHERE entry_id IN (SELECT undo_entry_id FROM recorded_refund)",
    *(
        f"""
        INSERT INTO {table} (entry_id, account_id, book_id, amount_minor)
        SELECT refund.{entry}, account.id, refund.book_id, refund.amount_minor
        FROM recorded_refund refund
        JOIN recorded_donation recorded ON recorded.id = refund.recorded_id
        JOIN account ON account.book_id = refund.book_id AND account.code = 'fund:' || recorded.campaign_ref
        WHERE refund.{entry} IS NOT NULL
        """
        for table, entry in (("fund_return", "entry_id"), ("fund_release", "undo_entry_id"))
    ),
)

# Of every payment that gave money back: what it would take from its funds if it were settled now.
HOLD = """
    INSERT INTO fund_hold (account_id, payment, book_id, amount_minor)
    WITH back AS (
      SELECT refund.checkout_id, part.donation_id, part.amount_minor
             * (CASE WHEN refund.state IN ('pending', 'succeeded') THEN -refund.amount_minor ELSE 0 END
                - refund.settled_minor) / refund.amount_minor AS minor
      FROM refund JOIN refund_part part ON part.refund_id = refund.id
      UNION ALL
      SELECT dispute.checkout_id, part.donation_id, part.amount_minor
             * (CASE WHEN dispute.is_withdrawn AND NOT dispute.is_reinstated THEN -dispute.amount_minor ELSE 0 END
                - dispute.settled_minor) / dispute.amount_minor
      FROM dispute JOIN dispute_part part ON part.dispute_id = dispute.id
    ), under_way AS (
      SELECT back.checkout_id, donation.campaign_ref AS campaign, back.minor
      FROM back JOIN donation ON donation.id = back.donation_id
      UNION ALL
      SELECT checkout.id, donation.campaign_ref,
             CASE WHEN leg.credit_id = fund.id THEN leg.amount_minor ELSE -leg.amount_minor END
      FROM checkout
      JOIN donation ON donation.checkout_id = checkout.id
      JOIN account fund ON fund.book_id = checkout.book_id AND fund.code = 'fund:' || donation.campaign_ref
      CROSS JOIN LATERAL (VALUES
        ('donation:' || donation.public_id), ('cleared:' || donation.public_id),
        ('fee:' || checkout.public_id || ':' || donation.public_id),
        ('cover:' || checkout.public_id || ':' || donation.public_id)) AS its(key)
      JOIN entry ON entry.book_id = checkout.book_id AND entry.idempotency_key = its.key
      JOIN transfer leg ON leg.entry_id = entry.id AND fund.id IN (leg.debit_id, leg.credit_id)
      WHERE checkout.state <> 'settled' AND checkout.id IN (SELECT checkout_id FROM back)
    )
    SELECT account.id, CAST(checkout.public_id AS text), checkout.book_id, -sum(under_way.minor)
    FROM under_way
    JOIN checkout ON checkout.id = under_way.checkout_id
    JOIN account ON account.book_id = checkout.book_id AND account.code = 'fund:' || under_way.campaign
    GROUP BY account.id, checkout.public_id, checkout.book_id
    HAVING sum(under_way.minor) < 0
    """

ADD_UP = """
    UPDATE fund_stock SET available_minor = coalesce((
      SELECT sum(flow.minor) FROM (
        SELECT account_id, amount_minor AS minor FROM fund_release
        UNION ALL SELECT account_id, -amount_minor FROM fund_return
        UNION ALL SELECT account_id, -amount_minor FROM fund_hold
        UNION ALL
        SELECT leg.debit_id, -leg.amount_minor FROM entry JOIN transfer leg ON leg.entry_id = entry.id
        WHERE entry.reason = 'disbursement_approved'
        UNION ALL
        SELECT leg.credit_id, leg.amount_minor FROM entry JOIN transfer leg ON leg.entry_id = entry.id
        WHERE entry.reason = 'disbursement_returned'
        UNION ALL
        SELECT leg.credit_id, leg.amount_minor FROM entry JOIN transfer leg ON leg.entry_id = entry.id
        JOIN entry original ON original.id = entry.reverses AND original.reason = 'disbursement_approved'
      ) AS flow WHERE flow.account_id = fund_stock.account_id), 0)
    """
