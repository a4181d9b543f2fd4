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
        N_("What refunds and lost disputes left a fund short of, the general fund covers, and its entries say so."),
        """
        SELECT 'account ' || cover.account_id
        FROM fund_cover cover
        CROSS JOIN LATERAL (
          SELECT coalesce(sum(CASE WHEN transfer.credit_id = cover.account_id THEN transfer.amount_minor
                                   ELSE -transfer.amount_minor END), 0) AS held,
                 coalesce(sum(CASE WHEN entry.reason <> 'shortfall_covered' THEN 0
                                   WHEN transfer.credit_id = cover.account_id THEN transfer.amount_minor
                                   ELSE -transfer.amount_minor END), 0) AS covered,
                 bool_or(entry.reason = 'reversal' AND transfer.debit_id = cover.account_id) AS is_reversed
          FROM transfer JOIN entry ON entry.id = transfer.entry_id
          WHERE cover.account_id IN (transfer.credit_id, transfer.debit_id)) AS fund
        WHERE fund.covered <> cover.covered_minor OR (fund.held < 0 AND NOT fund.is_reversed)
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
