"""Close what went back of money that nobody agreed to, and count the fees that a won dispute gives back."""

import sqlalchemy as sa
from alembic import op

from migrations.rights import grant

revision = "r23_gone_back"
down_revision = "r21_log_tree"

# As before, but: money that is not as agreed is its checkout's own where the row says so, whatever its session; a second
# payment of a checkout waits for its line like one without a checkout; and each fee of a dispute, taken or given back,
# waits for a line with a fee of its own.
CLEARING_PART = """
CREATE OR REPLACE VIEW clearing_part AS
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
         CASE WHEN checkout.booked_as = 'donations' THEN checkout.amount_minor ELSE coalesce(standing.amount_minor, 0) END
         - CASE WHEN checkout.fee_booked_at IS NULL THEN 0 ELSE coalesce(checkout.fee_minor, 0) END AS minor
  FROM checkout
  JOIN home ON home.merchant_id = checkout.merchant_account_id
  LEFT JOIN unbooked_money standing
    ON standing.checkout_id = checkout.id AND standing.is_own AND standing.is_in_suspense
  WHERE checkout.booked_as IN ('donations', 'suspense', 'cleared')
    AND (checkout.session_id IS NOT NULL OR checkout.charge_id IS NOT NULL)
    AND NOT EXISTS (SELECT FROM provider_line WHERE provider_line.checkout_id = checkout.id)
  UNION ALL
  SELECT home.book_id, standing.amount_minor - coalesce(standing.fee_minor, 0)
  FROM unbooked_money standing
  JOIN home ON home.merchant_id = standing.merchant_account_id
  WHERE standing.is_in_suspense AND NOT standing.is_own
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
), back AS (
  SELECT entry.id, entry.book_id, entry.reason, split_part(entry.idempotency_key, ':', 2) AS source,
         transfer.amount_minor AS minor, debit.code = 'clearing' AS is_in
  FROM entry
  JOIN transfer ON transfer.entry_id = entry.id
  JOIN account debit ON debit.id = transfer.debit_id
  JOIN account credit ON credit.id = transfer.credit_id
  WHERE entry.reason IN ('refund', 'refund_failed', 'dispute_opened', 'dispute_won', 'dispute_fee')
    AND 'clearing' IN (debit.code, credit.code)
    AND split_part(entry.idempotency_key, ':', 2) <> 'sample'
), unlined AS (
  SELECT back.book_id, back.is_in, back.minor FROM back
  WHERE back.reason <> 'dispute_fee' AND NOT EXISTS (
    SELECT FROM line
    WHERE line.book_id = back.book_id AND line.source_id = back.source AND line.met IN ('refund', 'dispute')
      AND line.amount_minor <> 0 AND (line.amount_minor > 0) = back.is_in)
  UNION ALL
  SELECT fee.book_id, fee.is_in, fee.minor
  FROM (
    SELECT back.*, row_number() OVER (PARTITION BY back.book_id, back.source, back.is_in ORDER BY back.id) AS number
    FROM back WHERE back.reason = 'dispute_fee'
  ) AS fee
  WHERE fee.number > (
    SELECT count(*) FROM line
    WHERE line.book_id = fee.book_id AND line.source_id = fee.source AND line.met = 'dispute'
      AND line.fee_minor <> 0 AND (line.fee_minor < 0) = fee.is_in)
), backward AS (
  SELECT book_id, sum(CASE WHEN is_in THEN minor ELSE -minor END) AS minor FROM unlined GROUP BY book_id
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

# What moved in suspense, and of which sum: by what the keys name, a session, a payment, a donation, a refund or a dispute.
# A reversal moved what its original did. Empty for balance lines of the provider that are none of ours.
SUSPENSE_MOVE = """
CREATE VIEW suspense_move AS
WITH named AS (
  SELECT id AS money_id, session_id AS subject FROM unbooked_money
  UNION ALL
  SELECT money.id, CAST(checkout.public_id AS text)
  FROM unbooked_money money JOIN checkout ON checkout.id = money.checkout_id WHERE money.is_own
  UNION ALL
  SELECT money.id, CAST(donation.public_id AS text)
  FROM unbooked_money money JOIN donation ON donation.checkout_id = money.checkout_id WHERE money.is_own
  UNION ALL
  SELECT money.id, refund.refund_id
  FROM unbooked_money money JOIN refund ON refund.checkout_id = money.checkout_id
  WHERE money.is_own AND refund.refund_id IS NOT NULL
  UNION ALL
  SELECT refund.unbooked_id, refund.refund_id FROM refund
  WHERE refund.unbooked_id IS NOT NULL AND refund.refund_id IS NOT NULL
  UNION ALL
  SELECT money.id, dispute.dispute_id
  FROM unbooked_money money JOIN dispute ON dispute.checkout_id = money.checkout_id WHERE money.is_own
  UNION ALL
  SELECT dispute.unbooked_id, dispute.dispute_id FROM dispute WHERE dispute.unbooked_id IS NOT NULL
), moved AS (
  SELECT entry.id AS entry_id, coalesce(original.idempotency_key, entry.idempotency_key) AS key,
         CASE WHEN transfer.credit_id = account.id THEN transfer.amount_minor ELSE -transfer.amount_minor END
           AS amount_minor
  FROM account
  JOIN transfer ON account.id IN (transfer.debit_id, transfer.credit_id)
  JOIN entry ON entry.id = transfer.entry_id
  LEFT JOIN entry original ON original.id = entry.reverses
  WHERE account.code = 'suspense'
)
SELECT moved.entry_id, moved.key, moved.amount_minor, named.money_id
FROM moved LEFT JOIN named ON named.subject = split_part(moved.key, ':', 2)
"""

# One row for each sum that is not as agreed: what suspense holds of it, what is gone by the books (sent back or lost), what
# is still to be sent back, and its fee as far as that is booked.
UNEXPLAINED_SUM = """
CREATE VIEW unexplained_sum AS
SELECT money.id, money.is_in_suspense, money.explained_at, money.outcome, money.amount_minor,
       coalesce(held.minor, 0) AS held_minor, coalesce(sent.minor, 0) + coalesce(lost.minor, 0) AS gone_minor,
       coalesce(sent.asked_minor, 0) AS asked_minor,
       CASE WHEN NOT money.is_own THEN money.fee_minor WHEN checkout.fee_booked_at IS NOT NULL THEN checkout.fee_minor END
         AS known_fee_minor
