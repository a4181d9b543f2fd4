"""Money that nobody agreed to: its charge and fee, and what a person makes of it.

Four ways out: the donations of its checkout count after all, in what was really paid; it goes back; where it was tried
to send it back and something stayed, the general fund keeps that, as it keeps all money of unknown origin; or, of
another currency than the book's, a note says what became of it. The fee of money that went back falls on the general
fund. What went back by itself needs nobody: see unexplained_closing.
"""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.errors import N_, DonateError, NotFound
from donate.giving import fees
from donate.giving.charges import Payment, payment_behind, payment_of, payment_of_unbooked
from donate.giving.models import Booked, Checkout, Donation, UnbookedMoney
from donate.giving.money_back import book_charge
from donate.giving.refund_models import ClearedPart, Dispute, DisputeState, Refund, RefundOrigin, RefundState
from donate.giving.refunds import NOTE_LENGTH, RefundNoteMissing, RefundNoteTooLong, authorise_refund, left_of
from donate.giving.unexplained_closing import GENERAL, fee_of, settle
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import MerchantAccount
from donate.money import split_by_largest_remainder
from donate.payments.gateway import MerchantRef, ProviderRefused
from donate.payments.merchants import gateway_for
from donate.settings import Settings
from donate.text import clean_text

log = structlog.get_logger("donate.giving")

LOOK_BACK = timedelta(days=180)


class ExplainedAlready(DonateError):
    sentence = N_("This money has been explained already.")
    status = 409


class Way(StrEnum):
    """What a person may make of it."""

    CLEAR = "clear"
    REFUND = "refund"
    GENERAL = GENERAL
    NOTE = "note"


class CannotBeCleared(DonateError):
    """There is no checkout of its own, it is of another currency, or a part of it went back."""

    sentence = N_("This money cannot be booked to campaigns: it has no payment of its own, or a part of it went back.")
    status = 409


class FeeNotKnownYet(DonateError):
    sentence = N_("The provider has not said yet what it keeps of this money. Please try again in a minute.")
    status = 409


class CannotBeKept(DonateError):
    """It may still go back to who paid, or a dispute over it is open."""

    sentence = N_("The general fund keeps only what the provider could not send back. Try to send it back first.")
    status = 409


def learn_unexplained(merchant: MerchantRef, settings: Settings, most: int = 20) -> int:
    """Ask for the charge and the fee of standing money that has no checkout to know them; how many were asked about."""
    with reading() as session:
        waiting = session.execute(
            select(UnbookedMoney.id, UnbookedMoney.session_id)
            .join(MerchantAccount, MerchantAccount.id == UnbookedMoney.merchant_account_id)
            .where(
                MerchantAccount.ref == merchant.ref,
                or_(UnbookedMoney.charge_id.is_(None), UnbookedMoney.fee_minor.is_(None)),
                UnbookedMoney.is_own.is_(False),
                UnbookedMoney.seen_at > clock.now() - LOOK_BACK,
            )
            .order_by(UnbookedMoney.id.desc())
            .limit(most)
        ).all()
    gateway = gateway_for(merchant, settings)
    for unbooked_id, session_id in waiting:
        try:
            seen = gateway.read_session(session_id)
            # What came back of it may have been told before the payment itself, when nobody could say whose it was.
            charge = gateway.read_charge(seen.charge_id) if seen.charge_id is not None else None
        except ProviderRefused:
            continue
        with transaction() as session:
            _keep_learnt(session, unbooked_id, seen.charge_id, seen.fee_minor)
            payment = payment_of(session, merchant.ref, charge) if charge is not None else None
            if charge is not None and payment is not None:
                book_charge(session, payment, charge)
    return len(waiting)


def _keep_learnt(session: Session, unbooked_id: int, charge_id: str | None, fee_minor: int | None) -> None:
    payment = payment_of_unbooked(session, unbooked_id)
    money = session.get_one(UnbookedMoney, unbooked_id, populate_existing=True)
    money.charge_id = money.charge_id or charge_id
    if fee_minor is None or money.fee_minor is not None:
        session.flush()
        return
    money.fee_minor = fee_minor
    session.flush()
    if payment.is_booked and fee_minor > 0:
        leg = Leg(debit="suspense", credit="clearing", amount_minor=fee_minor)
        _post(session, payment, Reason.PROCESSING_FEE, f"fee:{money.session_id}:whole", leg)
    settle(session, payment)


def _post(session: Session, payment: Payment, reason: Reason, key: str, leg: Leg, campaign: str | None = None) -> None:
    entry = NewEntry(
        book_id=payment.book_id,
        reason=reason,
        idempotency_key=key,
        effective_on=clock.today(payment.time_zone),
        legs=(leg,),
        campaign=campaign,
    )
    journal.post(session, [entry])


def payment_of_money(session: Session, unbooked_id: int) -> tuple[UnbookedMoney, Payment]:
    """Standing money and the payment behind it, locked, the payment first. Raises NotFound, ExplainedAlready."""
    known = session.get(UnbookedMoney, unbooked_id)
    if known is None:
        raise NotFound
    payment = payment_behind(session, known)
    money = session.get_one(UnbookedMoney, unbooked_id, with_for_update=True, populate_existing=True)
    if money.explained_at is not None:
        raise ExplainedAlready
    return money, payment


