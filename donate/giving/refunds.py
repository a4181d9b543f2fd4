"""Asking for a refund: bounded by what was paid, written down before the provider hears of it.

The payment's row is locked while the bound is looked at and the refund is written, so that two who refund at once
never send back more than came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError
from donate.giving.charges import Payment
from donate.giving.money_back import spread
from donate.giving.refund_models import (
    STANDING,
    Dispute,
    DisputePart,
    DisputeState,
    Refund,
    RefundNote,
    RefundOrigin,
    RefundPart,
)
from donate.money import Money
from donate.text import TextTooLong, clean_text

# When the job sends it, should whoever asked have died before.
FIRST_SYNC = timedelta(minutes=2)
NOTE_LENGTH = 500
_GONE = (DisputeState.OPEN.value, DisputeState.LOST.value)


class NothingToRefund(DonateError):
    sentence = N_("Nothing is left of this payment that could be refunded.")
    status = 409


class RefundTooLarge(DonateError):
    """More than is left of the payment or of one donation; nothing was asked for."""

    sentence = N_("At most %(most)s can be refunded here.")
    status = 422
    field = "amount"


class PaymentDisputed(DonateError):
    sentence = N_("The donor’s bank disputes this payment. It cannot be refunded while that is open.")
    status = 409


class ChargeUnknown(DonateError):
    """The provider has not told us the charge yet; without it there is nothing to refund."""

    sentence = N_("The payment provider has not named the charge of this payment yet. Please try again in a minute.")
    status = 409


class RefundNoteMissing(DonateError):
    sentence = N_("Write down why.")
    status = 422
    field = "note"


class RefundNoteTooLong(TextTooLong):
    field = "note"


@dataclass(frozen=True, slots=True)
class Left:
    """What can still be refunded of a payment, in all and by donation."""

    amount_minor: int
    by_donation: Mapping[int, int]
    is_disputed: bool


def left_of(session: Session, payment: Payment) -> Left:
    """What was paid less what is gone or about to go: standing refunds, open and lost disputes."""
    refunds: Sequence[tuple[int, int]] = session.execute(
        select(Refund.id, Refund.amount_minor).where(payment.refunds, Refund.state.in_([*STANDING]))
    ).all()
    disputes: Sequence[tuple[int, int, str]] = session.execute(
        select(Dispute.id, Dispute.amount_minor, Dispute.state).where(payment.disputes, Dispute.state.in_(_GONE))
    ).all()
    gone = sum(amount for _, amount in refunds) + sum(amount for _, amount, _ in disputes)
    refunded = _by_donation(session, RefundPart, RefundPart.refund_id.in_([row for row, _ in refunds]))
    disputed = _by_donation(session, DisputePart, DisputePart.dispute_id.in_([row for row, _, _ in disputes]))
    by_donation = {
        part.donation_id: max(
            0, part.amount_minor - refunded.get(part.donation_id, 0) - disputed.get(part.donation_id, 0)
        )
        for part in payment.parts
    }
    is_disputed = any(state == DisputeState.OPEN for _, _, state in disputes)
    return Left(max(0, payment.amount_minor - gone), by_donation, is_disputed)


def _by_donation(
    session: Session, model: type[RefundPart] | type[DisputePart], condition: ColumnElement[bool]
) -> dict[int, int]:
    rows = session.execute(
        select(model.donation_id, func.sum(model.amount_minor)).where(condition).group_by(model.donation_id)
    )
    return {donation_id: int(amount) for donation_id, amount in rows}


def authorise_refund(
    session: Session,
    payment: Payment,
    *,
    origin: RefundOrigin,
    by: int | None = None,
    amounts: Mapping[int, int] | None = None,
    amount_minor: int | None = None,
    note: str = "",
    public_id: UUID | None = None,
) -> Refund:
    """Write down a refund of `amounts` (by donation id), of `amount_minor` of the payment, or of all that is left.

    `public_id` comes with the form, so that a form sent twice is the same refund. Raises ChargeUnknown, PaymentDisputed, NothingToRefund, RefundTooLarge, RefundNoteMissing, RefundNoteTooLong.
    """
    sent = session.scalars(select(Refund).where(Refund.public_id == public_id)).one_or_none() if public_id else None
    if sent is not None and (sent.checkout_id, sent.unbooked_id) == (payment.checkout_id, payment.unbooked_id):
        return sent
    words = clean_text(note, NOTE_LENGTH, RefundNoteTooLong)
    if origin is RefundOrigin.STAFF and not words:
        raise RefundNoteMissing
    if payment.charge_id is None:
        raise ChargeUnknown
    left = left_of(session, payment)
    if left.is_disputed:
        raise PaymentDisputed
    if left.amount_minor <= 0:
        raise NothingToRefund
    parts = _chosen(payment, left, amounts, amount_minor)
    wanted = sum(parts.values()) if payment.parts else (amount_minor or left.amount_minor)
    if not 0 < wanted <= left.amount_minor:
        raise RefundTooLarge(most=_plain(left.amount_minor, payment.currency))
    refund = Refund(
        public_id=public_id if public_id is not None and sent is None else uuid4(),
        checkout_id=payment.checkout_id,
        unbooked_id=payment.unbooked_id,
        charge_id=payment.charge_id,
        amount_minor=wanted,
        origin=origin.value,
        requested_by=by,
        next_sync_at=clock.now() + FIRST_SYNC,
    )
    session.add(refund)
    session.flush()
    session.add_all(
        RefundPart(refund_id=refund.id, donation_id=donation_id, amount_minor=part)
        for donation_id, part in parts.items()
    )
    if words:
        session.add(RefundNote(refund_id=refund.id, note=words))
    session.flush()
    return refund


def _chosen(
    payment: Payment, left: Left, amounts: Mapping[int, int] | None, amount_minor: int | None
) -> dict[int, int]:
    """What each donation gives. Raises RefundTooLarge."""
    if not payment.parts:
        return {}
    if amounts is None:
        taken = {part.donation_id: part.amount_minor - left.by_donation[part.donation_id] for part in payment.parts}
        wanted = left.amount_minor if amount_minor is None else amount_minor
        if not 0 < wanted <= left.amount_minor:
            raise RefundTooLarge(most=_plain(left.amount_minor, payment.currency))
        return spread(payment, wanted, taken)
    for donation_id, part in amounts.items():
        if not 0 < part <= left.by_donation.get(donation_id, 0):
            raise RefundTooLarge(most=_plain(left.by_donation.get(donation_id, 0), payment.currency))
    return dict(amounts)


def _plain(minor: int, currency: str) -> str:
    try:
        return f"{Money(minor, currency).plain} {currency}"
    except DonateError:
        return f"{minor} {currency}"