FROM unbooked_money money
LEFT JOIN checkout ON checkout.id = money.checkout_id
LEFT JOIN (SELECT money_id, sum(amount_minor) AS minor FROM suspense_move GROUP BY money_id) held
  ON held.money_id = money.id
LEFT JOIN LATERAL (
  SELECT sum(amount_minor) FILTER (WHERE state IN ('pending', 'succeeded')) AS minor,
         sum(amount_minor) FILTER (WHERE state = 'requested') AS asked_minor
  FROM refund
  WHERE CASE WHEN money.is_own THEN refund.checkout_id = money.checkout_id ELSE refund.unbooked_id = money.id END
) sent ON true
LEFT JOIN LATERAL (
  SELECT sum(amount_minor) AS minor FROM dispute
  WHERE state = 'lost'
    AND CASE WHEN money.is_own THEN dispute.checkout_id = money.checkout_id ELSE dispute.unbooked_id = money.id END
) lost ON true
"""

# What was kept until now: a page's own session, or the month that a checkout without a page stands for.
TELL_OWN = """
UPDATE unbooked_money SET is_own = true
FROM checkout
WHERE checkout.id = unbooked_money.checkout_id AND checkout.booked_as <> 'donations'
  AND (checkout.session_id = unbooked_money.session_id
       OR EXISTS (SELECT FROM recurring_month
                  WHERE recurring_month.checkout_id = checkout.id
                    AND recurring_month.invoice_id = unbooked_money.session_id))
"""


def upgrade() -> None:
    op.add_column("unbooked_money", sa.Column("is_own", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.execute(TELL_OWN)
    op.alter_column("unbooked_money", "is_own", server_default=None)
    op.create_check_constraint("own", "unbooked_money", "checkout_id IS NOT NULL OR NOT is_own")
    op.create_index(
        "unbooked_money_own_key", "unbooked_money", ["checkout_id"], unique=True, postgresql_where=sa.text("is_own")
    )
    op.execute("ALTER TABLE unbooked_money DROP CONSTRAINT unbooked_money_outcome_check")
    outcomes = "'cleared', 'refunded', 'noted', 'gone_back', 'general'"
    op.create_check_constraint("outcome", "unbooked_money", f"outcome IN ({outcomes})")
    op.add_column(
        "dispute", sa.Column("fee_returned_minor", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.alter_column("dispute", "fee_returned_minor", server_default=None)
    op.execute("ALTER TABLE dispute DROP CONSTRAINT dispute_fee_check")
    op.create_check_constraint("fee", "dispute", "fee_minor >= 0 AND fee_returned_minor >= 0")
    grant(op, "donate_web", "UPDATE (fee_returned_minor)", "dispute")
    op.execute(CLEARING_PART)
    op.execute(SUSPENSE_MOVE)
    op.execute(UNEXPLAINED_SUM)
    grant(op, "donate_web", "SELECT", "suspense_move", "unexplained_sum")
