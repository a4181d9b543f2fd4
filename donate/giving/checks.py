"""Named checks that tie donors' checkouts to the ledger; run together with the ledger's own."""

from donate.errors import N_
from donate.giving.refund_checks import MONEY_BACK_CHECKS
from donate.giving.unexplained_checks import UNEXPLAINED_CHECKS
from donate.ledger import checks
from donate.ledger.checks import Check
from donate.ledger.provider_checks import PROVIDER_CHECKS
from donate.publiclog.leaf_checks import LEAF_CHECKS

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
        "recorded_donations_are_booked",
        N_(
            "Every recorded donation that was confirmed has its entry, with its amount, from the bank to its campaign’s fund."
        ),
        """
        SELECT 'recorded donation ' || recorded.public_id
        FROM recorded_donation recorded
        WHERE recorded.state IN ('confirmed', 'reversed') AND NOT EXISTS (
          SELECT FROM entry
          JOIN transfer ON transfer.entry_id = entry.id
          JOIN account debit ON debit.id = transfer.debit_id
          JOIN account credit ON credit.id = transfer.credit_id
          WHERE entry.id = recorded.entry_id AND entry.idempotency_key = 'recorded:' || recorded.public_id
            AND entry.reason = 'recorded_donation' AND debit.code = 'bank'
            AND credit.code = 'fund:' || recorded.campaign_ref AND transfer.amount_minor = recorded.amount_minor)
        """,
    ),
    Check(
        "equal_numbers_are_explained",
        N_("Where two recorded donations of a host bear one number, a second person said why they are other money."),
        """
        SELECT 'recorded donation ' || later.public_id
        FROM recorded_donation earlier
        JOIN recorded_donation later ON later.reference_key = earlier.reference_key AND later.id > earlier.id
          AND later.state IN ('entered', 'confirmed')
        JOIN book ON book.id = earlier.book_id
        JOIN book AS its_book ON its_book.id = later.book_id AND its_book.host = book.host
        WHERE earlier.state = 'confirmed' AND later.state = 'confirmed'
          AND earlier.other_money = '' AND later.other_money = ''
        """,
    ),
    Check(
        "no_money_is_unbooked",
        N_("No money of another currency waits outside the books."),
        "SELECT 'money ' || id FROM unbooked_money WHERE explained_at IS NULL AND NOT is_in_suspense",
    ),
)

ALL_CHECKS = (
    *checks.CHECKS,
    *LEAF_CHECKS,
    *PROVIDER_CHECKS,
    *GIVING_CHECKS,
    *MONEY_BACK_CHECKS,
    *UNEXPLAINED_CHECKS,
)
