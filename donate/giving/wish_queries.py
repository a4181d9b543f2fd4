"""Wishes for money back as the charity and as their donor read them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from donate.campaigns.models import Campaign
from donate.errors import NotFound
from donate.giving.charges import payment_of_checkout
from donate.giving.models import Checkout, Donation
from donate.giving.money_back_queries import Hosts, of_hosts
from donate.giving.refund_models import Refund, RefundState, RefundWish, RefundWishPrivate, WishState
from donate.giving.refunds import Left, left_of
from donate.giving.wishes import is_in_time, paid_checkout, wanted_of
from donate.ledger.models import Book
from donate.people.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class WishLine:
    """A wish with its words and what became of it. Without a title it is for the whole payment."""

    public_id: UUID
    checkout: UUID
    title_zh: str | None
    title_en: str | None
    asked_at: datetime
    decided_at: datetime | None
    decided_by_name: str | None
    time_zone: str
    state: WishState
    words: str
    answer: str
    refund: UUID | None
    refund_state: RefundState | None
    refund_minor: int | None
    currency: str
    donation_id: int | None


def wish_lines(session: Session, hosts: Hosts, most: int, *conditions: ColumnElement[bool]) -> list[WishLine]:
    """Wishes, oldest first: who waits longest stands on top."""
    query = (
        select(RefundWish, Checkout, Book.time_zone, Campaign.title_zh, Campaign.title_en)
        .add_columns(RefundWishPrivate, Refund, User.name)
        .join(Checkout, Checkout.id == RefundWish.checkout_id)
        .join(Book, Book.id == Checkout.book_id)
        .outerjoin(Donation, Donation.id == RefundWish.donation_id)
        .outerjoin(Campaign, Campaign.ref == Donation.campaign_ref)
        .outerjoin(RefundWishPrivate, RefundWishPrivate.wish_id == RefundWish.id)
        .outerjoin(Refund, Refund.id == RefundWish.refund_id)
        .outerjoin(User, User.id == RefundWish.decided_by)
        .where(*of_hosts(hosts), *conditions)
        .order_by(RefundWish.id)
        .limit(most)
    )
    rows: Iterable[tuple[Any, ...]] = session.execute(query)
    return [_line(*row) for row in rows]


def _line(
    wish: RefundWish,
    checkout: Checkout,
    time_zone: str,
    zh: str | None,
    en: str | None,
    private: RefundWishPrivate | None,
    refund: Refund | None,
    name: str | None,
) -> WishLine:
    return WishLine(
        public_id=wish.public_id,
        checkout=checkout.public_id,
        title_zh=zh,
        title_en=en,
        asked_at=wish.asked_at,
        decided_at=wish.decided_at,
        decided_by_name=name,
        time_zone=time_zone,
        state=WishState(wish.state),
        words=private.words if private else "",
        answer=private.answer if private else "",
        refund=refund.public_id if refund else None,
        refund_state=RefundState(refund.state) if refund else None,
        refund_minor=refund.amount_minor if refund else None,
        currency=checkout.currency,
        donation_id=wish.donation_id,
    )


def waiting_wishes(session: Session, hosts: Hosts, most: int) -> list[WishLine]:
    return wish_lines(session, hosts, most, RefundWish.state == WishState.ASKED)


def wish_of(session: Session, hosts: Hosts, public_id: UUID) -> RefundWish:
    """The wish, if it is about a payment to one of these hosts. Raises NotFound."""
    found = session.scalars(
        select(RefundWish)
        .join(Checkout, Checkout.id == RefundWish.checkout_id)
        .join(Book, Book.id == Checkout.book_id)
        .where(RefundWish.public_id == public_id, *of_hosts(hosts))
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def wanted_now(session: Session, line: WishLine, checkout_id: int) -> int:
    """What accepting would bring back as things stand."""
    payment = payment_of_checkout(session, checkout_id, lock=False)
    return 0 if payment is None else wanted_of(left_of(session, payment), line.donation_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Askable:
    """One donation that may be asked back, with what would come."""

    public_id: UUID
    title_zh: str
    title_en: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyBack:
    """What a donor reads of money back behind their secret link."""

    wishes: tuple[WishLine, ...]
    askable: tuple[Askable, ...]
    whole_minor: int  # what asking for all would bring; 0 where it may not be asked for
    currency: str
    days: int

    @property
    def may_ask(self) -> bool:
        return bool(self.askable)


def money_back_of(session: Session, secret: str, days: int) -> MoneyBack:
    """The donor's wishes and what they may still ask for. Raises NotFound."""
    checkout = paid_checkout(session, secret)
    wishes = tuple(wish_lines(session, None, 100, RefundWish.checkout_id == checkout.id))
    payment = payment_of_checkout(session, checkout.id, lock=False)
    left = left_of(session, payment) if payment is not None else Left(0, {}, is_disputed=False)
    closed = {wish.donation_id for wish in wishes if wish.state in (WishState.ASKED, WishState.DECLINED)}
    may_ask = is_in_time(checkout, days) and not left.is_disputed and None not in closed
    rows = session.execute(
        select(Donation, Campaign.title_zh, Campaign.title_en)
        .join(Campaign, Campaign.ref == Donation.campaign_ref)
        .where(Donation.checkout_id == checkout.id)
        .order_by(Donation.id)
    )
    askable = tuple(
        Askable(public_id=donation.public_id, title_zh=zh, title_en=en, amount_minor=left.by_donation[donation.id])
        for donation, zh, en in rows
        if may_ask and donation.id not in closed and left.by_donation.get(donation.id, 0) > 0
    )
    whole = left.amount_minor if len(askable) > 1 and not closed else 0
    return MoneyBack(
        wishes=wishes, askable=askable, whole_minor=whole, currency=payment.currency if payment else "", days=days
    )
