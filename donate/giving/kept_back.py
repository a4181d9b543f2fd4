"""What a fund keeps back of its stock for a payment that gave money back before a settlement took it.

Money that comes in may be spent once it is settled; money that goes out may not be spent from the moment it is booked.
So of every payment of which anything went back, its funds keep back as much as it would take from them if it were
settled now: of a settled one what was refunded or disputed since, of another what went back beyond what it brought,
which is its fee. This depends on facts alone and is worked out anew whenever one of them changes, under the lock of
the payment: when money goes back or returns, when the fee becomes known, and when a settlement takes any of it.
"""

from collections.abc import Iterable, Sequence
from typing import cast

from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import Session

from donate.giving.charges import Payment, payment_of_checkout
from donate.giving.models import Checkout, CheckoutState
from donate.giving.refund_models import Dispute, Refund
from donate.ledger.chart import fund_code
from donate.ledger.release import keep_back


def keep(session: Session, payment: Payment) -> None:
    """Make what the payment's funds keep back right. Its row is locked. Locks their stock where anything changes."""
    if payment.checkout_id is None or not payment.parts:
        return  # in suspense, or in no book: no fund has it
    session.flush()
    public_id, state = session.execute(
        select(Checkout.public_id, Checkout.state).where(Checkout.id == payment.checkout_id)
    ).one()
    under_way = {part.campaign: 0 for part in payment.parts}
    for campaign, minor in _sums(session, _WENT_BACK, payment.checkout_id):
        under_way[campaign] = under_way.get(campaign, 0) + minor
    if state != CheckoutState.SETTLED:
        for part in payment.parts:
            under_way[part.campaign] += part.amount_minor
        for campaign, minor in _sums(session, _FEES, payment.checkout_id):
            under_way[campaign] = under_way.get(campaign, 0) - minor
    amounts = {fund_code(campaign): max(0, -minor) for campaign, minor in under_way.items()}
    keep_back(session, book_id=payment.book_id, payment=str(public_id), amounts=amounts)


def settled(session: Session, taken: Iterable[tuple[Refund | Dispute, int]], checkout_ids: Iterable[int]) -> None:
    """Settlements took so much (signed) of these refunds and disputes; of these payments some or all is settled now.

    The checkouts are locked, and those of the refunds and disputes are among them.
    """
    for row, minor in taken:
        row.settled_minor += minor
    session.flush()
    for checkout_id in sorted(checkout_ids):
        payment = payment_of_checkout(session, checkout_id)
        if payment is not None:
            keep(session, payment)


def with_money_back(session: Session, checkout_ids: Iterable[int]) -> set[int]:
    """Those of these checkouts of which anything went back, or is to."""
    return set(session.scalars(_WITH_MONEY_BACK, {"ids": sorted(checkout_ids)}))


def _sums(session: Session, query: TextClause, checkout_id: int) -> Sequence[tuple[str, int]]:
    rows = cast("Sequence[tuple[str, int]]", session.execute(query, {"checkout": checkout_id}).all())
    return [(campaign, int(minor)) for campaign, minor in rows]


# What is booked of each refund and dispute, less what settlements took of it: its whole amount, or nothing.
_WENT_BACK = text(
    """
    SELECT donation.campaign_ref, sum(part.amount_minor * part.times)
    FROM (
      SELECT part.donation_id, part.amount_minor,
             (CASE WHEN refund.state IN ('pending', 'succeeded') THEN -refund.amount_minor ELSE 0 END
              - refund.settled_minor) / refund.amount_minor AS times
      FROM refund JOIN refund_part part ON part.refund_id = refund.id WHERE refund.checkout_id = :checkout
      UNION ALL
      SELECT part.donation_id, part.amount_minor,
             (CASE WHEN dispute.is_withdrawn AND NOT dispute.is_reinstated THEN -dispute.amount_minor ELSE 0 END
              - dispute.settled_minor) / dispute.amount_minor
      FROM dispute JOIN dispute_part part ON part.dispute_id = dispute.id WHERE dispute.checkout_id = :checkout
    ) AS part
    JOIN donation ON donation.id = part.donation_id
    GROUP BY donation.campaign_ref
    """
)

# The fee that each fund bears: less what the fee-cover fund gave it beside that.
_FEES = text(
    """
    SELECT donation.campaign_ref,
           sum(CASE WHEN transfer.debit_id = fund.id THEN transfer.amount_minor ELSE -transfer.amount_minor END)
    FROM donation
    JOIN checkout ON checkout.id = donation.checkout_id
    JOIN account fund ON fund.book_id = checkout.book_id AND fund.code = 'fund:' || donation.campaign_ref
    CROSS JOIN (VALUES ('fee'), ('cover')) AS name(word)
    JOIN entry ON entry.book_id = checkout.book_id
      AND entry.idempotency_key = name.word || ':' || checkout.public_id || ':' || donation.public_id
    JOIN transfer ON transfer.entry_id = entry.id AND fund.id IN (transfer.debit_id, transfer.credit_id)
    WHERE donation.checkout_id = :checkout
    GROUP BY donation.campaign_ref
    """
)

_WITH_MONEY_BACK = text(
    """
    SELECT checkout_id FROM refund WHERE checkout_id = ANY (CAST(:ids AS bigint[]))
    UNION
    SELECT checkout_id FROM dispute WHERE checkout_id = ANY (CAST(:ids AS bigint[]))
    """
)
