"""What of donations may stand on an official receipt: what they brought, less what went back or is about to.

Refunds are written down, and reversals booked, under a lock of the payment's or the recorded donation's row; whoever
asks for or issues a receipt holds that row first, and a receipt's own row only after it, as a refund does.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from donate.giving.brought import COUNTS, brought
from donate.giving.models import Checkout, Donation
from donate.giving.official_models import OfficialReceipt
from donate.giving.recorded_models import RecordedDonation, RecordedState
from donate.giving.recorded_refund_models import STANDING as STANDING_HERE
from donate.giving.recorded_refund_models import RecordedRefund
from donate.giving.refund_models import STANDING, Dispute, DisputePart, DisputeState, Refund, RefundPart


def hold(session: Session, receipt: OfficialReceipt) -> None:
    """Let nothing of the donation behind a receipt go back until the commit."""
    if receipt.recorded_id is not None:
        session.get_one(RecordedDonation, receipt.recorded_id, with_for_update=True, populate_existing=True)
        return
    session.scalars(
        select(Checkout)
        .join(Donation, Donation.checkout_id == Checkout.id)
        .where(Donation.id == receipt.donation_id)
        .with_for_update(of=Checkout)
        .execution_options(populate_existing=True)
    ).one()


def left_of(session: Session, receipts: Sequence[OfficialReceipt]) -> dict[int, int]:
    """What is left now of the donation behind each of these receipts, by the receipt's id."""
    recorded = _left_of_recorded(session, {one.recorded_id for one in receipts if one.recorded_id is not None})
    online = _left_of_donations(session, {one.donation_id for one in receipts if one.donation_id is not None})
    return {
        one.id: recorded.get(one.recorded_id, 0) if one.recorded_id is not None else online.get(one.donation_id or 0, 0)
        for one in receipts
    }


def left_of_checkout(session: Session, checkout: Checkout) -> dict[int, int]:
    """The same for each donation of a paid checkout, by the donation's id."""
    donations = session.scalars(select(Donation).where(Donation.checkout_id == checkout.id).order_by(Donation.id))
    return _less_gone(session, brought(session, checkout, donations.all()))


def left_of_recorded(session: Session, recorded: RecordedDonation) -> int:
    """The same for one recorded donation."""
    return _left_of_recorded(session, {recorded.id}).get(recorded.id, 0)


def _left_of_recorded(session: Session, ids: Collection[int]) -> dict[int, int]:
    given = session.execute(
        select(RecordedDonation.id, RecordedDonation.amount_minor).where(
            RecordedDonation.id.in_(ids), RecordedDonation.state == RecordedState.CONFIRMED
        )
    )
    sent_back = session.execute(
        select(RecordedRefund.recorded_id, func.sum(RecordedRefund.amount_minor))
        .where(RecordedRefund.recorded_id.in_(ids), RecordedRefund.state.in_(STANDING_HERE))
        .group_by(RecordedRefund.recorded_id)
    )
    gone = {recorded_id: int(amount) for recorded_id, amount in sent_back}
    return {recorded_id: amount - gone.get(recorded_id, 0) for recorded_id, amount in given}


def _left_of_donations(session: Session, ids: Collection[int]) -> dict[int, int]:
    rows = session.execute(
        select(Checkout, Donation)
        .join(Donation, Donation.checkout_id == Checkout.id)
        .where(Donation.id.in_(ids), Checkout.booked_as.in_(COUNTS))
        .order_by(Donation.id)
    )
    by_checkout: dict[int, tuple[Checkout, list[Donation]]] = {}
    for checkout, donation in rows:
        by_checkout.setdefault(checkout.id, (checkout, []))[1].append(donation)
    amounts: dict[int, int] = {}
    for checkout, donations in by_checkout.values():
        amounts |= brought(session, checkout, donations)
    return _less_gone(session, amounts)


def _less_gone(session: Session, amounts: Mapping[int, int]) -> dict[int, int]:
    gone: dict[int, int] = defaultdict(int)
    for donation_id, amount_minor in _gone(session, amounts):
        gone[donation_id] += amount_minor
    return {donation_id: max(0, amount - gone[donation_id]) for donation_id, amount in amounts.items()}


def _gone(session: Session, donation_ids: Collection[int]) -> list[tuple[int, int]]:
    """What of donations is on its way back to their donor, or was lost to their bank."""
    refunds = (
        select(RefundPart.donation_id, RefundPart.amount_minor)
        .join(Refund, Refund.id == RefundPart.refund_id)
        .where(RefundPart.donation_id.in_(donation_ids), Refund.state.in_(STANDING))
    )
    disputes = (
        select(DisputePart.donation_id, DisputePart.amount_minor)
        .join(Dispute, Dispute.id == DisputePart.dispute_id)
        .where(DisputePart.donation_id.in_(donation_ids), Dispute.state == DisputeState.LOST)
    )
    return [(donation_id, amount) for query in (refunds, disputes) for donation_id, amount in session.execute(query)]
