"""Named checks that tie refunds, disputes and what covers a shortfall to the ledger."""

from donate.errors import N_
from donate.ledger.checks import Check

MONEY_BACK_CHECKS = (
    Check(
        "refunds_are_booked",
        N_("Every refund that was sent has its entries, which sum to its amount."),
        """
        WITH part AS (
          SELECT refund.id, refund.amount_minor, checkout.book_id,
                 'refund:' || refund.refund_id || ':' || coalesce(CAST(donation.public_id AS text), 'whole') AS key
          FROM refund JOIN checkout ON checkout.id = refund.checkout_id
          LEFT JOIN refund_part ON refund_part.refund_id = refund.id
          LEFT JOIN donation ON donation.id = refund_part.donation_id
          WHERE refund.refund_id IS NOT NULL AND checkout.booked_as <> 'unbooked'
          UNION ALL
          SELECT refund.id, refund.amount_minor, merchant.book_id, 'refund:' || refund.refund_id || ':' || 'whole'
          FROM refund JOIN unbooked_money money ON money.id = refund.unbooked_id
          JOIN merchant_account merchant ON merchant.id = money.merchant_account_id
          WHERE refund.refund_id IS NOT NULL AND money.is_in_suspense
        )
        SELECT 'refund ' || part.id
        FROM part
        LEFT JOIN entry ON entry.book_id = part.book_id AND entry.idempotency_key = part.key
        LEFT JOIN transfer ON transfer.entry_id = entry.id
        GROUP BY part.id, part.amount_minor
        HAVING coalesce(sum(transfer.amount_minor), 0) <> part.amount_minor
        """,
    ),
    Check(
        "refunds_are_within_what_was_paid",
        N_("No payment was refunded by more than was paid."),
        """
        SELECT 'checkout ' || checkout.public_id
        FROM refund JOIN checkout ON checkout.id = refund.checkout_id
        LEFT JOIN unbooked_money money ON money.checkout_id = checkout.id AND money.is_own
        WHERE refund.state IN ('requested', 'pending', 'succeeded')
        GROUP BY checkout.id, checkout.public_id, checkout.amount_minor, money.amount_minor
        HAVING sum(refund.amount_minor) > coalesce(money.amount_minor, checkout.amount_minor)
        """,
    ),
    Check(
        "disputed_money_equals_open_disputes",
        N_("What the provider holds back equals the disputes that are open."),
        """
        WITH held AS (
          SELECT account.book_id, sum(CASE WHEN debit_id = account.id THEN amount_minor ELSE -amount_minor END) AS held
          FROM account JOIN transfer ON account.id IN (debit_id, credit_id)
          WHERE account.code = 'disputed' GROUP BY account.book_id
        ), running AS (
          SELECT merchant.book_id, sum(dispute.amount_minor) AS running
          FROM dispute
          LEFT JOIN checkout ON checkout.id = dispute.checkout_id
          LEFT JOIN unbooked_money money ON money.id = dispute.unbooked_id
          JOIN merchant_account merchant
            ON merchant.id = coalesce(checkout.merchant_account_id, money.merchant_account_id)
          WHERE dispute.is_withdrawn AND NOT dispute.is_reinstated AND dispute.state = 'open'
            AND coalesce(checkout.booked_as, CASE WHEN money.is_in_suspense THEN 'suspense' ELSE 'unbooked' END)
                <> 'unbooked'
          GROUP BY merchant.book_id
        )
        SELECT 'book ' || coalesce(held.book_id, running.book_id)
        FROM held FULL JOIN running USING (book_id)
        WHERE coalesce(held.held, 0) <> coalesce(running.running, 0)
        """,
    ),
    Check(
        "shortfalls_are_covered",
        N_("The general fund covers what a fund is short of, no more and no less, and its entries say so."),
        """
        WITH side AS (
          SELECT transfer.entry_id, account_id, minor
          FROM transfer
          CROSS JOIN LATERAL (VALUES (credit_id, amount_minor), (debit_id, -amount_minor)) AS one(account_id, minor)
        ), fund AS (
          SELECT side.account_id, sum(side.minor) AS held,
                 coalesce(sum(side.minor) FILTER (WHERE entry.reason = 'shortfall_covered'), 0) AS covered,
                 -- What a donation of this hour fills, its fee or the next look gives back.
                 coalesce(sum(side.minor) FILTER (WHERE entry.reason <> 'shortfall_covered'
                   AND entry.recorded_at < now() - interval '1 hour'), 0) AS own_before
          FROM side
          JOIN account ON account.id = side.account_id AND account.code LIKE 'fund:%'
          JOIN entry ON entry.id = side.entry_id
          GROUP BY side.account_id
        )
        SELECT 'account ' || fund.account_id
        FROM fund LEFT JOIN fund_cover cover ON cover.account_id = fund.account_id
        WHERE fund.covered <> coalesce(cover.covered_minor, 0) OR fund.held < 0
          OR (fund.covered > 0 AND fund.held > 0 AND fund.own_before > -fund.covered)
        """,
    ),
    Check(
        "what_went_back_is_kept_back",
        N_("What refunds and disputes took and no settlement has paid yet, their funds do not spend meanwhile."),
        """
        WITH back AS (
          SELECT refund.checkout_id, refund.refund_id AS source_id, part.donation_id, 'refund' AS met,
                 'refund' AS sent, 'refund-failed' AS returned
          FROM refund JOIN refund_part part ON part.refund_id = refund.id
          UNION ALL
          SELECT dispute.checkout_id, dispute.dispute_id, part.donation_id, 'dispute', 'dispute-opened', 'dispute-won'
          FROM dispute JOIN dispute_part part ON part.dispute_id = dispute.id
        ), settled AS MATERIALIZED (
          SELECT line.merchant_account_id, line.met, line.source_id, line.amount_minor < 0 AS is_out,
                 sum(settled_line.times) AS times
          FROM settled_line
          JOIN provider_line line ON line.id = settled_line.line_id
            AND line.met IN ('refund', 'dispute') AND line.amount_minor <> 0
          GROUP BY line.merchant_account_id, line.met, line.source_id, line.amount_minor < 0
        ), under_way AS (
          SELECT checkout.id AS checkout_id, donation.campaign_ref AS campaign,
                 CASE WHEN side.is_out THEN -leg.amount_minor ELSE leg.amount_minor END
                 * (1 - coalesce(settled.times, 0)) AS minor
          FROM back
          JOIN checkout ON checkout.id = back.checkout_id
          JOIN donation ON donation.id = back.donation_id
          CROSS JOIN (VALUES (true), (false)) AS side(is_out)
          LEFT JOIN settled ON settled.merchant_account_id = checkout.merchant_account_id AND settled.met = back.met
            AND settled.source_id = back.source_id AND settled.is_out = side.is_out
          CROSS JOIN LATERAL (
            SELECT id FROM entry
            WHERE book_id = checkout.book_id AND idempotency_key =
              CASE WHEN side.is_out THEN back.sent ELSE back.returned END
              || ':' || back.source_id || ':' || donation.public_id OFFSET 0) AS entry
          CROSS JOIN LATERAL (SELECT * FROM transfer WHERE entry_id = entry.id OFFSET 0) AS leg
          UNION ALL
          -- Of a payment that no settlement took yet, what it brought.
          SELECT checkout.id, donation.campaign_ref,
                 CASE WHEN leg.credit_id = fund.id THEN leg.amount_minor ELSE -leg.amount_minor END
          FROM checkout
          JOIN donation ON donation.checkout_id = checkout.id
          JOIN account fund ON fund.book_id = checkout.book_id AND fund.code = 'fund:' || donation.campaign_ref
          CROSS JOIN LATERAL (VALUES
            ('donation:' || donation.public_id), ('cleared:' || donation.public_id),
            ('fee:' || checkout.public_id || ':' || donation.public_id),
            ('cover:' || checkout.public_id || ':' || donation.public_id)) AS its(key)
          CROSS JOIN LATERAL (
            SELECT id FROM entry WHERE book_id = checkout.book_id AND idempotency_key = its.key OFFSET 0) AS entry
          CROSS JOIN LATERAL (SELECT * FROM transfer WHERE entry_id = entry.id OFFSET 0) AS leg
          WHERE checkout.state <> 'settled' AND checkout.id IN (SELECT checkout_id FROM back)
        ), needed AS (
          SELECT CAST(checkout.public_id AS text) AS payment, account.id AS account_id,
                 greatest(0, -sum(under_way.minor)) AS minor
          FROM under_way
          JOIN checkout ON checkout.id = under_way.checkout_id
          JOIN account ON account.book_id = checkout.book_id AND account.code = 'fund:' || under_way.campaign
          GROUP BY checkout.public_id, account.id
        )
        SELECT 'checkout ' || payment
        FROM needed FULL JOIN fund_hold hold USING (payment, account_id)
        WHERE coalesce(needed.minor, 0) <> coalesce(hold.amount_minor, 0)
        """,
    ),
    Check(
        "money_sent_back_is_booked",
        N_(
            "Every transfer by which a recorded donation went back has its entry from the fund to the bank, what does not"
            " stand has another beside it, and no donation went back by more than it brought."
        ),
        """
        WITH wanted AS (
          SELECT refund.id, refund.public_id, refund.amount_minor, refund.entry_id, 'refund' AS reason,
                 'recorded-refund:' || refund.public_id AS key, 'fund:' || recorded.campaign_ref AS debit, 'bank' AS credit
          FROM recorded_refund refund JOIN recorded_donation recorded ON recorded.id = refund.recorded_id
          WHERE refund.state IN ('booked', 'returned', 'reversed')
          UNION ALL
          SELECT refund.id, refund.public_id, refund.amount_minor, refund.undo_entry_id,
                 CASE refund.state WHEN 'returned' THEN 'refund_failed' ELSE 'reversal' END,
                 CASE refund.state WHEN 'returned' THEN 'recorded-refund-returned:' ELSE 'recorded-refund-reversed:' END
                   || refund.public_id, 'bank', 'fund:' || recorded.campaign_ref
          FROM recorded_refund refund JOIN recorded_donation recorded ON recorded.id = refund.recorded_id
          WHERE refund.state IN ('returned', 'reversed')
        )
        SELECT 'transfer ' || wanted.public_id
        FROM wanted
        WHERE NOT EXISTS (
          SELECT FROM entry
          JOIN transfer ON transfer.entry_id = entry.id
          JOIN account debit ON debit.id = transfer.debit_id AND debit.code = wanted.debit
          JOIN account credit ON credit.id = transfer.credit_id AND credit.code = wanted.credit
          WHERE entry.id = wanted.entry_id AND entry.reason = wanted.reason AND entry.idempotency_key = wanted.key
            AND transfer.amount_minor = wanted.amount_minor)
        UNION ALL
        SELECT 'recorded donation ' || recorded.public_id
        FROM recorded_refund refund JOIN recorded_donation recorded ON recorded.id = refund.recorded_id
        WHERE refund.state IN ('asked', 'booked')
        GROUP BY recorded.id, recorded.public_id, recorded.amount_minor, recorded.state
        HAVING sum(refund.amount_minor) > recorded.amount_minor OR recorded.state <> 'confirmed'
        """,
    ),
)
