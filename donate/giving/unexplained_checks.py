"""Named checks of money that is not as agreed, of fees to the last cent, and of what disputes cost."""

from donate.errors import N_
from donate.ledger.checks import Check

# The views `suspense_move` and `unexplained_sum` say what suspense holds of each sum, by the keys of its entries.
UNEXPLAINED_CHECKS = (
    Check(
        "what_is_not_as_agreed_is_kept",
        N_("Every payment that was not booked as agreed has its row of what really came."),
        """
        SELECT 'checkout ' || checkout.public_id FROM checkout
        WHERE checkout.booked_as IN ('suspense', 'cleared', 'unbooked')
          AND (checkout.charge_id IS NOT NULL OR checkout.fee_booked_at IS NOT NULL)
          AND NOT EXISTS (SELECT FROM unbooked_money money WHERE money.checkout_id = checkout.id AND money.is_own)
        """,
    ),
    Check(
        "suspense_tells_its_money_apart",
        N_(
            "Of each sum that is not as agreed suspense holds what is left of it while it stands, and nothing once it is"
            " explained."
        ),
        """
        SELECT 'money ' || id FROM unexplained_sum
        WHERE is_in_suspense AND held_minor <> CASE
          WHEN explained_at IS NULL THEN amount_minor - coalesce(known_fee_minor, 0) - gone_minor
          WHEN outcome IN ('refunded', 'gone_back') THEN least(asked_minor, greatest(amount_minor - gone_minor, 0))
          ELSE 0 END
        UNION ALL
        SELECT 'entry ' || key FROM suspense_move
        WHERE money_id IS NULL AND split_part(key, ':', 1) NOT IN ('line', 'line-cleared')
        """,
    ),
    Check(
        "what_went_back_is_closed",
        N_(
            "No sum of which nothing is left waits for somebody to explain it, and none counts as sent back that was not."
        ),
        """
        SELECT 'money ' || id FROM unexplained_sum
        WHERE CASE
          WHEN explained_at IS NULL
          THEN gone_minor >= amount_minor AND (known_fee_minor IS NOT NULL OR NOT is_in_suspense)
          ELSE outcome IN ('refunded', 'gone_back') AND gone_minor + asked_minor < amount_minor END
        """,
    ),
    Check(
        "fees_are_booked_whole",
        N_("The fee of every payment is booked to the last cent, and the fee fund covers all of it or nothing."),
        """
        WITH part AS (
          SELECT checkout.id, 'fee:' || checkout.public_id || ':' || 'whole' AS key FROM checkout
          WHERE checkout.booked_as IN ('suspense', 'cleared') AND checkout.fee_booked_at IS NOT NULL
          UNION ALL
          SELECT checkout.id, name || ':' || checkout.public_id || ':' || donation.public_id
          FROM checkout JOIN donation ON donation.checkout_id = checkout.id CROSS JOIN (VALUES ('fee'), ('cover')) AS n(name)
          WHERE checkout.booked_as IN ('donations', 'cleared') AND checkout.fee_booked_at IS NOT NULL
        ), booked AS (
          SELECT part.id,
                 sum(transfer.amount_minor) FILTER (WHERE credit.code = 'clearing') AS taken,
                 sum(transfer.amount_minor) FILTER (WHERE debit.code LIKE 'fund:%') AS borne,
                 sum(transfer.amount_minor) FILTER (WHERE debit.code = 'fee_cover') AS covered
          FROM part
          JOIN checkout ON checkout.id = part.id
          LEFT JOIN LATERAL (
            SELECT id FROM entry WHERE book_id = checkout.book_id AND idempotency_key = part.key OFFSET 0
          ) AS entry ON true
          LEFT JOIN LATERAL (SELECT * FROM transfer WHERE entry_id = entry.id OFFSET 0) AS transfer ON true
          LEFT JOIN account debit ON debit.id = transfer.debit_id
          LEFT JOIN account credit ON credit.id = transfer.credit_id
          GROUP BY part.id
        )
        SELECT 'checkout ' || checkout.public_id
        FROM booked JOIN checkout ON checkout.id = booked.id
        -- A sample world's past was never charged, and its fees have keys of their own.
        WHERE checkout.charge_id IS NOT NULL AND (
          coalesce(booked.taken, 0) <> checkout.fee_minor
          OR coalesce(booked.borne, 0) <> CASE WHEN checkout.booked_as = 'suspense' THEN 0 ELSE checkout.fee_minor END
          OR coalesce(booked.covered, 0) NOT IN (0, checkout.fee_minor))
        """,
    ),
    Check(
        "dispute_fees_are_booked",
        N_("What disputes cost, and what was given back of that, is booked to the last cent."),
        """
        WITH booked AS (
          SELECT split_part(entry.idempotency_key, ':', 2) AS dispute_id,
                 coalesce(sum(transfer.amount_minor) FILTER (WHERE credit.code = 'clearing'), 0) AS taken,
                 coalesce(sum(transfer.amount_minor) FILTER (WHERE credit.code <> 'clearing'), 0) AS returned
          FROM entry
          JOIN transfer ON transfer.entry_id = entry.id
          JOIN account credit ON credit.id = transfer.credit_id
          WHERE entry.reason = 'dispute_fee' GROUP BY 1
        )
        SELECT 'dispute ' || dispute.dispute_id
        FROM dispute
        LEFT JOIN checkout ON checkout.id = dispute.checkout_id
        LEFT JOIN unbooked_money money ON money.id = dispute.unbooked_id
        LEFT JOIN booked USING (dispute_id)
        WHERE coalesce(checkout.booked_as, CASE WHEN money.is_in_suspense THEN 'suspense' ELSE 'unbooked' END) <> 'unbooked'
          AND (coalesce(booked.taken, 0), coalesce(booked.returned, 0))
              <> (dispute.fee_minor, dispute.fee_returned_minor)
        """,
    ),
)
