"""What the provider kept of a checkout: who bears it, and the entries for it.

The fund bears the fee of its donations. Where the host's fee-cover fund holds enough for a whole checkout's fee, it
gives that to the funds beside it, so that the donations arrive whole; it never covers a part of a fee, and never
goes below zero.

Which fees are covered when the fee-cover fund runs short is decided by the order of booking, and by nothing else: a fee
is offered to it once, in the moment in which it first falls on funds (when it becomes known, or, of money that stood in
suspense, when that is cleared, whichever is later), and the first whose whole fee is there gets it. A smaller fee may
so be covered after a larger one was not, and a fund that is filled again covers nothing of before. That depends on the
order of messages, as any queue for what is scarce does; the books are exact in every order, and a check holds each
checkout's cover to nothing or the whole fee. The other way, giving each its part, would leave odd remainders in
thousands of funds for the same money.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError
from donate.giving.charges import payment_of_checkout
from donate.giving.kept_back import keep
from donate.giving.models import Booked, Checkout, Donation
from donate.giving.shortfall import has_come_back, level_cover, lower_cover
from donate.giving.unexplained_closing import settle
from donate.ledger import cover, journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.money import split_by_largest_remainder
from donate.payments.gateway import ChargeFee


class FeeChanged(DonateError):
    """The provider reports another fee than the one that was booked: a person must look."""

    sentence = N_("The fee of this payment was booked as %(booked)s and is now reported as %(reported)s.")
    status = 409


class FeeInOtherCurrency(DonateError):
    """The merchant account settles in another currency than its book: set up wrongly."""

    sentence = N_("The fee of this payment is in %(currency)s, another currency than the book’s.")
    status = 409


_Locked = tuple[int, UUID, int, str, str, str | None, int | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Paid:
    """A checkout that was paid, locked, with what its fee entries need; `booked_as` decides who bears the fee."""

    id: int
    public_id: UUID
    book_id: int
    time_zone: str
    booked_as: Booked


def book_fee(session: Session, merchant: str, reference: UUID, fee: ChargeFee) -> bool:
    """Book what is known of the fee. False when our checkout is not paid yet: ask again after it is.

    `merchant` is the account that was charged; a checkout of another one is none of its business.
    Raises FeeChanged, FeeInOtherCurrency.
    """
    facts = {"reference": reference, "merchant": merchant}
    checkout = cast("_Locked | None", session.execute(_LOCK, facts).one_or_none())
    if checkout is None or fee.fee_minor is None:
        return True
    checkout_id, public_id, book_id, time_zone, currency, booked_as, booked_minor, fee_booked_at = checkout
    if booked_as is None:
        return False
    if fee.fee_currency != currency and booked_as != Booked.UNBOOKED:
        raise FeeInOtherCurrency(currency=fee.fee_currency)
    if fee_booked_at is not None:
        if booked_minor != fee.fee_minor:
            raise FeeChanged(booked=booked_minor, reported=fee.fee_minor)
        return True
    paid = Paid(checkout_id, public_id, book_id, time_zone, Booked(booked_as))
    journal.post(session, _entries(session, paid, fee.fee_minor))
    session.execute(
        update(Checkout)
        .where(Checkout.id == checkout_id)
        .values(fee_minor=fee.fee_minor, charge_id=fee.charge_id, fee_booked_at=clock.now(), next_sync_at=None)
    )
    if paid.booked_as is Booked.SUSPENSE:
        _close_what_went_back(session, paid.id)
    if paid.booked_as in (Booked.DONATIONS, Booked.CLEARED):
        _look_after(session, paid)
    return True


def _look_after(session: Session, paid: Paid) -> None:
    """What was refunded before its fee was known may leave its fund short by the fee; other money fills a fund again."""
    payment = payment_of_checkout(session, paid.id) if has_come_back(session, paid.id) else None
    if payment is None:
        lower_cover(session, paid.book_id, paid.time_zone)
    else:
        keep(session, payment)
        level_cover(session, paid.book_id, paid.time_zone, {part.campaign for part in payment.parts})


def _entries(session: Session, paid: Paid, fee_minor: int) -> list[NewEntry]:
    if fee_minor <= 0 or paid.booked_as is Booked.UNBOOKED:
        return []
    if paid.booked_as is Booked.SUSPENSE:
        leg = Leg(debit="suspense", credit="clearing", amount_minor=fee_minor)
        return [_entry(paid, "whole", None, Reason.PROCESSING_FEE, "fee", leg)]
    return borne_by_funds(session, paid, fee_minor, credit="clearing")


def borne_by_funds(session: Session, paid: Paid, fee_minor: int, *, credit: str) -> list[NewEntry]:
    """The fee on the funds of its donations, and what covers it, where the fee-cover fund holds the whole of it.

    `credit` is where the fee was until now: clearing, or suspense, where it was learnt before the money was cleared out
    of there. Locks the fee-cover fund's stock; the entries must be posted.
    """
    parts = _parts(session, paid.id, fee_minor)
    kinds = [(Reason.PROCESSING_FEE, "fee", False)]
    if cover.take(session, paid.book_id, fee_minor):
        kinds.append((Reason.FEE_COVERED, "cover", True))
    return [
        _entry(paid, str(donation), campaign, reason, kind, _leg(fund_code(campaign), part, credit, is_cover=is_cover))
        for reason, kind, is_cover in kinds
        for donation, campaign, part in parts
    ]


def _leg(fund: str, amount_minor: int, credit: str, *, is_cover: bool) -> Leg:
    if is_cover:
        return Leg(debit=cover.CODE, credit=fund, amount_minor=amount_minor)
    return Leg(debit=fund, credit=credit, amount_minor=amount_minor)


def _close_what_went_back(session: Session, checkout_id: int) -> None:
    """Unexplained money that was gone before its fee was known could not be closed until now."""
    session.flush()
    payment = payment_of_checkout(session, checkout_id)
    if payment is not None:
        settle(session, payment)


def _parts(session: Session, checkout_id: int, fee_minor: int) -> Sequence[tuple[UUID, str, int]]:
    """The fee split over the donations by largest remainder: the parts sum to it exactly."""
    donations = [
        (donation, campaign, amount_minor)
        for donation, campaign, amount_minor in session.execute(
            select(Donation.public_id, Donation.campaign_ref, Donation.amount_minor)
            .where(Donation.checkout_id == checkout_id)
            .order_by(Donation.id)
        )
    ]
    shares = split_by_largest_remainder(fee_minor, [amount for _, _, amount in donations])
    return [
        (donation, campaign, share)
        for (donation, campaign, _), share in zip(donations, shares, strict=True)
        if share > 0
    ]


def _entry(paid: Paid, part: str, campaign: str | None, reason: Reason, kind: str, leg: Leg) -> NewEntry:
    return NewEntry(
        book_id=paid.book_id,
        reason=reason,
        idempotency_key=f"{kind}:{paid.public_id}:{part}",
        effective_on=clock.today(paid.time_zone),
        legs=(leg,),
        campaign=campaign,
        private={"donation": part} if campaign else {},
    )


_LOCK = text(
    """
    SELECT checkout.id, checkout.public_id, checkout.book_id, book.time_zone, checkout.currency, checkout.booked_as,
           checkout.fee_minor, checkout.fee_booked_at
    FROM checkout JOIN book ON book.id = checkout.book_id
    JOIN merchant_account merchant ON merchant.id = checkout.merchant_account_id
    WHERE checkout.public_id = :reference AND merchant.ref = :merchant
    FOR UPDATE OF checkout
    """
)
