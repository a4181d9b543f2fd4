"""Create settling: the provider's balance lines and settlements, the bank's statement, and runs of reconciling."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import append_only, grant

revision = "r13_settling"
down_revision = "r12_recorded"

TIME = sa.DateTime(timezone=True)

# One row for each book with a merchant account that was read: its clearing account over all entries, and the parts
# that it must be the sum of. A sample world's past has no objects at the provider: its payments are known by having no
# session and no charge, its other entries by their keys, and all of it counts among what has no balance line.
CLEARING_PART = """
CREATE VIEW clearing_part AS
WITH home AS (
  SELECT merchant.id AS merchant_id, merchant.book_id
  FROM merchant_account merchant
  WHERE EXISTS (SELECT FROM provider_snapshot WHERE merchant_account_id = merchant.id)
), line AS (
  SELECT home.book_id, provider_line.*
  FROM provider_line JOIN home ON home.merchant_id = provider_line.merchant_account_id
), lines AS (
  SELECT line.book_id, sum(line.net_minor) AS minor FROM line WHERE met <> 'unbooked' GROUP BY line.book_id
), under_way AS (
  SELECT home.book_id, sum(
           CASE WHEN settlement.state = 'paid' THEN -settlement.amount_minor ELSE 0 END - coalesce(own.minor, 0)
         ) AS minor
  FROM settlement
  JOIN home ON home.merchant_id = settlement.merchant_account_id
  JOIN book ON book.id = home.book_id AND book.currency = settlement.currency
  LEFT JOIN LATERAL (
    SELECT sum(net_minor) AS minor FROM provider_line
    WHERE merchant_account_id = settlement.merchant_account_id AND source_id = settlement.payout_id
      AND kind IN ('payout', 'payout_cancel', 'payout_failure') AND met IS NOT NULL
  ) own ON true
  GROUP BY home.book_id
), charge AS (
  SELECT checkout.book_id,
         coalesce(standing.amount_minor, checkout.amount_minor)
         - CASE WHEN checkout.fee_booked_at IS NULL THEN 0 ELSE coalesce(checkout.fee_minor, 0) END AS minor
  FROM checkout
  JOIN home ON home.merchant_id = checkout.merchant_account_id
  LEFT JOIN unbooked_money standing
    ON standing.checkout_id = checkout.id AND standing.session_id = checkout.session_id
    AND standing.is_in_suspense
  WHERE checkout.booked_as IN ('donations', 'suspense', 'cleared')
    AND (checkout.session_id IS NOT NULL OR checkout.charge_id IS NOT NULL)
    AND NOT EXISTS (SELECT FROM provider_line WHERE provider_line.checkout_id = checkout.id)
  UNION ALL
  SELECT home.book_id, standing.amount_minor - coalesce(standing.fee_minor, 0)
  FROM unbooked_money standing
  JOIN home ON home.merchant_id = standing.merchant_account_id
  WHERE standing.is_in_suspense AND standing.checkout_id IS NULL
    AND NOT EXISTS (SELECT FROM line WHERE line.merchant_account_id = standing.merchant_account_id
                    AND line.source_id = standing.charge_id AND line.met = 'charge')
  UNION ALL
  SELECT checkout.book_id, checkout.amount_minor
  FROM checkout
  JOIN home ON home.merchant_id = checkout.merchant_account_id
  WHERE checkout.booked_as = 'donations' AND checkout.session_id IS NULL AND checkout.charge_id IS NULL
  UNION ALL
  SELECT entry.book_id, CASE WHEN debit.code = 'clearing' THEN transfer.amount_minor ELSE -transfer.amount_minor END
  FROM entry
  JOIN transfer ON transfer.entry_id = entry.id
  JOIN account debit ON debit.id = transfer.debit_id
  JOIN account credit ON credit.id = transfer.credit_id
  WHERE split_part(entry.idempotency_key, ':', 2) = 'sample' AND 'clearing' IN (debit.code, credit.code)
), charges AS (
  SELECT book_id, sum(minor) AS minor FROM charge GROUP BY book_id
), backward AS (
  SELECT entry.book_id, sum(
           CASE WHEN debit.code = 'clearing' THEN transfer.amount_minor ELSE -transfer.amount_minor END
         ) AS minor
  FROM entry
  JOIN transfer ON transfer.entry_id = entry.id
  JOIN account debit ON debit.id = transfer.debit_id
  JOIN account credit ON credit.id = transfer.credit_id
  WHERE entry.reason IN ('refund', 'refund_failed', 'dispute_opened', 'dispute_won', 'dispute_fee')
    AND 'clearing' IN (debit.code, credit.code)
    AND split_part(entry.idempotency_key, ':', 2) <> 'sample'
    AND NOT EXISTS (
      SELECT FROM line
      WHERE line.book_id = entry.book_id AND line.source_id = split_part(entry.idempotency_key, ':', 2)
        AND line.met IN ('refund', 'dispute')
        AND (line.net_minor < 0) = (entry.reason IN ('refund', 'dispute_opened', 'dispute_fee')))
  GROUP BY entry.book_id
), clearing AS (
  SELECT account.book_id, coalesce((
           SELECT debits_minor - credits_minor FROM account_total WHERE account_id = account.id), 0)
         + coalesce((
           SELECT sum(CASE WHEN leg.debit_id = account.id THEN leg.amount_minor ELSE -leg.amount_minor END)
           FROM entry_pending pending
           CROSS JOIN LATERAL (SELECT * FROM transfer WHERE entry_id = pending.entry_id OFFSET 0) AS leg
           WHERE account.id IN (leg.debit_id, leg.credit_id)), 0) AS minor
  FROM account WHERE account.code = 'clearing'
)
SELECT book.id AS book_id, book.ref AS book, book.currency, clearing.minor AS clearing_minor,
       coalesce(lines.minor, 0) AS lines_minor, coalesce(under_way.minor, 0) AS under_way_minor,
       coalesce(charges.minor, 0) + coalesce(backward.minor, 0) AS unlined_minor
