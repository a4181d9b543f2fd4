"""What the staff, and a host's owner or treasurer for their own book, read of one payment and of all that came back.

`hosts` says whose payments: the references of the hosts, or None for all of them. Who asks for another's is told that
there is none.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from donate.campaigns.models import Campaign
from donate.errors import N_, DonateError, NotFound
from donate.giving.charges import payment_of_checkout
from donate.giving.models import Booked, Checkout, CheckoutPrivate, Donation, DonationPrivate
from donate.giving.money_back import gone_back
from donate.giving.money_back_queries import (
    DisputeLine,
    Hosts,
    RefundLine,
    WarningLine,
    dispute_lines,
    of_hosts,
    refund_lines,
    warning_lines,
)
from donate.giving.refund_models import (
    ClearedPart,
    Dispute,
    DisputeState,
    Refund,
    RefundState,
    WarningOfFraud,
)
from donate.giving.refunds import Left, left_of
from donate.ledger.models import Book, Entry, ReceiptNumber
from donate.people.models import MembershipRole

MAY_REFUND = (MembershipRole.OWNER, MembershipRole.TREASURER)
PAGE = 50
LONGEST_SOUGHT = 500

_NUMBER = re.compile(r"([0-9]{4})-([0-9]{7,12})", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_LINK = re.compile(r"/(?:r|paid)/([\w-]{20,})", re.ASCII)


class NoSuchPayment(DonateError):
    sentence = N_("No payment is found under this. Look for typing errors; payments of other hosts are not shown here.")
    status = 422
    field = "find"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLine:
    """A payment in a list."""

    public_id: UUID
    paid_at: datetime
    time_zone: str
    amount_minor: int
    currency: str
    method: str
    booked_as: Booked
    host: str
    refunded_minor: int  # standing refunds, sent or about to be
    is_disputed: bool


def payment_lines(session: Session, hosts: Hosts, before: int | None = None) -> tuple[list[PaymentLine], int | None]:
    """A page of paid payments, newest first, and the key under which the next page begins."""
    refunded = (
        select(func.coalesce(func.sum(Refund.amount_minor), 0))
        .where(Refund.checkout_id == Checkout.id, Refund.state.in_(_STANDING))
        .scalar_subquery()
    )
    disputed = select(Dispute.id).where(Dispute.checkout_id == Checkout.id, Dispute.state != DisputeState.WON).exists()
    query = (
        select(Checkout, Book.time_zone, Book.host, refunded, disputed)
        .join(Book, Book.id == Checkout.book_id)
        .where(Checkout.paid_at.is_not(None), Checkout.booked_as.is_not(None), *of_hosts(hosts))
        .order_by(Checkout.id.desc())
        .limit(PAGE + 1)
    )
    if before is not None:
        query = query.where(Checkout.id < before)
    rows: list[tuple[Any, ...]] = [tuple(row) for row in session.execute(query)]
    lines = [
        PaymentLine(
            public_id=checkout.public_id,
            paid_at=checkout.paid_at,
            time_zone=time_zone,
            amount_minor=checkout.amount_minor,
            currency=checkout.currency,
            method=checkout.method,
            booked_as=Booked(checkout.booked_as),
            host=host,
            refunded_minor=int(back),
            is_disputed=is_disputed,
        )
        for checkout, time_zone, host, back, is_disputed in rows[:PAGE]
    ]
    return lines, rows[PAGE - 1][0].id if len(rows) > PAGE else None


_STANDING = [state.value for state in RefundState if state.is_standing]


def find_payment(session: Session, hosts: Hosts, sought: str) -> UUID:
    """The payment behind a receipt's number or secret link, a charge's id or our own. Raises NoSuchPayment."""
    words = sought.strip()[:LONGEST_SOUGHT]
    paid = [Checkout.booked_as.is_not(None), *of_hosts(hosts)]
    query = select(Checkout.public_id).join(Book, Book.id == Checkout.book_id).where(*paid)
    number, link = _NUMBER.search(words), _LINK.search(words)
    if _UUID.fullmatch(words.lower()):
        query = query.where(Checkout.public_id == UUID(words))
    elif link is not None:
        query = query.where(Checkout.secret == link[1])
    elif number is not None:
        return _by_number(session, hosts, int(number[1]), int(number[2]))
    else:
        query = query.where(or_(Checkout.charge_id == words, Checkout.secret == words, Checkout.session_id == words))
    found = session.scalars(query.limit(2)).all()
    if len(found) != 1:
        raise NoSuchPayment
    return found[0]


def _by_number(session: Session, hosts: Hosts, year: int, number: int) -> UUID:
    """Every book counts its own receipts, so that of all hosts a number may name several."""
    keys = session.scalars(
        select(Entry.idempotency_key)
        .join(ReceiptNumber, ReceiptNumber.entry_id == Entry.id)
        .join(Book, Book.id == ReceiptNumber.book_id)
        .where(ReceiptNumber.year == year, ReceiptNumber.number == number, *of_hosts(hosts))
        .limit(2)
    ).all()
    donations = [key.partition(":")[2] for key in keys if key.startswith(("donation:", "cleared:"))]
    if len(keys) > 1 or not donations:
        raise NoSuchPayment
    found = session.scalar(
        select(Checkout.public_id)
        .join(Donation, Donation.checkout_id == Checkout.id)
        .where(Donation.public_id == UUID(donations[0]))
    )
    if found is None:
        raise NoSuchPayment
    return found


def checkout_of(session: Session, hosts: Hosts, public_id: UUID) -> Checkout:
    """The paid checkout, if it is of one of these hosts. Raises NotFound."""
    found = session.scalars(
        select(Checkout)
        .join(Book, Book.id == Checkout.book_id)
        .where(Checkout.public_id == public_id, Checkout.booked_as.is_not(None), *of_hosts(hosts))
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class DonationLine:
    """One donation of a payment: what it brought, what is gone of it, and what can still be refunded."""

    id: int
    public_id: UUID
    campaign_ref: str
    title_zh: str
    title_en: str
    amount_minor: int
    back_minor: int
    left_minor: int
    name: str | None
    number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFile:
    """Everything that a host's treasurer sees of one payment."""

    checkout: Checkout
    booked_as: Booked
    paid_minor: int
    currency: str
    time_zone: str
    host: str
    email: str | None
    donations: tuple[DonationLine, ...]
    left: Left
    refunds: tuple[RefundLine, ...]
    disputes: tuple[DisputeLine, ...]
    warnings: tuple[WarningLine, ...]

    @property
    def may_refund(self) -> bool:
        return (
            self.left.amount_minor > 0
            and not self.left.is_disputed
            and self.booked_as in (Booked.DONATIONS, Booked.CLEARED)
        )


