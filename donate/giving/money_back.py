"""From what the provider says of one charge to our rows and the ledger: refunds and disputes, in whatever order told.

The charge is always read whole, with everything that came back of it. Each refund and dispute gets its parts once,
from facts that never change again (who came before it, by the provider's own clock), and its entries under keys made
of the provider's ids. So any order of messages, twice or at once, ends in the same books. Recording never fails.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_
from donate.giving import kept_back
from donate.giving.charges import Payment
from donate.giving.dispute_booking import move_dispute
from donate.giving.official import void_official_receipts
from donate.giving.refund_booking import move_refund
from donate.giving.refund_models import (
    Dispute,
    DisputePart,
    DisputeState,
    Refund,
    RefundOrigin,
    RefundPart,
    RefundState,
)
from donate.giving.shortfall import level_cover
from donate.giving.unexplained_closing import settle
from donate.money import split_by_largest_remainder
from donate.payments.facts import ChargeSeen, DisputeSeen, RefundSeen

log = structlog.get_logger("donate.giving")

REFUNDED = N_("The donation it stands for was refunded.")


@dataclass(slots=True)
class Touched:
    """Whose money left and whose came back, to look after funds and receipts once all is booked."""

    left: set[int] = field(default_factory=set)
    returned: set[int] = field(default_factory=set)


def book_charge(session: Session, payment: Payment, charge: ChargeSeen) -> None:
    """Move our rows of a charge towards what was seen. `payment` is locked."""
    known = {refund.public_id: refund for refund in session.scalars(select(Refund).where(payment.refunds))}
    by_id = {refund.refund_id: refund for refund in known.values() if refund.refund_id is not None}
    touched = Touched()
    taken: dict[int, int] = {}
    taken_at: list[tuple[RefundSeen, dict[int, int]]] = []
    for seen in charge.refunds:
        ours = known.get(seen.our_id) if seen.our_id is not None else None
        refund = by_id.get(seen.refund_id) or ours or _new_refund(session, payment, seen, taken)
        parts = parts_of_refund(session, refund)
        taken_at.append((seen, dict(taken)))
        for donation_id, amount_minor in parts.items():
            taken[donation_id] = taken.get(donation_id, 0) + amount_minor
        move_refund(session, payment, refund, parts, seen, touched.left, touched.returned)
    for dispute in charge.disputes:
        _take_dispute(session, payment, charge, dispute, taken_at, taken, touched)
    session.flush()
    _look_after(session, payment, touched)


def _new_refund(session: Session, payment: Payment, seen: RefundSeen, taken: Mapping[int, int]) -> Refund:
    """A refund that was made outside us. Its row begins as ours do, and rises with what was seen."""
    refund = Refund(
        checkout_id=payment.checkout_id,
        unbooked_id=payment.unbooked_id,
        charge_id=seen.charge_id,
        amount_minor=seen.amount_minor,
        origin=RefundOrigin.PROVIDER.value,
        requested_at=seen.created_at,
    )
    session.add(refund)
    session.flush()
    session.add_all(
        RefundPart(refund_id=refund.id, donation_id=donation_id, amount_minor=part)
        for donation_id, part in spread(payment, seen.amount_minor, taken).items()
    )
    session.flush()
    return refund


def _take_dispute(
    session: Session,
    payment: Payment,
    charge: ChargeSeen,
    seen: DisputeSeen,
    taken_at: Sequence[tuple[RefundSeen, Mapping[int, int]]],
    taken: Mapping[int, int],
    touched: Touched,
) -> None:
    dispute = session.scalars(select(Dispute).where(Dispute.dispute_id == seen.dispute_id)).one_or_none()
    if dispute is None:
        dispute = Dispute(
            dispute_id=seen.dispute_id,
            checkout_id=payment.checkout_id,
            unbooked_id=payment.unbooked_id,
            charge_id=charge.charge_id,
            amount_minor=seen.amount_minor,
            reason=seen.reason,
            opened_at=seen.created_at,
            next_sync_at=clock.now(),
        )
        session.add(dispute)
        session.flush()
        # What was refunded before it was opened; later refunds came of what it left, or the dispute would say less.
        before = next((then for refund, then in taken_at if refund.created_at >= seen.created_at), taken)
        session.add_all(
            DisputePart(dispute_id=dispute.id, donation_id=donation_id, amount_minor=part)
            for donation_id, part in spread(payment, seen.amount_minor, before).items()
        )
        session.flush()
    move_dispute(session, payment, dispute, parts_of_dispute(session, dispute), seen, touched.left, touched.returned)


def spread(payment: Payment, amount_minor: int, taken: Mapping[int, int]) -> dict[int, int]:
    """An amount over the donations, by what earlier refunds left of each; where too little is left, over all of each."""
    if not payment.parts:
        return {}
    left = [max(0, part.amount_minor - taken.get(part.donation_id, 0)) for part in payment.parts]
    weights = left if sum(left) >= amount_minor else [part.amount_minor for part in payment.parts]
    shares = split_by_largest_remainder(amount_minor, weights)
    return {part.donation_id: share for part, share in zip(payment.parts, shares, strict=True) if share > 0}


def parts_of_refund(session: Session, refund: Refund) -> dict[int, int]:
    rows = session.execute(
        select(RefundPart.donation_id, RefundPart.amount_minor)
        .where(RefundPart.refund_id == refund.id)
        .order_by(RefundPart.donation_id)
    )
    return dict(rows.all())


def parts_of_dispute(session: Session, dispute: Dispute) -> dict[int, int]:
    rows = session.execute(
        select(DisputePart.donation_id, DisputePart.amount_minor)
        .where(DisputePart.dispute_id == dispute.id)
        .order_by(DisputePart.donation_id)
    )
    return dict(rows.all())


def _look_after(session: Session, payment: Payment, touched: Touched) -> None:
    donations = payment.by_donation
    moved = touched.left | touched.returned
    # Always the stock before the cover, and each in one order: two charges of the same funds never wait in a circle.
    kept_back.keep(session, payment)
    funds = {donations[donation_id].campaign for donation_id in moved if donation_id in donations}
    level_cover(session, payment.book_id, payment.time_zone, funds)
    if touched.left:
        void_official_receipts(session, touched.left, REFUNDED)
    settle(session, payment)


def gone_back(session: Session, donation_ids: Sequence[int]) -> dict[int, int]:
    """What went back of donations by refunds that stand at the provider and by lost disputes, by donation id."""
    sent = (RefundState.PENDING.value, RefundState.SUCCEEDED.value)
    refunded = (
        select(RefundPart.donation_id, RefundPart.amount_minor)
        .join(Refund, Refund.id == RefundPart.refund_id)
        .where(RefundPart.donation_id.in_(donation_ids), Refund.state.in_(sent))
    )
    lost = (
        select(DisputePart.donation_id, DisputePart.amount_minor)
        .join(Dispute, Dispute.id == DisputePart.dispute_id)
        .where(DisputePart.donation_id.in_(donation_ids), Dispute.state == DisputeState.LOST.value)
    )
    found: dict[int, int] = {}
    for donation_id, amount_minor in [*session.execute(refunded), *session.execute(lost)]:
        found[donation_id] = found.get(donation_id, 0) + amount_minor
    return found
