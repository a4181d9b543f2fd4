"""Whose charge it is: the checkout that it paid, or unexplained money; what it became in the books, and of which parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from donate.giving.models import Booked, Checkout, Donation, UnbookedMoney
from donate.giving.refund_models import ClearedPart, Dispute, Refund
from donate.ledger.models import Book, MerchantAccount
from donate.payments.facts import ChargeSeen


@dataclass(frozen=True, slots=True)
class Part:
    """One donation of a payment, in what was really paid."""

    donation_id: int
    public_id: UUID
    campaign: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What a charge is here, its row locked. Without `parts` it stands in suspense, or (`is_booked` False) nowhere."""

    checkout_id: int | None
    unbooked_id: int | None
    charge_id: str | None
    book_id: int
    time_zone: str
    currency: str
    amount_minor: int
    is_booked: bool
    parts: tuple[Part, ...]

    @property
    def refunds(self) -> ColumnElement[bool]:
        """Which rows of `refund` are of this payment."""
        if self.checkout_id is not None:
            return Refund.checkout_id == self.checkout_id
        return Refund.unbooked_id == self.unbooked_id

    @property
    def disputes(self) -> ColumnElement[bool]:
        if self.checkout_id is not None:
            return Dispute.checkout_id == self.checkout_id
        return Dispute.unbooked_id == self.unbooked_id

    @property
    def by_donation(self) -> Mapping[int, Part]:
        return {part.donation_id: part for part in self.parts}


def payment_of(session: Session, merchant: str, charge: ChargeSeen) -> Payment | None:
    """The payment that this charge made, locked; None while it is none of ours, or not known to be paid.

    Found by the charge alone, never by its reference: a page that was paid twice is a checkout and unexplained money
    with the same reference.
    """
    checkout_id = session.scalar(
        select(Checkout.id)
        .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
        .where(MerchantAccount.ref == merchant, Checkout.charge_id == charge.charge_id)
    )
    if checkout_id is not None:
        return payment_of_checkout(session, checkout_id)
    unbooked_id = session.scalar(
        select(UnbookedMoney.id)
        .join(MerchantAccount, MerchantAccount.id == UnbookedMoney.merchant_account_id)
        .where(MerchantAccount.ref == merchant, UnbookedMoney.charge_id == charge.charge_id)
    )
    return None if unbooked_id is None else payment_of_unbooked(session, unbooked_id)


def payment_of_checkout(session: Session, checkout_id: int, *, lock: bool = True) -> Payment | None:
    """A paid checkout, locked until the commit unless it is only read; None while it is not known to be paid."""
    query = select(Checkout).where(Checkout.id == checkout_id).execution_options(populate_existing=True)
    checkout = session.scalars(query.with_for_update() if lock else query).one()
    if checkout.booked_as is None:
        return None
    booked_as = Booked(checkout.booked_as)
    book = session.get_one(Book, checkout.book_id)
    paid = checkout.amount_minor
    currency = checkout.currency
    if booked_as in (Booked.SUSPENSE, Booked.UNBOOKED):
        found = session.execute(
            select(UnbookedMoney.amount_minor, UnbookedMoney.currency).where(
                UnbookedMoney.checkout_id == checkout.id, UnbookedMoney.is_own
            )
        ).one_or_none()
        paid, currency = found or (0, currency)  # of nothing that came there is no row
    parts = _parts(session, checkout.id, booked_as)
    return Payment(
        checkout_id=checkout.id,
        unbooked_id=None,
        charge_id=checkout.charge_id,
        book_id=book.id,
        time_zone=book.time_zone,
        currency=currency,
        amount_minor=sum(part.amount_minor for part in parts) or paid,
        is_booked=booked_as is not Booked.UNBOOKED,
        parts=parts,
    )


def payment_of_unbooked(session: Session, unbooked_id: int, *, lock: bool = True) -> Payment:
    """Unexplained money without a checkout of its own, locked until the commit unless it is only read."""
    query = (
        select(UnbookedMoney, MerchantAccount)
        .join(MerchantAccount, MerchantAccount.id == UnbookedMoney.merchant_account_id)
        .where(UnbookedMoney.id == unbooked_id)
        .execution_options(populate_existing=True)
    )
    money, merchant = session.execute(query.with_for_update(of=UnbookedMoney) if lock else query).one()
    book = session.get_one(Book, merchant.book_id)
    return Payment(
        checkout_id=None,
        unbooked_id=money.id,
        charge_id=money.charge_id,
        book_id=book.id,
        time_zone=book.time_zone,
        currency=money.currency,
        amount_minor=money.amount_minor,
        is_booked=money.is_in_suspense,
        parts=(),
    )


def payment_behind(session: Session, money: UnbookedMoney, *, lock: bool = True) -> Payment:
    """The payment that brought this money: its checkout's, where it is that one's own. What is locked is the payment."""
    if money.is_own and money.checkout_id is not None:
        own = payment_of_checkout(session, money.checkout_id, lock=lock)
        if own is not None:
            return own
    return payment_of_unbooked(session, money.id, lock=lock)


def _parts(session: Session, checkout_id: int, booked_as: Booked) -> tuple[Part, ...]:
    if booked_as in (Booked.SUSPENSE, Booked.UNBOOKED):
        return ()
    rows = session.execute(
        select(Donation.id, Donation.public_id, Donation.campaign_ref, Donation.amount_minor, ClearedPart.amount_minor)
        .outerjoin(ClearedPart, ClearedPart.donation_id == Donation.id)
        .where(Donation.checkout_id == checkout_id)
        .order_by(Donation.id)
    )
    parts = (
        Part(donation_id, public_id, campaign, (cleared or 0) if booked_as is Booked.CLEARED else amount_minor)
        for donation_id, public_id, campaign, amount_minor, cleared in rows
    )
    return tuple(part for part in parts if part.amount_minor > 0)
