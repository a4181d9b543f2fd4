"""Money that nobody agreed to: its charge and fee, and what a person makes of it.

Three ways out: the donations of its checkout count after all, in what was really paid; it goes back; or, of another
currency than the book's, a note says what became of it. The fee of money that went back falls on the general fund.
"""

from datetime import timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.errors import N_, DonateError, NotFound
from donate.giving.charges import Payment, payment_of, payment_of_checkout, payment_of_unbooked
from donate.giving.models import Booked, Checkout, Donation, UnbookedMoney
from donate.giving.money_back import book_charge
from donate.giving.refund_models import ClearedPart, Refund, RefundOrigin
from donate.giving.refunds import NOTE_LENGTH, RefundNoteMissing, RefundNoteTooLong, authorise_refund, left_of
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


class CannotBeCleared(DonateError):
    """There is no checkout of its own, it is of another currency, or a part of it went back."""

    sentence = N_("This money cannot be booked to campaigns: it has no payment of its own, or a part of it went back.")
    status = 409


class FeeNotKnownYet(DonateError):
    sentence = N_("The provider has not said yet what it keeps of this money. Please try again in a minute.")
    status = 409


def learn_unexplained(merchant: MerchantRef, settings: Settings, most: int = 20) -> int:
    """Ask for the charge and the fee of standing money that has no checkout to know them; how many were asked about."""
    with reading() as session:
        waiting = session.execute(
            select(UnbookedMoney.id, UnbookedMoney.session_id)
            .join(MerchantAccount, MerchantAccount.id == UnbookedMoney.merchant_account_id)
            .outerjoin(Checkout, Checkout.id == UnbookedMoney.checkout_id)
            .where(
                MerchantAccount.ref == merchant.ref,
                (UnbookedMoney.charge_id.is_(None)) | (UnbookedMoney.fee_minor.is_(None)),
                (Checkout.id.is_(None)) | (Checkout.session_id != UnbookedMoney.session_id),
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
    """Standing money and the payment behind it, locked. Raises NotFound, ExplainedAlready."""
    money = session.scalars(
        select(UnbookedMoney).where(UnbookedMoney.id == unbooked_id).with_for_update()
    ).one_or_none()
    if money is None:
        raise NotFound
    if money.explained_at is not None:
        raise ExplainedAlready
    checkout = session.get(Checkout, money.checkout_id) if money.checkout_id is not None else None
    if checkout is not None and checkout.session_id == money.session_id:
        own = payment_of_checkout(session, checkout.id)
        if own is not None:
            return money, own
    return money, payment_of_unbooked(session, money.id)


def clear_to_donations(session: Session, unbooked_id: int, *, by: int, note: str) -> None:
    """Let the donations of its checkout count after all, in what was really paid: suspense / fund.

    Raises NotFound, ExplainedAlready, CannotBeCleared, RefundNoteMissing, RefundNoteTooLong.
    """
    words = _words(note)
    money, payment = payment_of_money(session, unbooked_id)
    if payment.checkout_id is None or not payment.is_booked or payment.parts:
        raise CannotBeCleared
    if left_of(session, payment).amount_minor != payment.amount_minor:
        raise CannotBeCleared
    checkout = session.get_one(Checkout, payment.checkout_id)
    donations = session.scalars(select(Donation).where(Donation.checkout_id == checkout.id).order_by(Donation.id)).all()
    agreed = [donation.amount_minor for donation in donations]
    fee_minor = checkout.fee_minor if checkout.fee_booked_at is not None else None
    fees = split_by_largest_remainder(fee_minor or 0, agreed)
    amounts = split_by_largest_remainder(money.amount_minor, agreed)
    for donation, amount_minor, fee in zip(donations, amounts, fees, strict=True):
        fund = fund_code(donation.campaign_ref)
        if amount_minor > 0:
            session.add(ClearedPart(donation_id=donation.id, amount_minor=amount_minor))
            leg = Leg(debit="suspense", credit=fund, amount_minor=amount_minor)
            key = f"cleared:{donation.public_id}"
            _post(session, payment, Reason.SUSPENSE_CLEARED, key, leg, donation.campaign_ref)
        if fee > 0:
            leg = Leg(debit=fund, credit="suspense", amount_minor=fee)
            key = f"fee:{checkout.public_id}:{donation.public_id}"
            _post(session, payment, Reason.PROCESSING_FEE, key, leg, donation.campaign_ref)
    checkout.booked_as = Booked.CLEARED.value
    _explain(session, money, by, words, "cleared")


def refund_unexplained(session: Session, unbooked_id: int, *, by: int, note: str) -> Refund:
    """Send it back, all that is left; the refund is written down and still to be sent.

    Raises NotFound, ExplainedAlready, FeeNotKnownYet, and what authorise_refund raises.
    """
    words = _words(note)
    money, payment = payment_of_money(session, unbooked_id)
    checkout = session.get(Checkout, payment.checkout_id) if payment.checkout_id is not None else None
    fee_minor = checkout.fee_minor if checkout is not None else money.fee_minor
    if payment.is_booked and fee_minor is None:
        raise FeeNotKnownYet
    refund = authorise_refund(session, payment, origin=RefundOrigin.STAFF, by=by, note=words)
    if payment.is_booked and fee_minor:
        leg = Leg(debit="general", credit="suspense", amount_minor=fee_minor)
        _post(session, payment, Reason.PROCESSING_FEE, f"fee-borne:{money.session_id}", leg)
    _explain(session, money, by, words, "refunded")
    return refund


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
