"""The entries of a dispute: held back, lost or won, and its fee, which the general fund bears and gets back.

Of a dispute that is won the provider returns the disputed amount, and at times a fee as well: that for answering it, or
in older terms the one for receiving it. A warning moves no money and books nothing. A lost dispute that is won after all has its loss reversed first.
"""

from collections.abc import Mapping

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.giving.charges import Payment
from donate.giving.refund_models import Dispute, DisputeState
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import Entry
from donate.payments.facts import DisputeSeen

log = structlog.get_logger("donate.giving")

_WON_LATE = "won after an appeal"


def move_dispute(
    session: Session,
    payment: Payment,
    dispute: Dispute,
    parts: Mapping[int, int],
    seen: DisputeSeen,
    left: set[int],
    returned: set[int],
) -> None:
    """Raise the row to what was seen and book it; adds the donations whose money left or came back."""
    before = DisputeState(dispute.state)
    after = max(before, DisputeState(seen.status), key=lambda state: state.rank)
    is_lost, is_won = after is DisputeState.LOST, after is DisputeState.WON
    if seen.withdrawn_minor not in (0, dispute.amount_minor):
        log.error("dispute_withdrew_other_amount", dispute=seen.dispute_id, withdrawn=seen.withdrawn_minor)
    withdrawn = seen.withdrawn_minor > 0 or seen.fee_minor > 0 or is_lost or is_won
    reinstated = is_won or (after is DisputeState.OPEN and seen.withdrawn_minor == 0 and seen.fee_minor > 0)
    if withdrawn and not dispute.is_withdrawn:
        dispute.is_withdrawn = True
        _book(session, payment, dispute, parts, Reason.DISPUTE_OPENED)
    if is_lost and before is not DisputeState.LOST:
        _book(session, payment, dispute, parts, Reason.DISPUTE_LOST)
        left.update(parts)
    if is_won and before is DisputeState.LOST:
        _reverse_loss(session, payment, dispute)
        returned.update(parts)
    if reinstated and not dispute.is_reinstated:
        dispute.is_reinstated = True
        _book(session, payment, dispute, parts, Reason.DISPUTE_WON)
    _book_fees(session, payment, dispute, seen)
    dispute.state = after.value
    dispute.evidence_due_at = seen.evidence_due_at
    if is_lost or is_won:
        dispute.next_sync_at = None
    session.flush()


_KEYS = {
    Reason.DISPUTE_OPENED: "dispute-opened",
    Reason.DISPUTE_WON: "dispute-won",
    Reason.DISPUTE_LOST: "dispute-lost",
}


def _book(session: Session, payment: Payment, dispute: Dispute, parts: Mapping[int, int], reason: Reason) -> None:
    if not payment.is_booked:
        return
    donations = payment.by_donation
    entries = [
        _entry(
            payment,
            reason,
            f"{_KEYS[reason]}:{dispute.dispute_id}:{donations[donation_id].public_id}",
            donations[donation_id].campaign,
            amount_minor,
        )
        for donation_id, amount_minor in parts.items()
    ]
    if not parts:
        key = f"{_KEYS[reason]}:{dispute.dispute_id}:whole"
        entries = [_entry(payment, reason, key, None, dispute.amount_minor)]
    journal.post(session, entries)


def _entry(payment: Payment, reason: Reason, key: str, campaign: str | None, amount_minor: int) -> NewEntry:
    source = "suspense" if campaign is None else fund_code(campaign)
    debit, credit = {
        Reason.DISPUTE_OPENED: ("disputed", "clearing"),
        Reason.DISPUTE_WON: ("clearing", "disputed"),
        Reason.DISPUTE_LOST: (source, "disputed"),
    }[reason]
    return NewEntry(
        book_id=payment.book_id,
        reason=reason,
        idempotency_key=key,
        effective_on=clock.today(payment.time_zone),
        legs=(Leg(debit=debit, credit=credit, amount_minor=amount_minor),),
        campaign=campaign,
    )


def _reverse_loss(session: Session, payment: Payment, dispute: Dispute) -> None:
    prefix = f"{_KEYS[Reason.DISPUTE_LOST]}:{dispute.dispute_id}:"
    lost = session.execute(
        select(Entry.id, Entry.idempotency_key).where(
            Entry.book_id == payment.book_id, Entry.idempotency_key.startswith(prefix, autoescape=True)
        )
    )
    for entry_id, key in sorted((entry_id, key) for entry_id, key in lost):
        journal.reverse(
            session,
            book_id=payment.book_id,
            entry_id=entry_id,
            idempotency_key=f"reversal:{key}",
            effective_on=clock.today(payment.time_zone),
            note=_WON_LATE,
        )


def _book_fees(session: Session, payment: Payment, dispute: Dispute, seen: DisputeSeen) -> None:
    """What the provider took for itself and what it gave back, each as far as it rose: an appeal adds to the fee.

    The two never fall at the provider, so an answer that is older than the row books nothing.
    """
    moved = (
        ("dispute-fee", dispute.fee_minor, seen.fee_minor, "general", "clearing"),
        ("dispute-fee-returned", dispute.fee_returned_minor, seen.fee_returned_minor, "clearing", "general"),
    )
    dispute.fee_minor = max(dispute.fee_minor, seen.fee_minor)
    dispute.fee_returned_minor = max(dispute.fee_returned_minor, seen.fee_returned_minor)
    if not payment.is_booked:
        return
    entries = [
        NewEntry(
            book_id=payment.book_id,
            reason=Reason.DISPUTE_FEE,
            idempotency_key=f"{name}:{dispute.dispute_id}" + (f":{after}" if before else ""),
            effective_on=clock.today(payment.time_zone),
            legs=(Leg(debit=debit, credit=credit, amount_minor=after - before),),
        )
        for name, before, after, debit, credit in moved
        if after > before
    ]
    journal.post(session, entries)