FROM book
JOIN clearing ON clearing.book_id = book.id
LEFT JOIN lines ON lines.book_id = book.id
LEFT JOIN under_way ON under_way.book_id = book.id
LEFT JOIN charges ON charges.book_id = book.id
LEFT JOIN backward ON backward.book_id = book.id
WHERE EXISTS (SELECT FROM home WHERE home.book_id = book.id)
"""


def upgrade() -> None:
    _create_lines()
    _create_settlements()
    _create_bank()
    _create_runs()
    # Which messages we had to fetch ourselves, since the provider's own delivery of them never arrived.
    op.add_column(
        "provider_event", sa.Column("was_pulled", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.execute(CLEARING_PART)
    _grant()


def _grant() -> None:
    """What was said stands; only what we made of it is added."""
    progress = "met, checkout_id, entry_id, explained_at, explained_by, explanation"
    grant(op, "donate_web", f"SELECT, INSERT, UPDATE ({progress})", "provider_line")
    progress = "state, arrives_on, bank_reference, failure, entry_id, returned_entry_id, lines_minor, released_at, "
    grant(op, "donate_web", f"SELECT, INSERT, UPDATE ({progress} taken_back_at)", "settlement")
    grant(op, "donate_web", "SELECT, INSERT", "settlement_line", "settlement_share", "bank_statement")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (met, subject, entry_id, met_by, met_at)", "bank_line")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE (note)", "bank_line_private")
    grant(op, "donate_eraser", "SELECT, DELETE", "bank_line_private")
    grant(op, "donate_web", "SELECT, INSERT, UPDATE", "reconcile_cursor")
    progress = "finished_at, checkout_count, event_count, line_count, settlement_count, difference_count"
    grant(op, "donate_web", f"SELECT, INSERT, UPDATE ({progress})", "reconcile_run")
    grant(op, "donate_web", "SELECT, INSERT", "reconcile_difference", "provider_snapshot")
    grant(op, "donate_web", "SELECT", "clearing_part")
    append_only(
        op, "settlement_line", "settlement_share", "bank_statement", "reconcile_difference", "provider_snapshot"
    )


def _create_lines() -> None:
    op.create_table(
        "provider_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("merchant_account_id", sa.BigInteger(), sa.ForeignKey("merchant_account.id"), nullable=False),
        sa.Column("line_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source_id", sa.String()),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("available_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("met", sa.String()),
        sa.Column("checkout_id", sa.BigInteger(), sa.ForeignKey("checkout.id")),
        sa.Column("entry_id", sa.BigInteger(), sa.ForeignKey("entry.id")),
        sa.Column("explained_at", TIME),
        sa.Column("explained_by", sa.BigInteger()),
        sa.Column("explanation", sa.String()),
        sa.CheckConstraint("net_minor = amount_minor - fee_minor", name="net"),
        sa.UniqueConstraint("merchant_account_id", "line_id", name="provider_line_merchant_account_id_line_id_key"),
        sa.CheckConstraint(
            "met IN ('charge', 'refund', 'dispute', 'settlement', 'opening', 'suspense', 'unbooked')", name="met"
        ),
        sa.CheckConstraint("(explained_at IS NULL) = (explanation IS NULL)", name="explained"),
    )
    op.create_index("provider_line_checkout_id_ix", "provider_line", ["checkout_id"])
    op.create_index(
        "provider_line_merchant_account_id_source_id_ix", "provider_line", ["merchant_account_id", "source_id"]
    )
    op.create_index(
        "provider_line_standing_ix",
        "provider_line",
        ["id"],
        postgresql_where=sa.text("met IN ('suspense', 'unbooked') AND explained_at IS NULL"),
    )
    op.create_index("provider_line_waiting_ix", "provider_line", ["id"], postgresql_where=sa.text("met IS NULL"))


def _create_settlements() -> None:
    op.create_table(
        "settlement",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("merchant_account_id", sa.BigInteger(), sa.ForeignKey("merchant_account.id"), nullable=False),
        sa.Column("payout_id", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("arrives_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("bank_reference", sa.String()),
        sa.Column("failure", sa.String()),
        sa.Column("entry_id", sa.BigInteger(), sa.ForeignKey("entry.id")),
        sa.Column("returned_entry_id", sa.BigInteger(), sa.ForeignKey("entry.id")),
        sa.Column("lines_minor", sa.BigInteger()),
        sa.Column("released_at", TIME),
        sa.Column("taken_back_at", TIME),
        sa.Column("seen_at", TIME, nullable=False),
        sa.CheckConstraint("state IN ('pending', 'in_transit', 'paid', 'failed', 'canceled')", name="state"),
        sa.CheckConstraint("returned_entry_id IS NULL OR entry_id IS NOT NULL", name="returned"),
        sa.UniqueConstraint("merchant_account_id", "payout_id", name="settlement_merchant_account_id_payout_id_key"),
    )
    op.create_index("settlement_bank_reference_ix", "settlement", ["bank_reference"])
    op.create_table(
        "settlement_line",
        sa.Column("line_id", sa.BigInteger(), sa.ForeignKey("provider_line.id"), primary_key=True, autoincrement=False),
        sa.Column("settlement_id", sa.BigInteger(), sa.ForeignKey("settlement.id"), nullable=False),
    )
    op.create_index("settlement_line_settlement_id_ix", "settlement_line", ["settlement_id"])
    op.create_table(
        "settlement_share",
        sa.Column(
            "settlement_id", sa.BigInteger(), sa.ForeignKey("settlement.id"), primary_key=True, autoincrement=False
        ),
        sa.Column("is_return", sa.Boolean(), primary_key=True, autoincrement=False),
        sa.Column("code", sa.String(), primary_key=True, autoincrement=False),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("due_minor", sa.BigInteger(), nullable=False),
        sa.Column("released_minor", sa.BigInteger(), nullable=False),
    )
    op.create_index("settlement_share_book_id_code_ix", "settlement_share", ["book_id", "code"])


def _create_bank() -> None:
    op.create_table(
        "bank_statement",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("file_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("line_count", sa.BigInteger(), nullable=False),
        sa.Column("new_count", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_by", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_at", TIME, nullable=False),
        sa.CheckConstraint("octet_length(file_sha256) = 32", name="file_sha256"),
    )
    op.create_index("bank_statement_book_id_ix", "bank_statement", ["book_id"])
    op.create_table(
        "bank_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("book_id", sa.BigInteger(), sa.ForeignKey("book.id"), nullable=False),
        sa.Column("statement_id", sa.BigInteger(), sa.ForeignKey("bank_statement.id"), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("running_number", sa.String(), nullable=False),
        sa.Column("met", sa.String()),
        sa.Column("subject", sa.String()),
        sa.Column("entry_id", sa.BigInteger(), sa.ForeignKey("entry.id")),
        sa.Column("met_by", sa.BigInteger()),
        sa.Column("met_at", TIME),
        sa.CheckConstraint("amount_minor <> 0", name="amount"),
        sa.CheckConstraint("(met IS NULL) = (met_at IS NULL)", name="met_at"),
        sa.UniqueConstraint(
            "book_id", "booked_on", "amount_minor", "reference", "running_number", name="bank_line_once_key"
        ),
        sa.CheckConstraint(
            "met IN ('settlement', 'settlement_returned', 'recorded_donation', 'recorded_batch', 'disbursement', 'bank_charge', 'interest', 'explained')",
            name="met",
        ),
    )
    op.create_index(
        "bank_line_met_key",
        "bank_line",
        ["book_id", "met", "subject"],
        unique=True,
        postgresql_where=sa.text("subject IS NOT NULL"),
    )
    op.create_index(
        "bank_line_unmatched_ix", "bank_line", ["book_id", "booked_on", "id"], postgresql_where=sa.text("met IS NULL")
    )
    op.create_table(
        "bank_line_private",
        sa.Column("line_id", sa.BigInteger(), sa.ForeignKey("bank_line.id"), primary_key=True, autoincrement=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
    )


def _create_runs() -> None:
    op.create_table(
        "reconcile_cursor",
        sa.Column(
            "merchant_account_id",
            sa.BigInteger(),
            sa.ForeignKey("merchant_account.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("events_until", TIME),
        sa.Column("lines_until", TIME),
        sa.Column("payouts_until", TIME),
    )
    op.create_table(
        "reconcile_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("started_by", sa.String(), nullable=False),
        sa.Column("with_repairs", sa.Boolean(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.Column("checkout_count", sa.BigInteger(), nullable=False),
        sa.Column("event_count", sa.BigInteger(), nullable=False),
        sa.Column("line_count", sa.BigInteger(), nullable=False),
        sa.Column("settlement_count", sa.BigInteger(), nullable=False),
        sa.Column("difference_count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("started_by IN ('schedule', 'hand')", name="started_by"),
    )
    op.create_table(
        "reconcile_difference",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("run_id", sa.BigInteger(), sa.ForeignKey("reconcile_run.id"), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), sa.ForeignKey("merchant_account.id"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("ours_minor", sa.BigInteger()),
        sa.Column("theirs_minor", sa.BigInteger()),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("was_repaired", sa.Boolean(), nullable=False),
    )
    op.create_index("reconcile_difference_run_id_ix", "reconcile_difference", ["run_id"])
    op.create_table(
        "provider_snapshot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("run_id", sa.BigInteger(), sa.ForeignKey("reconcile_run.id"), nullable=False),
        sa.Column("merchant_account_id", sa.BigInteger(), sa.ForeignKey("merchant_account.id"), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("lines_minor", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", TIME, nullable=False),
    )
    op.create_index("provider_snapshot_merchant_account_id_id_ix", "provider_snapshot", ["merchant_account_id", "id"])