def payment_file(session: Session, checkout: Checkout) -> PaymentFile:
    """All of one payment."""
    payment = payment_of_checkout(session, checkout.id, lock=False)
    if payment is None:
        raise NotFound
    book = session.get_one(Book, checkout.book_id)
    left = left_of(session, payment)
    return PaymentFile(
        checkout=checkout,
        booked_as=Booked(checkout.booked_as or ""),
        paid_minor=payment.amount_minor,
        currency=payment.currency,
        time_zone=book.time_zone,
        host=book.host,
        email=session.scalar(select(CheckoutPrivate.email).where(CheckoutPrivate.checkout_id == checkout.id)),
        donations=_donations(session, checkout, left),
        left=left,
        refunds=tuple(refund_lines(session, None, PAGE, Refund.checkout_id == checkout.id)),
        disputes=tuple(dispute_lines(session, None, PAGE, Dispute.checkout_id == checkout.id)),
        warnings=tuple(warning_lines(session, None, PAGE, WarningOfFraud.charge_id == checkout.charge_id)),
    )


def _donations(session: Session, checkout: Checkout, left: Left) -> tuple[DonationLine, ...]:
    rows: Iterable[tuple[Any, ...]] = session.execute(
        select(Donation, Campaign.title_zh, Campaign.title_en, DonationPrivate.name, ClearedPart.amount_minor)
        .join(Campaign, Campaign.ref == Donation.campaign_ref)
        .outerjoin(DonationPrivate, DonationPrivate.donation_id == Donation.id)
        .outerjoin(ClearedPart, ClearedPart.donation_id == Donation.id)
        .where(Donation.checkout_id == checkout.id)
        .order_by(Donation.id)
    ).all()
    back = gone_back(session, [row[0].id for row in rows])
    numbers = _numbers(session, checkout, [row[0] for row in rows])
    return tuple(
        DonationLine(
            id=donation.id,
            public_id=donation.public_id,
            campaign_ref=donation.campaign_ref,
            title_zh=zh,
            title_en=en,
            amount_minor=donation.amount_minor if checkout.booked_as == Booked.DONATIONS else cleared or 0,
            back_minor=back.get(donation.id, 0),
            left_minor=left.by_donation.get(donation.id, 0),
            name=name,
            number=numbers.get(str(donation.public_id)),
        )
        for donation, zh, en, name, cleared in rows
    )


def _numbers(session: Session, checkout: Checkout, donations: Iterable[Donation]) -> dict[str, str]:
    """Receipts' numbers by the donation's public id."""
    keys = [f"{kind}:{donation.public_id}" for donation in donations for kind in ("donation", "cleared")]
    rows = session.execute(
        select(Entry.idempotency_key, ReceiptNumber.year, ReceiptNumber.number)
        .join(ReceiptNumber, ReceiptNumber.entry_id == Entry.id)
        .where(Entry.book_id == checkout.book_id, Entry.idempotency_key.in_(keys))
    )
    return {key.partition(":")[2]: f"{year}-{number:07d}" for key, year, number in rows}
