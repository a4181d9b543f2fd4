"""Named checks that tie the ledger to the payment provider and the bank.

They look at the tables of settling by name, since what they state is about the ledger; nothing is imported from above.
"""

from donate.errors import N_
from donate.ledger.checks import Check

PROVIDER_CHECKS = (
    Check(
        "clearing_equals_the_provider",
        N_(
            "What the provider holds for us by our books equals its own balance, with settlements under way and"
            " what has no balance line yet."
        ),
        "SELECT 'book ' || book FROM clearing_part WHERE clearing_minor <> lines_minor + under_way_minor + unlined_minor",
    ),
    Check(
        "provider_lines_sum_to_its_balance",
        N_("The provider’s balance lines sum to the balance that it last told us."),
        """
        SELECT 'merchant account ' || merchant.ref || ' ' || newest.currency
        FROM merchant_account merchant
        CROSS JOIN LATERAL (
          SELECT DISTINCT ON (currency) currency, total_minor, lines_minor FROM provider_snapshot
          WHERE merchant_account_id = merchant.id ORDER BY currency, id DESC
        ) newest
        WHERE newest.total_minor <> newest.lines_minor
        """,
    ),
    Check(
        "settlements_equal_their_lines",
        N_("Every settlement that reached the bank is the sum of the balance lines that it paid out."),
        """
        SELECT 'settlement ' || settlement.payout_id
        FROM settlement
        LEFT JOIN (SELECT settlement_id, sum(net_minor) AS minor
                   FROM settlement_line JOIN provider_line ON provider_line.id = settlement_line.line_id
                   GROUP BY settlement_id) paid_out ON paid_out.settlement_id = settlement.id
        WHERE settlement.state = 'paid' AND settlement.amount_minor <> coalesce(paid_out.minor, 0)
        """,
    ),
    Check(
        "settlement_shares_are_whole",
        N_("What settlements brought to funds and other accounts sums to their amounts, and no fund got more."),
        """
        SELECT 'settlement ' || settlement.payout_id
        FROM settlement JOIN settlement_share share ON share.settlement_id = settlement.id
        GROUP BY settlement.id, share.is_return
        HAVING sum(share.due_minor) <> CASE WHEN share.is_return THEN -1 ELSE 1 END * settlement.amount_minor
        UNION ALL
        SELECT 'settlement ' || settlement.payout_id || ' ' || share.code
        FROM settlement JOIN settlement_share share ON share.settlement_id = settlement.id
        WHERE share.released_minor <> CASE WHEN share.code LIKE 'fund:%' THEN share.due_minor ELSE 0 END
        UNION ALL
        SELECT 'settlement ' || settlement.payout_id || ' ' || account.code
        FROM settlement JOIN settlement_share share ON share.settlement_id = settlement.id
        JOIN account ON account.book_id = share.book_id AND account.code = share.code
        LEFT JOIN fund_release released ON released.account_id = account.id
          AND released.entry_id = CASE WHEN share.is_return THEN settlement.returned_entry_id ELSE settlement.entry_id END
        LEFT JOIN fund_return taken ON taken.account_id = account.id
          AND taken.entry_id = CASE WHEN share.is_return THEN settlement.returned_entry_id ELSE settlement.entry_id END
        WHERE share.released_minor <> coalesce(released.amount_minor, 0) - coalesce(taken.amount_minor, 0)
        """,
    ),
    Check(
        "late_shares_are_whole",
        N_("What a settled line moved once its owner was known is its share in suspense, and reached its fund."),
        """
        SELECT 'balance line ' || line.line_id
        FROM late_share share JOIN provider_line line ON line.id = share.line_id
        GROUP BY line.id, line.line_id, line.net_minor
        HAVING sum(share.due_minor) <> 0
          OR sum(share.due_minor) FILTER (WHERE share.code = 'suspense') IS DISTINCT FROM -line.net_minor
        UNION ALL
        SELECT 'balance line ' || line.line_id || ' ' || share.code
        FROM late_share share
        JOIN provider_line line ON line.id = share.line_id
        JOIN account ON account.book_id = share.book_id AND account.code = share.code
        LEFT JOIN fund_release released ON released.account_id = account.id AND released.entry_id = share.entry_id
        LEFT JOIN fund_return taken ON taken.account_id = account.id AND taken.entry_id = share.entry_id
        WHERE share.code LIKE 'fund:%'
          AND share.due_minor <> coalesce(released.amount_minor, 0) - coalesce(taken.amount_minor, 0)
        """,
    ),
    Check(
        "funds_got_what_was_settled",
        N_("What settlements brought to each fund is what the settled donations, fees, refunds and disputes sum to."),
        """
        WITH moved AS (
          SELECT checkout.book_id, fund.code, settled.times
                 * CASE WHEN leg.credit_id = fund.id THEN leg.amount_minor ELSE -leg.amount_minor END AS minor
          FROM settled_line settled
          JOIN provider_line line ON line.id = settled.line_id AND line.met = 'charge'
          JOIN checkout ON checkout.id = line.checkout_id
          JOIN donation ON donation.checkout_id = checkout.id
          JOIN account fund ON fund.book_id = checkout.book_id AND fund.code = 'fund:' || donation.campaign_ref
          CROSS JOIN LATERAL (VALUES
            ('donation:' || donation.public_id), ('cleared:' || donation.public_id),
            ('fee:' || checkout.public_id || ':' || donation.public_id),
            ('cover:' || checkout.public_id || ':' || donation.public_id)) AS its(key)
          CROSS JOIN LATERAL (
            SELECT id FROM entry WHERE book_id = checkout.book_id AND idempotency_key = its.key OFFSET 0) AS entry
          CROSS JOIN LATERAL (SELECT * FROM transfer WHERE entry_id = entry.id OFFSET 0) AS leg
          WHERE checkout.booked_as = 'donations'
            -- Cleared after its settlement was handed out, it is no share of that.
            OR (checkout.booked_as = 'cleared' AND EXISTS (
              SELECT FROM entry cleared, settlement_line paid_out JOIN settlement ON settlement.id = settlement_id
              WHERE cleared.book_id = checkout.book_id
                AND cleared.idempotency_key = 'cleared:' || donation.public_id
                AND paid_out.line_id = line.id AND settlement.released_at >= cleared.recorded_at))
          UNION ALL
          SELECT checkout.book_id, 'fund:' || donation.campaign_ref, settled.times
                 * CASE WHEN line.amount_minor < 0 THEN -leg.amount_minor ELSE leg.amount_minor END
          FROM settled_line settled
          JOIN provider_line line ON line.id = settled.line_id AND line.amount_minor <> 0
          JOIN (SELECT 'refund' AS met, refund.refund_id AS source_id, checkout_id, donation_id, 'refund' AS sent,
                       'refund-failed' AS returned
                FROM refund JOIN refund_part part ON part.refund_id = refund.id
                UNION ALL
                SELECT 'dispute', dispute.dispute_id, checkout_id, donation_id, 'dispute-opened', 'dispute-won'
                FROM dispute JOIN dispute_part part ON part.dispute_id = dispute.id
          ) AS back ON back.source_id = line.source_id AND back.met = line.met
          JOIN checkout ON checkout.id = back.checkout_id
          JOIN donation ON donation.id = back.donation_id
          CROSS JOIN LATERAL (
            SELECT id FROM entry
            WHERE book_id = checkout.book_id AND idempotency_key =
              CASE WHEN line.amount_minor < 0 THEN back.sent ELSE back.returned END
              || ':' || line.source_id || ':' || donation.public_id OFFSET 0) AS entry
          CROSS JOIN LATERAL (SELECT * FROM transfer WHERE entry_id = entry.id OFFSET 0) AS leg
        ), shares AS (
          SELECT book_id, code, due_minor AS minor FROM settlement_share WHERE code LIKE 'fund:%'
          UNION ALL SELECT book_id, code, due_minor FROM late_share WHERE code LIKE 'fund:%'
          UNION ALL SELECT book_id, code, -minor FROM moved
        )
        SELECT code FROM shares GROUP BY book_id, code HAVING sum(minor) <> 0
        """,
    ),
    Check(
        "nothing_of_the_provider_is_unexplained",
        N_("No movement of the provider’s balance waits for somebody to explain it."),
        """
        SELECT 'balance line ' || line_id FROM provider_line
        WHERE met IN ('suspense', 'unbooked') AND explained_at IS NULL
        """,
    ),
    Check(
        "explained_lines_left_suspense",
        N_("What was explained of the provider’s balance left suspense, by an entry of its whole amount."),
        """
        SELECT 'balance line ' || line.line_id
        FROM provider_line line
        JOIN merchant_account merchant ON merchant.id = line.merchant_account_id
        LEFT JOIN LATERAL (
          SELECT sum(CASE WHEN debit.code = 'suspense' THEN leg.amount_minor ELSE -leg.amount_minor END) AS minor
          FROM entry
          JOIN transfer leg ON leg.entry_id = entry.id
          JOIN account debit ON debit.id = leg.debit_id
          JOIN account credit ON credit.id = leg.credit_id
          WHERE entry.book_id = merchant.book_id AND entry.idempotency_key = 'line-cleared:' || line.line_id
            AND 'suspense' IN (debit.code, credit.code)
        ) AS cleared ON true
        WHERE line.met = 'suspense' AND line.explained_at IS NOT NULL AND line.net_minor <> coalesce(cleared.minor, 0)
        """,
    ),
    Check(
        "refund_fees_are_booked",
        N_("What the provider took for sending money back, or gave back with it, is booked to the last cent."),
        """
        SELECT 'balance line ' || line.line_id
        FROM provider_line line
        JOIN merchant_account merchant ON merchant.id = line.merchant_account_id
        LEFT JOIN entry ON entry.book_id = merchant.book_id AND entry.idempotency_key = 'refund-fee:' || line.line_id
        LEFT JOIN transfer ON transfer.entry_id = entry.id
        LEFT JOIN account credit ON credit.id = transfer.credit_id
        WHERE line.met = 'refund' AND line.fee_minor <> 0 AND line.fee_minor <> coalesce(
          CASE WHEN credit.code = 'clearing' THEN transfer.amount_minor ELSE -transfer.amount_minor END, 0)
        """,
    ),
    Check(
        "bank_lines_match_the_ledger",
        N_("Every bank line that was matched has its amount in the ledger’s bank account."),
        """
        WITH meant AS (
          SELECT id AS line_id, entry_id FROM bank_line WHERE entry_id IS NOT NULL
          UNION ALL
          SELECT line.id, CASE line.met WHEN 'settlement' THEN settlement.entry_id ELSE settlement.returned_entry_id END
          FROM bank_line line
          JOIN merchant_account merchant ON merchant.book_id = line.book_id
          JOIN settlement ON settlement.merchant_account_id = merchant.id AND settlement.payout_id = line.subject
          WHERE line.met IN ('settlement', 'settlement_returned')
          UNION ALL
          SELECT line.id, recorded.entry_id
          FROM bank_line line
          JOIN recorded_donation recorded
            ON recorded.book_id = line.book_id AND CAST(recorded.public_id AS text) = line.subject
          WHERE line.met = 'recorded_donation' AND recorded.state = 'confirmed'
          UNION ALL
          SELECT line.id, part.entry_id
          FROM bank_line line
          JOIN recorded_batch batch ON batch.book_id = line.book_id AND CAST(batch.public_id AS text) = line.subject
          LEFT JOIN (SELECT batch_id, sum(amount_minor) AS minor FROM platform_part GROUP BY batch_id) AS whole
            ON whole.batch_id = batch.id
          JOIN platform_part part
            ON (CASE line.amount_minor WHEN whole.minor THEN part.batch_id ELSE part.own_batch_id END) = batch.id
          WHERE line.met = 'recorded_batch'
          UNION ALL
          SELECT line.id, CASE line.met WHEN 'recorded_refund' THEN refund.entry_id ELSE refund.undo_entry_id END
          FROM bank_line line
          JOIN recorded_refund refund
            ON refund.book_id = line.book_id AND CAST(refund.public_id AS text) = line.subject
          WHERE line.met = 'recorded_refund' OR (line.met = 'recorded_refund_returned' AND refund.state = 'returned')
          UNION ALL
          SELECT line.id, entry.id
          FROM bank_line line JOIN entry ON entry.book_id = line.book_id AND entry.idempotency_key = line.subject
          WHERE line.met IN ('disbursement', 'disbursement_returned', 'cover_fill')
        )
        SELECT 'bank line ' || line.id
        FROM bank_line line
        LEFT JOIN LATERAL (
          SELECT sum(CASE WHEN debit.code = 'bank' THEN transfer.amount_minor ELSE -transfer.amount_minor END) AS minor
          FROM meant
          JOIN transfer ON transfer.entry_id = meant.entry_id
          JOIN account debit ON debit.id = transfer.debit_id
          JOIN account credit ON credit.id = transfer.credit_id
          WHERE meant.line_id = line.id AND 'bank' IN (debit.code, credit.code)
            AND NOT EXISTS (SELECT FROM entry AS reversal WHERE reversal.reverses = meant.entry_id)
        ) AS booked ON true
        WHERE line.met IS NOT NULL AND line.met <> 'explained' AND line.amount_minor <> coalesce(booked.minor, 0)
        """,
    ),
)