def ways_out(session: Session, unbooked_id: int) -> frozenset[Way]:
    """What a person may make of a sum as it stands now, to show only those buttons. Raises NotFound."""
    money = session.get(UnbookedMoney, unbooked_id)
    if money is None:
        raise NotFound
    payment = payment_behind(session, money, lock=False)
    left = left_of(session, payment)
    is_fee_known = not payment.is_booked or fee_of(session, payment, money) is not None
    open_to = {
        Way.CLEAR: _may_be_cleared(session, payment),
        Way.REFUND: left.amount_minor > 0 and not left.is_disputed and payment.charge_id is not None and is_fee_known,
        Way.GENERAL: _may_be_kept(session, payment) and is_fee_known,
        Way.NOTE: not payment.is_booked,
    }
    return frozenset(way for way, is_open in open_to.items() if is_open and money.explained_at is None)


def clear_to_donations(session: Session, unbooked_id: int, *, by: int, note: str) -> None:
    """Let the donations of its checkout count after all, in what was really paid: suspense / fund.

    Where the fee is known by now, it moves from suspense to the funds, and may be covered as any other (fees.py). Raises
    NotFound, ExplainedAlready, CannotBeCleared, RefundNoteMissing, RefundNoteTooLong.
    """
    words = _words(note)
    money, payment = payment_of_money(session, unbooked_id)
    if not _may_be_cleared(session, payment) or payment.checkout_id is None:
        raise CannotBeCleared
    checkout = session.get_one(Checkout, payment.checkout_id)
    _move_to_funds(session, payment, money, checkout)
    fee_minor = fee_of(session, payment, money)
    if fee_minor:
        paid = fees.Paid(checkout.id, checkout.public_id, payment.book_id, payment.time_zone, Booked.CLEARED)
        journal.post(session, fees.borne_by_funds(session, paid, fee_minor, credit="suspense"))
    checkout.booked_as = Booked.CLEARED.value
    _explain(session, money, by, words, "cleared")


def _may_be_cleared(session: Session, payment: Payment) -> bool:
    is_whole = left_of(session, payment).amount_minor == payment.amount_minor
    return payment.checkout_id is not None and payment.is_booked and not payment.parts and is_whole


def _move_to_funds(session: Session, payment: Payment, money: UnbookedMoney, checkout: Checkout) -> None:
    donations: Sequence[Donation] = session.scalars(
        select(Donation).where(Donation.checkout_id == checkout.id).order_by(Donation.id)
    ).all()
    amounts = split_by_largest_remainder(money.amount_minor, [donation.amount_minor for donation in donations])
    for donation, amount_minor in zip(donations, amounts, strict=True):
        if amount_minor > 0:
            session.add(ClearedPart(donation_id=donation.id, amount_minor=amount_minor))
            leg = Leg(debit="suspense", credit=fund_code(donation.campaign_ref), amount_minor=amount_minor)
            key = f"cleared:{donation.public_id}"
            _post(session, payment, Reason.SUSPENSE_CLEARED, key, leg, donation.campaign_ref)


def refund_unexplained(session: Session, unbooked_id: int, *, by: int, note: str) -> Refund:
    """Send it back, all that is left; the refund is written down and still to be sent.

    Should it come to nothing, the sum stands open again. Raises NotFound, ExplainedAlready, FeeNotKnownYet, and what
    authorise_refund raises.
    """
    words = _words(note)
    money, payment = payment_of_money(session, unbooked_id)
    if payment.is_booked and fee_of(session, payment, money) is None:
        raise FeeNotKnownYet
    refund = authorise_refund(session, payment, origin=RefundOrigin.STAFF, by=by, note=words)
    _explain(session, money, by, words, "refunded")
    settle(session, payment)
    return refund


def keep_in_general(session: Session, unbooked_id: int, *, by: int, note: str) -> None:
    """Let the general fund keep what could not be sent back: suspense / general.

    Raises NotFound, ExplainedAlready, FeeNotKnownYet, CannotBeKept, RefundNoteMissing, RefundNoteTooLong.
    """
    words = _words(note)
    money, payment = payment_of_money(session, unbooked_id)
    if payment.is_booked and fee_of(session, payment, money) is None:
        raise FeeNotKnownYet
    if not _may_be_kept(session, payment):
        raise CannotBeKept
    _explain(session, money, by, words, GENERAL)
    settle(session, payment)


def _may_be_kept(session: Session, payment: Payment) -> bool:
    """A refund of it came to nothing, or a part was lost in a dispute, after which the provider sends nothing back."""
    left = left_of(session, payment)
    if not payment.is_booked or payment.parts or left.is_disputed or left.amount_minor <= 0:
        return False
    in_vain = (RefundState.FAILED.value, RefundState.CANCELED.value, RefundState.REFUSED.value)
    refund = select(Refund.id).where(payment.refunds, Refund.state.in_(in_vain)).limit(1)
    lost = select(Dispute.id).where(payment.disputes, Dispute.state == DisputeState.LOST.value).limit(1)
    return session.scalar(refund) is not None or session.scalar(lost) is not None


def note_unbooked(session: Session, unbooked_id: int, *, by: int, note: str) -> None:
    """Say what became of money of another currency. Raises NotFound, ExplainedAlready, CannotBeCleared."""
    words = _words(note)
    money, payment = payment_of_money(session, unbooked_id)
    if payment.is_booked:
        raise CannotBeCleared
    _explain(session, money, by, words, "noted")


def _words(note: str) -> str:
    words = clean_text(note, NOTE_LENGTH, RefundNoteTooLong)
    if not words:
        raise RefundNoteMissing
    return words


def _explain(session: Session, money: UnbookedMoney, by: int, words: str, outcome: str) -> None:
    money.explained_at = clock.now()
    money.explanation = words
    money.explained_by = by
    money.outcome = outcome
    session.flush()
