"""The entries of a refund: sent (fund / clearing) and, where it failed, come back (clearing / fund)."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from donate import clock
from donate.giving.charges import Payment
from donate.giving.refund_models import Refund, RefundState
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.payments.facts import RefundSeen

_RETURNED = (RefundState.FAILED, RefundState.CANCELED)


def move_refund(
    session: Session,
    payment: Payment,
    refund: Refund,
    parts: Mapping[int, int],
    seen: RefundSeen,
    left: set[int],
    returned: set[int],
) -> None:
    """Raise the row to what was seen and book it; adds the donations whose money left or came back.

    An answer that is older than the row lowers nothing: a refund that failed stays failed.
    """
    before, after = RefundState(refund.state), RefundState(seen.status)
    if before.rank >= after.rank and refund.refund_id is not None:
        return
    was_sent = before in (RefundState.PENDING, RefundState.SUCCEEDED, *_RETURNED)
    refund.refund_id = seen.refund_id
    refund.refused_code = None
    refund.failure = seen.failure
    refund.state = after.value
    refund.next_sync_at = clock.now() if after is RefundState.PENDING else None
    session.flush()
    if not was_sent:
        _book(session, payment, refund, parts, Reason.REFUND)
        left.update(parts)
    if after in _RETURNED:
        _book(session, payment, refund, parts, Reason.REFUND_FAILED)
        returned.update(parts)


def _book(session: Session, payment: Payment, refund: Refund, parts: Mapping[int, int], reason: Reason) -> None:
    if not payment.is_booked:
        return
    donations = payment.by_donation
    key = "refund" if reason is Reason.REFUND else "refund-failed"
    entries = [
        _entry(
            payment,
            reason,
            f"{key}:{refund.refund_id}:{donations[donation_id].public_id}",
            donations[donation_id].campaign,
            amount_minor,
            {"donation": str(donations[donation_id].public_id)},
        )
        for donation_id, amount_minor in parts.items()
    ]
    if not parts:
        entries = [_entry(payment, reason, f"{key}:{refund.refund_id}:whole", None, refund.amount_minor, {})]
    journal.post(session, entries)


def _entry(
    payment: Payment, reason: Reason, key: str, campaign: str | None, amount_minor: int, private: Mapping[str, str]
) -> NewEntry:
    source = "suspense" if campaign is None else fund_code(campaign)
    debit, credit = (source, "clearing") if reason is Reason.REFUND else ("clearing", source)
    return NewEntry(
        book_id=payment.book_id,
        reason=reason,
        idempotency_key=key,
        effective_on=clock.today(payment.time_zone),
        legs=(Leg(debit=debit, credit=credit, amount_minor=amount_minor),),
        campaign=campaign,
        private=private,
    )
