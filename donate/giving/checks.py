"""Named checks that tie donors' checkouts to the ledger; run together with the ledger's own."""

from donate.errors import N_
from donate.ledger import checks
from donate.ledger.checks import Check

GIVING_CHECKS = (
    Check(
        "paid_checkouts_are_booked",
        N_("Every donation that was paid as agreed has its entry, with its amount, in the fund of its campaign."),
        """
        SELECT 'donation ' || donation.public_id
        FROM checkout JOIN donation ON donation.checkout_id = checkout.id
        WHERE checkout.booked_as = 'donations' AND NOT EXISTS (
          SELECT FROM entry
          JOIN transfer ON transfer.entry_id = entry.id
          JOIN account ON account.id = transfer.credit_id
          WHERE entry.book_id = checkout.book_id AND entry.idempotency_key = 'donation:' || donation.public_id
            AND account.code = 'fund:' || donation.campaign_ref AND transfer.amount_minor = donation.amount_minor)
        """,
    ),
    Check(
        "checkouts_sum_their_donations",
        N_("The amount of every checkout is the sum of its donations."),
        """
        SELECT 'checkout ' || checkout.public_id
        FROM checkout LEFT JOIN donation ON donation.checkout_id = checkout.id
        GROUP BY checkout.id HAVING checkout.amount_minor <> coalesce(sum(donation.amount_minor), 0)
        """,
    ),
    Check(
        "no_money_is_unbooked",
        N_("No money of another currency waits outside the books."),
        "SELECT 'money ' || id FROM unbooked_money WHERE explained_at IS NULL AND NOT is_in_suspense",
    ),
)

ALL_CHECKS = (*checks.CHECKS, *GIVING_CHECKS)
